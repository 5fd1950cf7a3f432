#!/usr/bin/env bash
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Every linter over the staged copy; all have their say before the verdict.
set -uo pipefail
support=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$support/../../.cache" && pwd)
export NO_COLOR=1 MYPY_CACHE_DIR=$cache/mypy RUFF_CACHE_DIR=$cache/ruff
cd -P "$cache/staged/ansible_collections/slipway/images" || exit 1
root=$(cd ../../.. && pwd)
export ANSIBLE_COLLECTIONS_PATH=$root MYPYPATH=$root PYTHONPATH=

verdict=0
check() {
  local said
  if said=$("${@:2}" 2>&1); then
    echo "ok      $1"
  else
    printf 'FAILED  %s\n%s\n' "$1" "$said"
    verdict=1
  fi
}

shopt -s globstar nullglob
check "ruff check" ruff check --output-format concise .
check "ruff format" ruff format --check --output-format concise .
check mypy mypy --config-file pyproject.toml -p ansible_collections.slipway.images.plugins
check shellcheck shellcheck .ci/run tests/**/*.sh
check yamllint yamllint --strict .
check ansible-lint ansible-lint --offline --nocolor -q
check antsibull-changelog antsibull-changelog lint
check antsibull-docs antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self .
check reuse reuse lint --lines
check galaxy-importer "$support/importer.sh" .
exit $verdict
