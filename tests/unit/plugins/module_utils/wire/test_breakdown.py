# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exceptions that a peer brings about in `test_transport.py` and `test_tls.py` are here as values, with the rest."""

from __future__ import annotations

import os
import socket
import ssl
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import TransportTimeout
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.breakdown import VERIFY, explain
from urllib3.exceptions import NewConnectionError, ProtocolError, ReadTimeoutError

THERE = Address("engine.test", 2376, "", True)
SOCKET = Address(path="/run/none/docker.sock")
OTHER = "the connection to tcp://engine.test:2376 failed on GET /x: "


def said(exc: Exception, address: Address = THERE) -> str:
    error = explain(exc, address, "GET /x", 2.5)
    assert error.facts == {"address": str(address), "endpoint": "GET /x"}
    assert "\n" not in str(error)
    return str(error)


def tls(reason: str = "", code: int | None = None, words: str = "it broke") -> ssl.SSLError:
    exc = ssl.SSLError(1, words) if code is None else ssl.SSLCertVerificationError(1, words)
    exc.reason = reason
    if isinstance(exc, ssl.SSLCertVerificationError) and code is not None:
        exc.verify_code = code
    return exc


@pytest.mark.parametrize(
    ("exc", "text"),
    [
        (ConnectionRefusedError(111, "x"), "connection refused; "),
        (socket.gaierror(-2, "Name or service not known"), "the name engine.test is not known (Name or service not"),
        (IncompleteRead(b"x"), "tcp://engine.test:2376 broke off in the middle of its answer to GET /x"),
        (BadStatusLine("SSH-2.0"), "what listens at tcp://engine.test:2376 does not speak HTTP: SSH-2.0"),
        (BadStatusLine("\x15\x03\x01"), "what listens at tcp://engine.test:2376 speaks TLS: "),
        (RemoteDisconnected("closed"), OTHER + "closed"),
        (PermissionError(13, "Permission denied"), OTHER + "[Errno 13] Permission denied"),
        (OSError(), OTHER + "OSError"),
        (OSError("two\nlines"), OTHER + "two lines"),
        (ProtocolError("hung up", ConnectionRefusedError()), "connection refused; "),
        *((tls(code=code), "the certificate of tcp://engine.test:2376 " + text[:12]) for code, text in VERIFY.items()),
        *((tls(code=code), "is for another host name") for code in (62, 64)),
        (tls(words="hostname 'x' doesn't match 'y'"), "is for another host name"),
        (tls(code=23, words="certificate revoked"), "is not good: certificate revoked"),
        (tls("WRONG_VERSION_NUMBER"), "does not speak TLS: "),
        (tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "wants a client certificate: "),
        (tls("TLSV1_ALERT_UNKNOWN_CA"), "does not accept our client certificate: "),
        (tls("SSLV3_ALERT_CERTIFICATE_EXPIRED"), "does not accept our client certificate: "),
        (tls("UNEXPECTED_EOF"), OTHER + "it broke"),
    ],
)
def test_what_broke_down(exc: Exception, text: str) -> None:
    assert text in said(exc)


def test_nobody_may_and_nobody_is_there(tmp_path: Path) -> None:
    place = tmp_path / "docker.sock"
    forbidden, there = PermissionError(13, "Permission denied"), Address(path=str(place))
    assert "the socket does not exist" in said(FileNotFoundError(2, "x"), SOCKET)
    assert said(forbidden, SOCKET).endswith("a member of the group docker (which is as good as root)")
    place.touch()
    assert said(forbidden, there).endswith("may not use the engine; use become") or os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(("number", "name"), [(2, "bin"), (123457, "123457")])
def test_whose_socket_it_is(tmp_path: Path, number: int, name: str) -> None:
    place = tmp_path / "docker.sock"
    place.touch()
    os.chown(place, 0, number)
    assert f"make root a member of the group {name} (" in said(PermissionError(13, "x"), Address(path=str(place)))


def test_what_took_too_long() -> None:
    refused = NewConnectionError(None, "refused")  # type: ignore[arg-type]  # in 1.26 a kind of timeout
    refused.__context__ = ConnectionRefusedError()
    for exc in (
        TimeoutError(),
        ReadTimeoutError(None, "/x", "read"),  # type: ignore[arg-type]
        ProtocolError("hung up", socket.timeout()),
    ):
        assert isinstance(explain(exc, THERE, "GET /x", 2.5), TransportTimeout)
        assert said(exc) == "tcp://engine.test:2376 did not answer GET /x within 2.5 seconds"
    assert not isinstance(explain(refused, THERE, "GET /x", 2.5), TransportTimeout)
    assert "connection refused; " in said(refused)


def test_the_callers_own_troubles_are_no_cause() -> None:
    """An error that is raised while another is dealt with has that as its context."""
    exc = OSError("reset")
    exc.__context__ = TimeoutError()
    assert said(exc) == OTHER + "reset"
    exc.__cause__ = ConnectionRefusedError()
    assert "connection refused; " in said(exc)
