# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.grpc.connection import Connection
from ansible_collections.slipway.images.plugins.module_utils.grpc.exchange import Exchange
from ansible_collections.slipway.images.plugins.module_utils.grpc.framing import frame
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import Cancelled
from ansible_collections.slipway.images.tests.support.caller import PATIENCE


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(Connection(), 1)


def test_what_came_is_received_before_the_end(exchange: Exchange) -> None:
    exchange.take(frame(b"1") + frame(b"2"), 0)
    exchange.half_close()
    assert list(exchange) == [b"1", b"2"]


@pytest.mark.parametrize("end", ["cancel", "stop", "half_close"])
def test_who_waits_hears_of_the_end(exchange: Exchange, end: str) -> None:
    heard: list[object] = []

    def wait() -> None:
        try:
            heard.append(exchange.receive())
        except Cancelled as exc:
            heard.append(type(exc))

    thread = threading.Thread(target=wait)
    thread.start()
    with exchange._connection.turn:
        getattr(exchange, end)()
        exchange._connection.turn.notify_all()
    thread.join(PATIENCE)
    assert heard == ([Cancelled] if end == "cancel" else [None])


@pytest.mark.parametrize("end", ["cancel", "stop"])
def test_nothing_is_sent_after_the_end(exchange: Exchange, end: str) -> None:
    getattr(exchange, end)()
    with pytest.raises(Cancelled):
        exchange.send(b"x")


def test_half_a_message(exchange: Exchange) -> None:
    exchange.take(frame(b"12")[:-1], 0)
    exchange.half_close()
    with pytest.raises(FormatError, match="in the middle of a message"):
        exchange.receive()


def test_at_the_end(exchange: Exchange) -> None:
    told: list[str] = []
    exchange.at_end(lambda: told.append("before"))
    exchange.cancel()
    exchange.cancel()
    exchange.at_end(lambda: told.append("after"))
    assert told == ["before", "after"]
