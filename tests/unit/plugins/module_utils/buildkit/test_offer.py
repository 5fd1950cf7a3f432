# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import tarfile
from pathlib import Path

from ansible_collections.slipway.images.plugins.module_utils.buildkit.offer import Offer
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Context
from ansible_collections.slipway.images.plugins.module_utils.disk.replica import Replica
from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import LoneDockerfile, TarContext

FILESYNC = "/moby.filesync.v1.FileSync/DiffCopy"


def offer(source: Context | LoneDockerfile | TarContext | None, dockerfile: str | None = None) -> Offer:
    return Offer.of(source, dockerfile=dockerfile, inline=False, lookup=lambda host: None)


def key(offer: Offer) -> str:
    return dict(offer.session.headers)["X-Docker-Expose-Session-Sharedkey"]


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/App").write_text("FROM x\n")
    made = offer(Context.open(str(tmp_path), "d/App"), "d/App")
    asked = [("version", "2"), ("session", made.session.id), ("dockerfile", "App"), ("remote", "client-session")]
    assert list(made.query) == asked
    assert FILESYNC in [value for _name, value in made.session.headers]
    assert key(made)


def test_what_needs_no_directory_serves_none(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "t.tar", "w") as tar:
        (tmp_path / "App").write_text("FROM x\n")
        tar.add(tmp_path / "App", "d/App")
    for source in (TarContext.open(str(tmp_path / "t.tar"), "d/App"), None):
        made = offer(source, "d/App")
        assert list(made.query) == [("version", "2"), ("session", made.session.id), ("dockerfile", "d/App")]
        assert FILESYNC not in [value for _name, value in made.session.headers]


def test_a_lone_dockerfile() -> None:
    made = offer(LoneDockerfile(b"FROM x\n"))
    assert ("remote", "client-session") in made.query
    assert key(made) == "", "files in memory are never taken for one another"


def test_each_service_has_the_methods_that_it_tells_of(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    made = Offer.of(
        Context.open(str(tmp_path)),
        dockerfile=None,
        inline=False,
        lookup=lambda host: None,
        agents={"default": "/socket"},
        takes={"/a.B/C": lambda call: None},
    )
    services = made.session._services
    assert len(services) == 5
    assert [list(service.make()) for service in services] == [list(service.methods) for service in services]


def test_a_replica_has_the_key(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    replica = Replica("file", "its key", {})
    context = Context.open(str(tmp_path))
    assert key(Offer.of(context, dockerfile=None, inline=False, lookup=lambda host: None, replica=replica)) == "its key"
