# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs no engine's answer first; the rest is in `test_upgrade.py`."""

from __future__ import annotations

import ssl
import threading
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError
from ansible_collections.slipway.images.plugins.module_utils.wire.tlsstream import TlsStream
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.wire.conftest import (
    Certificates,
    failure,
    pair,
    reset,
)


@pytest.fixture
def over_tls(certificates: Certificates) -> t.Iterator[tuple[TlsStream, ssl.SSLSocket]]:
    ours, theirs = pair()
    client = ssl.create_default_context(cafile=certificates.ca)
    client.verify_flags &= ~ssl.VERIFY_X509_STRICT  # from Python 3.13 on it wants what these certificates have not
    server = threading.Thread(target=lambda: met.append(certificates.context().wrap_socket(theirs, server_side=True)))
    met: list[ssl.SSLSocket] = []
    server.start()
    stream = TlsStream(client.wrap_socket(ours, server_hostname="engine.test"), failure)
    server.join()
    yield stream, met[0]
    stream.close()
    met[0].close()


def test_nothing_is_said_nor_heard_after_the_end(over_tls: tuple[TlsStream, ssl.SSLSocket]) -> None:
    stream, theirs = over_tls
    stream.send(b"abc")
    assert theirs.recv(10) == b"abc"
    stream.shut()
    stream.send(b"lost")
    assert stream.receive(1) == b""
    stream.shut()  # once more does no harm


def test_a_tls_stream_that_breaks(over_tls: tuple[TlsStream, ssl.SSLSocket]) -> None:
    stream, theirs = over_tls
    reset(theirs)
    with pytest.raises(TransportError, match=r"^it failed: "):
        for _turn in range(100):
            stream.send(b"x")


def test_a_tls_stream_that_is_closed(over_tls: tuple[TlsStream, ssl.SSLSocket]) -> None:
    stream, _theirs = over_tls
    stream.close()
    with pytest.raises(TransportError, match=r"^it failed: "):
        stream.receive(1)
    stream.shut()
    assert stream.receive(1) == b""
