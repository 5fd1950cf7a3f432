#!/usr/bin/env bash
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The site: guides as they stand in docs/, and a page for each module, plugin and role, out of their documentation.
# Links that lead nowhere fail.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
site=$root/.cache/docs source=$root/.cache/docs/source
rm -rf "$source" && mkdir -p "$source/reference"
chmod go-w "$source/reference" # antsibull-docs writes nowhere else
cd "$root"
cp --parents README.md CONTRIBUTING.md SECURITY.md COPYING docs/*.md docs/examples/* roles/*/README.md "$source"
cp docs/site/conf.py docs/site/index.md "$source"
antsibull-docs collection --use-current --squash-hierarchy --no-indexes --no-breadcrumbs --fail-on-error \
  --dest-dir "$source/reference" slipway.images
# The theme has the contents beside the page, and calls a second list of them an error.
sed -i '/^\.\. contents::$/,/^$/d' "$source"/reference/*.rst
sphinx-build -q -W --keep-going -d "$site/doctrees" "$source" "$site/html"
echo "file://$site/html/index.html"
