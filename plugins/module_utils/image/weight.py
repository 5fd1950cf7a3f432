# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What images and their layers weigh, which the engine tells in pieces only."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.image.retention import Stored

Layer = tuple[str, int]
"""The digest of a layer's content (diff id) and its size in bytes."""


def reclaimed(going: t.Iterable[t.Sequence[Layer]], staying: t.Iterable[t.Sequence[str]]) -> int:
    """Bytes freed when the images `going` (layers from the bottom up) go and those `staying` stay.

    A layer is stored once for each stack it tops, so two images share it only when all below it is shared too.
    """
    kept = {tuple(layers[: depth + 1]) for layers in staying for depth in range(len(layers))}
    freed: dict[tuple[str, ...], int] = {}
    for layers in going:
        stack = tuple(digest for digest, _size in layers)
        for depth, (_digest, size) in enumerate(layers):
            freed[stack[: depth + 1]] = size
    return sum(size for stack, size in freed.items() if stack not in kept)


def outermost(images: t.Iterable[Stored], leaving: t.Collection[str]) -> tuple[str, ...]:
    """Ids of the images whose layers tell of all others': an image's layers are among those of what is built on it,
    so only one without a child of its own fate (`leaving` or not) has something to add."""
    stored = tuple(images)
    within = {image.parent for image in stored if (image.id in leaving) is (image.parent in leaving)}
    return tuple(image.id for image in stored if image.id not in within)


_NO_LAYER = re.compile(
    r"(.*#\(nop\)\s+)?(ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b"
)


def steps(history: t.Iterable[t.Mapping[str, t.Any]]) -> list[t.Mapping[str, t.Any]]:
    """The entries of `GET /images/{id}/history`, turned bottom up, that may have made a layer.

    The engine does not tell: an instruction that changes nothing but the configuration makes none, any other makes
    one unless it changed nothing, and one of size 0 when it made only directories or removed files.
    """
    turned = list(history)[::-1]
    return [entry for entry in turned if entry["Size"] or not _NO_LAYER.match(entry.get("CreatedBy") or "")]


def sized(
    digests: t.Sequence[str], size: int, made: t.Iterable[t.Mapping[str, t.Any]], depths: t.Mapping[str, int]
) -> tuple[Layer, ...]:
    """The layers `digests` (bottom up) of an image of `size` bytes, each with its own size, out of its `steps`.

    `depths`, the number of layers of the images that steps ended in, settles which steps of size 0 made a layer,
    where there are more steps than layers and the steps were made here. For an image from elsewhere that has such
    steps of both kinds, those lower down are taken for the makers. When history is missing (images need not have
    it), what it does not account for is put down to the topmost layer.
    """
    makers: list[t.Mapping[str, t.Any]] = []
    for step in made:
        if step["Size"] or depths.get(step["Id"], len(makers) + 1) > len(makers):
            makers.append(step)
    while len(makers) > len(digests):
        empty = [place for place, step in enumerate(makers) if not step["Size"]]
        del makers[empty[-1] if empty else -1]
    sizes = [step["Size"] for step in makers]
    if len(sizes) < len(digests):
        sizes += [0] * (len(digests) - len(sizes) - 1) + [max(0, size - sum(sizes))]
    return tuple(zip(digests, sizes))
