# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport


def ping(peer: t.Any) -> object:
    return peer.head() and (peer.body(), peer.answer(b'"OK"'))


@pytest.fixture
def reach(serve: t.Any, certificates: t.Any) -> t.Callable[..., str]:
    """What comes of a ping: the engine's word or the error's text."""

    def start(tls: Tls | None, server: str = "server", host: str = "127.0.0.1", wants_client: bool = False) -> str:
        address, _server = serve(ping, "tls", certificates.context(server, wants_client))
        try:
            return str(Transport(Address(host, address.port, tls=True), tls, timeout=10).request("GET", "/").json())
        except TransportError as exc:
            assert exc.__cause__ is not None
            assert "\n" not in str(exc)
            return str(exc)

    return start


def test_a_trusted_engine(reach: t.Any, certificates: t.Any) -> None:
    assert reach(Tls(ca_path=certificates.ca)) == "OK"


def test_verification_is_the_default(reach: t.Any, certificates: t.Any) -> None:
    for tls in (None, Tls(), Tls(ca_path=certificates.foreign)):
        assert "an authority that is not trusted here; set ca_path" in reach(tls)
    assert reach(Tls(verify=False)) == "OK"
    assert reach(Tls(verify=False, hostname="wrong.test"), "other") == "OK"


def test_the_systems_authorities(reach: t.Any, certificates: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificates.ca)  # where OpenSSL looks for them
    assert reach(Tls()) == "OK"
    assert "not trusted here" in reach(Tls(ca_path=certificates.foreign))


def test_the_host_name(reach: t.Any, certificates: t.Any) -> None:
    trusted = Tls(ca_path=certificates.ca)
    assert "for another host name; set tls_hostname" in reach(trusted, "other")
    assert "for another host name" in reach(trusted, host="localhost")
    assert reach(Tls(ca_path=certificates.ca, hostname="other.test"), "other") == "OK"
    assert reach(Tls(ca_path=certificates.ca, hostname="engine.test"), host="localhost") == "OK"
    assert "for another host name" in reach(Tls(ca_path=certificates.ca, hostname="wrong.test"))
    assert "for another host name" in reach(Tls(ca_path=certificates.ca, hostname="127.0.0.2"))


def test_an_expired_certificate(reach: t.Any, certificates: t.Any) -> None:
    assert "has expired" in reach(Tls(ca_path=certificates.ca), "expired")


def test_client_certificates(reach: t.Any, certificates: t.Any) -> None:
    pair = {"client_cert": certificates.client, "client_key": getattr(certificates, "client-key")}
    assert reach(Tls(ca_path=certificates.ca, **pair), wants_client=True) == "OK"
    assert "wants a client certificate: set client_cert" in reach(Tls(ca_path=certificates.ca), wants_client=True)
    foreign = {"client_cert": certificates.foreign, "client_key": getattr(certificates, "foreign-key")}
    assert "does not accept our client certificate" in reach(Tls(ca_path=certificates.ca, **foreign), wants_client=True)


def test_tls_to_a_plain_engine(serve: t.Any) -> None:
    address, _server = serve(lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "tcp")
    with pytest.raises(TransportError, match="does not speak TLS"):
        Transport(Address(address.host, address.port, tls=True), Tls()).request("GET", "/_ping")


@pytest.mark.parametrize(
    "says",
    [
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",  # Go's net/http
        b"\x15\x03\x01\x00\x02\x02\x16",  # OpenSSL: an alert
    ],
)
def test_a_plain_request_to_tls(serve: t.Any, says: bytes) -> None:
    address, _server = serve(lambda peer: peer.head() and peer.send(says), "tcp")
    with pytest.raises(TransportError, match="speaks TLS: set tls"):
        Transport(address).request("GET", "/_ping")


def test_half_a_pair() -> None:
    for half in ({"client_cert": "c.pem"}, {"client_key": "k.pem"}):
        with pytest.raises(UsageError, match="needed together"):
            Tls(**half)  # type: ignore[arg-type]


def test_files_that_are_no_good(certificates: t.Any, tmp_path: Path) -> None:
    junk, none, client = str(tmp_path / "junk"), str(tmp_path / "none"), certificates.client
    key, other_key = getattr(certificates, "client-key"), getattr(certificates, "other-key")
    locked = str(tmp_path / "locked")
    Path(junk).write_text("junk")
    subprocess.run(["openssl", "ec", "-in", key, "-aes128", "-passout", "pass:x", "-out", locked], check=True)
    for tls, option, path in (
        (Tls(ca_path=none), "ca_path", none),
        (Tls(ca_path=junk), "ca_path", junk),
        (Tls(ca_path=os.fspath(tmp_path)), "ca_path", os.fspath(tmp_path)),
        (Tls(client_cert=none, client_key=key), "client_cert", none),
        (Tls(client_cert=client, client_key=none), "client_key", none),
        (Tls(client_cert=junk, client_key=key), "client_cert", junk),
        (Tls(client_cert=client, client_key=other_key), "client_key", other_key),
        (Tls(client_cert=client, client_key=locked), "client_cert", client),
    ):
        with pytest.raises(UsageError, match=f"^{option} ") as error:
            Transport(Address("h", 1, tls=True), tls)
        assert error.value.facts == {"option": option, "path": path}
