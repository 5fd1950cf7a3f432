# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build is made of, as a task's options name it: the context that we send, and the secrets."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass, field

from ansible_collections.slipway.images.plugins.module_utils.disk import filename
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Beside, Context
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import LoneDockerfile, TarContext


@dataclass(frozen=True)
class Services:
    """What BuildKit may ask of us beside the context, by id: secrets, and the sockets of ssh agents."""

    secrets: t.Mapping[str, bytes] = field(default_factory=dict, repr=False)
    agents: t.Mapping[str, str] = field(default_factory=dict)


Source = t.Union[Context, "TarContext", "LoneDockerfile"]
"""A context that we send; `None` stands for one that the engine fetches."""


def of(params: t.Mapping[str, t.Any], directories: t.Mapping[str, str]) -> Source | None:
    """`directories` are those beside the context, by name."""
    if directories and params["path"] is None:
        raise UsageError("contexts: with directories, path must be one, too", option="contexts")
    if params["url"] is not None:
        return None
    if params["path"] is None:
        return _without_a_directory(params)
    context = Context.open(params["path"], given(params), params["dockerfile_inline"])
    native = {name: filename.native(path) for name, path in directories.items()}
    return context._replace(beside={name: Beside.open(os.path.expanduser(path)) for name, path in native.items()})


def given(params: t.Mapping[str, t.Any]) -> str | None:
    """The option `dockerfile`, as the path that it is where the context is a directory."""
    return filename.native(params["dockerfile"]) if params["dockerfile"] else None


def _without_a_directory(params: t.Mapping[str, t.Any]) -> Source:
    from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import LoneDockerfile, TarContext

    if params["archive"] is not None:
        return TarContext.open(params["archive"], params["dockerfile"])
    return LoneDockerfile(params["dockerfile_inline"].encode("utf-8", "surrogateescape"))


def services(params: t.Mapping[str, t.Any]) -> Services:
    """What is named and not there is an error, in check mode too."""
    if not (params["secrets"] or params["ssh"]):
        return Services()
    from ansible_collections.slipway.images.plugins.module_utils.disk import secretfile

    agents = {agent["id"]: secretfile.agent(agent["id"], agent["socket"]) for agent in params["ssh"]}
    found: dict[str, bytes] = {}
    for secret in params["secrets"]:
        if secret["src"] is not None:
            found[secret["id"]] = secretfile.read(secret["id"], secret["src"])
        elif secret["env"] is not None:
            found[secret["id"]] = secretfile.variable(secret["id"], secret["env"])
        else:
            found[secret["id"]] = secret["value"].encode("utf-8", "surrogateescape")
    return Services(found, agents)
