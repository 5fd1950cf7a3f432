# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of an image with their sizes, which no endpoint tells outright."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.image import weight
from ansible_collections.slipway.images.plugins.module_utils.image.weight import Layer

Attrs = t.Mapping[str, t.Any]


def stack(attrs: Attrs) -> t.Sequence[str]:
    """Digests of the layers' content, from the bottom up; an artifact has none."""
    return (attrs.get("RootFS") or {}).get("Layers") or ()


def layers(engine: Engine, attrs: Attrs, history: t.Iterable[Attrs]) -> tuple[Layer, ...]:
    """The layers of the image of these attrs, from the bottom up, with sizes out of its `history`.

    Only where the history has more steps that may have made a layer than there are layers, the images that these
    steps ended in are asked for as well.
    """
    digests, steps = stack(attrs), weight.steps(history)
    unsure = {step["Id"] for step in steps if not step["Size"]} - {"<missing>"} if len(steps) > len(digests) else ()
    depths = {id: len(stack(images.inspect(engine, id))) for id in unsure}
    return weight.sized(digests, attrs.get("Size", 0), steps, depths)  # of a foretold image nobody knows it
