# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import archive
from ansible_collections.slipway.images.plugins.module_utils.disk.archive import Archive
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.tests.support import archives
from ansible_collections.slipway.images.tests.support.archives import Image, Members, blob, digest, dumped

ONE = Image(("app:1", "ghcr.io/org/app:latest"))
TWO = Image(("other:1",), ("one", "else"))
NAMELESS = Image(texts=("nameless", "too"))
ARM = Image(texts=("arm",), architecture="arm", variant="v7")
ARM64 = Image(texts=("arm64",), architecture="arm64")
LAYOUTS = {"legacy": archives.legacy, "modern": archives.modern, "oci": archives.oci}


def written(tmp_path: Path, members: Members | bytes) -> str:
    path = tmp_path / "image.tar"
    path.write_bytes(members if isinstance(members, bytes) else archives.tar(members))
    return str(path)


def sent(found: Archive) -> bytes:
    return b"".join(archive.blocks(found))


@pytest.mark.parametrize("compression", archives.COMPRESSIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_images_of_each_layout_and_compression(tmp_path: Path, layout: str, compression: str) -> None:
    plain = archives.tar(LAYOUTS[layout](ONE, TWO, NAMELESS))
    found = archive.read(written(tmp_path, archives.COMPRESSIONS[compression](plain)))
    assert (found.layout, found.compression) == ("oci" if layout == "oci" else "docker", compression)
    assert [image.names for image in found.images] == [ONE.names, TWO.names, ()]
    assert [image.config_digest for image in found.images] == [x.config_digest for x in (ONE, TWO, NAMELESS)]
    told = [digest(x.manifest) if layout != "legacy" else "" for x in (ONE, TWO, NAMELESS)]
    assert [image.manifest_digest for image in found.images] == told
    assert {image.index_digest for image in found.images} == {""}
    assert found.images[0].platform == Platform("linux", "amd64")
    assert [len(image.layers) for image in found.images] == [2, 2, 2]
    assert sent(found).endswith(plain) and (layout == "oci" or sent(found) == plain)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_archive_cut_anywhere_is_an_error_or_whole(tmp_path: Path, layout: str) -> None:
    plain = archives.tar(LAYOUTS[layout](ONE, Image(("tiny:1",), ("one",))))
    images = archive.read(written(tmp_path, plain)).images
    for cut in sorted({*range(0, len(plain), 512), *range(100, len(plain), 3000), len(plain) - 1}):
        path = written(tmp_path, plain[:cut])
        try:
            assert archive.read(path).images == images and cut >= len(plain) - 512
        except FormatError as exc:
            assert str(exc).startswith(path) and "\n" not in str(exc)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_byte_flipped_anywhere_is_never_a_foreign_error(tmp_path: Path, layout: str) -> None:
    plain = archives.tar(LAYOUTS[layout](ONE))
    for at in range(0, len(plain), 37):
        path = written(tmp_path, plain[:at] + bytes([plain[at] ^ 0x15]) + plain[at + 1 :])
        try:
            assert {image.config_digest for image in archive.read(path).images} <= {ONE.config_digest}
        except FormatError as exc:
            assert str(exc).startswith(path) and "\n" not in str(exc)


def test_an_index_of_several_platforms(tmp_path: Path) -> None:
    members = archives.multi_platform(Image(), ARM, ARM64, names=("app:1", "app:2"), attest=True)
    found = archive.read(written(tmp_path, members))
    top = json.loads(members["index.json"])["manifests"][0]["digest"]
    assert [str(image.platform) for image in found.images] == ["linux/amd64", "linux/arm/v7", "linux/arm64"]
    assert {image.index_digest for image in found.images} == {top}
    assert {image.names for image in found.images} == {("app:1", "app:2")}
    assert found.images[1].ids == {ARM.config_digest, digest(ARM.manifest), top}
    assert [image.config_digest for image in archive.chosen(found, Platform("linux", "arm64"))] == [ARM64.config_digest]
    assert archive.chosen(found, Platform("linux", "s390x")) == ()


def test_a_platform_whose_blobs_were_left_out_is_no_image(tmp_path: Path) -> None:
    members = archives.multi_platform(Image(), ARM, ARM64, names=("app:1",))
    del members[blob(ARM.layers[0])], members[blob(ARM64.manifest)]
    found = archive.read(written(tmp_path, members))
    assert [str(image.platform) for image in found.images] == ["linux/amd64"]
    assert archive.chosen(found, Platform("linux", "arm64")) == found.images, "there is nothing to choose from"
    del members[blob(Image().config)]
    with pytest.raises(FormatError, match=r"of no platform in its blobs/sha256/.* all blobs are there"):
        archive.read(written(tmp_path, members))


def test_both_lists_are_one_view(tmp_path: Path) -> None:
    """Docker on the containerd store saves an index of all platforms, and one of them in `manifest.json`."""
    members = archives.multi_platform(ARM, ARM64, names=("docker.io/library/app:1",))
    entry = {"Config": blob(ARM64.config), "RepoTags": ["app:1"], "Layers": [blob(ARM64.layers[0])]}
    found = archive.read(written(tmp_path, {**members, "manifest.json": dumped([entry])}))
    top = json.loads(members["index.json"])["manifests"][0]["digest"]
    (image,) = found.images
    assert (found.layout, image.names, image.config_digest) == ("docker", ("app:1",), ARM64.config_digest)
    assert (image.manifest_digest, image.index_digest) == (digest(ARM64.manifest), top)


def test_indexes_in_indexes_are_followed_to_an_end(tmp_path: Path) -> None:
    members = archives.oci(ONE)
    for _level in range(4):
        inner = members["index.json"]
        assert isinstance(inner, bytes)
        members.update({blob(inner): inner, "index.json": archives.index(archives.descriptor(inner, "index"))})
    found = archive.read(written(tmp_path, members))
    assert [image.config_digest for image in found.images] == [ONE.config_digest]
    for _level in range(6):
        inner = members["index.json"]
        assert isinstance(inner, bytes)
        members.update({blob(inner): inner, "index.json": archives.index(archives.descriptor(inner, "index"))})
    with pytest.raises(FormatError, match="nested deeper than 8"):
        archive.read(written(tmp_path, members))


def test_indexes_that_name_each_other_many_times_do_not_multiply(tmp_path: Path) -> None:
    members = archives.oci(ONE)
    for _level in range(7):
        inner = archives.index(*json.loads(members["index.json"])["manifests"] * 50)
        members.update({blob(inner): inner, "index.json": archives.index(archives.descriptor(inner, "index"))})
    assert len(archive.read(written(tmp_path, members)).images) == 1


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("docker.io/library/app:1", ("docker.io/library/app:1",)),
        ("app:1", ("app:1",)),
        ("ghcr.io/org/app", ("ghcr.io/org/app",)),
        ("latest", ()),
        ("1.0", ()),
        ("", ()),
        ("ocidir://app@sha256:" + "0" * 64, ()),
        ("app@sha256:" + "0" * 64, ()),
    ],
)
def test_names_of_an_oci_layout(tmp_path: Path, said: str, names: tuple[str, ...]) -> None:
    members = archives.oci(Image((said,)), key="org.opencontainers.image.ref.name")
    assert archive.read(written(tmp_path, members)).images[0].names == names


def test_containerds_name_comes_before_a_tag(tmp_path: Path) -> None:
    both = {"io.containerd.image.name": "docker.io/library/app:1", "org.opencontainers.image.ref.name": "1"}
    index = archives.index(archives.descriptor(ONE.manifest, archives.OCI_MANIFEST, annotations=both))
    found = archive.read(written(tmp_path, {**archives.oci(ONE), "index.json": index}))
    assert found.images[0].names == ("docker.io/library/app:1",)


def test_an_artifact_is_no_image(tmp_path: Path) -> None:
    manifest = ONE.manifest.replace(archives.OCI_CONFIG.encode(), b"application/vnd.cncf.helm.config.v1+json")
    index = archives.index(archives.descriptor(manifest, archives.OCI_MANIFEST))
    with pytest.raises(FormatError, match="there is no image in it"):
        archive.read(written(tmp_path, {**archives.oci(ONE), blob(manifest): manifest, "index.json": index}))


def test_an_oci_layout_gets_a_list_that_every_engine_knows(tmp_path: Path) -> None:
    members = archives.multi_platform(Image(), ARM64, names=("docker.io/library/app:1", "ghcr.io/org/app"))
    path = written(tmp_path, members)
    found = archive.read(path)
    out = tmp_path / "sent.tar"
    out.write_bytes(b"".join(archive.blocks(found, archive.chosen(found, Platform("linux", "amd64")))))
    again = archive.read(str(out))
    (image,) = again.images
    assert again.layout == "docker"
    assert (image.names, image.config_digest) == (("app:1", "ghcr.io/org/app:latest"), Image().config_digest)
    with tarfile.open(out) as tar:
        assert tar.getnames() == ["manifest.json", *members]


def change(members: Members, name: str, content: bytes | None) -> Members:
    """The same with another content for one member, or without it."""
    changed = {**members, name: content or b""}
    return changed if content else {key: value for key, value in changed.items() if key != name}


LEGACY, OCI = archives.legacy(ONE), archives.oci(ONE)
CONFIG = ONE.config_digest.removeprefix("sha256:") + ".json"
ENTRY = json.loads(LEGACY["manifest.json"])[0]
LIES: dict[str, tuple[Members, str]] = {
    "root file system": ({"etc/passwd": b"", "usr/bin/env": b"", "bin": "usr/bin"}, "looks like a root file system"),
    "anything": ({"readme": b""}, "neither a manifest.json nor an OCI layout"),
    "no members": ({}, "neither a manifest.json"),
    "no oci-layout": (change(OCI, "oci-layout", None), "no oci-layout beside it"),
    "no config": (change(LEGACY, CONFIG, None), CONFIG + " is not in it"),
    "no layer": (change(LEGACY, ENTRY["Layers"][1], None), "layer.tar is listed, but not in it"),
    "other config": (change(LEGACY, CONFIG, TWO.config), "it was damaged or altered"),
    "no manifest": (change(OCI, blob(ONE.manifest), None), "is not in it"),
    "other manifest": (change(OCI, blob(ONE.manifest), TWO.manifest), "it was damaged or altered"),
    "no blob": (change(OCI, blob(ONE.layers[0]), None), "is listed, but not in it"),
    "a list too short": (
        change(LEGACY, "manifest.json", dumped([{**ENTRY, "Layers": ENTRY["Layers"][:1]}])),
        "1 layers are listed for .* which speaks of 2",
    ),
    "hostile config": (change(LEGACY, "manifest.json", dumped([{**ENTRY, "Config": "../../etc/x"}])), "is not in it"),
    "null": (change(LEGACY, "manifest.json", b"null"), "its value is not a list"),
    "no images": (change(LEGACY, "manifest.json", b"[]"), "there is no image in it"),
    "no entries": (change(LEGACY, "manifest.json", b"[7]"), "its value is not a dict"),
    "no names": (change(LEGACY, "manifest.json", dumped([{**ENTRY, "RepoTags": "app"}])), "RepoTags is not a list"),
    "number": (change(LEGACY, "manifest.json", dumped([{**ENTRY, "RepoTags": [1]}])), "RepoTags is not a str"),
    "bad name": (
        change(LEGACY, "manifest.json", dumped([{**ENTRY, "RepoTags": ["A:1"]}])),
        "'A:1' in its manifest.json",
    ),
    "no digest": (change(OCI, "index.json", dumped({"manifests": [{}]})), "digest is not a str"),
    "hostile digest": (
        change(OCI, "index.json", dumped({"manifests": [{"digest": "sha256:../../../etc/x"}]})),
        "is not a digest",
    ),
}


@pytest.mark.parametrize("case", LIES)
def test_what_does_not_hold_together(tmp_path: Path, case: str) -> None:
    members, said = LIES[case]
    path = written(tmp_path, members)
    with pytest.raises(FormatError, match=said) as caught:
        archive.read(path)
    assert caught.value.facts == {"path": path} and "\n" not in str(caught.value)


def test_a_config_may_have_any_name(tmp_path: Path) -> None:
    """Jib writes `config.json`, go-containerregistry `sha256:<hex>`: the id is that of the bytes."""
    for name in ("config.json", ONE.config_digest, "some/config"):
        members = {**LEGACY, name: ONE.config, "manifest.json": dumped([{**ENTRY, "Config": name}])}
        assert archive.read(written(tmp_path, members)).images[0].config_digest == ONE.config_digest


def test_a_directory_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory, not an image archive"):
        archive.read(str(tmp_path))
    (tmp_path / "oci-layout").touch()
    with pytest.raises(UsageError, match=r"an OCI layout in a directory; make it a file: tar -C /.* -cf image.tar \."):
        archive.read(str(tmp_path))


def test_a_file_that_changes_is_not_sent_for_the_one_that_was_read(tmp_path: Path) -> None:
    path = written(tmp_path, archives.legacy(ONE))
    found = archive.read(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(UsageError, match="was changed while it was being loaded"):
        next(archive.blocks(found))
    found = archive.read(path)
    stream = archive.blocks(found)
    next(stream)
    with open(path, "ab") as file:
        file.write(b"more")
    with pytest.raises(UsageError, match="was changed while it was being loaded"):
        list(stream)


@pytest.mark.parametrize("compression", archives.COMPRESSIONS)
def test_memory_does_not_grow_with_the_archive(tmp_path: Path, compression: str) -> None:
    layer = bytes(50_000_000)
    members = {**LEGACY, "other/layer.tar": layer}
    path = written(tmp_path, archives.COMPRESSIONS[compression](archives.tar(members)))
    archive.read(path)
    tracemalloc.start()
    found = archive.read(path)
    sizes = {len(block) for block in archive.blocks(found)}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24_000_000 and max(sizes) <= 1024 * 1024


@pytest.mark.parametrize(
    ("data", "begun"),
    [
        (b"", True),
        *((archives.tar(layout(ONE))[:512], True) for layout in LAYOUTS.values()),
        (archives.tar({"./blobs/sha256/x": b""})[:512], True),
        (archives.tar(archives.oci(ONE)), True),
        (archives.tar(archives.oci(ONE))[:511], True),
        (archives.tar(archives.oci(ONE))[:200], False),
        (archives.tar({"etc/motd": b""}), False),
        (archives.tar({"blobs": b""}), False),
        (archives.tar({"manifest.json.bak": b""}), False),
        (b"manifest.json\0 is how my notes begin" + bytes(600), False),
        (b"text", False),
        (archives.COMPRESSIONS["gzip"](b""), True),
        (archives.COMPRESSIONS["gzip"](archives.tar(archives.oci(ONE))), True),
        (archives.COMPRESSIONS["gzip"](archives.tar(archives.oci(ONE)))[:20], False),
    ],
)
def test_what_an_interrupted_save_leaves(tmp_path: Path, data: bytes, begun: bool) -> None:
    assert archive.begun(written(tmp_path, data)) is begun
