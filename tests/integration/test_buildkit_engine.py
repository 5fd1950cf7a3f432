# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The BuildKit session on a real engine: what travels, what is kept back, and what is left when it is over."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import http.server
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import trace
from ansible_collections.slipway.images.plugins.module_utils.buildkit.offer import Offer
from ansible_collections.slipway.images.plugins.module_utils.buildkit.session import shared_key
from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Context, Tally
from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Auth
from ansible_collections.slipway.images.plugins.module_utils.disk.replica import Replica
from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import LoneDockerfile, TarContext
from ansible_collections.slipway.images.plugins.module_utils.errors import BuildError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport
from ansible_collections.slipway.images.plugins.module_utils.wire.upgrade import upgrade
from ansible_collections.slipway.images.tests.integration.conftest import Login
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.processes import running, wait_for

API = "/v1.41"


Record = dict[str, t.Any]


def _shown(records: t.Iterable[Record], seen: t.Callable[[Record], object]) -> t.Iterator[Record]:
    for record in records:
        seen(record)
        yield record


@dataclass
class Engine:
    """Builds as `image_build` will; `sent` counts the bytes of the last build's session."""

    address: str
    sent: int = 0
    replicas: list[Replica] = field(default_factory=list)

    @property
    def used(self) -> tuple[str, ...]:
        """What the engine asked for of the last context."""
        return tuple(path for ask in self.replicas[-1].asked for path in ask.follow)

    def build(
        self,
        source: str | Context | LoneDockerfile | TarContext,
        *,
        dockerfile: str | None = None,
        query: t.Sequence[tuple[str, str]] = (),
        lookup: t.Callable[[str], Auth | None] = lambda host: None,
        seen: t.Callable[[Record], object] = lambda record: None,
        **services: t.Any,
    ) -> BuildLog:
        context = Context.open(source, dockerfile) if isinstance(source, str) else source
        if isinstance(context, Context):
            self.replicas.append(Replica("", shared_key(context.root), {}))
            services["replica"] = self.replicas[-1]
        offer = Offer.of(context, dockerfile=dockerfile, inline=False, lookup=lookup, **services)
        transport = Transport(Address.parse(self.address))
        stream = Counting(upgrade(transport, f"{API}/session", offer.session.headers))
        body = context.blocks(Tally()) if isinstance(context, TarContext) else None
        kind = {"Content-Type": "application/x-tar"} if body else {}
        with contextlib.closing(transport), offer.session.serve(stream):
            params = [*offer.query, *query]
            with transport.request(
                "POST", f"{API}/build", params=params, headers=kind, body=body, patient=True
            ) as answer:
                log = trace.fold(
                    _shown(answer.records(), seen),
                    dockerfile=Dockerfile.parse(context.dockerfile.decode()),
                    limit=50,
                    clock=time.monotonic,
                )
        self.sent = stream.sent
        offer.session.check()
        return log

    def lines(self, *, build: str, **options: t.Any) -> list[str]:
        """The output of the last step of a build from `build`, a Dockerfile."""
        return list(self.build(LoneDockerfile(build.encode()), query=[("nocache", "1")], **options).steps[-1].output)

    def tree(self, image: str) -> dict[str, tuple[str, int, bytes]]:
        """path -> (type, permissions, content or target) of the one layer of an image made from scratch."""
        status, blob = support.request(self.address, "GET", f"/images/{image}/get")
        assert status == 200, blob
        found = {}
        with tarfile.open(fileobj=io.BytesIO(blob)) as image_tar:
            (told,) = json.loads(image_tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
            for layer in told["Layers"]:
                with tarfile.open(fileobj=image_tar.extractfile(layer)) as tar:
                    for member in tar:
                        data = tar.extractfile(member) if member.isfile() or member.islnk() else None
                        content = data.read() if data else member.linkname.encode()
                        kind = "file" if data else member.type.decode()
                        found[member.name.rstrip("/")] = kind, member.mode & 0o7777, content
        return found


class Counting(Stream):
    """A stream that counts what we send."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.sent = 0
        self.receive, self.shut, self.close = stream.receive, stream.shut, stream.close  # type: ignore[method-assign]

    def send(self, data: bytes) -> None:
        self.sent += len(data)
        self._stream.send(data)


@pytest.fixture
def engine(docker_host: str) -> t.Iterator[Engine]:
    yield Engine(docker_host)
    ours = [thread for thread in threading.enumerate() if thread.name.startswith(("session-", "/", "list"))]
    assert not ours


@pytest.fixture
def context(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    root.mkdir()
    return root


def put(root: Path, files: t.Mapping[str, str | bytes]) -> str:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(root)


# ---- the context -----------------------------------------------------------------------------------------------------


def odd(root: Path) -> None:
    """One of each that a context can hold."""
    put(root, {"a/x": "1", "a-b": "2", "a.txt": "3", "empty": "", "deep/er/f": "4", "é/ü": "5", "b" * 120: "6"})
    (root / "a/x").chmod(0o4751)
    (root / "deep").chmod(0o1777)
    (root / "hollow").mkdir()
    (root / "to-x").symlink_to("a/x")
    (root / "to-nowhere").symlink_to("/nowhere")
    (root / "hard").hardlink_to(root / "a-b")
    os.utime(root / "empty", ns=(-5, -5))
    os.mkfifo(root / "pipe")


def test_session_and_tar_give_the_same_image(engine: Engine, context: Path, tmp_path: Path) -> None:
    """Not for `COPY .`: what engine 20.10 takes for the root's own permissions depends on how the context came."""
    (context / "all").mkdir()
    odd(context / "all")
    put(context, {"Dockerfile": "FROM scratch\nCOPY all /\n", ".dockerignore": "all/deep/er\n"})
    by_session = engine.build(str(context), query=[("t", "session/odd:1")])
    assert engine.used == ("all",)
    tar = tmp_path / "context.tar"
    tar.write_bytes(b"".join(Context.open(str(context)).blocks(Tally())))
    by_tar = engine.build(TarContext.open(str(tar)))
    assert by_tar.id == by_session.id
    assert by_tar.steps[-1].state == "cached"
    found = engine.tree("session/odd:1")
    assert found["a/x"] == ("file", 0o4751, b"1")
    assert found["to-nowhere"] == ("2", 0o777, b"/nowhere")
    assert found["hard"][2] == b"2"
    assert not [name for name in found if ".tmp" in name or name.startswith("deep/er")]


def test_a_name_that_is_not_utf_8(engine: Engine, context: Path) -> None:
    """Engine 20.10 takes it; newer ones speak a stricter gRPC."""
    put(context, {"Dockerfile": "FROM scratch\nCOPY . /\n", os.fsdecode(b"not-utf8-\xff"): "7"})
    log = engine.build(str(context))
    assert log.id or "invalid UTF-8" in log.error


def test_only_what_changed_travels(engine: Engine, context: Path) -> None:
    dice = random.Random(0)
    put(context, {f"d{n % 7}/f{n}": dice.randbytes(30_000) for n in range(300)})
    put(context, {"Dockerfile": "FROM scratch\nCOPY . /\n"})
    first = engine.build(str(context), query=[("t", "session/changed:1")])
    assert engine.sent > 300 * 30_000
    again = engine.build(str(context))
    assert (again.id, again.cached) == (first.id, 1)
    assert engine.sent < 60_000
    put(context, {"d3/f3": dice.randbytes(30_000)})
    (context / "d1/f1").unlink()
    other = engine.build(str(context), query=[("t", "session/changed:2")])
    assert 30_000 < engine.sent < 90_000
    assert other.id != first.id
    found = engine.tree("session/changed:2")
    assert found["d3/f3"][2] == (context / "d3/f3").read_bytes()
    assert "d1/f1" not in found


def test_hard_links_leave_nothing_behind_the_second_time(engine: Engine, context: Path) -> None:
    put(context, {"Dockerfile": "FROM scratch\nCOPY . /\n", "one": "1" * 1000})
    (context / "two").hardlink_to(context / "one")
    for turn in "123":
        put(context, {"turn": turn})
        engine.build(str(context), query=[("t", "session/hard:1")])
        assert sorted(engine.tree("session/hard:1")) == ["Dockerfile", "one", "turn", "two"]


def test_the_engine_asks_for_what_is_used(engine: Engine, context: Path) -> None:
    put(context, {"src/a.c": "a", "src/b.c": "b", "other/big": b"x" * 1_000_000, "real/f": "f", "x/y1/z": "z"})
    (context / "link").symlink_to("real")
    put(context, {"Dockerfile": "FROM scratch\nCOPY src/*.c /c/\nCOPY link/f /\nADD x/y? /y\n"})
    engine.build(str(context), query=[("t", "session/used:1")])
    assert engine.used == ("link/f", "src/*.c", "x/y?")
    assert engine.sent < 20_000
    assert {name for name, fact in engine.tree("session/used:1").items() if fact[0] == "file"} == {
        *("c/a.c", "c/b.c", "f", "y/z"),
    }


@pytest.mark.parametrize(("name", "given"), [("build/App.Dockerfile", "build/App.Dockerfile"), ("dockerfile", None)])
def test_a_dockerfile_of_another_name_and_its_own_ignore_file(
    engine: Engine, context: Path, name: str, given: str | None
) -> None:
    put(context, {name: "FROM scratch\nCOPY . /\n", ".dockerignore": "b\n", f"{name}.dockerignore": "a\n"})
    put(context, {"a": "1", "b": "2"})
    engine.build(str(context), dockerfile=given, query=[("t", "session/own-ignore:1")])
    assert {"a", "b"} & engine.tree("session/own-ignore:1").keys() == {"b"}


def test_a_file_that_vanishes_fails_by_its_name(engine: Engine, context: Path) -> None:
    put(context, {"Dockerfile": "FROM scratch\nCOPY . /\n", "gone": b"x" * 1000, "kept": "k"})

    honest = tree.content

    def vanish(root: str, entry: tree.Entry) -> t.Iterator[bytes]:
        if entry.path == "gone":
            (context / "gone").unlink()
        return honest(root, entry)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "content", vanish)
        with pytest.raises(UsageError, match="gone of the build context vanished"):
            engine.build(str(context))


def test_a_name_that_an_engine_would_refuse(engine: Engine, context: Path) -> None:
    put(context, {"Dockerfile": "FROM scratch\nCOPY . /\n", os.fsdecode(b"odd\xff"): "1"})
    with pytest.raises(UsageError, match=r"odd\\xff of the build context is not UTF-8"):
        engine.build(str(context), any_name=False)


# ---- secrets and keys ------------------------------------------------------------------------------------------------


def test_secrets_arrive_byte_for_byte_and_stay_out(engine: Engine, busybox_image: str) -> None:
    secret = random.Random(1).randbytes(20_000)
    seen: list[str] = []
    build = f"FROM {busybox_image}\nRUN --mount=type=secret,id=s,target=/k,mode=0440 sha256sum /k; stat -c %a /k\n"
    log = engine.lines(build=build, secrets_by_id={"s": secret}, seen=lambda record: seen.append(json.dumps(record)))
    assert log == [f"{hashlib.sha256(secret).hexdigest()}  /k", "440"]
    assert secret.hex()[:20] not in "".join(seen)


def test_a_missing_secret(engine: Engine, busybox_image: str) -> None:
    build = f"FROM {busybox_image}\nRUN --mount=type=secret,id=s%s test -e /run/secrets/s || echo none\n"
    assert engine.lines(build=build % "") == ["none"]
    log = engine.build(LoneDockerfile((build % ",required=true").encode()), query=[("nocache", "1")])
    with pytest.raises(BuildError, match=r"step 2/2 \(Dockerfile:2\).*secret s:? not found"):
        log.check()


@pytest.fixture
def agent(tmp_path: Path) -> t.Iterator[tuple[str, Path]]:
    """An ssh agent's socket, and the public key of the one that it holds."""
    path, key = str(tmp_path / "agent"), tmp_path / "key"
    said = subprocess.run(["ssh-agent", "-a", path], check=True, capture_output=True, text=True).stdout
    pid = int(said.split("SSH_AGENT_PID=")[1].split(";")[0])
    try:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ours", "-f", key], check=True)
        subprocess.run(["ssh-add", "-q", key], check=True, env={**os.environ, "SSH_AUTH_SOCK": path})
        key.unlink()
        yield path, tmp_path / "key.pub"
    finally:
        os.kill(pid, signal.SIGTERM)


def test_an_agent_signs_inside_and_gives_nothing_away(
    engine: Engine, busybox_image: str, context: Path, agent: tuple[str, Path]
) -> None:
    socket, public = agent
    for program in ("ssh-add", "ssh-keygen"):
        path = shutil.which(program)
        assert path
        said = subprocess.run(["ldd", path], check=True, capture_output=True, text=True).stdout
        for file in [path, *(word for word in said.split() if word.startswith("/"))]:
            (context / file[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, context / file[1:])
    put(context, {"etc/passwd": "root:x:0:0::/:/bin/sh\n", "key.pub": public.read_text(), "message": "signed inside\n"})
    put(
        context,
        {
            "Dockerfile": f"FROM {busybox_image}\nCOPY . /\nRUN mkdir -p /dev /root && ls -l /dev/null\n"
            "RUN --mount=type=ssh ssh-add -l && ! ssh-add -D && ! ssh-add -d /key.pub && ssh-add -l >/dev/null\n"
            "RUN --mount=type=ssh,id=default ssh-keygen -q -Y sign -f /key.pub -n test /message && cat /message.sig\n"
        },
    )
    log = engine.build(str(context), query=[("nocache", "1")], agents={"default": socket})
    log.check()
    assert "ours (ED25519)" in log.steps[3].output[0]
    (context / "signature").write_text("\n".join(log.steps[4].output) + "\n")
    (context / "signers").write_text(f"me {public.read_text()}")
    verify = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "me", "-n", "test", "-s", "signature"]
    subprocess.run(verify, cwd=context, input=b"signed inside\n", check=True, capture_output=True)
    listed = subprocess.run(
        ["ssh-add", "-l"], env={**os.environ, "SSH_AUTH_SOCK": socket}, capture_output=True, check=True
    )
    assert b"ours" in listed.stdout


def test_an_agent_that_is_not_offered(engine: Engine, busybox_image: str) -> None:
    build = f"FROM {busybox_image}\nRUN --mount=type=ssh,id=deploy%s test -S $SSH_AUTH_SOCK || echo none\n"
    assert engine.lines(build=build % "") == ["none"]
    log = engine.build(LoneDockerfile((build % ",required=true").encode()), query=[("nocache", "1")])
    assert "deploy" in log.error or "ssh" in log.error, log.error


# ---- registries ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def private_image(auth_registry: Login, docker_host: str, busybox_image: str) -> str:
    name = f"{auth_registry.address}/session/private"
    support.request(docker_host, "POST", f"/images/{busybox_image}/tag?repo={name}&tag=1")
    login = {"username": auth_registry.username, "password": auth_registry.password}
    header = base64.urlsafe_b64encode(json.dumps(login).encode()).decode()
    transport = Transport(Address.parse(docker_host))
    with transport.request(
        "POST", f"{API}/images/{name}/push", params={"tag": "1"}, headers={"X-Registry-Auth": header}
    ) as answer:
        assert not [record for record in answer.records() if "error" in record]
    transport.close()
    support.request(docker_host, "DELETE", f"/images/{name}:1")
    return f"{name}:1"


def test_a_private_base(engine: Engine, auth_registry: Login, private_image: str) -> None:
    build = LoneDockerfile(f"FROM {private_image}\nRUN echo in\n".encode())
    denied = engine.build(build, query=[("pull", "1"), ("nocache", "1")])
    assert "401 Unauthorized" in denied.error
    asked: list[str] = []

    def lookup(host: str) -> Auth | None:
        asked.append(host)
        return Auth(host, auth_registry.username, auth_registry.password)

    log = engine.build(build, query=[("pull", "1"), ("nocache", "1")], lookup=lookup)
    assert log.id, log.error
    assert set(asked) == {auth_registry.address}


def test_credentials_that_cannot_be_read_fail_by_their_own_words(engine: Engine, private_image: str) -> None:
    def lookup(host: str) -> Auth | None:
        raise UsageError(f"the auth of {host} is broken")

    with pytest.raises(UsageError, match="is broken"):
        engine.build(LoneDockerfile(f"FROM {private_image}\n".encode()), query=[("pull", "1")], lookup=lookup)


class Bearer(http.server.BaseHTTPRequestHandler):
    """A registry that takes tokens of its own, in front of one that takes anybody."""

    behind = ""
    protocol_version = default_request_version = "HTTP/1.1"  # who comes by TLS first must see that this is plain HTTP

    def log_message(self, *args: t.Any) -> None:
        pass

    def answer(self, status: int, headers: t.Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": headers.get("Content-Length", str(len(body)))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        host = self.headers["Host"]
        if self.path.startswith("/token"):
            asked = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            basic = "Basic " + base64.b64encode(b"alice:s3cret").decode()
            known = self.headers.get("Authorization") == basic or "refresh_token=lasting" in asked
            token = b'{"token": "good", "access_token": "good", "expires_in": 300}'
            self.answer(200 if known else 401, {"Content-Type": "application/json"}, token if known else b"{}")
        elif self.headers.get("Authorization") != "Bearer good":
            challenge = f'Bearer realm="http://{host}/token",service="slipway",scope="repository:session/private:pull"'
            self.answer(401, {"WWW-Authenticate": challenge}, b"")
        else:
            connection = http.client.HTTPConnection(self.behind)
            connection.request(
                self.command, self.path, headers={"Accept": ", ".join(self.headers.get_all("Accept", []))}
            )
            said = connection.getresponse()
            kept = {
                k: v for k, v in said.getheaders() if k in ("Content-Type", "Content-Length", "Docker-Content-Digest")
            }
            self.answer(said.status, kept, said.read())
            connection.close()

    do_HEAD = do_POST = do_GET


@pytest.fixture(scope="module")
def bearer_image(registry: str, docker_host: str, busybox_image: str) -> t.Iterator[str]:
    name = f"{registry}/session/private"
    support.request(docker_host, "POST", f"/images/{busybox_image}/tag?repo={name}&tag=2")
    transport = Transport(Address.parse(docker_host))
    with transport.request(
        "POST", f"{API}/images/{name}/push", params={"tag": "2"}, headers={"X-Registry-Auth": "e30="}
    ) as answer:
        assert not [record for record in answer.records() if "error" in record]
    transport.close()
    support.request(docker_host, "DELETE", f"/images/{name}:2")
    Bearer.behind = registry
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bearer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}/session/private:2"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("auth", "good"),
    [
        (None, False),
        (Auth("x", "alice", "wrong"), False),
        (Auth("x", "alice", "s3cret"), True),
        (Auth("x", identitytoken="lasting"), True),
        (Auth("x", registrytoken="good"), True),
    ],
    ids=["nobody", "wrong", "password", "identity token", "bearer token"],
)
def test_a_private_base_behind_a_token_server(engine: Engine, bearer_image: str, auth: Auth | None, good: bool) -> None:
    build = LoneDockerfile(f"FROM {bearer_image}\nRUN echo in\n".encode())
    log = engine.build(build, query=[("pull", "1"), ("nocache", "1")], lookup=lambda host: auth)
    assert bool(log.id) is good, log.error
    assert good or "401" in log.error or "authorization" in log.error


# ---- the end ---------------------------------------------------------------------------------------------------------


def test_a_failed_step_has_its_line(engine: Engine, busybox_image: str) -> None:
    build = f"FROM {busybox_image}\n\nENV A=1\nRUN true\nRUN echo cc; \\\n  exit 7\n"
    log = engine.build(LoneDockerfile(build.encode()))
    with pytest.raises(BuildError) as caught:
        log.check()
    assert caught.value.facts["line"] == 5
    assert caught.value.facts["exit_code"] == 7


def test_no_connection_is_left(engine: Engine, busybox_image: str) -> None:
    engine.build(LoneDockerfile(b"FROM scratch\nLABEL a=b\n"))
    before = os.listdir("/proc/self/fd")
    engine.build(LoneDockerfile(b"FROM scratch\nLABEL a=c\n"))
    engine.build(LoneDockerfile(f"FROM {busybox_image}\nRUN exit 1\n".encode()))
    assert len(os.listdir("/proc/self/fd")) == len(before)


SLEEPER = """
import sys
from pathlib import Path
from ansible_collections.slipway.images.tests.integration.test_buildkit_engine import Engine, LoneDockerfile
def seen(record):
    if "aux" in record:
        Path(sys.argv[3]).touch()
Engine(sys.argv[1]).build(LoneDockerfile(sys.argv[2].encode()), query=[("nocache", "1")], seen=seen)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_of_ours_is_an_end_of_the_build(
    docker_host: str, busybox_image: str, tmp_path: Path, how: signal.Signals
) -> None:
    """The step's own process is gone soon: it is found by its command line, which no other has."""
    mark = f"{how.value}{os.getpid()}"
    build = f"FROM {busybox_image}\nRUN sleep {mark}\n"
    task = subprocess.Popen([sys.executable, "-c", SLEEPER, docker_host, build, str(tmp_path / "began")])
    try:
        wait_for(lambda: running(f"sleep\0{mark}"), 30)
        task.send_signal(how)
        began = time.monotonic()
        task.wait(10)
        wait_for(lambda: not running(f"sleep\0{mark}"), 10)
        assert time.monotonic() - began < 5
    finally:
        task.kill()
        task.wait()
