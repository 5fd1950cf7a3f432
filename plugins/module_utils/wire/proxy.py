# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy that the environment names for an address (`http_proxy`, `https_proxy`, `all_proxy`; `no_proxy`).

Found as `requests` finds it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address


@dataclass(frozen=True)
class Proxy:
    """`url` is without the user and password, who are in `headers`."""

    url: str
    headers: t.Mapping[str, str] = field(default_factory=dict, repr=False)


def of(address: Address) -> Proxy | None:
    """`None` for a direct connection: as to the docker CLI, loopback is one. `ImportError` without `requests`."""
    if address.host in ("localhost", "::1") or address.host.startswith("127."):
        return None
    from requests.utils import get_auth_from_url, get_environ_proxies, select_proxy
    from urllib3.util import make_headers

    found = select_proxy(address.url, get_environ_proxies(address.url, no_proxy=None))
    if not found:
        return None
    try:
        url = urlsplit(found if "://" in found else f"http://{found}")
        host, port = url.hostname, url.port
    except ValueError:
        host = port = None
    if not host or url.scheme not in ("http", "https"):
        # Not quoted: before the "@" there may be a password.
        raise UsageError(f"the proxy of the environment for {address} is not http://host:port or https://host:port")
    netloc = f"[{host}]" if ":" in host else host
    user, password = get_auth_from_url(url.geturl())
    headers = make_headers(proxy_basic_auth=f"{user}:{password}") if user else {}
    return Proxy(f"{url.scheme}://{netloc}{f':{port}' if port else ''}", headers)
