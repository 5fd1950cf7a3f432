# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of images made without an engine: members by name first, then a tar of them, then compressed.

A member is its bytes, or the target of a symlink as `str`. Names and order are those of the writers told in each
docstring, so that a test can alter one member and have the rest right.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import subprocess
import tarfile
import typing as t
from dataclasses import dataclass
from functools import partial

Members = dict[str, t.Union[bytes, str]]
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def hexed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def dumped(value: t.Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def blob(data: bytes) -> str:
    return "blobs/sha256/" + hexed(data)


@dataclass(frozen=True)
class Image:
    """`texts`: one layer for each, with that text in a file of its own. `created`: an RFC 3339 time, of
    an image that knows its history."""

    names: tuple[str, ...] = ()
    texts: tuple[str, ...] = ("one", "two")
    os: str = "linux"
    architecture: str = "amd64"
    variant: str = ""
    created: str = ""

    @property
    def layers(self) -> list[bytes]:
        return [tar({"layer-%d" % number: text.encode()}) for number, text in enumerate(self.texts)]

    @property
    def config(self) -> bytes:
        rootfs = {"type": "layers", "diff_ids": [digest(layer) for layer in self.layers]}
        told = {
            "created": self.created,
            "os": self.os,
            "architecture": self.architecture,
            "variant": self.variant,
            "config": {},
            "history": [{"created_by": "COPY %s" % text} for text in self.texts] if self.created else "",
        }
        return dumped({**{key: value for key, value in told.items() if value != ""}, "rootfs": rootfs})

    @property
    def config_digest(self) -> str:
        return digest(self.config)

    @property
    def manifest(self) -> bytes:
        """The OCI manifest, its layers uncompressed."""
        layers = [descriptor(layer, OCI_LAYER) for layer in self.layers]
        config = descriptor(self.config, OCI_CONFIG)
        return dumped({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers})

    @property
    def platform(self) -> dict[str, str]:
        told = {"os": self.os, "architecture": self.architecture, "variant": self.variant}
        return {key: value for key, value in told.items() if value}


def descriptor(data: bytes, media_type: str, **more: t.Any) -> dict[str, t.Any]:
    return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}


def index(*descriptors: dict[str, t.Any]) -> bytes:
    return dumped({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(descriptors)})


def named(names: t.Iterable[str], key: str = "io.containerd.image.name") -> t.Iterator[dict[str, t.Any]]:
    """What a descriptor bears for each name; once nothing when there is none."""
    yield from [{"annotations": {key: name}} for name in names] or [{}]


def legacy(*images: Image) -> Members:
    """What docker up to 24 saves: `<id>/layer.tar`, one that was there already as a symlink to it."""
    members: Members = {}
    entries = []
    seen: dict[bytes, str] = {}
    for image in images:
        layers = []
        for number, layer in enumerate(image.layers):
            name = "%s/layer.tar" % hexed(image.config + b"%d" % number)
            members[name] = "../" + seen[layer] if layer in seen else layer
            seen.setdefault(layer, name)
            layers.append(name)
        config = hexed(image.config) + ".json"
        members[config] = image.config
        entries.append({"Config": config, "RepoTags": list(image.names) or None, "Layers": layers})
    members["manifest.json"] = dumped(entries)
    return members


def oci(*images: Image, key: str = "io.containerd.image.name") -> Members:
    """What skopeo and BuildKit's `type=oci` make: blobs, `index.json`, `oci-layout`."""
    blobs: Members = {}
    found = []
    for image in images:
        blobs.update({blob(data): data for data in (*image.layers, image.config, image.manifest)})
        found += [descriptor(image.manifest, OCI_MANIFEST, **name) for name in named(image.names, key)]
    return {**blobs, "index.json": index(*found), "oci-layout": dumped({"imageLayoutVersion": "1.0.0"})}


def multi_platform(*images: Image, names: tuple[str, ...] = (), attest: bool = False) -> Members:
    """One index of several platforms below `index.json`; `attest` adds BuildKit's attestation for each."""
    members = oci(*images)
    below = [descriptor(image.manifest, OCI_MANIFEST, platform=image.platform) for image in images]
    for image in images if attest else ():
        statement = Image(texts=("attests " + image.config_digest,), os="unknown", architecture="unknown")
        members.update({blob(data): data for data in (*statement.layers, statement.config, statement.manifest)})
        about = {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": image.config_digest,
        }
        below.append(descriptor(statement.manifest, OCI_MANIFEST, platform=statement.platform, annotations=about))
    inner = index(*below)
    top = index(*(descriptor(inner, OCI_INDEX, **name) for name in named(names)))
    return {**members, blob(inner): inner, "index.json": top}


def modern(*images: Image) -> Members:
    """What docker from 25 on saves: an OCI layout with a `manifest.json` that lists the blobs."""
    entries = [
        {"Config": blob(image.config), "RepoTags": list(image.names) or None, "Layers": [blob(x) for x in image.layers]}
        for image in images
    ]
    return {**oci(*images), "manifest.json": dumped(entries)}


def tar(members: Members, form: t.Literal[0, 1, 2] = tarfile.GNU_FORMAT) -> bytes:
    """Two blocks of end mark and nothing more, so that a test knows where it ends."""
    out = io.BytesIO()
    for name, content in members.items():
        info = tarfile.TarInfo(name)
        if isinstance(content, str):
            info.type, info.linkname = tarfile.SYMTYPE, content
            content = b""
        info.size = len(content)
        out.write(info.tobuf(form) + content + bytes(-len(content) % tarfile.BLOCKSIZE))
    return out.getvalue() + bytes(2 * tarfile.BLOCKSIZE)


def _zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout


COMPRESSIONS: dict[str, t.Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": partial(gzip.compress, mtime=0),  # the same at any time: pytest names tests by it
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
}
