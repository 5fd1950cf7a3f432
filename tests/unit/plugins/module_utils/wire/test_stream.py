# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs no engine's answer first; the rest is in `test_upgrade.py`."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.wire.conftest import failure, pair, reset


def test_a_stream() -> None:
    ours, theirs = socket.socketpair()
    stream = Stream(ours, lambda exc: TransportError(str(exc)))
    stream.send(b"abc")
    assert theirs.recv(10) == b"abc"
    theirs.sendall(b"de")
    assert (stream.receive(1), stream.receive(5)) == (b"d", b"e")
    stream.shut()
    assert stream.receive(1) == theirs.recv(1) == b""
    with pytest.raises(TransportError):
        stream.send(b"x")
    stream.close()
    theirs.close()


def test_a_stream_that_breaks() -> None:
    ours, theirs = pair()
    stream = Stream(ours, failure)
    reset(theirs)
    with pytest.raises(TransportError, match=r"it failed: .*reset"):
        stream.receive(1)
    stream.close()
