# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that answers as it would if the earlier tasks of a run in check mode had been run."""

from __future__ import annotations

import json
import re
import time
import typing as t
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from urllib.parse import unquote

from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.images import Attrs, genuine, path
from ansible_collections.slipway.images.plugins.module_utils.errors import NotFound
from ansible_collections.slipway.images.plugins.module_utils.image import filters, retention
from ansible_collections.slipway.images.plugins.module_utils.image.digest import is_foretold
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference, is_local
from ansible_collections.slipway.images.plugins.module_utils.image.world import NOWHERE, Event, World, key

_IMAGE = re.compile(r"/images/(?P<name>.+)/(?P<what>json|history)")
_REMOTE = re.compile(r"/distribution/(?P<name>.+)/json")


@dataclass(frozen=True)
class Foretelling(Engine):
    """Reads only: nobody changes an engine in check mode, and what a task would do it tells `world`."""

    world: World = field(default_factory=World)

    @classmethod
    def recall(cls, engine: Engine, events: t.Iterable[Event]) -> Foretelling:
        known = {field.name: getattr(engine, field.name) for field in fields(Engine)}
        return cls(**known, world=World(events))

    def news(self) -> tuple[list[Event], list[Event]]:
        """What was told to `world` of this engine and the registries that it has for itself, and of all others."""
        shared = [kind == "digest" and not is_local(key(name).registry) for kind, name, _then in self.world.news]
        parted: tuple[list[Event], list[Event]] = ([], [])
        for event, everywhere in zip(self.world.news, shared):
            parted[everywhere].append(event)
        return parted

    def get(self, path: str, params: t.Mapping[str, str] | None = None, **how: t.Any) -> t.Any:
        if path == "/images/json":
            return self._rows(params or {})
        image, remote = _IMAGE.fullmatch(path), _REMOTE.fullmatch(path)
        if image:
            return self._image(unquote(image["name"]), image["what"], params)
        digest = self.world.digests.get(key(unquote(remote["name"]))) if remote else None
        if digest:
            self.world.touched = True
            return {"Descriptor": {"digest": digest}, "Platforms": []}
        return super().get(path, params, **how)

    def find_each(self, paths: t.Sequence[str]) -> t.Iterator[t.Any]:
        yield from map(self.find, paths)

    def _image(self, name: str, what: str, params: t.Mapping[str, str] | None) -> t.Any:
        id = self.world.find(name)
        if id == NOWHERE:
            self.world.touched = True
            raise _missing(name)
        try:
            if is_foretold(id or name):
                raise _missing(name)
            said = super().get("%s/%s" % (path(id or name), what), params)
        except NotFound:
            known = self.world.image(id or name)
            if not known:
                raise
            said = dict(known) if what == "json" else []
        if what == "history":
            return said
        there = self.world.over(said)
        if not there:
            raise _missing(name)
        return there

    def _rows(self, params: t.Mapping[str, str]) -> list[Attrs]:
        """What was foretold changes who passes a filter, so of such images that is judged here."""
        asked = json.loads(params.get("filters") or "{}")
        listed = super().get("/images/json", params)
        every = super().get("/images/json", {**params, "filters": "{}"}) if asked else listed
        passing = {row["Id"] for row in listed}
        by_age = bool({"before", "since"} & asked.keys())  # no task makes an image older
        rows: list[Attrs] = []
        for raw in every:
            row = {**raw, "RepoDigests": genuine(raw)}  # lest a digest outlive the tag that it was made up of
            then = dict(self.world.over(row))
            same = then == row
            if then and (row["Id"] in passing or not (same or by_age)) and (same or _passes(then, asked)):
                rows.append(then)
        here = {row["Id"] for row in every}
        new = [self._row(id) for id in self.world.images if id not in here]
        return rows + [row for row in new if "before" not in asked and _passes(row, asked)]

    def _row(self, id: str) -> Attrs:
        attrs = self.world.image(id)
        labels = (attrs.get("Config") or {}).get("Labels") or {}
        row = {"ParentId": "", "RepoTags": [], "RepoDigests": [], "Created": int(time.time()), "Size": 0}
        return dict(self.world.over({**row, "Labels": labels, "Id": id}))

    def own(self) -> Platform:
        """The platform that things are for when nobody says."""
        version = self.get("/version")
        return Platform.parse("%s/%s" % (version["Os"], version["Arch"]))

    def make(
        self, how: str, names: t.Sequence[Reference], platform: Platform | None = None, id: str = "", **attrs: t.Any
    ) -> str:
        """An image comes, for the platform asked for, else for the engine's own. Gives its id: without `id`, what
        stands for one that only a run can tell."""
        platform = platform or self.own()
        told = {"Os": platform.os, "Architecture": platform.architecture, "Variant": platform.variant}
        id = id or self.world.stand_in("%s of %s" % (how, names[0]))
        return self.world.bring(id, names, {**attrs, **told})


def _passes(row: Attrs, asked: t.Mapping[str, t.Sequence[str]]) -> bool:
    """Would the engine list it? `before` and `since` aside."""
    names = [Reference.parse(tag) for tag in row["RepoTags"] if retention.NONE not in tag]
    patterns, dangling = asked.get("reference"), asked.get("dangling")
    labels = [filters.Label.parse(text) for text in asked.get("label") or ()]
    return (
        (not patterns or any(_refers(name, pattern) for name in names for pattern in patterns))
        and (not dangling or bool(names) == (dangling[0] in ("false", "0")))
        and filters.passes(labels, row.get("Labels"))
    )


def _refers(name: Reference, pattern: str) -> bool:
    """As the engine does: a wildcard stops at a slash, and the tag may be left out."""
    wanted = pattern.split("/")
    spellings = [text.split("/") for text in (str(name), name.name)]
    return any(len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted)) for parts in spellings)


def _missing(name: str) -> NotFound:
    return NotFound("no such image: %s" % name, status=404, endpoint="GET", said="no such image: %s" % name)
