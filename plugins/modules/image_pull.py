#!/usr/bin/python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_pull
short_description: Bring images from a registry to the engine
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Makes sure that images are on the engine, and (by default) that they are what the registry has under their names
    now.
  - Asks the registry for the digest of a name first and transfers only what differs, so an image that is up to date
    costs one small request.
extends_documentation_fragment:
  - slipway.images.engine
  - slipway.images.registry
options:
  name:
    description:
      - "What to pull: V(repo), V(repo:tag), V(repo@digest) or V(repo:tag@digest), one or a list."
      - Several are pulled at once, see O(parallel). When some fail, the others are still brought, and the failure
        names each that did not come.
    type: list
    elements: str
    required: true
  tag:
    description: The tag for each O(name) that has neither a tag nor a digest.
    type: str
    default: latest
  pull:
    description:
      - V(always) makes each name point to what the registry has under it now.
      - V(missing) pulls only names that the engine does not know (or knows for another O(platform)).
      - V(never) fails when one is missing.
    type: str
    choices: [always, missing, never]
    default: always
  platform:
    description:
      - The platform to pull for, such as V(linux/arm64) or V(linux/arm/v7).
      - An image that is there for another one is pulled again.
    type: str
  all_tags:
    description:
      - Pull all tags of each O(name), which then has neither a tag nor a digest.
      - Asks the registry itself for its tags and their digests, and pulls those that differ. When that does not answer
        the target as it answers the engine (a mirror, for example), all are pulled each time.
    type: bool
    default: false
  parallel:
    description: How many images to pull at a time.
    type: int
    default: 3
  retries:
    description:
      - How often to try again after a lost connection, a registry that is busy (429) or one that is in trouble (5xx).
      - The pauses between attempts double from one second to thirty.
    type: int
    default: 0
seealso:
  - module: slipway.images.image_load
"""

EXAMPLES = r"""
- name: The image is what the registry has under this name now
  slipway.images.image_pull:
    name: registry.example.com/shop/app:1.4

- name: Three images at once, only those that are missing, on a bad line
  slipway.images.image_pull:
    name: [alpine:3.20, redis:7, "nginx:1.27"]
    pull: missing
    retries: 3

- name: Exactly these bytes, for another platform, from a private registry
  slipway.images.image_pull:
    name: registry.example.com/shop/app@sha256:{{ app_digest }}
    platform: linux/arm64
    registry_username: deploy
    registry_password: "{{ vault_registry_password }}"
"""

RETURN = r"""
actions:
  description: What was done (in check mode, what a run would do), in order.
  returned: always
  type: list
  elements: str
  sample: ["pull alpine:3.20"]
image:
  description: The first image, as the engine's inspect gives it. Empty when it is not there.
  returned: always
  type: dict
images:
  description: All images of the task, in the order of O(name).
  returned: always
  type: list
  elements: dict
ansible_facts:
  description: Facts.
  returned: always
  type: dict
  contains:
    slipway_images:
      description: Each name, as it was written, with the image it names now.
      type: dict
diff:
  description: The id that each name points to, before and after.
  returned: always
  type: dict
  sample: {before: {"alpine:3.20": absent}, after: {"alpine:3.20": "sha256:1d34..."}}
error:
  description: Why it failed, for programs.
  returned: on failure
  type: dict
  contains:
    kind:
      description: Whose fault it is, for example V(engine.not_found) or V(engine.denied).
      type: str
    failed:
      description: The names that did not come, each with the reason, when several were asked for.
      type: dict
"""

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.slipway.images.plugins.module_utils import startup  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.slipway.images.plugins.module_utils.engine import images, transfer
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.parallel import each
from ansible_collections.slipway.images.plugins.module_utils.engine.registries import Registries, Remote
from ansible_collections.slipway.images.plugins.module_utils.engine.retry import persistently
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Denied,
    EngineError,
    NotFound,
    SlipwayError,
)
from ansible_collections.slipway.images.plugins.module_utils.image import batch
from ansible_collections.slipway.images.plugins.module_utils.image import platform as platforms
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.task.plan import ABSENT, Attrs, Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, REGISTRY, Spec

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling

SPEC = (
    ENGINE
    + REGISTRY
    + Spec(
        {
            "name": {"type": "list", "elements": "str", "required": True},
            "tag": {"type": "str", "default": "latest"},
            "pull": {"type": "str", "choices": ["always", "missing", "never"], "default": "always"},
            "platform": {"type": "str"},
            "all_tags": {"type": "bool", "default": False},
            "parallel": {"type": "int", "default": 3},
            "retries": {"type": "int", "default": 0},
        }
    )
)

UNKNOWN = "(known after pull)"


@dataclass(frozen=True)
class Found:
    """One name: what it points to here (`here`: name -> attrs; several for all tags of a repository), and in the
    registry: `remote`, `None` where it was not asked or could not tell. `hollow`: here, but without its layers.
    """

    text: str
    reference: Reference
    here: t.Mapping[str, Attrs]
    remote: Remote | None = None
    error: SlipwayError | None = None
    hollow: bool = False


@dataclass(frozen=True)
class Pull:
    """`texts`: the ways in which the user wrote this one reference. `digest`: what the registry has, `""` where that
    is not known."""

    texts: tuple[str, ...]
    reference: Reference
    platform: Platform | None
    retries: int
    digest: str = field(default="", compare=False)

    @property
    def all_tags(self) -> bool:
        return not (self.reference.tag or self.reference.digest)

    def __str__(self) -> str:
        what = "all tags of %s" % self.reference if self.all_tags else str(self.reference)
        return "pull %s%s" % (what, " for %s" % self.platform if self.platform else "")


@dataclass(frozen=True)
class Pulls(Plan):
    """`failures`: names that cannot come, known before anything is pulled; `total`: how many were asked for."""

    failures: t.Mapping[str, SlipwayError] = field(default_factory=dict)
    total: int = 1
    parallel: int = 1

    def rehearse(self, engine: Engine) -> None:
        """A run goes for what is missing without asking first: for some registries that would count as two pulls."""
        if engine.podman:  # may have names, mirrors and logins of its own
            return
        unasked = [pull for pull in self.actions if not (pull.digest or pull.all_tags)]
        with Registries(engine, engine.transport.timeout) as registries:
            found = each(lambda pull: _refused(registries, pull), unasked, self.parallel)
        refused = {pull: error for pull, error in zip(unasked, found) if error}
        failures = {text: error for pull, error in refused.items() for text in pull.texts}
        failure = batch.gathered({**self.failures, **failures}, self.total, "did not come")
        if failures and failure:
            after = {name: self.before[name] if name in failures else id for name, id in self.after.items()}
            failure.outcome = Outcome(after, tuple(a for a in self.actions if a not in refused), self.images)
            raise failure


def observe(engine: Engine, params: t.Mapping[str, t.Any]) -> list[Found]:
    references = batch.references(params["name"], params["tag"], params["all_tags"])
    if params["registry_username"] or params["registry_token"]:
        batch.check_one_registry(references.values())
    with Registries(engine, params["timeout"]) as asked:
        found = each(lambda item: list(_find(asked, params, *item)), references.items(), params["parallel"])
    return [replace(one, hollow=_hollow(engine, one.here)) for several in found for one in several]


def _find(registries: Registries, params: t.Mapping[str, t.Any], text: str, reference: Reference) -> t.Iterator[Found]:
    engine = registries.engine
    here = _here(engine, [text], reference)
    if params["pull"] != "always" or reference.digest:
        yield Found(text, reference, here)
        return
    try:
        if reference.tag:
            remote = persistently(lambda: registries.look(reference, here[text]), params["retries"])
            yield Found(text, reference, here, remote)
        else:
            yield from persistently(lambda: _tagged(registries, reference, here), params["retries"])
    except SlipwayError as error:
        # An engine that goes to the registry by itself may have mirrors, names and logins of its own for it: then the
        # way that it found closed is none, and it is left to say what is wrong.
        lenient = engine.podman or not reference.tag
        yield Found(text, reference, here, error=None if lenient else error)


def _hollow(engine: Engine, here: t.Mapping[str, Attrs]) -> bool:
    return any(images.hollow(engine, dict(attrs)) for attrs in here.values())


def _refused(registries: Registries, pull: Pull) -> SlipwayError | None:
    """Why the registry will not give it; any other trouble may be the engine's way to ask, and none for a pull."""
    try:
        registries.look(pull.reference, {})
    except (NotFound, Denied) as error:
        return error
    except SlipwayError:
        return None
    return None


def _tagged(registries: Registries, reference: Reference, here: t.Mapping[str, Attrs]) -> list[Found]:
    """One for each tag that the registry has; without any there is nothing to tell them by."""
    from ansible_collections.slipway.images.plugins.module_utils.registry.contents import describe, tags

    registry = registries.at(reference.registry)
    found = []
    for tag in tags(registry, reference.repository):
        one = reference.with_tag(tag)
        attrs = here.get(str(one)) or {}
        remote = Remote(describe(registry, reference.repository, tag).digest) if attrs else None
        found.append(Found(str(one), one, {str(one): attrs}, remote))
    return found or [Found(str(reference), reference, here)]


def _here(engine: Engine, texts: t.Iterable[str], reference: Reference) -> dict[str, Attrs]:
    if reference.tag or reference.digest:
        return dict.fromkeys(texts, images.inspect(engine, reference.lookup))
    rows = images.listed(engine, {"reference": [reference.name]})
    tags = sorted(tag for row in rows for tag in row["RepoTags"] or () if Reference.parse(tag).name == reference.name)
    return {tag: images.inspect(engine, tag) for tag in tags}


def plan(params: t.Mapping[str, t.Any], seen: t.Sequence[Found]) -> Pulls:
    platform = Platform.parse(params["platform"]) if params["platform"] else None
    here = {name: attrs for found in seen for name, attrs in found.here.items()}
    before = {name: attrs.get("Id", ABSENT) for name, attrs in here.items()}
    failures = {found.text: found.error for found in seen if found.error}
    wanted = [found for found in seen if not found.error and not _current(params, platform, found)]
    # To pull these once more would change nothing: the engine calls them up to date.
    hollow = [found for found in seen if found.hollow and not found.error and found not in wanted]
    failures.update({found.text: _torn(found.text) for found in hollow})
    if params["pull"] == "never":
        failures.update({found.text: _missing(found, platform) for found in wanted})
        wanted = []
    texts: dict[Reference, list[str]] = {}
    digests: dict[Reference, str] = {}
    for found in wanted:
        texts.setdefault(found.reference, []).append(found.text)
        digests[found.reference] = found.remote.digest if found.remote else ""
    return Pulls(
        before=before,
        after={**before, **{found.text: UNKNOWN for found in wanted}},
        actions=tuple(
            Pull(tuple(written), reference, platform, params["retries"], digests[reference])
            for reference, written in texts.items()
        ),
        images=here,
        failure=batch.gathered(failures, len(seen), "did not come"),
        failures=failures,
        total=len(seen),
        parallel=params["parallel"],
    )


def _current(params: t.Mapping[str, t.Any], platform: Platform | None, found: Found) -> bool:
    here = list(found.here.values())  # of a repository any number, or none
    if not here or not all(attrs and _is_for(platform, attrs) for attrs in here):
        return False
    if params["pull"] != "always" or found.reference.digest:
        return True
    return found.remote is not None and found.remote.same(here[0], found.reference)


def _is_for(platform: Platform | None, attrs: Attrs) -> bool:
    return platform is None or platforms.matches(platform, platforms.of_image(attrs))


def _missing(found: Found, platform: Platform | None) -> NotFound:
    wanted = "%s%s" % (found.reference, " for %s" % platform if platform else "")
    return NotFound("%s is not on the engine, and pull is never" % wanted, name=found.text)


def _torn(text: str) -> EngineError:
    said = "the engine has %s without the content of its layers, for it had unpacked them before, from an archive or a "
    todo = "build; remove it and the images with the same layers, then pull again"
    return EngineError(said % text + todo, name=text)


def apply(engine: Engine, todo: Pulls) -> Outcome:
    came: dict[str, Attrs] = {}
    done: list[Pull] = []
    failures = dict(todo.failures)
    results = each(lambda pull: _bring(engine, pull), todo.actions, todo.parallel)
    for action, (here, error) in zip(todo.actions, results):
        came.update(here)
        if error:
            failures.update(dict.fromkeys(action.texts, error))
        else:
            done.append(action)
    after = {**todo.before, **{name: attrs.get("Id", ABSENT) for name, attrs in came.items()}}
    outcome = Outcome(after, tuple(done), {**todo.images, **came})
    failure = batch.gathered(failures, todo.total, "did not come")
    if failure:
        failure.outcome = outcome
        raise failure
    return outcome


def _bring(engine: Engine, pull: Pull) -> tuple[dict[str, Attrs], SlipwayError | None]:
    """What the names point to afterwards, and what went wrong. A pull that failed may have moved a name all the same:
    one tag of many, or to an image for another platform."""
    from ansible_collections.slipway.images.plugins.module_utils.image.progress import fold

    platform = str(pull.platform) if pull.platform else None
    failure: SlipwayError | None = None

    def attempt() -> None:
        records = transfer.pull(engine, pull.reference, platform, pull.all_tags)
        fold(records).check("pulling %s" % pull.reference)

    try:
        persistently(attempt, pull.retries)
    except SlipwayError as error:
        failure = error
    try:
        here = _here(engine, pull.texts, pull.reference)
    except SlipwayError as error:
        return {}, failure or error
    return here, failure or _amiss(engine, pull, here)


def _amiss(engine: Engine, pull: Pull, here: t.Mapping[str, Attrs]) -> EngineError | None:
    if not here or not all(here.values()):
        return NotFound("%s was pulled, and yet the engine does not have it" % pull.reference, name=pull.texts[0])
    if _hollow(engine, here):
        return _torn(pull.texts[0])
    foreign = [platforms.of_image(attrs) for attrs in here.values() if not _is_for(pull.platform, attrs)]
    if not foreign:
        return None
    said = "%s came for %s; there is none for %s" % (pull.reference, foreign[0], pull.platform)
    return NotFound(said, name=pull.texts[0])


def foretell(engine: Foretelling, todo: Pulls) -> Outcome:
    after, here = dict(todo.after), dict(todo.images)
    for pull in todo.actions:
        if pull.all_tags:  # which there are, nobody could tell
            continue
        id = engine.make("pull", [pull.reference], pull.platform)
        if pull.digest:
            engine.world.learn(pull.reference, id, pull.digest)
        after.update(dict.fromkeys(pull.texts, id))
        here.update(dict.fromkeys(pull.texts, images.inspect(engine, id)))
    return Outcome(after, todo.actions, here)


def main() -> None:
    run(SPEC, observe, plan, apply, foretell)


if __name__ == "__main__":
    main()
