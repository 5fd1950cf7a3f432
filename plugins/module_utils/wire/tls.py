# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS towards an engine: whom to believe, and who we are."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import NoReturn

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

try:
    from urllib3.util.ssl_ import create_urllib3_context
except ImportError:  # said by `Transport`, the one door
    create_urllib3_context = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Tls:
    """`ca_path`: PEM file (default: the system's authorities), `authorities`: PEM files to trust as well. `hostname` is
    expected in the certificate instead of the address's host."""

    verify: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    hostname: str | None = None
    authorities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.client_cert) != bool(self.client_key):
            raise UsageError("client_cert and client_key are needed together: only one of them was given")

    def context(self) -> ssl.SSLContext:
        """What urllib3 wraps its sockets with. Raises `UsageError` naming the option whose file is no good."""
        # urllib3's own context agrees with its version on who compares host names, OpenSSL or urllib3.
        context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if self.verify else ssl.CERT_NONE)
        # Python 3.13 and urllib3 2.4 made this a default. Certificates made by the recipe in Docker's manual with an
        # older OpenSSL have no key identifiers and would be refused; the docker CLI takes them.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.verify:
            self._trust(context)
        if self.client_cert and self.client_key:
            self._introduce(context, self.client_cert, self.client_key)
        return context

    def _trust(self, context: ssl.SSLContext) -> None:
        if not self.ca_path:
            context.load_default_certs()
        trusted = [("ca_path", self.ca_path)] if self.ca_path else []
        for option, path in (*trusted, *(("file", path) for path in self.authorities)):
            _readable(option, path)
            try:
                context.load_verify_locations(path)
            except ssl.SSLError as exc:
                _useless(option, path, "holds no PEM certificate", exc)

    @staticmethod
    def _introduce(context: ssl.SSLContext, cert: str, key: str) -> None:
        _readable("client_cert", cert)
        _readable("client_key", key)
        try:
            # Without a password OpenSSL would ask for one on the terminal, for ever.
            context.load_cert_chain(cert, key, password="")
        except ssl.SSLError as exc:
            if exc.reason == "KEY_VALUES_MISMATCH":
                _useless("client_key", key, f"is not the key of client_cert {cert}", exc)
            _useless("client_cert", cert, f"and client_key {key} are not a PEM certificate and an unencrypted key", exc)


def _readable(option: str, path: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except OSError as exc:
        raise UsageError(f"{option} {path}: {exc.strerror or exc}", option=option, path=path) from exc


def _useless(option: str, path: str, why: str, exc: ssl.SSLError) -> NoReturn:
    raise UsageError(f"{option} {path} {why}", option=option, path=path) from exc
