#!/usr/bin/python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_build
short_description: Build an image when what goes into it has changed
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Builds an image from a directory, a tar archive or a URL, with BuildKit or the engine's classic builder. For neither
    is the docker CLI or buildx needed.
  - Remembers on the target what went into an image. While that is unchanged and the name still points to that image,
    the task is C(ok), and the builder is not even asked.
  - The context is sent while it is read, without a temporary file, and takes no more memory when it is large.
  - Returns each step of the build as data, also when it fails.
extends_documentation_fragment:
  - slipway.images.engine
  - slipway.images.registry
options:
  name:
    description:
      - The name of the image, with or without a tag.
      - Needed unless O(outputs) are files. An archive of an image may bear it.
    type: str
  tag:
    description: The tag, when O(name) has none.
    type: str
    default: latest
  tags:
    description: More names for the image, each in full, as in V(registry.example.com/app:1.4).
    type: list
    elements: str
    default: []
  path:
    description:
      - Directory on the target that is the build context.
      - What C(.dockerignore) names stays out of it, or what C(<Dockerfile>.dockerignore) names, where there is one.
    type: path
  archive:
    description: A tar on the target that is the build context, plain or compressed (gz, bz2, xz, zst).
    type: path
  url:
    description:
      - "A context that the engine fetches: a git repository, or a tar or Dockerfile over HTTP."
      - What it holds now only the engine can tell, so the builder is asked at each run.
    type: str
  dockerfile:
    description:
      - The Dockerfile, by its path in the context or by an absolute path, which may be outside of it.
      - C(Dockerfile) by default.
    type: str
  dockerfile_inline:
    description: The text of the Dockerfile itself. Without O(path) it builds in an empty context.
    type: str
  args:
    description: Build arguments. Null unsets one that the builder would set.
    type: dict
    default: {}
  labels:
    description: Labels for the image.
    type: dict
    default: {}
  target:
    description: The stage to build; the last one by default.
    type: str
  platform:
    description:
      - The platform to build for, such as V(linux/arm64).
      - "Of several, V([linux/amd64, linux/arm64]), one image is made under one name. This takes BuildKit (see
        O(builder)) and an engine with the containerd image store. The files of O(outputs[].type=local) and V(tar)
        BuildKit makes everywhere, in a directory for each platform, such as C(linux_amd64)."
      - What V(RUN) starts must be able to run, which for another architecture than the engine's takes an emulator on
        its host.
    type: list
    elements: str
    default: []
  pull:
    description: Build on what the registry has under the names of the base images now, not on what is on the engine.
    type: bool
    default: false
  nocache:
    description: Let the builder run each step anew. Whether to build at all is for O(rebuild) to say.
    type: bool
    default: false
  rebuild:
    description:
      - V(changed) builds when the context, the Dockerfile, an option or a base image differs from what the image was
        built of, and when there is no record of that. Of a context, what counts is what the Dockerfile uses when
        BuildKit builds, and with the classic builder all of it. Files are compared by content, permissions and link
        target; only those whose size, times or inode moved are read again.
      - Where something is fetched from elsewhere (O(url), a URL among O(contexts), C(ADD) of a URL or a git repository
        without a checksum or commit), V(changed) asks the builder each time, too, which looks whether that is another
        now. Check mode, which cannot ask it, says that it would build, and C((known after build)) for the id.
      - V(always) asks the builder each time. It is a change when another image comes out of it. No record is kept then.
      - V(never) builds only when a name is missing.
      - The records are under C(~/.cache/slipway-images) (or C($XDG_CACHE_HOME)) on the target. To lose them costs time
        only, and those that were of no use for 30 days are let go.
    type: str
    choices: [changed, always, never]
    default: changed
  builder:
    description:
      - V(auto) is BuildKit where it can be had. It is the classic builder on Podman, on an engine that says that it
        would rather build so (Windows, or C(features.buildkit=false)), without the Python library C(h2) on the target,
        and for what only that builder heeds, which is O(limits), O(squash), O(isolation), a O(network) of another name
        than V(default), V(host) or V(none), and before Docker 23 O(shm_size) and O(ulimits).
      - What only BuildKit can, such as O(secrets) or C(RUN --mount), is an error where it cannot be had.
      - "V(buildkit) runs stages side by side, knows C(RUN --mount), secrets and ssh, and is sent only the files that
        the Dockerfile uses and that changed. It needs C(h2) on the target."
      - V(classic) is the builder that every engine has.
      - An image that V(auto) built by one of them is not built anew because it would take the other now, unless the
        Dockerfile has arguments such as C(TARGETARCH), which only BuildKit sets.
    type: str
    choices: [auto, buildkit, classic]
    default: auto
  secrets:
    description:
      - Secrets for C(RUN --mount=type=secret). They need BuildKit, see O(builder).
      - Each is given by exactly one of O(secrets[].src), O(secrets[].env) and O(secrets[].value). Their contents are in
        no layer, no log and no record, and are not compared by O(rebuild=changed).
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: What the Dockerfile calls it.
        type: str
        required: true
      src:
        description: A file on the target.
        type: path
      env:
        description: An environment variable of the task on the target.
        type: str
      value:
        description: The secret itself.
        type: str
  ssh:
    description:
      - Agents for C(RUN --mount=type=ssh). A build can list keys and sign with them, no more. They need BuildKit.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: What the Dockerfile calls it.
        type: str
        default: default
      socket:
        description: The agent's socket on the target. By default that of E(SSH_AUTH_SOCK).
        type: path
  rm:
    description: Remove the containers of steps that succeeded.
    type: bool
    default: true
  forcerm:
    description: Remove the containers of a build that failed, too.
    type: bool
    default: true
  network:
    description: The network for V(RUN) steps, such as V(none) or V(host).
    type: str
  extra_hosts:
    description: Host names and their addresses, for V(RUN) steps.
    type: dict
    default: {}
    aliases: [etc_hosts]
  shm_size:
    description: The size of C(/dev/shm) in V(RUN) steps, as in V(256m).
    type: str
  ulimits:
    description: Limits for V(RUN) steps, as in V(nofile:1024) or V(nofile:1024:2048) (soft and hard).
    type: list
    elements: str
    default: []
  limits:
    description: What V(RUN) steps may use of the host.
    type: dict
    aliases: [container_limits]
    suboptions:
      memory:
        description: Memory, as in V(512m).
        type: str
      memswap:
        description: Memory and swap together, as in V(1g), or V(-1) for unlimited swap.
        type: str
      cpushares:
        description: CPU time relative to other containers (1024 is usual).
        type: int
      cpusetcpus:
        description: The CPUs to run on, as in V(0-2) or V(0,1).
        type: str
  cache_from:
    description:
      - Images whose layers may serve as cache.
      - V(type=local,src=DIRECTORY) is a cache that O(cache_to) kept on the target. It needs BuildKit of Docker 23 or
        newer. That there is none yet is a warning.
    type: list
    elements: str
    default: []
  contexts:
    description:
      - What C(FROM) and C(COPY --from) may name besides stages and images, by name. It needs BuildKit of Docker 23 or
        newer.
      - Each is a directory on the target, an image as in V(docker-image://alpine:3.20), or the URL of a git repository
        or an archive, which the engine fetches. What a directory's own C(.dockerignore) names stays out.
      - What is used of a directory, and an image's id, count for O(rebuild=changed). What is behind a URL, only the
        builder knows.
    type: dict
    default: {}
  cache_to:
    description:
      - Where to keep the cache of this build for others. It needs BuildKit.
      - V(inline) is in the image itself. Push that, and name it in O(cache_from) elsewhere.
      - V(type=registry,ref=IMAGE,mode=max) is an image of its own, and V(type=local,dest=DIRECTORY,mode=max) files on
        the target. Both take an engine with the containerd image store. They are kept when something is built, and ask
        for no build by themselves.
    type: list
    elements: str
    default: []
  outputs:
    description:
      - What comes out of the build, at most one. By default that is the image, on the engine. Files need BuildKit.
      - Files are written only when the build came to its end. A task is C(ok) when nothing that they consist of
        differs, whether it was built again or not.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description:
          - V(image) is the image on the engine.
          - V(local) puts the files of the last stage into the directory O(outputs[].dest). What is there under other
            names stays, also what an earlier build put there. Owners are those of the task, permissions, links and
            times those of the build.
          - V(tar) is the files of the last stage in one tar.
          - V(oci) and V(docker) are archives of the image, which engines with the containerd image store can make.
            Others do not know them; there, build the image and save it by M(slipway.images.image_save).
        type: str
        required: true
        choices: [image, local, tar, oci, docker]
      dest:
        description: Where to put it on the target. The directory above it must be there.
        type: path
  squash:
    description: Make one layer of all that the build adds. An experimental feature of the engine.
    type: bool
    default: false
  isolation:
    description: The isolation technology, on Windows.
    type: str
  use_config_proxy:
    description:
      - Hand the proxies of the Docker configuration file to the build, as the docker CLI does.
      - They do not count as build arguments when O(rebuild=changed) compares.
    type: bool
    default: true
  log_limit:
    description: How many of the last output lines of each step RV(build) keeps.
    type: int
    default: 50
seealso:
  - module: slipway.images.image_pull
"""

EXAMPLES = r"""
- name: Build the application when something in it changed
  slipway.images.image_build:
    name: shop/app:1.4
    path: /srv/app
    args:
      VERSION: "1.4"
  register: app

- name: How long the steps took
  ansible.builtin.debug:
    msg: "{{ app.build.steps | default([]) | map(attribute='seconds') }}"

- name: One stage, under two names, for the registry
  slipway.images.image_build:
    name: registry.example.com/shop/app:1.4
    tags: ["registry.example.com/shop/app:latest"]
    path: /srv/app
    dockerfile: docker/Dockerfile.prod
    target: runtime

- name: One name for two platforms, on an engine with the containerd image store
  slipway.images.image_build:
    name: registry.example.com/shop/app:1.4
    path: /srv/app
    platform: [linux/amd64, linux/arm64]

- name: With a secret that is in no layer
  slipway.images.image_build:
    name: shop/app:1.4
    path: /srv/app
    secrets:
      - id: npm_token
        value: "{{ vault_npm_token }}"

- name: Compile, and keep nothing but the result
  slipway.images.image_build:
    path: /srv/app
    target: binaries
    outputs:
      - {type: local, dest: /opt/app}

- name: With files from beside the context, and a base image chosen here
  slipway.images.image_build:
    name: shop/app:1.4
    path: /srv/app
    contexts:
      assets: /srv/assets
      base: docker-image://registry.example.com/base:3

- name: A Dockerfile without a context
  slipway.images.image_build:
    name: shop/tools:1
    dockerfile_inline: |
      FROM alpine:3.20
      RUN apk add --no-cache curl jq
"""

RETURN = r"""
actions:
  description: What was done (in check mode, what a run would do), in order.
  returned: always
  type: list
  elements: str
  sample: ["build shop/app:1.4 (context changed)"]
build:
  description: The build's log as data. Empty when nothing was built.
  returned: success, and when a build failed
  type: dict
  contains:
    builder:
      description: The builder that ran.
      type: str
    id:
      description: The id of the image, or the digest of the files that came out of it; empty when the build failed.
      type: str
    seconds:
      description: How long it took.
      type: float
    cached:
      description: How many steps came from the cache.
      type: int
    warnings:
      description: What the builder warned of.
      type: list
      elements: str
    steps:
      description:
        - "The steps, each with C(index), C(total), C(stage), C(name), C(state) (V(done), V(cached), V(failed) or
          V(canceled)), C(seconds), C(exit_code), C(line) in the Dockerfile, the last lines of C(output), how many
          lines before them were C(truncated), and with several platforms C(platform)."
      type: list
      elements: dict
image:
  description: The image, as the engine's inspect gives it. Empty when it is not there.
  returned: always
  type: dict
images:
  description: The image under each of its names.
  returned: always
  type: list
  elements: dict
ansible_facts:
  description: Facts.
  returned: always
  type: dict
  contains:
    slipway_images:
      description: Each name with the image it names now.
      type: dict
diff:
  description:
    - The id that each name points to, or the digest of the files, before and after.
    - In C(prepared), where there is a record to compare with, the inputs that changed, one a line. Values of arguments
      are shown when they are short, and when their names do not sound as if nobody should see them.
  returned: always
  type: dict
  sample: {before: {"shop/app:1.4": absent}, after: {"shop/app:1.4": "sha256:1d34..."}}
error:
  description: Why it failed, for programs.
  returned: on failure
  type: dict
  contains:
    kind:
      description: Whose fault it is; V(build) when a step failed.
      type: str
    step:
      description: The step that failed.
      type: int
    line:
      description: Its line in the Dockerfile.
      type: int
    exit_code:
      description: The exit code of its command.
      type: int
"""

import contextlib
import typing as t
from dataclasses import replace

from ansible_collections.slipway.images.plugins.module_utils import startup  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.slipway.images.plugins.module_utils.building import (
    choice,
    comparison,
    inputs,
    source,
)
from ansible_collections.slipway.images.plugins.module_utils.building.build import Build, Taken
from ansible_collections.slipway.images.plugins.module_utils.disk import buildrecord
from ansible_collections.slipway.images.plugins.module_utils.disk.buildrecord import BuildRecord
from ansible_collections.slipway.images.plugins.module_utils.disk.config import Config, proxies
from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError
from ansible_collections.slipway.images.plugins.module_utils.image import contexts, remotes
from ansible_collections.slipway.images.plugins.module_utils.image.buildrequest import BuildRequest, secrets
from ansible_collections.slipway.images.plugins.module_utils.image.digest import is_foretold
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.image.tagging import Tag
from ansible_collections.slipway.images.plugins.module_utils.task.plan import ABSENT, Attrs, Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, REGISTRY, Spec

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling
    from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog
    from ansible_collections.slipway.images.plugins.module_utils.image.export import Export

SPEC = (
    ENGINE
    + REGISTRY
    + Spec(
        {
            "name": {"type": "str"},
            "tag": {"type": "str", "default": "latest"},
            "tags": {"type": "list", "elements": "str", "default": []},
            "path": {"type": "path"},
            "archive": {"type": "path"},
            "url": {"type": "str"},
            "dockerfile": {"type": "str"},
            "dockerfile_inline": {"type": "str"},
            "args": {"type": "dict", "default": {}},
            "labels": {"type": "dict", "default": {}},
            "target": {"type": "str"},
            "platform": {"type": "list", "elements": "str", "default": []},
            "pull": {"type": "bool", "default": False},
            "nocache": {"type": "bool", "default": False},
            "rebuild": {"type": "str", "choices": ["changed", "always", "never"], "default": "changed"},
            "builder": {"type": "str", "choices": ["auto", "buildkit", "classic"], "default": "auto"},
            "secrets": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "id": {"type": "str", "required": True},
                    "src": {"type": "path"},
                    "env": {"type": "str"},
                    "value": {"type": "str", "no_log": True},
                },
                "mutually_exclusive": [["src", "env", "value"]],
                "required_one_of": [["src", "env", "value"]],
                "no_log": False,
            },
            "ssh": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"id": {"type": "str", "default": "default"}, "socket": {"type": "path"}},
            },
            "rm": {"type": "bool", "default": True},
            "forcerm": {"type": "bool", "default": True},
            "network": {"type": "str"},
            "extra_hosts": {"type": "dict", "default": {}, "aliases": ["etc_hosts"]},
            "shm_size": {"type": "str"},
            "ulimits": {"type": "list", "elements": "str", "default": []},
            "limits": {
                "type": "dict",
                "aliases": ["container_limits"],
                "options": {
                    "memory": {"type": "str"},
                    "memswap": {"type": "str"},
                    "cpushares": {"type": "int"},
                    "cpusetcpus": {"type": "str"},
                },
            },
            "cache_from": {"type": "list", "elements": "str", "default": []},
            "contexts": {"type": "dict", "default": {}},
            "cache_to": {"type": "list", "elements": "str", "default": []},
            "outputs": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "type": {"type": "str", "required": True, "choices": ["image", "local", "tar", "oci", "docker"]},
                    "dest": {"type": "path"},
                },
            },
            "squash": {"type": "bool", "default": False},
            "isolation": {"type": "str"},
            "use_config_proxy": {"type": "bool", "default": True},
            "log_limit": {"type": "int", "default": 50},
        },
        {
            "mutually_exclusive": [
                ["path", "archive", "url"],
                ["dockerfile", "dockerfile_inline"],
                ["archive", "dockerfile_inline"],
                ["url", "dockerfile_inline"],
            ],
            "required_one_of": [["path", "archive", "url", "dockerfile_inline"]],
        },
        secrets,
    )
)

UNKNOWN = "(known after build)"
BUILDER = "option builder"


class Seen(t.NamedTuple):
    """`here`: what each name points to. `files`: the digest of what there is of the files that are to come out of it,
    by their place. `changed`: the inputs that differ from `record`, if there is one and what it tells of is here;
    `told`: how, in lines for a person."""

    here: t.Mapping[str, Attrs]
    build: Build
    record: BuildRecord | None = None
    changed: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    files: t.Mapping[str, str] = {}


def observe(engine: Engine, params: t.Mapping[str, t.Any]) -> Seen:
    request = BuildRequest.of(params)
    sent = source.of(params, contexts.directories(request.contexts))
    services = source.services(params)
    dockerfile = Dockerfile.parse(sent.dockerfile.decode("utf-8", "replace") if sent else "")
    builder = choice.builder(engine, params, request, dockerfile)
    bases = inputs.bases(dockerfile, request)
    fetched = remotes.unpinned(dockerfile, request.defined(), request.contexts, request.options.get("target"))
    build = Build(
        request=request,
        source=sent,
        url=params["url"],
        builder=builder,
        path=sent.dockerfile_name if sent else params["dockerfile"] or "Dockerfile",
        given=source.given(params),
        inline=params["dockerfile_inline"] is not None,
        dockerfile=dockerfile,
        bases=bases,
        inputs={
            **request.inputs(),
            **comparison.of_dockerfile(sent),
            BUILDER: choice.compared(params, dockerfile, builder),
            **inputs.ids(engine, bases),
            **(inputs.digests(engine, bases) if params["pull"] and params["rebuild"] != "never" else {}),
        },
        services=services,
        secrets=request.secrets | {value.decode("utf-8", "replace") for value in services.secrets.values()},
        recording=sent is not None and not fetched and params["rebuild"] != "always",
        record=buildrecord.path(str(engine.transport.address), comparison.key(request, params)),
        proxies=_proxies(engine, params),
        log_limit=max(0, params["log_limit"]),
        fetched=("option url",) if params["url"] else fetched,
    )
    here = {} if request.export else {str(name): images.inspect(engine, str(name)) for name in request.names}
    files = _exported(request.export, build.record)
    then = _foretold(engine, build, here)
    if then:
        return then
    record = buildrecord.read(build.record) if build.recording and params["rebuild"] == "changed" else None
    if record is None or sent is None or not _present(engine, record, here, files):
        return Seen(here, build, files=files)
    compared = comparison.compare(build.record, record, build.inputs, sent)
    build = replace(build, stamps=compared.stamps)
    touched = [path for path, digest in files.items() if digest != record.id]
    return Seen(here, build, record, (*compared.changed, *touched), compared.told, files)


def _exported(export: Export | None, record: str) -> dict[str, str]:
    if export is None:
        return {}
    from ansible_collections.slipway.images.plugins.module_utils.building import exports

    return exports.found(export, record)


def _proxies(engine: Engine, params: t.Mapping[str, t.Any]) -> dict[str, str]:
    if not params["use_config_proxy"]:
        return {}
    return proxies(Config.read(params["docker_config"], engine.warnings), str(engine.transport.address))


def _foretold(engine: Engine, build: Build, here: t.Mapping[str, Attrs]) -> Seen | None:
    """In a run in check mode an earlier task may have said that it would build this."""
    id = here[build.request.subject].get("Id", "") if here else ""
    if not is_foretold(id):
        return None
    from ansible_collections.slipway.images.plugins.module_utils.building.foretold import compare

    found = compare(engine, build, id)
    return Seen(here, build, *found) if found else None


def _present(engine: Engine, record: BuildRecord, here: t.Mapping[str, Attrs], files: t.Mapping[str, str]) -> bool:
    if files:
        return ABSENT not in files.values()
    return any(attrs.get("Id") == record.id for attrs in here.values()) or bool(images.inspect(engine, record.id))


def plan(params: t.Mapping[str, t.Any], seen: Seen) -> Plan:
    actions: tuple[Build | Tag, ...] = ()
    before = {**{name: attrs.get("Id", ABSENT) for name, attrs in seen.here.items()}, **seen.files}
    if seen.record and not seen.changed:
        id = seen.record.id
        actions = tuple(
            Tag(id, name, "which is built already")
            for name in seen.build.request.names
            if before.get(str(name), id) != id
        )
        after = dict.fromkeys(before, id)
    elif params["rebuild"] == "never" and ABSENT not in before.values():
        after = before
    else:
        actions = (replace(seen.build, reason=_reason(params, seen, before)),)
        after = dict.fromkeys(before, UNKNOWN)
    return Plan(before, after, actions, seen.here, {"build": {}}, told=seen.told)


def _reason(params: t.Mapping[str, t.Any], seen: Seen, before: t.Mapping[str, str]) -> str:
    if seen.changed:
        return "%s changed" % ", ".join(seen.changed)
    if ABSENT in before.values():
        return "it is not there yet"
    if params["rebuild"] == "always":
        return "rebuild is always"
    if seen.build.fetched:
        return "what is fetched by %s may have changed" % " and ".join(seen.build.fetched)
    return "no record of what it was built of"


def apply(engine: Engine, todo: Plan) -> Outcome:
    log: BuildLog | None = None
    done: list[Build | Tag] = []
    try:
        for action in todo.actions:
            if isinstance(action, Tag):
                images.tag(engine, action.id, action.name.name, action.name.tag)
            else:
                log = _build(engine, action)
            done.append(action)
    except SlipwayError as error:
        with contextlib.suppress(SlipwayError):
            error.outcome = _left(engine, todo, done, log) if done else None
        raise
    return _left(engine, todo, done, log)


def foretell(engine: Foretelling, todo: Plan) -> Outcome:
    from ansible_collections.slipway.images.plugins.module_utils.building.foretold import tell

    for action in todo.actions:
        if isinstance(action, Tag):
            engine.world.point(action.name, action.id)
        else:
            tell(engine, action)
    here = {text: images.inspect(engine, text) for text in todo.images}
    after = {text: attrs.get("Id", ABSENT) for text, attrs in here.items()}
    return todo.foretold()._replace(after={**todo.after, **after}, images=here)


def _left(engine: Engine, todo: Plan, done: t.Iterable[Build | Tag], log: BuildLog | None) -> Outcome:
    results = {"build": log.as_result() if log else {}}
    if log and log.altered is not None:
        return Outcome(dict.fromkeys(todo.before, log.id) if log.altered else todo.before, tuple(done), {}, results)
    here = {name: images.inspect(engine, name) for name in todo.before}
    after = {name: attrs.get("Id", ABSENT) for name, attrs in here.items()}
    return Outcome(after, tuple(done), here, results)


def _build(engine: Engine, build: Build) -> BuildLog:
    log, taken = _run(engine, build)
    log.check(build.called)
    if not build.recording:
        buildrecord.forget(build.record)  # or the name would go back to what it was before
    elif _bears(engine, build, log.id):
        went_in = {**build.inputs, BUILDER: build.builder, **inputs.ids(engine, build.brought())}
        warning = buildrecord.write(build.record, BuildRecord(log.id, went_in, *taken))
        engine.warnings.extend([warning] if warning else [])
    return log


def _bears(engine: Engine, build: Build, id: str) -> bool:
    """Does the name still bear what was built? Else another play was faster, and it is for its record to say."""
    return bool(build.request.export) or images.inspect(engine, str(build.request.names[0])).get("Id") == id


def _run(engine: Engine, build: Build) -> tuple[BuildLog, Taken]:
    """By the builder that was chosen."""
    if build.builder == choice.CLASSIC:
        from ansible_collections.slipway.images.plugins.module_utils.building import classic

        return classic.run(engine, build)
    from ansible_collections.slipway.images.plugins.module_utils.building import buildkit

    return buildkit.run(engine, build)


def main() -> None:
    run(SPEC, observe, plan, apply, foretell)


if __name__ == "__main__":
    main()
