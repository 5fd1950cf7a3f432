# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian host with a systemd that has really booted, in a container of systemd-nspawn, reached over ssh.

    with booted("bookworm") as host: ...

It has the network of this machine, for its packages come from Debian; so its sshd has a port of its own on loopback. It
needs root, debootstrap and systemd-container; the first start of a release takes a minute.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.images.tests.support import engine as support

PATIENCE = 60.0  # seconds that it may take to boot
CACHE = Path(__file__).parents[2] / ".cache" / "booted"
CALLBACKS = Path(__file__).parents[1] / "molecule" / "callback"
PACKAGES = "systemd,systemd-sysv,dbus,python3,openssh-server,ca-certificates"

# Below a cgroup of its own, which goes with the berth. Where only version 2 is, there is but one tree.
BOOT = """
for tree in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
  [ -e "$tree/cgroup.procs" ] || continue
  mkdir -p "$tree/$0" && echo $$ >"$tree/$0/cgroup.procs" || exit
  [ $tree != /sys/fs/cgroup ] || break
done
exec systemd-nspawn --quiet --register=no --keep-unit --capability=all --resolv-conf=copy-host \
  --machine=booted --directory="$1" --boot
"""


@dataclass(frozen=True)
class Played:
    """`changed`: the names of the tasks that said so, in order."""

    output: str
    failed: bool
    changed: list[str]


@dataclass
class Booted:
    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def root(self) -> Path:
        """Its disk."""
        return self.home / "root"

    def start(self) -> None:
        command = [*support.ISOLATED, "sh", "-c", BOOT, self.home.name, str(self.root)]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        support.note(self.home, self.process)
        deadline = time.monotonic() + PATIENCE
        while self.run("systemctl", "is-system-running", "--wait", check=False) not in ("running", "degraded"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise support.Unavailable(f"it did not boot:\n{(self.home / 'log').read_text()[-3000:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """As by `poweroff`."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(support.Unavailable):
                self.run("systemctl", "poweroff")
            self.process.wait(PATIENCE)

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            support._stop(self.home)
            self.process.wait(PATIENCE)

    def run(self, *command: str, check: bool = True) -> str:
        """What it says on the host, without what is between us and Ansible."""
        done = subprocess.run(
            ["nsenter", "--all", f"--target={self._first()}", *command], capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise support.Unavailable(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def engine(self, path: str = "/run/docker.sock") -> str:
        """The address of its engine, as seen from here."""
        return f"unix:///proc/{self._first()}/root{path}"

    def play(self, role: str, check: bool = False, **options: t.Any) -> Played:
        witness = self.home / "witness"
        witness.unlink(missing_ok=True)
        play = {"hosts": "all", "gather_facts": False, "roles": [{"role": f"slipway.images.{role}", **options}]}
        (self.home / "play.json").write_text(json.dumps([play]))
        (self.home / "inventory.json").write_text(json.dumps(self._inventory()))
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("ansible-playbook")), "-i", f"{self.home}/inventory.json"),
                *(f"{self.home}/play.json", *(["--check"] if check else [])),
            ],
            env={
                **os.environ,
                "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
                "ANSIBLE_CALLBACKS_ENABLED": "witness",
                "ANSIBLE_HOME": f"{self.home}/ansible",
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_PIPELINING": "true",
                "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=20s",
                "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{self.home}/cp",
                "SLIPWAY_WITNESS": str(witness),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        changed = json.loads(witness.read_text())["changed"] if witness.exists() else []
        return Played(done.stdout, bool(done.returncode), changed)

    def _inventory(self) -> dict[str, t.Any]:
        ssh = "-F /dev/null -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o IdentitiesOnly=yes"
        variables = {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": "root",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_private_key_file": f"{self.home}/key",
            "ansible_ssh_common_args": ssh,
        }
        return {"all": {"hosts": {"booted": variables}}}

    def _first(self) -> str:
        """The pid, here, of its first process: the child of systemd-nspawn, which is the child of `unshare`."""
        pid = str(self.process.pid) if self.process else "0"
        for _generation in range(2):
            pid = next(iter(support.children(pid)), "0")
        return pid


@contextlib.contextmanager
def booted(suite: str) -> t.Iterator[Booted]:
    disk = _debootstrapped(suite)
    with support._berth("booted") as home:
        host = Booted(home, support.free_port())
        support._output("cp", "-a", "--reflink=auto", str(disk), str(host.root))
        support._output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{home}/key")
        keys = host.root / "root" / ".ssh"
        keys.mkdir(mode=0o700, exist_ok=True)
        (keys / "authorized_keys").write_text((home / "key.pub").read_text())
        own = host.root / "etc" / "ssh" / "sshd_config.d" / "booted.conf"
        own.write_text(f"ListenAddress 127.0.0.1\nPort {host.port}\nPermitRootLogin prohibit-password\n")
        try:
            host.start()
            yield host
        finally:
            host.kill()


def _debootstrapped(suite: str) -> Path:
    made = CACHE / suite
    if not made.exists():
        begun = made.with_name(f"{suite}.begun")
        subprocess.run(["rm", "-rf", begun], check=True)
        begun.parent.mkdir(parents=True, exist_ok=True)
        support._output("debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(begun))
        begun.rename(made)
    return made
