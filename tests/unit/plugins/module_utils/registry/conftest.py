# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries as real small servers."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Auth
from ansible_collections.slipway.images.plugins.module_utils.registry.client import Registry
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.tests.support.registries import Reply, Request, Site, site

Route = t.Callable[[Request], Reply]


@pytest.fixture
def serve() -> t.Iterator[t.Callable[..., Site]]:
    with contextlib.ExitStack() as stack:
        yield lambda route, tls=None: stack.enter_context(site(route, tls))


@pytest.fixture
def open_registry() -> t.Iterator[t.Callable[..., Registry]]:
    """A client of a site, or of any host; closed after the test."""
    with contextlib.ExitStack() as stack:

        def start(
            where: Site | str,
            login: Auth | None = None,
            tls: Tls | None = None,
            insecure: bool = False,
            timeout: float = 10,
        ) -> Registry:
            host = where if isinstance(where, str) else where.address
            return stack.enter_context(contextlib.closing(Registry(host, login, tls or Tls(), insecure, timeout)))

        yield start
