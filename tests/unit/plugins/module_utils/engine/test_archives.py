# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import archives
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import NotFound, StreamError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

ERROR = b'{"errorDetail":{"message":"write: no space left on device"},"error":"write: no space left on device"}\r\n'
IMPORTS: list[tuple[dict[str, t.Any], dict[str, str]]] = [
    ({}, {}),
    (
        {"changes": ["CMD a"], "comment": "m", "platform": "linux/arm"},
        {"changes": "CMD a", "message": "m", "platform": "linux/arm"},
    ),
]


def test_save(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["GET /images/get"] = b"tar" * 100_000
    assert b"".join(archives.save(engine, ["a:1", "sha256:b"], '{"os":"linux"}')) == b"tar" * 100_000
    assert daemon.last.query == {"names": "sha256:b", "platform": '{"os":"linux"}'}
    list(archives.save(engine, ["a:1"]))
    assert daemon.last.query == {"names": "a:1"}


@pytest.mark.parametrize("sent", [0, 10, 5000, 65536 - 20, 200_000])
def test_an_engine_that_breaks_off_says_why_behind_the_tar(daemon: t.Any, engine: Engine, sent: int) -> None:
    daemon.answers["GET /images/get"] = bytes(sent) + ERROR
    with pytest.raises(StreamError, match="saving images: the engine said: write: no space left on device"):
        list(archives.save(engine, ["a:1"]))


@pytest.mark.parametrize("end", [b'{"errorDetail"', b'{"errorDetail":{"message":"x"}} and more', bytes(1024)])
def test_what_only_resembles_an_error_is_data(daemon: t.Any, engine: Engine, end: bytes) -> None:
    daemon.answers["GET /images/get"] = b"tar" + end
    assert b"".join(archives.save(engine, ["a:1"])) == b"tar" + end


def test_save_refused(engine: Engine) -> None:
    with pytest.raises(NotFound):
        next(archives.save(engine, ["none:1"]))


@pytest.mark.parametrize(("how", "query"), IMPORTS)
def test_create(daemon: t.Any, engine: Engine, how: dict[str, t.Any], query: dict[str, str]) -> None:
    daemon.answers["POST /images/create"] = b'{"status":"sha256:a"}'
    reference = Reference.parse("host:5000/a:1")
    assert list(archives.create(engine, reference, [b"ta", b"r"], **how)) == [{"status": "sha256:a"}]
    assert daemon.last.query == {"fromSrc": "-", "repo": "host:5000/a:1", **query}
    assert (daemon.last.body, daemon.last.headers["content-type"]) == (b"tar", "application/x-tar")
