#!/usr/bin/python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_push
short_description: Bring images from the engine to a registry
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Makes sure that a registry has images under their names.
  - Asks the registry for the digest of a name first. When it is one of the image's own, nothing is uploaded.
  - It is a change exactly when the name has another digest in the registry afterwards. So is a new tag of layers that
    are there, and an image of which nothing but its configuration is new.
  - What the digest of an image will be, the engine knows only when it pushed it to that repository or pulled it from
    there before. Else check mode foretells a change, also when the registry got the very same image from elsewhere.
extends_documentation_fragment:
  - slipway.images.engine
  - slipway.images.registry
options:
  name:
    description:
      - "What to push: V(registry/repo) or V(registry/repo:tag), one or a list. See M(slipway.images.image_tag) for how
        an image gets such a name."
      - Several are pushed at once, see O(parallel). When some fail, the others are still brought, and the failure
        names each that did not arrive.
    type: list
    elements: str
    required: true
  tag:
    description: The tag for each O(name) that has none.
    type: str
    default: latest
  all_tags:
    description: Push all tags that the engine has of each O(name), which then has none itself.
    type: bool
    default: false
  platform:
    description:
      - Push only what the image has for this platform, such as V(linux/arm64).
      - Needs an engine with API 1.46 (Docker 27.0).
    type: str
  parallel:
    description: How many images to push at a time.
    type: int
    default: 3
  retries:
    description:
      - How often to try again after a lost connection, a registry that is busy (429) or one that is in trouble (5xx).
      - The pauses between attempts double from one second to thirty.
    type: int
    default: 0
seealso:
  - module: slipway.images.image_tag
  - module: slipway.images.image_pull
"""

EXAMPLES = r"""
- name: The registry has this image
  slipway.images.image_push:
    name: registry.example.com/shop/app:1.4
    registry_username: deploy
    registry_password: "{{ vault_registry_password }}"
  register: pushed

- name: Deploy exactly these bytes
  ansible.builtin.debug:
    msg: "registry.example.com/shop/app@{{ pushed.digest }}"

- name: All tags of two repositories, on a bad line
  slipway.images.image_push:
    name: [registry.example.com/shop/app, registry.example.com/shop/db]
    all_tags: true
    retries: 3
"""

RETURN = r"""
actions:
  description: What was done (in check mode, what a run would do), in order.
  returned: always
  type: list
  elements: str
  sample: ["push registry.example.com/shop/app:1.4"]
digest:
  description: The digest that the registry has for the name now. In check mode V((known after push)) when that is so.
  returned: when one name was asked for
  type: str
  sample: "sha256:a465..."
size:
  description: Bytes of the manifest that has this digest.
  returned: when one name was asked for and its digest is known
  type: int
digests:
  description: Each name, with the digest that the registry has for it now.
  returned: always, but for a task that failed before it asked
  type: dict
image:
  description: The first image, as the engine's inspect gives it.
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
      description: Each name, as it was written (with O(all_tags), each tag), with the image that it names.
      type: dict
diff:
  description: The digest that the registry has for each name, before and after.
  returned: always
  type: dict
  sample: {before: {"registry.example.com/app:1": absent}, after: {"registry.example.com/app:1": "sha256:a465..."}}
error:
  description: Why it failed, for programs.
  returned: on failure
  type: dict
  contains:
    kind:
      description: Whose fault it is, for example V(engine.not_found) or V(engine.denied).
      type: str
    failed:
      description: The names that did not arrive, each with the reason, when several were asked for.
      type: dict
"""

import typing as t
from dataclasses import dataclass, field

from ansible_collections.slipway.images.plugins.module_utils import startup  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.parallel import each
from ansible_collections.slipway.images.plugins.module_utils.engine.registries import Registries, Remote
from ansible_collections.slipway.images.plugins.module_utils.engine.retry import persistently
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Denied,
    NotFound,
    RequirementError,
    SlipwayError,
    StreamError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image import batch
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.task.plan import ABSENT, Attrs, Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, REGISTRY, Spec

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling
    from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform

SPEC = (
    ENGINE
    + REGISTRY
    + Spec(
        {
            "name": {"type": "list", "elements": "str", "required": True},
            "tag": {"type": "str", "default": "latest"},
            "all_tags": {"type": "bool", "default": False},
            "platform": {"type": "str"},
            "parallel": {"type": "int", "default": 3},
            "retries": {"type": "int", "default": 0},
        }
    )
)

PLATFORM_SINCE = (1, 46)
UNKNOWN = "(known after push)"
UNTOLD = "(not told by the registry)"
FAILED = "did not arrive"
NOT_ASKED = Remote(UNTOLD)


class Found(t.NamedTuple):
    """One name: what it points to here, and in the registry; `remote.digest` may be `absent`, or not be told.

    `part` is the digest of what the image has for the platform; `""` where that is not known, or none was asked for.
    """

    text: str
    reference: Reference
    attrs: t.Mapping[str, t.Any] = {}
    remote: Remote = NOT_ASKED
    part: str = ""
    error: SlipwayError | None = None


@dataclass(frozen=True)
class Push:
    text: str
    reference: Reference
    platform: Platform | None
    retries: int

    def __str__(self) -> str:
        return "push %s%s" % (self.reference, " for %s" % self.platform if self.platform else "")


@dataclass(frozen=True)
class Pushes(Plan):
    """`failures`: names that cannot be pushed, known before anything is; `sizes`: of the manifests, in bytes."""

    failures: t.Mapping[str, SlipwayError] = field(default_factory=dict)
    sizes: t.Mapping[str, int | None] = field(default_factory=dict)
    total: int = 0
    parallel: int = 1
    timeout: float = 60


def observe(engine: Engine, params: t.Mapping[str, t.Any]) -> list[Found]:
    wanted = batch.references(params["name"], params["tag"], params["all_tags"])
    if params["registry_username"] or params["registry_token"]:
        batch.check_one_registry(wanted.values())
    pinned = [text for text, reference in wanted.items() if reference.digest]
    if pinned:
        raise UsageError("a tag is pushed, not a digest: leave it out of %s" % pinned[0], option="name")
    platform = _platform(params["platform"])
    if platform and engine.api < PLATFORM_SINCE:
        speaks = "platform needs an engine with API 1.46 (Docker 27.0), and we speak %d.%d with this one" % engine.api
        raise RequirementError(speaks, option="platform")
    if params["all_tags"]:
        wanted = {name: tag for text, one in wanted.items() for name, tag in _tags(engine, text, one).items()}
    # Two ways to write one name are one push.
    texts = {reference: text for text, reference in reversed(wanted.items())}

    def look(reference: Reference) -> Found:
        return _find(registries, texts[reference], reference, platform, params["retries"])

    with Registries(engine, params["timeout"]) as registries:
        return each(look, dict.fromkeys(wanted.values()), params["parallel"])


def _platform(text: str | None) -> Platform | None:
    if not text:
        return None
    from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform

    return Platform.parse(text)


def _tags(engine: Engine, text: str, repository: Reference) -> dict[str, Reference]:
    """The tags that the engine has of a repository; where there are none, the repository itself, which is not found."""
    rows = images.listed(engine, {"reference": [repository.name]})
    tags = {Reference.parse(tag) for row in rows for tag in row["RepoTags"] or ()}
    mine = sorted((str(tag), tag) for tag in tags if tag.name == repository.name)
    return dict(mine) or {text: repository}


def _find(registries: Registries, text: str, reference: Reference, platform: Platform | None, retries: int) -> Found:
    attrs = images.inspect(registries.engine, str(reference))
    try:
        part = _part(registries.engine, reference, attrs, platform)
        remote = persistently(lambda: _remote(registries, reference, attrs), retries)
    except SlipwayError as error:
        return Found(text, reference, attrs, error=error)
    return Found(text, reference, attrs, remote, part)


def _part(engine: Engine, reference: Reference, attrs: Attrs, platform: Platform | None) -> str:
    """The digest of what there is to push for the platform, where the engine can tell; `NotFound` when it is nothing.

    A graph driver keeps an image for one platform, and learns its digest from the registry.
    """
    if not attrs:
        raise NotFound("%s is not on the engine, so it cannot be pushed" % reference, name=str(reference))
    if not platform:
        return ""
    from ansible_collections.slipway.images.plugins.module_utils.image import platform as platforms

    have = {platforms.of_image(attrs): ""}
    manifests = images.manifests(engine, str(reference))
    if manifests:
        have = {platforms.of_manifest(manifest): manifest["ID"] for manifest in manifests if manifest.get("Available")}
    for one, digest in have.items():
        if platforms.matches(platform, one):
            return digest
    raise NotFound("there is nothing in %s for %s" % (reference, platform), name=str(reference))


def _remote(registries: Registries, reference: Reference, attrs: Attrs) -> Remote:
    try:
        return registries.look(reference, attrs)
    except NotFound:
        return Remote(ABSENT)
    except SlipwayError as error:
        # Podman, asked past, may have logins and authorities of its own for this registry: it is left to say what is
        # wrong. Registries that hide what one may not see (Docker Hub) say "denied" also of a repository that is yet
        # to be made by its first push. One that does not know us at all says "unauthorized": the end of it.
        hidden = isinstance(error, Denied) and "denied" in str(error.facts.get("said")).lower()
        if not (hidden or registries.engine.podman):
            raise
        return Remote(UNTOLD)


def plan(params: t.Mapping[str, t.Any], seen: t.Sequence[Found]) -> Pushes:
    platform = _platform(params["platform"])
    failures = {found.text: found.error for found in seen if found.error}
    wanted = [found for found in seen if not found.error and not _current(found)]
    before = {found.text: found.remote.digest for found in seen}
    after = {**before, **{found.text: found.part or UNKNOWN for found in wanted}}
    sizes = {found.text: found.remote.size for found in seen if found not in wanted}
    return Pushes(
        before=before,
        after=after,
        actions=tuple(Push(found.text, found.reference, platform, params["retries"]) for found in wanted),
        images={found.text: found.attrs for found in seen},
        results=_results({text: digest for text, digest in after.items() if text not in failures}, sizes, len(seen)),
        failure=batch.gathered(failures, len(seen), FAILED),
        failures=failures,
        sizes=sizes,
        total=len(seen),
        parallel=params["parallel"],
        timeout=params["timeout"],
    )


def _current(found: Found) -> bool:
    if found.part:
        return found.remote.digest == found.part
    return found.remote.same(found.attrs, found.reference)


def _results(digests: t.Mapping[str, str], sizes: t.Mapping[str, int | None], total: int) -> dict[str, t.Any]:
    results: dict[str, t.Any] = {"digests": dict(digests)}
    if total == 1:
        results.update(zip(("digest",), digests.values()))
        results.update(zip(("size",), (size for size in sizes.values() if size is not None)))
    return results


def apply(engine: Engine, todo: Pushes) -> Outcome:
    arrived: dict[str, Remote] = {}
    done: list[Push] = []
    failures = dict(todo.failures)
    with Registries(engine, todo.timeout) as registries:
        results = each(lambda push: _bring(registries, push), todo.actions, todo.parallel)
    for push, result in zip(todo.actions, results):
        if isinstance(result, SlipwayError):
            failures[push.text] = result
        else:
            done.append(push)
            arrived[push.text] = result
    after = {**todo.before, **{text: remote.digest for text, remote in arrived.items()}}
    digests = {text: digest for text, digest in after.items() if text not in failures}
    sizes = {**todo.sizes, **{text: remote.size for text, remote in arrived.items()}}
    # An image learns its digest when it is pushed.
    now = {push.text: images.inspect(engine, str(push.reference)) for push in done}
    outcome = Outcome(after, tuple(done), {**todo.images, **now}, _results(digests, sizes, todo.total))
    failure = batch.gathered(failures, todo.total, FAILED)
    if failure:
        failure.outcome = outcome
        raise failure
    return outcome


def _bring(registries: Registries, push: Push) -> Remote | SlipwayError:
    from ansible_collections.slipway.images.plugins.module_utils.engine import transfer
    from ansible_collections.slipway.images.plugins.module_utils.image import platform as platforms
    from ansible_collections.slipway.images.plugins.module_utils.image import progress

    what = "pushing %s" % push.reference

    def attempt() -> Remote:
        platform = platforms.encoded(push.platform) if push.platform else None
        told = progress.fold(transfer.push(registries.engine, push.reference, platform))
        told.check(what)
        return Remote(told.digest, told.size) if told.digest else _remote(registries, push.reference, {})

    try:
        remote = persistently(attempt, push.retries)
    except SlipwayError as error:
        return error
    if remote.digest in (ABSENT, UNTOLD):
        return StreamError("%s: the engine reported no error, and yet no digest" % what, name=push.text)
    return remote


def foretell(engine: Foretelling, todo: Pushes) -> Outcome:
    digests = dict(todo.results["digests"])
    for push in todo.actions:
        told = "" if digests[push.text] == UNKNOWN else digests[push.text]
        digests[push.text] = engine.world.push(push.reference, todo.images[push.text]["Id"], told)
    here = {push.text: images.inspect(engine, str(push.reference)) for push in todo.actions}
    results = _results(digests, todo.sizes, todo.total)
    return Outcome({**todo.after, **digests}, todo.actions, {**todo.images, **here}, results)


def main() -> None:
    run(SPEC, observe, plan, apply, foretell)


if __name__ == "__main__":
    main()
