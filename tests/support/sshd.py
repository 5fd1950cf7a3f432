# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real sshd on loopback with keys of its own, and an `ssh` that knows it: nobody's `~/.ssh` is read or written."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.images.tests.support.engine import free_port, listens

PATIENCE = 20.0  # seconds

# What ssh calls by these names: sshd by the front door, and through itself; and doors that stay closed.
HOSTS = """
Host beyond
  ProxyJump engine
Host stranger
  UserKnownHostsFile {home}/nobody
Host changed
  UserKnownHostsFile {home}/changed
Host keyless
  IdentityFile {home}/host
Host restricted
  IdentityFile {home}/other
Host strict
  Port {strict}
Host nowhere
  HostName nowhere.invalid
Host closed
  Port 1
Host busy
  LocalForward {port} 127.0.0.1:1
Host *
  HostName 127.0.0.1
  Port {port}
  User root
  IdentitiesOnly yes
  UserKnownHostsFile {home}/known_hosts
  GlobalKnownHostsFile /dev/null
Host * !keyless !restricted
  IdentityFile {home}/key
"""


@dataclass(frozen=True)
class Door:
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """With this, `ssh` knows the names above, and what is temporary is where `left` looks."""
        return {"PATH": f"{self.home / 'ours'}:{os.environ['PATH']}", "TMPDIR": str(self.home / "ours/tmp")}

    def entered(self) -> int:
        """How often somebody was let in."""
        return (self.home / "log").read_text().count("Accepted publickey")

    def processes(self) -> dict[int, str]:
        """Pid -> name, of those on our side of a connection."""
        mark, found = os.fsencode(self.home / "ours"), {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "cmdline").read_bytes():
                    found[int(process.name)] = (process / "comm").read_text().strip()
        return found

    def left(self) -> list[t.Any]:
        """What is there of connections: processes and files."""
        return [*self.processes().values(), *(self.home / "ours/tmp").rglob("*")]


@contextlib.contextmanager
def sshd(home: Path) -> t.Iterator[Door]:
    """Lets in whoever started it. A `strict` second port forwards no sockets."""
    for name in ("host", "key", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / name], check=True)
    (home / "authorized").write_text((home / "key.pub").read_text() + "restrict " + (home / "other.pub").read_text())
    port, strict = free_port(), free_port()
    for name, key in (("known_hosts", "host.pub"), ("changed", "other.pub")):
        lines = [f"[127.0.0.1]:{number} {(home / key).read_text()}" for number in (port, strict)]
        (home / name).write_text("".join(lines))
    (home / "ours/tmp").mkdir(parents=True)
    (home / "ours/config").write_text(HOSTS.format(home=home, port=port, strict=strict))
    client = home / "ours/ssh"
    client.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {home}/ours/config "$@"\n')
    client.chmod(0o755)
    (home / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nListenAddress 127.0.0.1:{strict}\nHostKey {home}/host\n"
        f"AuthorizedKeysFile {home}/authorized\nStrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n"
        f"KbdInteractiveAuthentication no\nPermitRootLogin yes\n"
        f"Match LocalPort {strict}\n  AllowStreamLocalForwarding no\n"
    )
    if not os.geteuid():
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd locks up its unprivileged half
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") or "sshd"
    server = ["setpriv", "--pdeathsig", "TERM", program, "-D", "-f", home / "sshd_config", "-E", home / "log"]
    with subprocess.Popen(server, stdin=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while not (listens(port) and listens(strict)):
                assert process.poll() is None and time.monotonic() < deadline, (home / "log").read_text()
                time.sleep(0.01)
            yield Door(home)
        finally:
            process.terminate()
