# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build is made of, as a task's options name it: the context that we send, and the secrets."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk import secretfile
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Context
from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import LoneDockerfile, TarContext

Source = t.Union[Context, TarContext, LoneDockerfile]
"""A context that we send; `None` stands for one that the engine fetches."""


def of(params: t.Mapping[str, t.Any]) -> Source | None:
    if params["url"] is not None:
        return None
    if params["archive"] is not None:
        return TarContext.open(params["archive"], params["dockerfile"])
    if params["path"] is None:
        return LoneDockerfile(params["dockerfile_inline"].encode("utf-8", "surrogateescape"))
    return Context.open(params["path"], params["dockerfile"], params["dockerfile_inline"])


def secrets(params: t.Mapping[str, t.Any]) -> dict[str, bytes]:
    """Secrets by id. What is named and not there is an error, in check mode too."""
    found: dict[str, bytes] = {}
    for secret in params["secrets"]:
        if secret["src"] is not None:
            found[secret["id"]] = secretfile.read(secret["id"], secret["src"])
        elif secret["env"] is not None:
            found[secret["id"]] = secretfile.variable(secret["id"], secret["env"])
        else:
            found[secret["id"]] = secret["value"].encode("utf-8", "surrogateescape")
    return found
