#!/usr/bin/env bash
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# importer.sh TARBALL|DIRECTORY: what Galaxy does with a tarball that it is given, or with the one that is built of the
# collection in DIRECTORY. A warning fails.
set -euo pipefail
tarball=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
if [[ -d $tarball ]]; then
  ansible-galaxy collection build --output-path "$scratch" "$tarball" >/dev/null
  tarball=$(echo "$scratch"/*.tar.gz)
fi

# Not ansible-lint: lint.sh runs it, with a stricter profile, and here fails after three busy minutes.
# Not flake8: Galaxy has it switched off, and its E203, W503 and E704 are what `ruff format` writes.
export GALAXY_IMPORTER_RUN_ANSIBLE_LINT=false GALAXY_IMPORTER_RUN_FLAKE8=false GALAXY_IMPORTER_CHECK_REQUIRED_TAGS=true
unset ANSIBLE_COLLECTIONS_PATH  # it looks the documentation up in what it unpacks
if ! python -m galaxy_importer.main "$tarball" >log 2>&1 || grep -qE '^(WARNING|ERROR)' log; then
  grep -E '^(WARNING|ERROR)' log >&2 || tail -n 20 log >&2
  exit 1
fi
