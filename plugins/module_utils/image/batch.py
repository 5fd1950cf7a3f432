# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several images in one task: their names, read at the door, and one error for those that failed."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference


def references(names: t.Iterable[str], tag: str, all_tags: bool) -> dict[str, Reference]:
    """Each name as it was written -> what it means. With `all_tags` they are repositories, else `tag` is the tag of
    those that have neither a tag nor a digest."""
    return {text: _reference(text, tag, all_tags) for text in names}


def _reference(text: str, tag: str, all_tags: bool) -> Reference:
    reference = Reference.parse(text)
    if not all_tags:
        return reference if reference.tag or reference.digest else reference.with_tag(tag)
    if reference.tag or reference.digest:
        raise UsageError("all_tags is for a repository: leave out what follows its name in %s" % text, option="name")
    return reference


def check_one_registry(wanted: t.Iterable[Reference]) -> None:
    """Credentials of the task itself are for one registry: `UsageError` when its names are of several."""
    registries = sorted({reference.registry for reference in wanted})
    if len(registries) > 1:
        raise UsageError(
            "these credentials are for one registry, and the names are of %d (%s): use a task for each"
            % (len(registries), ", ".join(registries)),
            option="registry_username",
        )


def gathered(failures: t.Mapping[str, SlipwayError], total: int, said: str) -> SlipwayError | None:
    """One error, of the kind of the first, for all names that failed; `said` is like `did not come`."""
    if not failures:
        return None
    first = next(iter(failures.values()))
    if total == 1:
        return first
    reasons = {text: str(error) for text, error in failures.items()}
    told = "; ".join("%s (%s)" % reason for reason in reasons.items())
    return type(first)("%d of %d images %s: %s" % (len(failures), total, said, told), failed=reasons)
