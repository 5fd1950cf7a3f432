# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import transfer
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import Denied, NotFound, StreamError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

DIGEST = "sha256:" + "a" * 64
ARM = '{"os":"linux","architecture":"arm","variant":"v7"}'
PULLS: list[tuple[str, dict[str, t.Any], dict[str, str]]] = [
    ("app:1", {}, {"fromImage": "app", "tag": "1"}),
    ("host:5000/app@" + DIGEST, {}, {"fromImage": "host:5000/app", "tag": DIGEST}),
    ("app:1@" + DIGEST, {}, {"fromImage": "app", "tag": DIGEST}),
    ("app", {"all_tags": True}, {"fromImage": "app", "tag": ""}),
    ("app:1", {"platform": "linux/arm64"}, {"fromImage": "app", "tag": "1", "platform": "linux/arm64"}),
]


@pytest.mark.parametrize(("name", "how", "query"), PULLS)
def test_pull(daemon: t.Any, engine: Engine, name: str, how: dict[str, t.Any], query: dict[str, str]) -> None:
    daemon.answers["POST /images/create"] = b'{"status":"a"}{"status":"b"}'
    reference = Reference.parse(name)
    assert list(transfer.pull(engine, reference, **how)) == [{"status": "a"}, {"status": "b"}]
    assert daemon.last.query == query
    assert daemon.last.headers["x-registry-auth"] == "for " + reference.registry


def test_pull_refused(engine: Engine) -> None:
    with pytest.raises(NotFound):
        list(transfer.pull(engine, Reference.parse("gone:1")))


@pytest.mark.parametrize("podman", [False, True])
def test_a_refusal_of_podman_5(daemon: t.Any, engine: Engine, podman: bool) -> None:
    """It has a status where Podman 4 begins a stream; and of a push it is a record."""
    said = "trying to reuse blob: authentication required"
    daemon.answers["POST /images/host:5000/a/b/push"] = (500, {"errorDetail": {"message": said}, "error": said})
    records = transfer.push(replace(engine, podman=podman), Reference.parse("host:5000/a/b:1"))
    if podman:
        assert list(records) == [{"errorDetail": {"code": 500, "message": said}}]
    else:
        with pytest.raises(Denied, match=said):
            list(records)


def test_load(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["POST /images/load"] = b'{"stream":"Loaded image: a:1"}'
    assert list(transfer.load(engine, iter([b"tar", b"ball"]))) == [{"stream": "Loaded image: a:1"}]
    assert (daemon.last.query, daemon.last.body) == ({"quiet": "0"}, b"tarball")
    assert daemon.last.headers["content-type"] == "application/x-tar"


def test_a_stream_cut_in_a_record(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["POST /images/load"] = b'{"stream":"Loaded'
    with pytest.raises(StreamError):
        list(transfer.load(engine, [b""]))


@pytest.mark.parametrize(("platform", "query"), [(None, {"tag": "1"}), (ARM, {"tag": "1", "platform": ARM})])
def test_push(daemon: t.Any, engine: Engine, platform: str | None, query: dict[str, str]) -> None:
    daemon.answers["POST /images/host:5000/a/b/push"] = b'{"status":"a"}{"status":"b"}'
    records = transfer.push(engine, Reference.parse("host:5000/a/b:1"), platform)
    assert list(records) == [{"status": "a"}, {"status": "b"}]
    assert daemon.last.query == query
    assert daemon.last.headers["x-registry-auth"] == "for host:5000"
