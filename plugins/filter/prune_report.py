# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `image_prune` returned, as text."""

from __future__ import annotations

DOCUMENTATION = r"""
name: prune_report
short_description: What image_prune returned, as text
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - "A line for each thing that was done (C(did:)), for each name that stayed with the reason (C(kept:)), and one for
    the space (C(freed:))."
options:
  _input:
    description: What M(slipway.images.image_prune) returned.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Remove what rebuilding left without a name
  slipway.images.image_prune:
  register: pruned

- name: What went, what stayed and why
  ansible.builtin.debug:
    msg: "{{ (pruned | slipway.images.prune_report).splitlines() }}"
"""

RETURN = r"""
_value:
  description: The text.
  type: str
"""

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.image import report


def prune_report(result: t.Mapping[str, t.Any]) -> str:
    return "".join(line + "\n" for line in report.lines(result))


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"prune_report": prune_report}
