# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon of the engine's tests, for the floor above it."""

from ansible_collections.slipway.images.tests.unit.plugins.module_utils.engine.conftest import daemon, serve

__all__ = ["daemon", "serve"]
