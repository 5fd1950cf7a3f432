# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.slipway.images.plugins.module_utils.buildkit import protobuf, secrets
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.conftest import Start

METHOD = "/moby.buildkit.secrets.v1.Secrets/GetSecret"


def test_secrets(start: Start) -> None:
    kept = {"a": bytes(range(256)) * 100, "empty": b""}
    caller, failures = start(secrets.service(kept))
    for id, value in kept.items():
        talk = caller.call(METHOD, protobuf.field(1, id.encode()))
        assert talk.end() == [protobuf.field(1, value)]
        assert talk.status == 0
    talk = caller.call(METHOD, protobuf.field(1, b"b"))
    assert (talk.end(), talk.status, failures) == ([], 5, [])
