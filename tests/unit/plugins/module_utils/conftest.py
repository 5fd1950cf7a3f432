# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Handler
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from ansible_collections.slipway.images.tests.support.caller import Caller

Start = t.Callable[[t.Mapping[str, Handler]], tuple[Caller, list[BaseException]]]


@pytest.fixture
def start() -> t.Iterator[Start]:
    """`start(handlers)`: somebody who calls them, and what failed."""
    callers: list[Caller] = []

    def begin(handlers: t.Mapping[str, Handler]) -> tuple[Caller, list[BaseException]]:
        failures: list[BaseException] = []
        callers.append(Caller(Server(handlers, failures.append)))
        return callers[-1], failures

    yield begin
    for caller in callers:
        caller.close()
