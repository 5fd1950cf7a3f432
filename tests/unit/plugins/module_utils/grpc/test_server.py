# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, unary
from ansible_collections.slipway.images.plugins.module_utils.grpc.framing import LIMIT
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import NOT_FOUND, Cancelled, Status
from ansible_collections.slipway.images.tests.support.caller import PATIENCE
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.conftest import Start


def echo(call: Call) -> None:
    for message in call:
        call.send(message)


def test_one_in_one_out(start: Start) -> None:
    caller, failures = start({"/s/Upper": unary(bytes.upper)})
    talk = caller.call("/s/Upper", b"abc")
    assert (talk.end(), talk.status, failures) == ([b"ABC"], 0, [])


def test_many_calls_at_a_time(start: Start) -> None:
    caller, _failures = start({"/s/Echo": echo})
    talks = [caller.call("/s/Echo", b"%d" % number, end=False) for number in range(50)]
    for talk in reversed(talks):
        talk.send(b"again", end=True)
    assert [talk.end() for talk in talks] == [[b"%d" % number, b"again"] for number in range(50)]


def test_messages_larger_than_every_window(start: Start) -> None:
    """The peer's windows hold 64 KiB, ours 4 MiB."""
    caller, _failures = start({"/s/Large": unary(lambda request: request * 10_000_000)})
    assert len(caller.call("/s/Large", b"x").end()[0]) == 10_000_000


def test_two_threads_on_one_call_send_whole_messages(start: Start) -> None:
    def both(call: Call) -> None:
        def send(byte: bytes) -> None:
            for _turn in range(20):
                call.send(byte * 50_000)

        other = threading.Thread(target=send, args=(b"a",))
        other.start()
        send(b"b")
        other.join()

    caller, _failures = start({"/s/Both": both})
    messages = caller.call("/s/Both").end()
    assert sorted(messages) == [b"a" * 50_000] * 20 + [b"b" * 50_000] * 20


def test_how_calls_fail(start: Start) -> None:
    def missing(call: Call) -> None:
        raise Status(NOT_FOUND, "no such thing: é")

    def late(call: Call) -> None:
        call.send(b"some")
        raise UsageError("a file vanished")

    def bug(call: Call) -> None:
        raise ZeroDivisionError("oops")

    caller, failures = start({"/s/Missing": missing, "/s/Late": late, "/s/Bug": bug, "/s/Unary": unary(bytes)})
    ends = []
    for name in ("Nobody", "Missing", "Late", "Bug", "Unary"):
        talk = caller.call(f"/s/{name}")
        ends.append((talk.end(), talk.status, talk.text))
    assert ends == [
        ([], 12, "no method /s/Nobody here"),
        ([], 5, "no such thing: %C3%A9"),
        ([b"some"], 2, "a file vanished"),
        ([], 13, "oops"),
        ([], 13, "a call without a message"),
    ]
    assert [type(failure) for failure in failures] == [UsageError, ZeroDivisionError]


def test_a_call_that_is_given_up(start: Start) -> None:
    """One that waits for the peer, one that waits for its windows, one that waits for somebody else."""
    ended = {name: threading.Event() for name in ("Receive", "Send", "Other")}

    def receive(call: Call) -> None:
        with pytest.raises(Cancelled):
            call.receive()
        ended["Receive"].set()

    def send(call: Call) -> None:
        with pytest.raises(Cancelled):
            while True:
                call.send(b"x" * 100_000)
        ended["Send"].set()

    def other(call: Call) -> None:
        released = threading.Event()
        call.at_end(released.set)
        assert released.wait(PATIENCE)
        ended["Other"].set()

    caller, failures = start({"/s/Receive": receive, "/s/Send": send, "/s/Other": other})
    for name, event in ended.items():
        caller.call(f"/s/{name}", end=False).cancel()
        assert event.wait(PATIENCE), name
    assert failures == []


def test_closing_ends_all_calls(start: Start) -> None:
    caller, failures = start({"/s/Echo": echo})
    for _turn in range(3):
        caller.call("/s/Echo", b"x", end=False).message()
    assert caller.server.busy
    assert not caller.server.drain(0)
    caller.server.close()
    assert caller.server.drain(PATIENCE)
    assert failures == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\1\0\0\0\1x", "compressed"),
        (b"\0" + (LIMIT + 1).to_bytes(4, "big"), "at most"),
        (b"\0\0\0\0\2x", "in the middle of a message"),
    ],
)
def test_wrong_messages(start: Start, data: bytes, said: str) -> None:
    caller, failures = start({"/s/Echo": echo})
    talk = caller.call("/s/Echo", end=False)
    talk.raw(data, end=True)
    assert talk.end() == []
    assert talk.status == 2
    assert said in str(failures[0])


def test_a_wrong_frame_ends_everything(start: Start) -> None:
    caller, _failures = start({"/s/Echo": echo})
    caller.call("/s/Echo", b"x", end=False).message()
    with pytest.raises(FormatError):
        caller.server.receive(b"\0\0\1\0\0\0\0\0\0x")  # DATA on stream 0
    assert caller.server.drain(PATIENCE)


def test_nothing_waits_in_a_closed_server() -> None:
    server = Server({}, lambda failure: None)
    assert server.outgoing()
    server.close()
    server.receive(b"")
    assert server.outgoing() == b""


def test_more_calls_than_anybody_needs(start: Start) -> None:
    caller, _failures = start({"/s/Echo": echo})
    caller.call("/s/Echo").end()  # our settings have come
    with caller.lock:
        caller.h2.remote_settings.max_concurrent_streams = 1000
        caller.h2.remote_settings.acknowledge()
    with pytest.raises(FormatError, match="HTTP/2"):
        for _turn in range(300):
            caller.call("/s/Echo", end=False)
