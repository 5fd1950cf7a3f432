# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world as a run would have left it so far: what the earlier tasks of a run in check mode foretold.

It is laid over what an engine and the registries answer, so that a task may speak of an image that the one before it
would have made. It travels from task to task as its events: short JSON-able lists of a kind and what belongs to it.
"""

from __future__ import annotations

import typing as t
from contextlib import suppress
from dataclasses import replace
from itertools import count

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.digest import FORETOLD, is_foretold
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference, is_id
from ansible_collections.slipway.images.plugins.module_utils.image.retention import NONE

Attrs = t.Mapping[str, t.Any]
"""An image as the engine's inspect gives it, or as a row of its list."""
Event = t.Sequence[t.Any]
"""`["name", name, id]`, where `""` says that nothing is called so, and `None` that nobody foretold anything any more;
`["image", id, attrs]`, `None` when it goes; `["inputs", id, inputs]`, what it would be built of, or by what an archive
calls it; `["digest", name, digest]` of the name's registry, `None` as above."""

NOWHERE = ""


class World:
    """`names`: name -> image id, or `NOWHERE`. `images`: those that a run would bring, by id. `gone`: ids that would be
    deleted. `digests`: what the registries would have under a name. `news`: events since it was handed over."""

    def __init__(self, events: t.Iterable[Event] = ()) -> None:
        self.names: dict[Reference, str] = {}
        self.images: dict[str, Attrs] = {}
        self._inputs: dict[str, t.Mapping[str, str]] = {}
        self.gone: set[str] = set()
        self.digests: dict[Reference, str] = {}
        self.news: list[Event] = []
        self._told: set[str] = set()
        self.touched = False  # has any answer been another than the engine's own?
        for event in events:
            self._learn(*event)

    def stand_in(self, what: str) -> str:
        """For an id or a digest that only a run can tell; another one each time, since each run may bring another."""
        texts = ("%s%s%s)" % (FORETOLD, what, "" if again == 1 else ", %d" % again) for again in count(1))
        return next(text for text in texts if text not in self._told)

    # What a task would do.

    def point(self, name: Reference, id: str) -> None:
        """The name goes to this image."""
        self._tell("name", name.lookup, id)

    def bring(self, id: str, names: t.Iterable[Reference], attrs: Attrs | None = None) -> str:
        """An image comes, of which `attrs` are known, and bears these names. Gives its id."""
        self._tell("image", id, {**(attrs or {}), "Id": id})
        for name in names:
            self.point(name, id)
        return id

    def record(self, id: str, inputs: t.Mapping[str, str]) -> None:
        """The image would be made of these."""
        self._tell("inputs", id, inputs)

    def drop(self, names: t.Iterable[str], ids: t.Iterable[str]) -> None:
        """Names (tags and digests) and images go."""
        for name in names:
            self.point(Reference.parse(name), NOWHERE)
        for id in ids:
            self._tell("image", id, None)

    def push(self, name: Reference, id: str, digest: str = "") -> str:
        """The registry gets this image under the name, and the image the digest, which is given; `""`: not known."""
        digest = digest or self.stand_in("push of %s" % name)
        self._tell("digest", name.lookup, digest)
        self.learn(name, id, digest)
        return digest

    def learn(self, name: Reference, id: str, digest: str) -> None:
        """The image is what the name's registry calls `digest`."""
        self.point(replace(name, tag="", digest=digest), id)

    def forget(self, texts: t.Iterable[str]) -> None:
        """What was foretold of these names and ids no longer holds: a task has done in truth what it does."""
        for text in texts:
            if is_id(text) and text in self.gone:
                self._tell("image", text, {})
                continue
            with suppress(UsageError):  # what is not a name: nothing was foretold of it
                name = key(text)
                if name in self.names:
                    self._tell("name", name.lookup, None)
                if name in self.digests:
                    self._tell("digest", name.lookup, None)

    def _tell(self, *event: t.Any) -> None:
        self.news.append(list(event))
        self._learn(*event)

    def _learn(self, kind: str, what: str, *how: t.Any) -> None:
        self._told.update(told for told in (what, *how) if isinstance(told, str))
        (then,) = how
        if kind == "image":
            self.images.pop(what, None)
            self.gone.discard(what)
            if then is None:
                self.gone.add(what)
            elif then:
                self.images[what] = then
            return
        if kind == "inputs":
            self._inputs[what] = then
            return
        known = self.names if kind == "name" else self.digests
        known.pop(key(what), None)
        if then is not None:
            known[key(what)] = then

    # What its tasks see.

    def find(self, text: str) -> str | None:
        """The id of what a name or an id means, `NOWHERE`, or `None` when nothing was foretold of it."""
        if is_id(text):
            id = text if ":" in text or is_foretold(text) else "sha256:" + text
            return NOWHERE if id in self.gone else id if id in self.images else None
        return self.names.get(key(text))

    def image(self, id: str) -> Attrs:
        """What is known of an image that a run would bring; `{}` for any other."""
        return self.images.get(id, {})

    def inputs(self, id: str) -> t.Mapping[str, str]:
        """`{}` where it would not be built, or nobody would record it."""
        return self._inputs.get(id, {})

    def over(self, attrs: Attrs) -> Attrs:
        """An image's attrs, or its row in a list, with the names that it would have; `{}` for one that is gone."""
        if not attrs or attrs["Id"] in self.gone:
            self.touched = self.touched or bool(attrs)
            return {}
        then = {of: self._named(attrs, of) for of in ("RepoTags", "RepoDigests")}
        if all(then[of] == list(attrs.get(of) or ()) for of in then) and attrs["Id"] not in self.images:
            return attrs
        self.touched = True
        return {**attrs, **then}

    def _named(self, attrs: Attrs, of: str) -> list[str]:
        id, had = attrs["Id"], list(attrs.get(of) or ())
        kept = [name for name in had if NONE in name or self.names.get(key(name), id) == id]
        known = {key(name) for name in kept if NONE not in name}
        wanted = [name for name, now in self.names.items() if now == id and bool(name.digest) == (of == "RepoDigests")]
        more = [str(name) for name in wanted if name not in known]
        return [name for name in kept if NONE not in name] + more if more else kept


def key(text: str) -> Reference:
    """A name as engines tell names apart: a digest decides alone, and no tag is `latest`."""
    return Reference.parse(Reference.parse(text).with_default_tag().lookup)
