#!/usr/bin/env bash
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Build the collection, install it into an empty path, and see from there that its documentation renders and that a
# module, with all the rooms it needs, reaches an engine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dist=$(cd "$here/../../.cache" && pwd)/dist
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
rm -rf "$dist"

export ANSIBLE_COLLECTIONS_PATH=$home PYTHONPATH=  # nothing of the checkout
cd -P "$here/../../.cache/staged/ansible_collections/slipway/images"
ansible-galaxy collection build --output-path "$dist" . >/dev/null
ansible-galaxy collection install --offline -p "$home" "$dist"/*.tar.gz >/dev/null
cd "$home"

shopt -s nullglob
documented() {
  for path in "${@:2}"; do
    name=slipway.images.$(basename "$path" .py)
    ansible-doc -t "$1" "$name" >/dev/null
    echo "documented: $1 $name"
  done
}
documented module ansible_collections/slipway/images/plugins/modules/*.py
documented filter ansible_collections/slipway/images/plugins/filter/*.py
documented lookup ansible_collections/slipway/images/plugins/lookup/*.py
documented role ansible_collections/slipway/images/roles/*
# shellcheck disable=SC2016  # the inner shell's variables
python "$here/engine.py" run -- sh -c '
  ansible localhost -i localhost, -c local -e ansible_python_interpreter="$(command -v python)" -m slipway.images.image_prune'
echo "built: $(basename "$dist"/*.tar.gz)"
