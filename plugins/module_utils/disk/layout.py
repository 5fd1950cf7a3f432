# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of an archive, as its own JSON tells them: `manifest.json` (docker) and `index.json` (OCI).

Engines on graph drivers read `manifest.json` only, and an image's id there is the digest of its config. The containerd
store reads `index.json` where there is an `oci-layout` file, and the id is the digest of what `index.json` points to:
an index or a manifest. Sources: moby `image/tarexport/load.go`, `daemon/containerd/image_exporter.go`, containerd
`core/images/archive/importer.go`, the OCI image-layout specification.
"""

from __future__ import annotations

import posixpath
import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.slipway.images.plugins.module_utils.disk.members import Contents
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.manifest import made_by_containerd
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform, of_image
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEX = re.compile(r"(?<![0-9a-f])([0-9a-f]{64})(?:\.json)?$")
_IMAGE_CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_NAME_ANNOTATIONS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_ATTESTATION = "vnd.docker.reference.type"
_DEEPEST_INDEX = 8
_T = t.TypeVar("_T")


@dataclass(frozen=True)
class ArchivedImage:
    """One image of one platform. Digests are `sha256:…`, or `""` where the archive does not tell.

    - `names`: references as the archive says them; none for an image that is loaded without a name.
    - `config_digest`: the image's id on graph drivers.
    - `manifest_digest`, `index_digest`: on the containerd store the id is the index's where there is one, else the
      manifest's. Images of several platforms under one name share `index_digest`.
    - `expected_digest`: of the manifest that the containerd store makes of one that came without.
    - `layers`: names of members, bottom first.
    """

    names: tuple[str, ...]
    config_digest: str
    manifest_digest: str
    index_digest: str
    platform: Platform
    layers: tuple[str, ...]
    expected_digest: str = ""

    @property
    def ids(self) -> frozenset[str]:
        """Every id that an engine may give it."""
        digests = (self.config_digest, self.manifest_digest, self.index_digest, self.expected_digest)
        return frozenset(filter(None, digests))


def of_docker(contents: Contents) -> tuple[ArchivedImage, ...]:
    """What `manifest.json` lists, in its order; `FormatError` when something of it is not in the archive."""
    entries = _of_kind(contents, contents.parse("manifest.json")[0], list, "manifest.json")
    return tuple(_listed(contents, entry, "manifest.json") for entry in entries)


def _listed(contents: Contents, entry: t.Any, where: str) -> ArchivedImage:
    names, layers = (
        tuple(_of_kind(contents, item, str, where, key) for item in _field(contents, entry, key, list, where, []))
        for key in ("RepoTags", "Layers")
    )
    for name in names:
        if not _is_name(name):
            raise contents.bad("%r in its %s is a name that no engine takes" % (name, where))
    config = posixpath.normpath(_field(contents, entry, "Config", str, where))
    image = _image(contents, config, tuple(map(posixpath.normpath, layers)), names)
    return replace(image, expected_digest=_expected(contents, config, image.layers))


def _expected(contents: Contents, config: str, layers: tuple[str, ...]) -> str:
    """A layer has the digest that the config tells, unless it is compressed."""
    value, digest = contents.parse(config)
    if not layers or not all(map(contents.is_tar, layers)):
        return ""
    sizes = map(contents.size, layers)
    return made_by_containerd((digest, contents.size(config)), list(zip(map(str, value["rootfs"]["diff_ids"]), sizes)))


def of_oci(contents: Contents) -> tuple[ArchivedImage, ...]:
    """What `index.json` points to, in its order, one for each platform whose blobs are all there.

    Attestations and artifacts are no images. `FormatError` when of something it points to not one platform is whole.
    """
    index = contents.parse("index.json")[0]
    found: dict[tuple[str, str], ArchivedImage] = {}
    for descriptor in _field(contents, index, "manifests", list, "index.json", []):
        top, names = _digest(contents, descriptor, "index.json"), _names(contents, descriptor)
        for image in _reached(contents, descriptor, "index.json", 0, set()):
            key = image.manifest_digest, top if top != image.manifest_digest else ""
            known = found[key].names if key in found else ()
            found[key] = replace(image, names=tuple(dict.fromkeys(known + names)), index_digest=key[1])
    return tuple(found.values())


def _reached(
    contents: Contents, descriptor: t.Any, where: str, depth: int, seen: set[str]
) -> t.Iterator[ArchivedImage]:
    """The images from a descriptor down. What is missing below an index is a platform that was left out of it.

    `seen`: digests met on the way, so that indexes that name each other many times do not multiply.
    """
    if depth > _DEEPEST_INDEX:
        raise contents.bad("its indexes are nested deeper than %d" % _DEEPEST_INDEX)
    digest = _digest(contents, descriptor, where)
    blob = blob_of(digest)
    if digest in seen or _is_attestation(contents, descriptor, where) or (depth and blob not in contents):
        return
    seen.add(digest)
    document, _same = _parse_blob(contents, blob)
    if "manifests" not in document:
        yield from _of_manifest(contents, document, digest, must_be_whole=not depth)
        return
    children = _field(contents, document, "manifests", list, blob, [])
    images = [image for child in children for image in _reached(contents, child, blob, depth + 1, seen)]
    if not images and not depth:
        raise contents.bad("of no platform in its %s all blobs are there" % blob)
    yield from images


def _of_manifest(
    contents: Contents, manifest: dict[str, t.Any], digest: str, must_be_whole: bool
) -> t.Iterator[ArchivedImage]:
    where = blob_of(digest)
    config = _field(contents, manifest, "config", dict, where)
    if config.get("mediaType") not in _IMAGE_CONFIGS:
        return
    layers = _field(contents, manifest, "layers", list, where, [])
    config_blob, *blobs = (blob_of(_digest(contents, descriptor, where)) for descriptor in (config, *layers))
    if must_be_whole or all(name in contents for name in (config_blob, *blobs)):
        yield replace(_image(contents, config_blob, tuple(blobs)), manifest_digest=digest)


def blob_of(digest: str) -> str:
    """Where an OCI layout keeps it."""
    return "blobs/" + digest.replace(":", "/")


def _image(contents: Contents, config: str, layers: tuple[str, ...], names: tuple[str, ...] = ()) -> ArchivedImage:
    """Of a config and layers that must be there and agree."""
    value, digest = _parse_blob(contents, config)
    system, architecture, variant = (
        _field(contents, value, key, str, config, "") for key in ("os", "architecture", "variant")
    )
    platform = of_image({"Os": system, "Architecture": architecture, "Variant": variant})
    count = len(_field(contents, _field(contents, value, "rootfs", dict, config), "diff_ids", list, config, []))
    for layer in layers:
        if layer not in contents:
            raise contents.bad("the layer %s is listed, but not in it" % layer)
    if len(layers) != count:
        raise contents.bad("%d layers are listed for %s, which speaks of %d" % (len(layers), config, count))
    return ArchivedImage(names, digest, "", "", platform, layers)


def _parse_blob(contents: Contents, name: str) -> tuple[dict[str, t.Any], str]:
    """A JSON object and its digest, which must be the one that the member's name tells, where it tells one."""
    value, digest = contents.parse(name)
    claimed = _HEX.search(name)
    if claimed and digest != "sha256:" + claimed.group(1):
        raise contents.bad("the digest of its %s is %s: it was damaged or altered" % (name, digest))
    return _of_kind(contents, value, dict, name), digest


def _is_attestation(contents: Contents, descriptor: t.Any, where: str) -> bool:
    platform = _field(contents, descriptor, "platform", dict, where, {})
    return _ATTESTATION in _field(contents, descriptor, "annotations", dict, where, {}) or (
        platform.get("os") == "unknown" == platform.get("architecture")
    )


def _names(contents: Contents, descriptor: t.Any) -> tuple[str, ...]:
    """containerd takes the first annotation there is, whole. A bare tag (`latest`) would name nothing one can find."""
    annotations = _field(contents, descriptor, "annotations", dict, "index.json", {})
    name = next((str(annotations[key]) for key in _NAME_ANNOTATIONS if annotations.get(key)), "")
    return (name,) if re.search("[/:]", name) and _is_name(name) else ()


def _is_name(name: str) -> bool:
    try:
        return not Reference.parse(name).digest
    except UsageError:
        return False


def _digest(contents: Contents, descriptor: t.Any, where: str) -> str:
    digest = _field(contents, descriptor, "digest", str, where)
    if not _DIGEST.fullmatch(digest):
        raise contents.bad("%r in its %s is not a digest" % (digest, where))
    return digest


def _field(contents: Contents, value: t.Any, key: str, kind: type[_T], where: str, default: _T | None = None) -> _T:
    """`value[key]`; `default` for what is missing or null, as Go's decoder has it."""
    found = _of_kind(contents, value, dict, where).get(key)
    return default if found is None and default is not None else _of_kind(contents, found, kind, where, key)


def _of_kind(contents: Contents, value: t.Any, kind: type[_T], where: str, key: str = "its value") -> _T:
    if not isinstance(value, kind):
        raise contents.bad("in its %s, %s is not a %s" % (where, key, kind.__name__))
    return value
