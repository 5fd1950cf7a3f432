# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Conflict,
    Denied,
    EngineError,
    FormatError,
    NotFound,
    RateLimited,
    RequirementError,
    StreamError,
    TransportError,
    TransportTimeout,
)
from ansible_collections.slipway.images.plugins.module_utils.wire import transport
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport

WIRES = pytest.mark.parametrize("where", ["unix", "tcp", "tls"])
SHORT = 0.2  # seconds: a time limit that a test waits for


@pytest.fixture
def meet(serve: t.Any, request: pytest.FixtureRequest) -> t.Callable[..., tuple[Transport, t.Any]]:
    """A transport and the server that it reaches, over any of the wires."""

    def start(talk: t.Any, where: str = "unix", **options: t.Any) -> tuple[Transport, t.Any]:
        if where != "tls":
            address, server = serve(talk, where)
            return Transport(address, **options), server
        certificates = request.getfixturevalue("certificates")
        address, server = serve(talk, where, certificates.context())
        return Transport(address, Tls(ca_path=certificates.ca), **options), server

    return start


@WIRES
def test_a_small_request(meet: t.Any, where: str) -> None:
    def talk(peer: t.Any) -> t.Any:
        peer.head()
        body = peer.body()
        peer.answer(b'{"a": 1}', "200 OK", "Api-Version: 1.41")
        return peer.line, peer.headers, body

    wire, server = meet(talk, where)
    params = [("t", "a/b:1"), ("t", "é &"), ("q", "1")]
    with wire.request("POST", "/v1.41/images/x:1/json", params=params, headers={"X-A": "b"}, json={"k": ["é"]}) as a:
        assert (a.status, a.headers["api-version"], a.json()) == (200, "1.41", {"a": 1})
    wire.close()
    [(line, headers, body)] = server.conversations()
    assert line == "POST /v1.41/images/x:1/json?t=a%2Fb%3A1&t=%C3%A9+%26&q=1 HTTP/1.1"
    assert body == b'{"k": ["\\u00e9"]}'
    headers.pop("user-agent", None)
    assert headers.pop("host").split(":")[0] == ("localhost" if where == "unix" else "127.0.0.1")
    assert headers == {
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-a": "b",
    }


@WIRES
def test_a_connection_is_used_again(meet: t.Any, where: str) -> None:
    def talk(peer: t.Any) -> int:
        count = 0
        while peer.head():
            count += 1
            list(peer.chunks()) if "transfer-encoding" in peer.headers else peer.body()
            peer.stream_out(b'{"n":', b"1}\n")
        return count

    wire, server = meet(talk, where)
    for _turn in range(3):
        assert list(wire.request("GET", "/").records()) == [{"n": 1}]
        assert wire.request("POST", "/", body=iter([b"x"])).json() == {"n": 1}
        assert wire.request("POST", "/", body=b"x").text == '{"n":1}\n'
    wire.close()
    assert server.conversations() == [9]


@WIRES
def test_each_block_of_a_body_is_a_chunk(meet: t.Any, where: str) -> None:
    def talk(peer: t.Any) -> list[bytes]:
        peer.head()
        chunks = list(peer.chunks())
        peer.answer()
        return chunks

    wire, server = meet(talk, where)
    blocks = [b"a", b"b" * 300_000, b"", b"c"]  # an empty one would be the mark of the end
    assert wire.request("POST", "/build", body=blocks, patient=True).json() == {}
    assert server.conversations() == [[b"a", b"b" * 300_000, b"c", b""]]


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        ("404 Not Found", b'{"message":"no such image: x"}', NotFound, "no such image: x"),
        ("409 Conflict", b'{"message":"in use"}', Conflict, "in use"),
        ("429 Too Many Requests", b'{"message":"slow down"}', RateLimited, "slow down"),
        ("401 Unauthorized", b'{"message":"who?"}', Denied, "who?"),
        ("403 Forbidden", b"no\n", Denied, "no"),
        ("500 Internal Server Error", b"x" * 900, EngineError, "x" * 200),
        ("500 Internal Server Error", b'"message"', EngineError, '"message"'),
        (
            "500 Internal Server Error",
            b'{"errorDetail":{"message":"as Podman 5"},"error":"x"}\n',
            EngineError,
            "as Podman 5",
        ),
        ("500 Internal Server Error", b'{"errorDetail":"x"}', EngineError, '{"errorDetail":"x"}'),
        ("503 Service Unavailable", b"", EngineError, "Service Unavailable"),
        ("400 Bad Request", b'{"message":"two\\nlines"}', EngineError, "two\nlines"),
        ("301 Moved Permanently", b"", EngineError, "Moved Permanently"),
    ],
)
def test_refusals(meet: t.Any, status: str, body: bytes, kind: type[EngineError], said: str) -> None:
    wire, _server = meet(lambda peer: peer.head() and peer.answer(body, status, "Location: /elsewhere"))
    with pytest.raises(EngineError) as error:
        wire.request("GET", "/v1.41/images/x/json", params={"a": "b"})
    assert error.type is kind
    number = int(status[:3])
    assert error.value.facts == {"status": number, "endpoint": "GET /images/x/json", "said": said}
    one_line = said.replace("\n", " ")
    assert str(error.value) == f"the engine refused GET /images/x/json: {one_line} (HTTP {number})"


def test_a_refusal_that_breaks_off_is_still_one(meet: t.Any) -> None:
    wire, _server = meet(
        lambda peer: peer.head() and peer.send(b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{")
    )
    with pytest.raises(EngineError, match=r"refused GET /x: Internal Server Error \(HTTP 500\)"):
        wire.request("GET", "/x")


def test_is_so_already_is_no_refusal(meet: t.Any) -> None:
    wire, _server = meet(lambda peer: peer.head() and peer.send(b"HTTP/1.1 304 Not Modified\r\n\r\n"))
    assert wire.request("POST", "/containers/x/start").status == 304


def endless(closed: list[bool]) -> t.Iterator[bytes]:
    try:
        while True:
            yield b"x" * 65536
    finally:
        closed.append(True)


@WIRES
@pytest.mark.parametrize("read", [0, 1, 5])
@pytest.mark.parametrize("framing", ["length", "chunked", "until closed"])
def test_the_refusal_of_an_upload_is_heard(meet: t.Any, where: str, read: int, framing: str) -> None:
    """The engine answers in the middle of the upload and hangs up, with bytes of ours unread."""

    def talk(peer: t.Any) -> None:
        peer.head()
        for _turn, _chunk in zip(range(read), peer.chunks()):
            pass
        body = b'{"message":"no space left"}'
        if framing == "length":
            peer.answer(body, "507 Insufficient Storage")
        elif framing == "chunked":
            head = b"HTTP/1.1 507 Insufficient Storage\r\nTransfer-Encoding: chunked\r\n\r\n"
            peer.send(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        else:
            peer.send(b"HTTP/1.0 507 Insufficient Storage\r\n\r\n" + body)
            peer.sock.shutdown(socket.SHUT_WR)
        peer.forget()

    wire, _server = meet(talk, where)
    closed: list[bool] = []
    with pytest.raises(EngineError, match="refused POST /build") as error:
        wire.request("POST", "/build", body=endless(closed), patient=True)
    assert closed == [True]
    assert error.value.facts["status"] == 507
    # Without a length, words and reset cannot be told apart from words cut short.
    assert error.value.facts["said"] == "no space left" or framing == "until closed"


@WIRES
def test_a_refused_upload_of_bytes(meet: t.Any, where: str) -> None:
    def talk(peer: t.Any) -> None:
        peer.head()
        peer.answer(b'{"message":"too much"}', "413 Payload Too Large")
        peer.forget()

    wire, _server = meet(talk, where)
    with pytest.raises(EngineError, match="too much"):
        wire.request("POST", "/load", body=b"x" * 50_000_000)


@WIRES
def test_hanging_up_without_a_word(meet: t.Any, where: str) -> None:
    wire, _server = meet(lambda peer: peer.head() and peer.forget(), where)
    for body in (None, endless([])):
        with pytest.raises(TransportError, match=r"connection to .* failed on POST /build") as error:
            wire.request("POST", "/build", body=body)
        assert error.type is TransportError


class Vanished(FormatError):
    pass


@WIRES
@pytest.mark.parametrize(
    "failure", [Vanished("gone"), BrokenPipeError("tar"), ConnectionResetError("nfs"), TimeoutError("nfs"), KeyError(1)]
)
def test_a_body_that_fails_comes_out_unchanged_and_is_not_ended(meet: t.Any, where: str, failure: Exception) -> None:
    def body() -> t.Iterator[bytes]:
        yield b"one"
        raise failure

    def talk(peer: t.Any) -> list[bytes]:
        peer.head()
        return list(peer.chunks())

    wire, server = meet(talk, where, timeout=5)
    with pytest.raises(type(failure)) as error:
        wire.request("POST", "/build", body=body())
    assert error.value is failure
    assert server.conversations() == [[b"one"]]


def test_what_is_done_meanwhile_is_done_between_asking_and_hearing(meet: t.Any) -> None:
    came, done = threading.Event(), threading.Event()

    def talk(peer: t.Any) -> None:
        peer.head()
        came.set()
        assert done.wait(timeout=10), "no word before"
        peer.answer()

    def meanwhile() -> None:
        assert came.wait(timeout=10)
        done.set()

    wire, server = meet(talk, timeout=10)
    assert wire.request("POST", "/build", meanwhile=meanwhile).json() == {}
    assert server.conversations() == [None]


@WIRES
@pytest.mark.parametrize("failure", [Vanished("gone"), BrokenPipeError("tar"), TimeoutError("nfs"), KeyError(1)])
def test_what_fails_meanwhile_comes_out_unchanged(meet: t.Any, where: str, failure: Exception) -> None:
    def meanwhile() -> None:
        raise failure

    wire, _server = meet(lambda peer: peer.head() and peer.forget(), where, timeout=5)
    with pytest.raises(type(failure)) as error:
        wire.request("POST", "/build", meanwhile=meanwhile)
    assert error.value is failure
    wire.close()


def test_records_come_one_by_one(meet: t.Any) -> None:
    """The server says the next record only when the client has got the one before."""
    got = threading.Semaphore(0)

    def talk(peer: t.Any) -> None:
        peer.head()
        peer.stream_out(end=b"")
        for number in range(5):
            line = b'{"n":%d}\r\n' % number
            peer.send(b"%x\r\n%b\r\n" % (len(line), line))
            assert got.acquire(timeout=10)
        peer.send(b"0\r\n\r\n")

    wire, _server = meet(talk, timeout=10)
    numbers = []
    for record in wire.request("GET", "/events").records():
        numbers.append(record["n"])
        got.release()
    assert numbers == [0, 1, 2, 3, 4]


@WIRES
@pytest.mark.parametrize(
    ("tail", "kind"),
    [
        (b"", TransportError),  # between two chunks
        (b"1", TransportError),  # in a chunk's length
        (b"zz\r\n", TransportError),
        (b'20\r\n{"half":', TransportError),
        (b'8\r\n{"half":\r\n0\r\n\r\n', StreamError),  # the engine itself ended it like that
    ],
)
def test_a_stream_that_breaks_off(meet: t.Any, where: str, tail: bytes, kind: type[Exception]) -> None:
    wire, _server = meet(lambda peer: peer.head() and peer.stream_out(b'{"n":1}\n', end=tail), where)
    records = wire.request("POST", "/build", patient=True).records()
    assert next(records) == {"n": 1}
    with pytest.raises(kind) as error:
        next(records)
    assert error.type is kind


def test_a_body_shorter_than_it_said(meet: t.Any) -> None:
    wire, _server = meet(lambda peer: peer.head() and peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"))
    with pytest.raises(TransportError, match=r"broke off in the middle of its answer to GET /$"):
        wire.request("GET", "/").json()


def test_blocks(meet: t.Any) -> None:
    wire, _server = meet(lambda peer: peer.head() and peer.answer(b"abcdefg"))
    assert list(wire.request("GET", "/").blocks(3)) == [b"abc", b"def", b"g"]


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"a":'])
def test_what_is_no_engine(meet: t.Any, body: bytes) -> None:
    wire, _server = meet(lambda peer: peer.head() and peer.answer(body))
    with pytest.raises(FormatError, match="not as a Docker engine"):
        wire.request("GET", "/version").json()


def test_what_is_no_http(meet: t.Any) -> None:
    wire, _server = meet(lambda peer: peer.head() and peer.send(b"220 smtp.example ESMTP\r\n"), "tcp")
    with pytest.raises(TransportError, match="does not speak HTTP"):
        wire.request("GET", "/_ping")


@WIRES
def test_silence_is_limited(meet: t.Any, where: str) -> None:
    done = threading.Event()
    wire, _server = meet(lambda peer: peer.head() and done.wait(10), where, timeout=SHORT)
    with pytest.raises(TransportTimeout, match=r"did not answer GET /_ping within 0.2 seconds"):
        wire.request("GET", "/_ping")
    done.set()


def test_silence_in_an_answer_is_limited(meet: t.Any) -> None:
    done = threading.Event()
    wire, _server = meet(lambda peer: peer.head() and (peer.stream_out(b"{", end=b""), done.wait(10)), timeout=SHORT)
    with pytest.raises(TransportTimeout):
        wire.request("GET", "/_ping").json()
    done.set()


@WIRES
def test_neither_sending_nor_patience_is_limited(meet: t.Any, where: str) -> None:
    """The server lets the limit pass, first with a full buffer towards it, then before and in its answer."""

    def talk(peer: t.Any) -> None:
        pause = threading.Event()
        while peer.head():
            pause.wait(SHORT * 2)
            peer.body()
            list(peer.chunks()) if "transfer-encoding" in peer.headers else None
            pause.wait(SHORT * 2)
            peer.stream_out(b'{"a"', end=b"")
            pause.wait(SHORT * 2)
            peer.send(b"3\r\n:1}\r\n0\r\n\r\n")

    wire, _server = meet(talk, where, timeout=SHORT)
    for body in (b"x" * 9_000_000, iter([b"x" * 9_000_000])):  # the second on the connection of the first
        assert wire.request("POST", "/load", body=body, patient=True).json() == {"a": 1}


def test_connecting_is_limited_even_for_the_patient(serve: t.Any) -> None:
    done = threading.Event()
    address, _server = serve(lambda peer: done.wait(10), "tcp")  # accepts, and never shakes hands
    wire = Transport(Address(address.host, address.port, tls=True), Tls(verify=False), timeout=SHORT)
    with pytest.raises(TransportTimeout):
        wire.request("POST", "/build", body=iter([b"x"]), patient=True)
    done.set()


def test_no_socket(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match=r"^no engine at unix://.*/none: the socket does not exist") as error:
        Transport(Address(path=f"{tmp_path}/none")).request("GET", "/v1.41/_ping")
    assert error.value.facts == {"address": f"unix://{tmp_path}/none", "endpoint": "GET /_ping"}
    assert error.value.__cause__ is not None


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(f"{tmp_path}/old")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for address in (Address(path=f"{tmp_path}/old"), Address("127.0.0.1", port)):
        with pytest.raises(TransportError, match="connection refused"):
            Transport(address).request("GET", "/_ping")


def test_a_path_too_long_for_a_socket() -> None:
    with pytest.raises(TransportError, match="too long"):
        Transport(Address(path="/x" * 200)).request("GET", "/_ping")


def test_an_unknown_name() -> None:
    with pytest.raises(TransportError, match=r"the name nowhere\.invalid is not known"):
        Transport(Address("nowhere.invalid", 2375)).request("GET", "/_ping")


FORBIDDEN = """
import os, sys
from ansible_collections.slipway.images.plugins.module_utils.wire import breakdown  # from where nobody may read
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport
os.setgid(65534)
os.setgroups([])
os.setuid(12345)
try:
    Transport(Address(path=sys.argv[1])).request("GET", "/_ping")
except Exception as exc:
    print(type(exc).__name__, exc)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_socket_of_somebody_else(serve: t.Any) -> None:
    address, _server = serve(lambda peer: None)
    os.chmod(address.path, 0o600)
    root = Path(transport.__file__).resolve().parents[3]
    code = "import sys; sys.path[:0] = " + repr(sys.path) + FORBIDDEN
    said = subprocess.run(
        [sys.executable, "-c", code, address.path], check=False, capture_output=True, text=True, cwd=root
    )
    assert "TransportError permission denied on unix://" in said.stdout, said
    assert "user 12345 may not use the engine; use become, or make 12345 a member of the group" in said.stdout


def test_a_proxy_of_the_environment(serve: t.Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def talk(peer: t.Any) -> tuple[str, str | None]:
        peer.head()
        peer.answer()
        return peer.line, peer.headers.get("authorization")

    proxy, server = serve(talk, "tcp")
    (tmp_path / "netrc").write_text("default login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert Transport(Address("engine.invalid", 2375)).request("GET", "/_ping").json() == {}
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert Transport(proxy).request("GET", "/_ping").json() == {}
    direct, unix = serve(talk, "unix")
    assert Transport(direct).request("GET", "/_ping").json() == {}
    lines = [("GET http://engine.invalid:2375/_ping HTTP/1.1", None), ("GET /_ping HTTP/1.1", None)]
    assert server.conversations(2) == lines
    assert unix.conversations() == lines[1:]


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{port}")
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{port}")
    for tls in (False, True):
        with pytest.raises(TransportError, match=r"the proxy of the environment .* does not lead to tcp://e.test"):
            Transport(Address("e.test", 2375, tls=tls)).request("GET", "/_ping")


def test_troubles_of_the_caller_are_not_mistaken_for_the_wires(meet: t.Any) -> None:
    wire, _server = meet(lambda peer: peer.head() and peer.forget())
    try:
        raise FileNotFoundError("Dockerfile")
    except FileNotFoundError:
        with pytest.raises(TransportError, match="failed on GET /_ping"):
            wire.request("GET", "/_ping")


def test_threads_may_share_it(meet: t.Any) -> None:
    together = threading.Barrier(4, timeout=10)

    def talk(peer: t.Any) -> None:
        while peer.head():
            together.wait()
            peer.answer(peer.line.split()[1][1:].encode())

    wire, _server = meet(talk)
    got: list[t.Any] = []
    threads = [threading.Thread(target=lambda n=n: got.append(wire.request("GET", f"/{n}").json())) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(got) == [0, 1, 2, 3]


def test_without_the_library() -> None:
    """Importing everything must work without it; using it says what to install."""
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; sys.modules['requests'] = sys.modules['urllib3'] = None\n"
        "from ansible_collections.slipway.images.plugins.module_utils.wire import records, remote\n"
        "from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address\n"
        "from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport\n"
        "try:\n    Transport(Address.parse('tcp://x'))\n"
        "except Exception as exc:\n    print(type(exc).__name__, exc.facts, exc)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert said.stdout.startswith(RequirementError.__name__), said
    for words in (sys.executable, "python3-requests", "'library': 'requests'"):
        assert words in said.stdout
