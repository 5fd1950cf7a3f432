# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes the site: `make docs`."""

from __future__ import annotations

project = "slipway.images"
project_copyright = "2026, the slipway.images authors"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "furo"
html_title = project
html_show_sourcelink = False
myst_heading_anchors = 4  # as GitHub has them
nitpicky = True
# What a page of the reference says of Ansible itself, and of its plugins, is not on this site.
nitpick_ignore_regex = [("std:ref", ".*"), ("std:.*", "(ansible_collections|docsite)[.].*")]
