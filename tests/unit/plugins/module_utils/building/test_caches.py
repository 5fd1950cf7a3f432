# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.slipway.images.plugins.module_utils.building.caches import Caches
from ansible_collections.slipway.images.plugins.module_utils.buildkit import content
from ansible_collections.slipway.images.plugins.module_utils.buildkit.solve import CACHE
from ansible_collections.slipway.images.plugins.module_utils.disk.blobstore import BlobStore

REGISTRYS = {"Type": "registry", "Attrs": {"ref": "a/cache"}}
ABSENT = "sha256:" + "0" * 64


def cache(root: Path, name: str = "latest") -> str:
    """The digest of what is in a directory, under that name."""
    store = BlobStore(str(root))
    with store.blob() as blob:
        digest = store.keep(blob)
    store.give(name, {"digest": digest})
    return digest


def imports(**attrs: str) -> dict[str, str]:
    return {"cacheimports": json.dumps([{"Type": "local", "Attrs": attrs}])}


def test_one_that_is_there_is_named_by_its_digest(tmp_path: Path) -> None:
    digest, warnings = cache(tmp_path, "mine"), list[str]()
    caches = Caches({"pull": "1", **imports(src=str(tmp_path), tag="mine")}, warnings)
    [said] = json.loads(caches.conduct["cacheimports"])
    assert said["Attrs"] == {"src": str(tmp_path), "tag": "mine", "digest": digest}
    assert (caches.conduct["pull"], warnings) == ("1", [])
    assert content.SERVICE + "Read" in caches.services


def test_one_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    cache(tmp_path)
    nowhere = tmp_path / "none"
    for attrs in ({"src": str(nowhere)}, {"src": str(tmp_path), "tag": "x"}, {"src": str(tmp_path), "digest": ABSENT}):
        warnings: list[str] = []
        assert "cacheimports" not in Caches(imports(**attrs), warnings).conduct
        assert warnings == ["cache_from: there is no cache in %s" % attrs["src"]]
    assert not nowhere.exists()


def test_what_was_written_gets_its_name_at_the_end(tmp_path: Path) -> None:
    kept = [REGISTRYS, {"Type": "local", "Attrs": {"dest": str(tmp_path)}}]
    caches = Caches({"cacheto": json.dumps(kept)}, [])
    records = [{"id": "other"}, {"id": CACHE, "aux": json.dumps({"digest": ABSENT, "size": 1})}]
    assert list(caches.noted(iter(records))) == records
    assert json.loads(caches.conduct["cacheto"]) == kept
    assert not (tmp_path / "index.json").exists()
    caches.settle()
    assert BlobStore(str(tmp_path)).named("latest") == ABSENT


def test_a_build_that_told_of_none_names_none(tmp_path: Path) -> None:
    caches = Caches({"cacheto": json.dumps([{"Type": "local", "Attrs": {"dest": str(tmp_path)}}])}, [])
    list(caches.noted(iter([{"id": "other"}])))
    caches.settle()
    assert not (tmp_path / "index.json").exists()
