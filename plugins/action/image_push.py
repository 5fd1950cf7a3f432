# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""image_push in a run in check mode sees what the tasks before it would have done."""

from __future__ import annotations

from ansible_collections.slipway.images.plugins.plugin_utils.chain import ActionModule

__all__ = ["ActionModule"]
