# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError
from ansible_collections.slipway.images.plugins.module_utils.wire import http2
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.wire.conftest import Certificates, Peer, Serve

SETTINGS = b"\0\0\6\4\0\0\0\0\0" + b"\0\3\0\0\0\xfa"


@pytest.mark.parametrize("where", ["unix", "tcp"])
@pytest.mark.parametrize(
    ("said", "understood"),
    [(SETTINGS, True), (b"HTTP/1.1 400 Bad Request\r\n\r\n", False), (SETTINGS[:8], False), (b"", False)],
)
def test_who_understands(serve: Serve, where: str, said: bytes, understood: bool) -> None:
    def talk(peer: Peer) -> bytes:
        first = peer.stream.read(24 + 9)
        peer.send(said)
        return first

    address, server = serve(talk, where)
    stream = http2.connect(Transport(address, None, 10))
    assert (stream is not None) == understood
    if stream:
        stream.send(b"x" * 33)
        assert stream.receive(100) == SETTINGS
        stream.close()
    heard = server.conversations(2 if understood else 1)
    assert b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0" in heard


def test_not_over_tls(serve: Serve, certificates: Certificates) -> None:
    address, _server = serve(lambda peer: peer.stream.read(1), "tls", certificates.context())
    assert http2.connect(Transport(address, Tls(ca_path=certificates.ca), 10)) is None


def test_nobody_there(tmp_path: t.Any) -> None:
    with pytest.raises(TransportError):
        http2.connect(Transport(Address(path=str(tmp_path / "none")), None, 10))
