# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit.protobuf import field, message
from ansible_collections.slipway.images.plugins.module_utils.buildkit.refusal import Refusal, refusal

PREFIX = "github.com/moby/buildkit/"


def details(*found: tuple[str, object]) -> bytes:
    kinds = [message((1, (PREFIX + kind).encode()), (2, json.dumps(value).encode())) for kind, value in found]
    return message((1, 2), (2, b"said"), *((3, kind) for kind in kinds))


SOURCE = {"info": {"filename": "Dockerfile"}, "ranges": [{"start": {"line": 5}, "end": {"line": 6}}, {"start": {}}]}
WHOLE = (
    ("stack.Stack+json", {"frames": []}),
    ("errdefs.Source+json", SOURCE),
    ("errdefs.Vertex+json", {"digest": "sha256:1"}),
    ("gatewayapi.ExitMessage+json", {"Code": 7}),
)


def test_a_step_that_failed() -> None:
    assert refusal(details(*WHOLE)) == Refusal("sha256:1", 5, 7)


def test_what_is_wrapped_is_more_exact_than_what_wraps_it() -> None:
    outer = {"ranges": [{"start": {"line": 1}}]}
    assert refusal(details(("errdefs.Source+json", outer), *WHOLE)).line == 5


@pytest.mark.parametrize("value", [None, 1, [], "x", {}, {"ranges": 1}, {"ranges": []}, {"ranges": [None]}])
def test_sources_of_another_shape(value: object) -> None:
    assert refusal(details(("errdefs.Source+json", value))) == Refusal()


def test_what_cannot_be_read() -> None:
    whole = details(*WHOLE)
    for cut in range(len(whole)):
        assert refusal(whole[:cut]) == Refusal() or whole[cut:].startswith(b"\x1a")  # between two of them
    broken = field(3, message((1, b"x/errdefs.Source+json"), (2, b"{")))
    other = field(3, message((1, b"type.googleapis.com/google.rpc.DebugInfo"), (2, b"\xff")))
    assert refusal(broken) == refusal(other) == Refusal()
