# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private engines and registries: started for a test, a demo or a benchmark, gone without a trace after it.

    with engine() as address, registry() as host_port: ...

    python engine.py run [--registry] [--at ADDRESS] -- COMMAND ...
    python engine.py find                   # the address of the engine that this user has anyway, if one answers

`run` hands COMMAND `DOCKER_HOST`, `SLIPWAY_REGISTRY` (`host:port`) and `SLIPWAY_SCRATCH` (an empty directory).

Every daemon lives in a directory of its own under `ROOT`, whose name tells the process that owns it. The kernel ends
the daemon with its owner, however that dies; what is left on the disk then, and its bridge, the next start sweeps.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import ipaddress
import json
import os
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import typing as t
from pathlib import Path
from urllib.parse import urlencode

ROOT = (
    Path("/var/tmp") / f"slipway-{os.getuid()}"
)  # not /tmp, which may be memory, nor a checkout: sockets need < 108 bytes
SUBNETS = [ipaddress.IPv4Network(f"198.18.{n}.0/24") for n in range(1, 255)]  # RFC 2544: for tests, routed nowhere
USUAL = "unix:///var/run/docker.sock"
PODMAN = {
    "containers": '[containers]\nnetns = "host"\ndefault_ulimits = [{limits}]\n'
    '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\ntmp_dir = "{home}/tmp"\n',
    "registries": '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n',
    "storage": '[storage]\ndriver = "overlay"\ngraphroot = "{home}/data"\nrunroot = "{home}/run"\n',
}
DAEMONS = ("dockerd", "docker-registry", "podman")
PATIENCE = 60.0  # seconds that a daemon may take to answer

# Own mounts and own processes: when the engine ends, the kernel takes both with it.
ISOLATED = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"),
)
# An empty /run/containerd makes dockerd start a containerd of its own instead of moving in with the one that serves
# the machine's engine. In the others podman keeps, whatever its `--root`, what it knows of blobs, logins and locks.
EMPTIED = {
    "dockerd": ("/run/containerd",),
    "podman": ("/var/lib/containers", "/run/containers", "/run/libpod", "/run/lock", "/dev/shm"),
}


class Unavailable(Exception):
    """This machine cannot run what was asked for; the text says what to do, in one line."""


@contextlib.contextmanager
def engine(*flags: str) -> t.Iterator[str]:
    """A Docker engine with nothing in it; gives its address, `unix:///…`. `flags` are further ones of dockerd."""
    if os.geteuid():
        raise Unavailable(
            "a private engine needs root (instead, the demo takes DOCKER_HOST and the tests SLIPWAY_TEST_SOCKET)"
        )
    with _berth("engine") as home:
        address = f"unix://{home}/docker.sock"
        (home / "daemon.json").write_text(os.environ.get("SLIPWAY_ENGINE_CONFIG", "{}"))  # not the machine's
        command = [
            *(*_isolated("dockerd"), "--config-file", f"{home}/daemon.json", "--host", address),
            *("--data-root", f"{home}/data", "--exec-root", f"{home}/run", "--pidfile", f"{home}/dockerd.pid"),
            *("--bridge", _bridge(home), "--iptables=false", "--ip6tables=false"),
            *("--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", f"/{home.name}", *flags),
        ]
        with _running(home, command, lambda: answers(address)):
            yield address


@contextlib.contextmanager
def podman() -> t.Iterator[str]:
    """Podman's service, which speaks the same API, with nothing in it. Builds use the host's network."""
    if os.geteuid():
        raise Unavailable("a private podman needs root")
    with _berth("podman") as home:
        address = f"unix://{home}/podman.sock"
        # Podman would raise them, which takes a capability.
        limits = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
        same = ", ".join('"%s=%d:%d"' % (name, *resource.getrlimit(limit)) for name, limit in limits.items())
        for name, content in PODMAN.items():
            (home / f"{name}.conf").write_text(content.format(home=home, limits=same))
        settings = [f"CONTAINERS_{name.upper()}_CONF={home}/{name}.conf" for name in ("registries", "storage")]
        command = [
            *("env", f"CONTAINERS_CONF={home}/containers.conf", *settings),
            *(*_isolated("podman"), "system", "service", "--time", "0", address),
        ]
        with _running(home, command, lambda: answers(address)):
            yield address


@contextlib.contextmanager
def registry(users: t.Mapping[str, str] | None = None, tls: tuple[Path, Path] | None = None) -> t.Iterator[str]:
    """An empty registry on loopback; gives `host:port`. `users`: name -> password; `tls`: certificate and key."""
    with _berth("registry") as home:
        port = free_port()
        config: dict[str, t.Any] = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": f"{home}/data"}, "delete": {"enabled": True}},
            "http": {"addr": f"127.0.0.1:{port}"},
            "log": {"level": "warn"},
        }
        if tls:
            config["http"]["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
        if users:
            lines = [_output("htpasswd", "-Bbn", name, password) for name, password in users.items()]
            (home / "htpasswd").write_text("".join(lines))
            config["auth"] = {"htpasswd": {"realm": "slipway", "path": f"{home}/htpasswd"}}
        (home / "config.yml").write_text(json.dumps(config))  # JSON is YAML
        command = ["setpriv", "--pdeathsig", "KILL", "docker-registry", "serve", f"{home}/config.yml"]
        with _running(home, command, lambda: listens(port)):
            yield f"127.0.0.1:{port}"


def certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for loopback and its key, as files in `directory`."""
    cert, key = directory / "cert.pem", directory / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    fresh = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    _output(*fresh, *names, "-keyout", str(key), "-out", str(cert))
    return cert, key


def request(address: str, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """One call to an engine on a unix socket, in plain `http.client`: tests must not share code with the collection."""
    connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection.sock:
        connection.sock.connect(address.removeprefix("unix://"))
        connection.request(method, path, body, {"Content-Type": "application/x-tar"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()


def import_base(address: str, repository: str = "slipway-test/base", tag: str = "1") -> str:
    """Give the engine a base image without a network: busybox (static) and its links; gives its name."""
    busybox = shutil.which("busybox") or "/bin/busybox"
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as layer:
        layer.add(busybox, "bin/busybox")
        for applet in _output(busybox, "--list").split():
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            if applet != "busybox":
                layer.addfile(link)
        tmp = tarfile.TarInfo("tmp")
        tmp.type, tmp.mode = tarfile.DIRTYPE, 0o1777
        layer.addfile(tmp)
    query = urlencode({"fromSrc": "-", "repo": f"{repository}:{tag}"})  # podman does not look at `tag`
    status, said = request(address, "POST", f"/images/create?{query}", tar.getvalue())
    if status != 200 or b'"error' in said:
        raise Unavailable(f"the engine refused the base image: {said.decode(errors='replace')}")
    return f"{repository}:{tag}"


def answers(address: str) -> bool:
    """Is there an engine behind this unix socket?"""
    try:
        return request(address, "GET", "/_ping")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def find() -> str | None:
    """The engine that the user has: `DOCKER_HOST` on trust, else the usual socket if it answers."""
    return os.environ.get("DOCKER_HOST") or (USUAL if answers(USUAL) else None)


def sweep() -> None:
    """Clear away what belongs to owners that are no more."""
    for home in ROOT.glob("*-*-*-*"):
        pid, born = home.name.split("-", 3)[1:3]
        if _birth(int(pid)) != born:
            _clear(home)


@contextlib.contextmanager
def _berth(kind: str) -> t.Iterator[Path]:
    ROOT.mkdir(mode=0o700, exist_ok=True)
    if ROOT.stat().st_uid != os.getuid():
        raise Unavailable(f"{ROOT} belongs to somebody else: remove it")
    sweep()
    home = Path(tempfile.mkdtemp(prefix=f"{kind}-{os.getpid()}-{_birth(os.getpid())}-", dir=ROOT))
    try:
        yield home
    finally:
        _clear(home)


@contextlib.contextmanager
def _running(home: Path, command: list[str], ready: t.Callable[[], bool]) -> t.Iterator[None]:
    if absent := [word for word in command if word in DAEMONS and not shutil.which(word)]:
        raise Unavailable(f"{absent[0]} is not installed (Debian: apt-get install docker.io docker-registry podman)")
    log = home / "log"
    with log.open("wb") as out:
        how: dict[str, t.Any] = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out, "start_new_session": True}
        process = subprocess.Popen(command, env={**os.environ, "SLIPWAY_ENGINE_HOME": str(home)}, **how)
    note(home, process)
    try:
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
                raise Unavailable(f"{home.name} did not come up; its log ends:\n{tail}")
            time.sleep(0.05)
        yield
    finally:
        _stop(home)
        process.wait()


def _isolated(daemon: str) -> tuple[str, ...]:
    """The beginning of a command line that runs `daemon` by itself."""
    script = " && ".join(f"mkdir -p {path} && mount -t tmpfs none {path}" for path in EMPTIED[daemon])
    inside = shlex.split(os.environ.get("SLIPWAY_ENGINE_INSIDE", ""))  # see tests/support/matrix.py
    return (*ISOLATED, *inside, "sh", "-c", f'{script} && exec "$@"', "sh", daemon)


def _clear(home: Path) -> None:
    """Idempotent, and the same for one's own daemon as for an orphan's remains."""
    _stop(home)
    if (home / "bridge").exists():
        subprocess.run(["ip", "link", "del", (home / "bridge").read_text()], stderr=subprocess.DEVNULL, check=False)
    for top in (*Path("/sys/fs/cgroup").glob(home.name), *Path("/sys/fs/cgroup").glob(f"*/{home.name}")):
        for group, _dirs, _files in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(group)
    shutil.rmtree(home, ignore_errors=True)


def note(home: Path, process: subprocess.Popen[bytes]) -> None:
    """Whose end is that of all that runs in `home`."""
    (home / "process").write_text(f"{process.pid} {_birth(process.pid)}")


def children(pid: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _stop(home: Path) -> None:
    """KILL is enough: all data goes anyway. `unshare` ends by itself after its one child, whose end takes the rest."""
    record = home / "process"
    if not record.exists():
        return
    pid, born = record.read_text().split()
    deadline = time.monotonic() + 10
    while _birth(int(pid)) == born and time.monotonic() < deadline:
        for victim in children(pid) or [pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(victim), signal.SIGKILL)
        time.sleep(0.02)


def _birth(pid: int) -> str | None:
    """When a living process started, in the kernel's ticks: with the pid it names one process for ever."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else rest[18]


def _bridge(home: Path) -> str:
    """A network bridge on a subnet that nothing here is routed to; `ip link add` decides between two who choose it."""
    routes = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    taken = [ipaddress.IPv4Network((_address(r[1]), str(_address(r[7])))) for r in routes if int(r[7], 16)]
    for subnet in SUBNETS:
        name = f"slipway{subnet.network_address.packed[2]}"
        if any(subnet.overlaps(other) for other in taken):
            continue
        if subprocess.run(["ip", "link", "add", name, "type", "bridge"], capture_output=True, check=False).returncode:
            continue
        (home / "bridge").write_text(name)
        _output("ip", "address", "add", f"{subnet[1]}/24", "dev", name)
        _output("ip", "link", "set", name, "up")
        return name
    raise Unavailable("no network bridge could be made: `ip link add` refused every one of them")


def _address(little_endian: str) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(bytes.fromhex(little_endian)[::-1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def listens(port: int, address: str = "127.0.0.1") -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
        return True
    return False


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout


def _run(command: list[str], at: str | None, with_registry: bool) -> int:
    with contextlib.ExitStack() as stack:
        environment = dict(os.environ, SLIPWAY_SCRATCH=stack.enter_context(tempfile.TemporaryDirectory()))
        environment["DOCKER_HOST"] = at or stack.enter_context(engine())
        if with_registry and not environment.get("SLIPWAY_REGISTRY"):
            environment["SLIPWAY_REGISTRY"] = stack.enter_context(registry())
        return subprocess.call(command, env=environment)


def main() -> int:
    parser = argparse.ArgumentParser(description="Private Docker engines and registries.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("find", help="print the address of the engine that this user has")
    run = verbs.add_parser("run", help="run a command with an engine of its own")
    run.add_argument("--at", metavar="ADDRESS", help="use this engine instead of a private one")
    run.add_argument("--registry", action="store_true", help="with a private registry, too")
    run.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    if arguments.verb == "find":
        print(find() or "", end="")
        return 0 if find() else 1
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, frame: sys.exit(128 + number))
    try:
        return _run(arguments.command, arguments.at, arguments.registry)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Unavailable as unavailable:
        print(unavailable, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
