# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the JSON of an archive tells. Whole archives, on disk and compressed, are `test_archive.py`'s."""

from __future__ import annotations

import gzip
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import compression, layout
from ansible_collections.slipway.images.plugins.module_utils.disk.layout import ArchivedImage
from ansible_collections.slipway.images.plugins.module_utils.disk.members import Contents
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.tests.support import archives
from ansible_collections.slipway.images.tests.support.archives import Image, Members, blob, digest, dumped

ONE = Image(("app:1",), ("one",), architecture="arm", variant="v7")
Read = t.Callable[[Contents], tuple[ArchivedImage, ...]]


def told(tmp_path: Path, of: Read, members: Members) -> tuple[ArchivedImage, ...]:
    path = tmp_path / "image.tar"
    path.write_bytes(archives.tar(members))
    with compression.opened(str(path)) as plain:
        return of(Contents(plain))


def test_what_docker_lists(tmp_path: Path) -> None:
    members = archives.modern(ONE)
    assert told(tmp_path, layout.of_docker, members) == (
        ArchivedImage(
            names=("app:1",),
            config_digest=ONE.config_digest,
            manifest_digest="",
            index_digest="",
            platform=Platform("linux", "arm", "v7"),
            layers=(blob(ONE.layers[0]),),
        ),
    )


def test_what_containerd_will_make_of_what_has_no_manifest(tmp_path: Path) -> None:
    """The id that 28.5.2 gave this very archive."""
    members = archives.legacy(Image(("chains/loaded:1",)))
    (image,) = told(tmp_path, layout.of_docker, members)
    assert image.expected_digest == "sha256:c8e6aa8a5df1cb741e8344138977ff9b64cbc967b50f494b9b76646b8cb6b5fe"
    assert image.ids == {image.config_digest, image.expected_digest}
    for name, content in members.items():
        if name.endswith(".tar"):
            members[name] = gzip.compress(t.cast(bytes, content))
    assert told(tmp_path, layout.of_docker, members)[0].expected_digest == "", "its layers would have to be read"


def test_what_an_oci_index_points_to(tmp_path: Path) -> None:
    (image,) = told(tmp_path, layout.of_oci, archives.oci(ONE))
    assert (image.manifest_digest, image.index_digest) == (digest(ONE.manifest), "")
    assert image.ids == {ONE.config_digest, digest(ONE.manifest)}


def test_names_of_one_image_are_gathered(tmp_path: Path) -> None:
    (image,) = told(tmp_path, layout.of_oci, archives.oci(Image(("app:1", "org/app", "app:1"))))
    assert image.names == ("app:1", "org/app")


@pytest.mark.parametrize(
    ("key", "name", "names"),
    [
        ("io.containerd.image.name", "docker.io/library/app:1", ("docker.io/library/app:1",)),
        ("org.opencontainers.image.ref.name", "org/app:1", ("org/app:1",)),
        ("org.opencontainers.image.ref.name", "latest", ()),
        ("org.opencontainers.image.ref.name", "app@sha256:" + "a" * 64, ()),
        ("org.opencontainers.image.ref.name", "No:Name:1", ()),
        ("another", "app:1", ()),
    ],
)
def test_which_annotation_is_a_name(tmp_path: Path, key: str, name: str, names: tuple[str, ...]) -> None:
    (image,) = told(tmp_path, layout.of_oci, archives.oci(Image((name,)), key=key))
    assert image.names == names


def test_platforms_share_their_index_and_attestations_are_none(tmp_path: Path) -> None:
    two = Image(texts=("two",)), Image(texts=("three",), architecture="arm64")
    images = told(tmp_path, layout.of_oci, archives.multi_platform(*two, names=("app:1",), attest=True))
    assert [str(image.platform) for image in images] == ["linux/amd64", "linux/arm64"]
    assert len({image.index_digest for image in images}) == 1 and images[0].index_digest
    assert {image.names for image in images} == {("app:1",)}


def without(members: Members, *names: str) -> Members:
    return {name: data for name, data in members.items() if name not in names}


LEGACY, OCI = archives.legacy(ONE), archives.oci(ONE)
CONFIG = next(name for name in LEGACY if name.endswith(".json") and name != "manifest.json")


def listed(**more: t.Any) -> Members:
    assert isinstance(LEGACY["manifest.json"], bytes)
    (entry,) = json.loads(LEGACY["manifest.json"])
    return {**LEGACY, "manifest.json": dumped([{**entry, **more}])}


@pytest.mark.parametrize(
    ("of", "members", "says"),
    [
        (layout.of_docker, {**LEGACY, "manifest.json": b"{}"}, "its value is not a list"),
        (layout.of_docker, listed(RepoTags=["Bad"]), "a name that no engine takes"),
        (layout.of_docker, listed(RepoTags=["app@sha256:" + "a" * 64]), "a name that no engine takes"),
        (layout.of_docker, listed(Config=7), "Config is not a str"),
        (layout.of_docker, listed(Layers=[]), "0 layers are listed for .*, which speaks of 1"),
        (layout.of_docker, listed(Layers=["none"]), "the layer none is listed, but not in it"),
        (layout.of_docker, {**LEGACY, CONFIG: b'{"rootfs": {}}'}, "it was damaged or altered"),
        (layout.of_oci, {**OCI, "index.json": b'{"manifests": [{"digest": "sha256:1"}]}'}, "is not a digest"),
        (layout.of_oci, {**OCI, "index.json": b'{"manifests": 1}'}, "manifests is not a list"),
        (layout.of_oci, without(OCI, blob(ONE.layers[0])), "is listed, but not in it"),
    ],
)
def test_what_it_says_must_be_so(tmp_path: Path, of: Read, members: Members, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        told(tmp_path, of, members)


def nested(depth: int) -> Members:
    members, below = OCI, archives.descriptor(ONE.manifest, archives.OCI_MANIFEST)
    for _level in range(depth):
        inner = archives.index(below)
        members, below = {**members, blob(inner): inner}, archives.descriptor(inner, archives.OCI_INDEX)
    return {**members, "index.json": archives.index(below)}


def test_indexes_in_indexes(tmp_path: Path) -> None:
    (image,) = told(tmp_path, layout.of_oci, nested(8))
    assert image.config_digest == ONE.config_digest
    with pytest.raises(FormatError, match="nested deeper than 8"):
        told(tmp_path, layout.of_oci, nested(9))


def test_where_a_blob_lies() -> None:
    assert layout.blob_of("sha256:ab") == "blobs/sha256/ab"
