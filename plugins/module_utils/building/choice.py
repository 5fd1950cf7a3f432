# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of an engine's two builders builds.

`auto` takes BuildKit where it can be had, and the classic builder where that alone does all that was asked for. What
neither does is an error, and nothing that was asked for is dropped without a word.
"""

from __future__ import annotations

import importlib.util
import sys
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.building import storage
from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import RequirementError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import syntax
from ansible_collections.slipway.images.plugins.module_utils.image.buildrequest import BuildRequest
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile

AUTO, CLASSIC, BUILDKIT = "auto", "classic", "buildkit"

BUILDKITS_OWN = ("secrets", "ssh", "outputs", "cache_to", "contexts")
"""Options that the classic builder knows nothing of."""

_IGNORED = {
    "limits": {"memory", "memswap", "cpushares", "cpusetcpus"},
    "squash": {"squash"},
    "isolation": {"isolation"},
}
_IGNORED_OF_OLD = {"shm_size": {"shmsize"}, "ulimits": {"ulimits"}}
# Options that BuildKit silently passes over, as the engine's query spells them; the second before Docker 23.
_SINCE_HEEDED = (1, 42)
_FOLDER = "cache_from of a directory"
_NETWORKS = ("default", "host", "none")  # BuildKit refuses others


def builder(engine: Engine, params: t.Mapping[str, t.Any], request: BuildRequest, dockerfile: Dockerfile) -> str:
    """`classic` or `buildkit`. `UsageError` for options that exclude each other; `RequirementError` names what BuildKit
    lacks here where there is no doing without it."""
    wanted = [option for option in BUILDKITS_OWN if params[option] and (option != "outputs" or request.export)]
    wanted += _unnamed(request)
    if params["builder"] == CLASSIC:
        if wanted:
            raise UsageError("%s: only BuildKit has that; leave out builder" % " and ".join(wanted), option="builder")
        return CLASSIC
    ignored = _ignored(engine, request)
    reasons = wanted if params["builder"] == AUTO else ["builder: buildkit", *wanted]
    if not reasons:
        beyond = syntax.beyond_classic(dockerfile)
        if (
            engine.podman
            or engine.builder == "1"
            or (not beyond and (ignored or _foreign_network(request) or _no_tar(engine, params) or _no_h2()))
        ):
            return CLASSIC
        reasons = [beyond] if beyond else []
    if engine.podman:
        raise RequirementError("%s: Podman has no BuildKit" % " and ".join(reasons), option="builder")
    if _no_h2():
        raise RequirementError(
            "%s needs BuildKit, and that the Python library h2, which is missing for %s: install the package "
            "python3-h2, or run %s -m pip install h2" % (" and ".join(reasons), sys.executable, sys.executable),
            library="h2",
            python=sys.executable,
        )
    if params["contexts"] and engine.api < _SINCE_HEEDED and "syntax" not in dockerfile.directives:
        raise RequirementError("contexts needs Docker 23 or newer, or a `# syntax=` that knows them", option="contexts")
    if "cacheimports" in request.conduct and engine.api < _SINCE_HEEDED:  # it would find nothing, without a word
        raise RequirementError("%s needs Docker 23 or newer" % _FOLDER, option="cache_from")
    if _no_tar(engine, params):
        said = "%s: BuildKit takes no archive into the containerd image store of this engine; unpack it, and say path"
        raise RequirementError(said % " and ".join(reasons), option="archive")
    _check_together(params, request, reasons)
    storage.check(engine, request)
    engine.warnings.extend("BuildKit ignores %s; the classic builder does not" % option for option in ignored)
    return BUILDKIT


def compared(params: t.Mapping[str, t.Any], dockerfile: Dockerfile, chosen: str) -> str:
    """The builder as an input of the build. `""`, which is never a change, when it is all one: an image need not be
    built anew because `h2` was installed since, unless the Dockerfile can tell the builders apart."""
    return chosen if params["builder"] != AUTO or syntax.told_platforms(dockerfile) else ""


def _check_together(params: t.Mapping[str, t.Any], request: BuildRequest, reasons: t.Sequence[str]) -> None:
    """`UsageError` for options that would be refused in the run only: by BuildKit, or since they go beyond what
    `POST /build` has words for (`solving.beyond`), beside what only that has words for (`frontend.untold`)."""
    if _foreign_network(request):
        said = "%s: BuildKit has no network %s; say default, host or none"
        raise UsageError(said % (" and ".join(reasons), request.options["networkmode"]), option="network")
    beyond = [
        *_unnamed(request),
        *["contexts"] * bool(request.contexts),
        *["cache_to"] * ("cacheto" in request.conduct),
    ]
    if beyond and params["archive"] is not None:
        raise UsageError("%s: not with archive; unpack it, and say path" % " and ".join(beyond), option="archive")
    gateways = [host for host, address in params["extra_hosts"].items() if address == "host-gateway"]
    if beyond and gateways:
        said = "%s: not with host-gateway, which only the engine knows; give %s the address itself in extra_hosts"
        raise UsageError(said % (" and ".join(beyond), " and ".join(gateways)), option="extra_hosts")


def _unnamed(request: BuildRequest) -> list[str]:
    """What the classic builder lacks of options that it knows."""
    several, folder = len(request.platforms) > 1, "cacheimports" in request.conduct
    return ["more than one platform"] * several + [_FOLDER] * folder


def _ignored(engine: Engine, request: BuildRequest) -> list[str]:
    known = {**_IGNORED, **(_IGNORED_OF_OLD if engine.api < _SINCE_HEEDED else {})}
    return [option for option, keys in known.items() if keys & request.options.keys()]


def _foreign_network(request: BuildRequest) -> bool:
    return request.options.get("networkmode", "default") not in _NETWORKS


def _no_tar(engine: Engine, params: t.Mapping[str, t.Any]) -> bool:
    """BuildKit in the containerd store asks for the tar of a context at an address that Docker 25 and 26 do not serve
    there: "lookup build-context-..."."""
    return params["archive"] is not None and (1, 44) <= engine.api < (1, 47) and not images.by_config(engine)


def _no_h2() -> bool:
    """Looked for, not imported: a task with nothing to build has no use for it."""
    return importlib.util.find_spec("h2") is None
