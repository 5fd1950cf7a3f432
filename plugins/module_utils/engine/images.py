# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that the engine has: one function an endpoint."""

from __future__ import annotations

import json
import typing as t
from urllib.parse import quote

from ansible_collections.slipway.images.plugins.module_utils.engine import containers
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine

Attrs = dict[str, t.Any]


def path(name: str) -> str:
    """`name` (a reference or an id) as it stands in the path of an endpoint."""
    return "/images/%s" % quote(name, safe="/:@")


def inspect(engine: Engine, name: str) -> Attrs:
    """`GET /images/{name}/json`: the attrs, or `{}` when there is no such image."""
    return t.cast(Attrs, engine.find(path(name) + "/json") or {})


def inspect_each(engine: Engine, names: t.Iterable[str]) -> list[Attrs]:
    """The same of several."""
    return [found or {} for found in engine.find_each([path(name) + "/json" for name in names])]


def manifests(engine: Engine, name: str) -> list[Attrs]:
    """What the image has for each platform (API 1.48): `Kind`, `Available`, `Descriptor`, `ImageData.Platform`.

    Empty on graph drivers, which keep an image for one platform only.
    """
    attrs = engine.find(path(name) + "/json", {"manifests": "1"}) or {}
    return t.cast("list[Attrs]", attrs.get("Manifests") or [])


def hollow(engine: Engine, attrs: Attrs) -> bool:
    """Does the engine lack the content of this image's layers? Docker 28's containerd store does not fetch layers that
    it has unpacked already, under another digest from an archive or a build, and of such an image tells next to
    nothing: no operating system, no layers. It can be run, but neither saved nor pushed elsewhere."""
    if not attrs or attrs.get("Os") or engine.api < (1, 48):
        return False
    known = manifests(engine, attrs["Id"])
    return bool(known) and not any(manifest.get("Available") for manifest in known)


def listed(
    engine: Engine, filters: t.Mapping[str, t.Sequence[str]] | None = None, everything: bool = False
) -> list[Attrs]:
    """`GET /images/json`: one row an image; `everything` adds the intermediate images of the classic builder.

    All rows as those of a graph driver: Podman's with `sha256:` before `ParentId`, and both Podman's and the containerd
    store's without the digests that they make up for each repository in which an image has a tag. These are no names,
    and nothing is said of them when the tag goes.
    """
    params = {"filters": json.dumps(filters or {}), "all": "1" if everything else "0"}
    rows = t.cast("list[Attrs]", engine.get("/images/json", params))
    return list(map(_of_podman if engine.podman else _of_content, rows))


def _of_content(row: Attrs) -> Attrs:
    """The containerd store lists the digests that are names as tags, too."""
    tags, digests = row.get("RepoTags") or (), genuine(row)
    kept = [tag for tag in tags if "@" in tag]
    if not kept and digests == list(row.get("RepoDigests") or ()):
        return row
    named = {"RepoTags": [tag for tag in tags if tag not in kept], "RepoDigests": [*dict.fromkeys((*digests, *kept))]}
    return {**row, **named}


def genuine(row: Attrs) -> list[str]:
    """The digests of a row without those that the containerd store makes up of a tag's repository and the id."""
    tags, digests = row.get("RepoTags") or (), row.get("RepoDigests") or ()
    made_up = {"%s@%s" % (tag.rpartition(":")[0], row["Id"]) for tag in tags} - {*tags}
    return [digest for digest in digests if digest not in made_up]


def _of_podman(row: Attrs) -> Attrs:
    tagged = {tag.rpartition(":")[0] for tag in row.get("RepoTags") or ()}
    digests = [digest for digest in row.get("RepoDigests") or () if digest.partition("@")[0] not in tagged]
    parent = row.get("ParentId") or ""
    return {**row, "RepoDigests": digests, "ParentId": parent if ":" in parent or not parent else "sha256:" + parent}


def history(engine: Engine, name: str) -> list[Attrs]:
    """`GET /images/{name}/history`: one entry an instruction, the newest first; `Size` in bytes. `[]` when there is no
    such image."""
    return t.cast("list[Attrs]", engine.find(path(name) + "/history") or [])


def used(engine: Engine) -> dict[str, list[str]]:
    """Image id -> names of the containers that use it, stopped ones too."""
    users: dict[str, list[str]] = {}
    for row in containers.listed(engine):
        names = row.get("Names") or [row["Id"][:12]]
        users.setdefault(row["ImageID"], []).append(names[0].lstrip("/"))
    return users


def tag(engine: Engine, name: str, repository: str, label: str) -> None:
    """`POST /images/{name}/tag`: let `repository:label` name the same image as `name`."""
    engine.request("POST", path(name) + "/tag", params={"repo": repository, "tag": label}).close()


def remove(
    engine: Engine, name: str, force: bool = False, noprune: bool = False, platforms: t.Sequence[str] = ()
) -> list[Attrs]:
    """`DELETE /images/{name}`: a list of `{"Untagged": name}` and `{"Deleted": id}`.

    `platforms` (API 1.50), as JSON of the OCI specification: only what the image has for these, and `Deleted` then
    gives digests of manifests.
    """
    params = [("force", str(int(force))), ("noprune", str(int(noprune)))]
    params += [("platforms", platform) for platform in platforms]
    with engine.request("DELETE", path(name), params=params, patient=True) as answer:
        return [_in_full(record) for record in answer.json()]


def _in_full(record: Attrs) -> Attrs:
    """Podman 4 leaves the algorithm out of the ids that it deleted."""
    deleted = record.get("Deleted", ":")
    return record if ":" in deleted else {**record, "Deleted": "sha256:" + deleted}


def by_config(engine: Engine) -> bool:
    """Does this engine call an image by the digest of its config? The containerd image store (stable since API 1.44)
    calls it by that of its manifest or index."""
    if engine.podman or engine.api < (1, 44):
        return True
    return ["driver-type", "io.containerd.snapshotter.v1"] not in (engine.get("/info").get("DriverStatus") or ())
