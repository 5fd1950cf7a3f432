# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet on one machine: hosts that are reached over ssh, each with a network namespace and an engine of its own, and
a registry that they all see through a gate, which counts, and closes when it is told to.

    with fleet(3) as ours: ...

A host is one process and what comes of it: when it dies, its engine, its sshd and all connections go at once, and what
is on its disk stays. It needs root, as the private engines do.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import typing as t
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support import registries

PATIENCE = 60.0  # seconds that a host may take to come up
SCRIPT = """mkdir -p /run/containerd && mount -t tmpfs none /run/containerd
"$@" &
exec {sshd} -D -f {home}/sshd -E {home}/ssh.log"""


@dataclass
class Host:
    """`home` is its disk."""

    name: str
    namespace: str
    address: str
    home: Path
    keys: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def engine(self) -> str:
        return f"unix://{self.home}/docker.sock"

    def start(self) -> None:
        home = self.home
        # Of its last life; as with /run after a crash. A pid in there may be that of somebody else by now.
        (home / "pid").unlink(missing_ok=True)
        shutil.rmtree(home / "run", ignore_errors=True)
        dockerd = [
            *("dockerd", "--config-file", f"{home}/daemon.json", "--host", self.engine, "--data-root", f"{home}/data"),
            *("--exec-root", f"{home}/run", "--pidfile", f"{home}/pid", "--max-download-attempts=1"),
            *("--bridge=none", "--iptables=false", "--ip6tables=false"),
        ]
        sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        inside = ("nsenter", f"--net=/run/netns/{self.namespace}", *support.ISOLATED)
        command = [*inside, "sh", "-c", SCRIPT.format(sshd=sshd, home=home), "sh", *dockerd]
        with (self.home / "log").open("ab") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        deadline = time.monotonic() + PATIENCE
        while not (support.answers(self.engine) and support.listens(22, self.address)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise support.Unavailable(f"{self.name} did not come up:\n{(self.home / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def die(self) -> None:
        """As by a power cut."""
        if self.process and self.process.poll() is None:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            for child in children:  # the first process of its pid namespace: the kernel takes the others with it
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
            self.process.wait(PATIENCE)

    def images(self) -> dict[str, str]:
        """Tag -> id."""
        rows = json.loads(support.request(self.engine, "GET", "/images/json")[1])
        return {tag: row["Id"] for row in rows for tag in row["RepoTags"] or ()}

    def happened(self, what: str) -> int:
        """How often its engine did that to images since it started: `load`, `save`, `pull`, `tag`."""
        path = f"/events?since=0&until={int(time.time()) + 1}&filters=%7B%22event%22%3A%5B%22{what}%22%5D%7D"
        return sum(b'"Type":"image"' in line for line in support.request(self.engine, "GET", path)[1].splitlines())


@dataclass
class Gate:
    """Before the registry. `asked`: who asked for what, in order, as (name of a host, path). `watch` sees each of these
    before it is answered."""

    address: tuple[str, int]
    behind: str
    names: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)  # bytes to each
    watch: t.Callable[[str, str], None] = lambda host, path: None
    server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                host = gate.names.get(self.client_address[0], "")
                gate.watch(host, self.path)
                if not gate.server:  # it closed meanwhile
                    self.close_connection = True
                    return
                gate.asked.append((host, self.path))
                kept = {name: ", ".join(self.headers.get_all(name, ())) for name in self.headers if name != "Host"}
                status, headers, body = registries.call(gate.behind, self.command, self.path, headers=kept)
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                gate.sent[host] = gate.sent.get(host, 0) + len(body)

            do_HEAD = do_GET

            def handle(self) -> None:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    super().handle()

            def log_message(self, *_what: object) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self.server = ThreadingHTTPServer(self.address, Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Who asks from now on is refused, who is being answered is cut off."""
        server, self.server = self.server, None
        if server:
            server.shutdown()
            server.server_close()

    def images_asked_for(self, host: str, since: int = 0) -> set[str]:
        return {path.split("/")[3] for who, path in self.asked[since:] if who == host and path.count("/") > 3}


@dataclass
class Fleet:
    home: Path
    hosts: list[Host]
    gate: Gate

    @property
    def registry(self) -> str:
        """As its hosts call it."""
        return "%s:%d" % self.gate.address

    def publish(self, number: int, size: int) -> list[str]:
        """So many images of a common layer and one of `size` bytes of their own; gives them as `name:tag@digest`."""
        shared, pins = _layer(os.urandom(size)), []
        for index in range(number):
            name, layers = f"fleet/app{index:02}", [shared, _layer(os.urandom(size))]
            diffs = [registries.digest_of(layer) for layer in layers]
            config = {"os": "linux", "architecture": _architecture(), "config": {"Labels": {"app": name}}}
            config["rootfs"] = {"type": "layers", "diff_ids": diffs}
            behind, kind = self.gate.behind, registries.LAYER.replace("+gzip", "")
            document = {
                "schemaVersion": 2,
                "mediaType": registries.MANIFEST,
                "config": registries.push_blob(behind, name, json.dumps(config).encode(), registries.CONFIG),
                "layers": [registries.push_blob(behind, name, layer, kind) for layer in layers],
            }
            pushed = registries.push_manifest(behind, name, "1", document)
            pins.append(f"{self.registry}/{name}:1@{pushed['digest']}")
        return pins

    def inventory(self, **variables: t.Any) -> dict[str, t.Any]:
        ssh = f"-F /dev/null -o UserKnownHostsFile={self.home}/known -o IdentitiesOnly=yes -o ConnectTimeout=5"
        common = {
            "ansible_user": "root",
            "ansible_python_interpreter": sys.executable,
            "ansible_ssh_private_key_file": f"{self.home}/key",
            "ansible_ssh_common_args": ssh,
            **variables,
        }
        hosts = {
            host.name: {
                "ansible_host": host.address,
                "ansible_remote_tmp": f"{host.home}/tmp",
                "distribute_docker_host": host.engine,
                "distribute_directory": f"{host.home}/archives",
            }
            for host in self.hosts
        }
        return {"all": {"hosts": hosts, "vars": common}}


@contextlib.contextmanager
def fleet(number: int) -> t.Iterator[Fleet]:
    with contextlib.ExitStack() as stack:
        behind = stack.enter_context(support.registry())
        home = stack.enter_context(support._berth("fleet"))
        bridge = support._bridge(home)
        network = f"198.18.{bridge.removeprefix('slipway')}"
        keys = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f"]
        for name in ("key", "host"):
            subprocess.run([*keys, home / name], check=True)
        gate = Gate((f"{network}.1", 5000), behind)
        gate.open()
        stack.callback(gate.close)
        ours = Fleet(home, [], gate)
        for index in range(1, number + 1):
            host = Host(f"h{index}", f"{bridge}-{index}", f"{network}.{10 + index}", home / f"h{index}", home)
            stack.callback(_unplug, host)
            _prepare(host, bridge, f"{network}.0/24")
            stack.callback(host.die)
            gate.names[host.address] = host.name
            ours.hosts.append(host)
            host.start()
        public = (home / "host.pub").read_text()
        (home / "known").write_text("".join(f"{host.address} {public}" for host in ours.hosts))
        yield ours


def _prepare(host: Host, bridge: str, network: str) -> None:
    """Its disk, and its cable to the bridge."""
    host.home.mkdir()
    (host.home / "daemon.json").write_text(json.dumps({"insecure-registries": [network]}))
    (host.home / "sshd").write_text(
        f"ListenAddress {host.address}\nHostKey {host.keys}/host\nAuthorizedKeysFile {host.keys}/key.pub\n"
        f"StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        f"PermitRootLogin yes\nMaxStartups 100\nSubsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd locks up its unprivileged half
    _unplug(host)  # what one left whose owner was killed: its bridge was free
    _ip("netns", "add", host.namespace)
    _ip("link", "add", f"{host.namespace}v", "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
    _ip("link", "set", f"{host.namespace}v", "master", bridge, "up")
    _ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
    for link in ("lo", "eth0"):
        _ip("-n", host.namespace, "link", "set", link, "up")


def _unplug(host: Host) -> None:
    """The cable by itself, too: with its namespace it would go some time later."""
    for words in (("link", "del", f"{host.namespace}v"), ("netns", "del", host.namespace)):
        with contextlib.suppress(support.Unavailable):
            _ip(*words)


def _ip(*words: str) -> None:
    support._output("ip", *words)


def _layer(content: bytes) -> bytes:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        member = tarfile.TarInfo(registries.digest_of(content)[7:19])
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return layer.getvalue()


def _architecture() -> str:
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
