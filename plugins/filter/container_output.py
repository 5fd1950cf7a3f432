# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container without a terminal said: the engine's `/containers/ID/logs`, frame by frame."""

from __future__ import annotations

DOCUMENTATION = r"""
name: container_output
short_description: The text in the log of a container
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Reads the log of a container that has no terminal, as the engine's API gives it, and returns what the container
    wrote to its standard output and standard error, in the order in which the engine got it.
  - Bytes that are not UTF-8 are replaced.
options:
  _input:
    description: The log, in base64, as M(ansible.builtin.slurp) reads it.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: What it said
  ansible.builtin.debug:
    msg: "{{ log.content | slipway.images.container_output }}"
  vars:
    log:
      content: AQAAAAAAAAZoZWxsbwo=
"""

RETURN = r"""
_value:
  description: The text.
  type: str
"""

import base64
import typing as t

HEADER = 8  # which stream, three zeros, the length of what follows (big endian)


def container_output(log: str) -> str:
    return text(base64.b64decode(log))


def text(log: bytes) -> str:
    """A frame that was cut short counts as far as it goes."""
    said, at = bytearray(), 0
    while at < len(log):
        end = at + HEADER + int.from_bytes(log[at + 4 : at + HEADER], "big")
        said += log[at + HEADER : end]
        at = end
    return said.decode(errors="replace")


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"container_output": container_output}
