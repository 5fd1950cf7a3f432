# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an engine is: what `docker_host` says, parsed once."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.wire.peer import ENGINE, Peer

PORT, TLS_PORT = 2375, 2376  # dockerd(8): "port 2375 for un-encrypted, and port 2376 for encrypted communication"

USUAL = "/var/run/docker.sock"

EXPECTED = "unix:///path, tcp://host:port, https://host:port or ssh://user@host"
UNSUPPORTED = {
    "npipe": "npipe:// is a Windows pipe; targets are POSIX hosts",
    "fd": "fd:// is how a service manager hands sockets to an engine; clients use unix:///path",
}
# Nothing that ssh, its configuration's tokens or a shell on either side would take for more than a name.
_SSH = (
    r"(?:(?P<user>\w[\w.+@-]*)@)?(?:\[(?P<bare>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<host>\w[\w.-]*))"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>(?:/[\w.,+@~-]*)*)"
)


@dataclass(frozen=True)
class Address:
    """One engine's address. `Address.parse(str(a), a.tls) == a`.

    `path` is the absolute one of a unix socket; for TCP it goes before each request's path ("" or "/prefix"). With
    `ssh` the socket is on `host`, and a `user` or `port` that is missing is ssh's own affair.
    """

    host: str = ""
    port: int = 0
    path: str = ""
    tls: bool = False
    ssh: bool = False
    user: str = ""

    peer: t.ClassVar[Peer] = ENGINE

    @classmethod
    def parse(cls, docker_host: str, tls: bool = False) -> Address:
        """What the user wrote; `tls` is ignored for unix sockets, since `DOCKER_TLS_VERIFY` is often set globally."""
        scheme, separator, rest = docker_host.partition("://")
        scheme = scheme.lower()
        if not separator:
            raise _wrong(docker_host, f"has no scheme; expected {EXPECTED}")
        if scheme in UNSUPPORTED:
            raise _wrong(docker_host, UNSUPPORTED[scheme])
        if scheme == "unix":
            if not rest.strip("/"):
                raise _wrong(docker_host, "names no socket; expected unix:///path")
            return cls(path="/" + rest.lstrip("/"))
        if scheme == "ssh":
            return cls._ssh(docker_host, rest)
        if scheme not in ("tcp", "http", "https"):
            raise _wrong(docker_host, f"has an unknown scheme; expected {EXPECTED}")
        if scheme == "http" and tls:
            raise _wrong(docker_host, "is http://, which excludes TLS; write tcp:// or https://")
        return cls._tcp(docker_host, tls or scheme == "https")

    @classmethod
    def _tcp(cls, docker_host: str, tls: bool) -> Address:
        try:
            url = urlsplit(docker_host)
            port = url.port
        except ValueError as exc:  # an unclosed bracket, a port that is no number
            raise _wrong(docker_host, f"is not an address: {exc}") from exc
        if url.username is not None:
            # Not quoted in the message: what stands before the "@" may be a password.
            raise UsageError("docker_host must not hold a user or password: engines know client certificates only")
        if not _plain(url):
            raise _wrong(docker_host, f"is not an address; expected {EXPECTED}")
        return cls(url.hostname or "", port or (TLS_PORT if tls else PORT), url.path.rstrip("/"), tls)

    @classmethod
    def _ssh(cls, docker_host: str, rest: str) -> Address:
        if ":" in rest.rpartition("@")[0]:
            # Not quoted, see below.
            raise UsageError(
                "docker_host must not hold a password: ssh has keys and agents, and nobody asks it for one"
            )
        match = re.fullmatch(_SSH, rest, re.ASCII)
        port = int(match["port"] or 0) if match else 0
        if not match or port > 65535 or (match["port"] and not port):
            raise _wrong(docker_host, "is not an address; expected ssh://user@host:port or ssh://host/path/of/socket")
        path = match["path"].rstrip("/") or USUAL
        return cls(match["bare"] or match["host"], port, path, ssh=True, user=match["user"] or "")

    @property
    def is_unix(self) -> bool:
        """Does HTTP go over a unix socket, be it a forwarded one?"""
        return self.ssh or not self.host

    @property
    def url(self) -> str:
        """Where HTTP requests go, without a trailing slash. Over a unix socket the host is a mere word."""
        if self.is_unix:
            return "http://localhost"
        return f"{'https' if self.tls else 'http'}://{self._authority}{self.path}"

    @property
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    def __str__(self) -> str:
        if self.ssh:
            return f"ssh://{self.user and self.user + '@'}{self._authority}{self.path}"
        return f"tcp://{self._authority}{self.path}" if self.host else f"unix://{self.path}"


def _plain(url: SplitResult) -> bool:
    """A host, a port that is none or real, and nothing that no engine's address has."""
    if not url.hostname or url.port == 0 or url.query or url.fragment:
        return False
    return not any(c.isspace() or c in "%\\" for c in url.netloc)


def _wrong(docker_host: str, why: str) -> UsageError:
    return UsageError(f"docker_host {docker_host!r}: {why}", docker_host=docker_host)
