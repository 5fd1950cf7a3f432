# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.building import inputs
from ansible_collections.slipway.images.plugins.module_utils.errors import NotFound
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.tests.support.fake import Fake, id_of, image
from ansible_collections.slipway.images.tests.support.registries import Reply, Request, refusal, site

THERE = id_of("there")


def test_ids() -> None:
    fake = Fake({"a:1": image("one")})
    known = inputs.ids(fake.engine, [Reference.parse("a:1"), Reference.parse("b:1")])
    assert known == {"base image a:1": id_of("one"), "base image b:1": ""}


def test_digests() -> None:
    fake = Fake(registry={"a:1": THERE})
    asked = [Reference.parse("a:1"), Reference.parse("b@" + THERE)]
    assert inputs.digests(fake.engine, asked) == {"registry's a:1": THERE}
    with pytest.raises(NotFound):
        inputs.digests(fake.engine, [Reference.parse("c:1")])


def test_digests_where_the_engine_cannot_ask() -> None:
    def route(request: Request) -> Reply:
        known = request.path == "/v2/app/manifests/1"
        return Reply(headers={"Docker-Content-Digest": THERE}) if known else refusal(404, "MANIFEST_UNKNOWN", "no")

    with site(route) as registry:
        here, gone = ("%s/app:%s" % (registry.address, tag) for tag in ("1", "9"))
        found = inputs.digests(Fake(podman=True).engine, [Reference.parse(here), Reference.parse(gone)])
    assert found == {"registry's " + here: THERE, "registry's " + gone: ""}
