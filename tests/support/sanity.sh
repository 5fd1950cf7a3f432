#!/usr/bin/env bash
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ansible-test sanity on the staged copy, whole, without its server for get-pip.py; green only when it checked something.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

python=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
needs=$(python -c 'import ansible_test._internal as m; print(m.__path__[0])')/python_requirements.py
cache=~/.ansible/test/cache
mkdir -p "$cache"
grep -oP "\bpip='\K[0-9.]+" "$needs" | while read -r version; do
  script=$cache/get_pip_${version//./_}.py
  if [[ ! -e $script ]] || grep -q slipway "$script"; then cp "$here/get_pip.py" "$script"; fi  # ours may have aged
done

cd -P "$here/../../.cache/staged/ansible_collections/slipway/images"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
ansible-test sanity --local --python "$python" --color no "$@" 2>&1 | tee "$log"
if grep -q 'All targets skipped' "$log"; then
  echo "sanity checked nothing: is $PWD inside a git repository that ignores it?" >&2
  exit 1
fi
