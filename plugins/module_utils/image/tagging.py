# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name given to an image that is there."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.image.digest import short
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference


@dataclass(frozen=True)
class Tag:
    """`id` is the image, `name` (with its tag) what it is called from now on. `why` says more to the reader."""

    id: str
    name: Reference
    why: str = ""

    def __str__(self) -> str:
        return "tag %s%s as %s" % (short(self.id), ", %s," % self.why if self.why else "", self.name)
