# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of images on the target's disk: what `docker save`, skopeo, BuildKit and podman write.

`read` tells what is in one without unpacking it; `blocks` are the bytes to post to `/images/load`, plain, in a form
that every engine takes.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
import typing as t
from collections import Counter
from dataclasses import dataclass, replace

from ansible_collections.slipway.images.plugins.module_utils.disk import compression, layout
from ansible_collections.slipway.images.plugins.module_utils.disk.compression import Stamp
from ansible_collections.slipway.images.plugins.module_utils.disk.layout import ArchivedImage
from ansible_collections.slipway.images.plugins.module_utils.disk.members import Contents
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform, matches
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

_OF_A_SYSTEM = {"bin", "dev", "etc", "lib", "proc", "sbin", "usr", "var", ".dockerenv"}
"""Top-level names of which a root file system has some, and an image archive none."""
_FIRST = re.compile(rb"(?:[0-9a-f]{64}(?:\.json|\.tar|/)|blobs/|(?:manifest|index)\.json\0|oci-layout\0)")
"""What the first member is called, whoever wrote the archive."""


@dataclass(frozen=True)
class Archive:
    """`layout` is `docker` (there is a `manifest.json`) or `oci`; `compression` what `compression.detect` says.

    `stamp` is what the file was when it was read: see `Stamp`.
    """

    path: str
    layout: str
    compression: str
    images: tuple[ArchivedImage, ...]
    stamp: Stamp


def read(path: str) -> Archive:
    """What the archive at `path` holds: a few headers and its JSON of a plain tar, one decompression of others.

    `UsageError` when there is no such file, `FormatError` when it is not a whole image archive, `RequirementError`
    when the target cannot decompress it.
    """
    if os.path.isdir(path):
        raise UsageError(_about_directory(path), path=path)
    with compression.opened(path) as plain:
        stamp = plain.stamp
        contents = Contents(plain)
        kind, images = _images(contents)
        if not images:
            raise contents.bad("there is no image in it")
        return Archive(path, kind, plain.compression, images, stamp)


def begun(path: str) -> bool:
    """Is this file what an interrupted save leaves behind: empty, or the beginning of an image archive?

    It tells a file that nobody misses from one that only happens to be where an archive is to be written.
    """
    with compression.opened(path) as plain:
        try:
            header = plain.read(tarfile.BLOCKSIZE)
        except FormatError:
            return False
    return not header or (header[257:262] == b"ustar" and bool(_FIRST.match(header.removeprefix(b"./"))))


def chosen(archive: Archive, platform: Platform) -> tuple[ArchivedImage, ...]:
    """The images that an engine on graph drivers has room for: one platform of each index.

    That which matches `platform`; from an index with one image that one, whatever it is for. An index with several
    of which none matches gives nothing.
    """
    rivals = Counter(image.index_digest for image in archive.images if image.index_digest)
    return tuple(
        image for image in archive.images if rivals[image.index_digest] < 2 or matches(platform, image.platform)
    )


def blocks(archive: Archive, images: t.Iterable[ArchivedImage] | None = None) -> t.Iterator[bytes]:
    """The plain tar, 1 MiB at a time. `UsageError` when the file is no longer what was read, at either end.

    An OCI layout gets a `manifest.json` in front, which names `images` (`None`: all of them): engines on graph drivers
    know no other list (20.10 and 28 both refuse an archive without), and the containerd store ignores it. An archive
    with its own is sent as it is.
    """
    with compression.opened(archive.path) as plain:
        _check_same(archive, plain)
        if archive.layout == "oci":
            yield _docker_manifest(archive.images if images is None else images)
        while block := plain.read(compression.MIB):
            yield block
        _check_same(archive, plain)


def _images(contents: Contents) -> tuple[str, tuple[ArchivedImage, ...]]:
    """Layout and images. Where both lists are there (docker since 25), what all engines load is in `manifest.json`."""
    is_oci = "oci-layout" in contents and "index.json" in contents
    if "manifest.json" not in contents:
        if not is_oci:
            raise _foreign(contents)
        return "oci", layout.of_oci(contents)
    images = layout.of_docker(contents)
    twins = {twin.config_digest: twin for twin in (layout.of_oci(contents) if is_oci else ())}
    pairs = ((image, twins.get(image.config_digest, image)) for image in images)
    return "docker", tuple(
        replace(image, manifest_digest=twin.manifest_digest, index_digest=twin.index_digest) for image, twin in pairs
    )


def _docker_manifest(images: t.Iterable[ArchivedImage]) -> bytes:
    """A whole tar member. Layers may stay compressed: engines look into each (20.10 knows no zstd there)."""
    entries = [
        {
            "Config": layout.blob_of(image.config_digest),
            "RepoTags": [str(Reference.parse(name).with_default_tag()) for name in image.names],
            "Layers": list(image.layers),
        }
        for image in images
    ]
    data = json.dumps(entries).encode()
    member = tarfile.TarInfo("manifest.json")
    member.size = len(data)
    return member.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)


def _check_same(archive: Archive, plain: compression.Plain) -> None:
    if plain.stamp != archive.stamp:
        raise UsageError("%s was changed while it was being loaded" % archive.path, path=archive.path)


def _foreign(contents: Contents) -> FormatError:
    tops = {name.partition("/")[0] for name in contents}
    if len(tops & _OF_A_SYSTEM) > 1:
        return contents.bad(
            "it looks like a root file system (docker export), which docker import makes an image of, not docker load"
        )
    if "index.json" in tops:
        return contents.bad("there is an index.json, but no oci-layout beside it")
    return contents.bad("there is neither a manifest.json nor an OCI layout at its top")


def _about_directory(path: str) -> str:
    if os.path.isfile(os.path.join(path, "oci-layout")):
        return "%s is an OCI layout in a directory; make it a file: tar -C %s -cf image.tar ." % (path, path)
    return "%s is a directory, not an image archive" % path
