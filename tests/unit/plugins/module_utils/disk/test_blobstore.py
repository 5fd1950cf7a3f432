# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk.blobstore import BlobStore
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError


def put(store: BlobStore, data: bytes) -> str:
    with store.blob() as blob:
        blob.file.write(data)
        blob.sha.update(data)
        return store.keep(blob)


def test_what_is_kept_is_there(tmp_path: Path) -> None:
    store = BlobStore(str(tmp_path / "cache"))
    digest = put(store, b"0123456789")
    assert digest == "sha256:" + hashlib.sha256(b"0123456789").hexdigest()
    assert store.size(digest) == 10
    assert b"".join(store.pieces(digest, 0, 10)) == b"0123456789"
    assert b"".join(store.pieces(digest, 4, 3)) == b"456"
    assert b"".join(store.pieces(digest, 8, 5)) == b"89"
    assert [path.name for path in (tmp_path / "cache/blobs/sha256").iterdir()] == [digest[7:]]


def test_what_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    store = BlobStore(str(tmp_path))
    with pytest.raises(KeyError), store.blob() as blob:
        blob.file.write(b"half")
        raise KeyError
    assert list((tmp_path / "blobs/sha256").iterdir()) == []


def test_names(tmp_path: Path) -> None:
    store = BlobStore(str(tmp_path))
    assert store.named("latest") == ""
    one, two = put(store, b"1"), put(store, b"2")
    store.give("latest", {"mediaType": "m", "digest": one, "size": 1})
    store.give("other", {"mediaType": "m", "digest": one, "size": 1})
    store.give("latest", {"mediaType": "m", "digest": two, "size": 1, "annotations": {"a": "b"}})
    assert (store.named("latest"), store.named("other"), store.named("third")) == (two, one, "")
    index = json.loads((tmp_path / "index.json").read_text())
    name = "org.opencontainers.image.ref.name"
    assert [each["annotations"] for each in index["manifests"]] == [{name: "other"}, {"a": "b", name: "latest"}]
    assert json.loads((tmp_path / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert {os.stat(tmp_path / name).st_mode & 0o777 for name in ("index.json", "oci-layout")} == {0o644}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"manifests": [1]}'])
def test_another_index(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(FormatError, match=r"index\.json is no index of an OCI layout"):
        BlobStore(str(tmp_path)).named("latest")


@pytest.mark.parametrize("digest", ["", "sha256:", "../../etc/passwd", "sha256:" + "A" * 64, "sha256:../" + "a" * 61])
def test_a_digest_is_no_path(tmp_path: Path, digest: str) -> None:
    with pytest.raises(FormatError, match="is no digest"):
        BlobStore(str(tmp_path)).size(digest)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("")
    with pytest.raises(UsageError, match="cannot write a cache into"), BlobStore(str(tmp_path)).blob():
        pass
