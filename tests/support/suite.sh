#!/usr/bin/env bash
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# suite.sh STAGE...: run `make STAGE` for each, whatever became of the others; the last line is the sum. A pytest stage
# counts its tests, another counts as one.
set -uo pipefail
logs=.cache/log
mkdir -p "$logs"
passed=0 failed=0

sum() { grep -oP "\d+(?= $1)" | awk '{n += $1} END {print n + 0}'; }

for stage in "$@"; do
  printf '\n=== %s\n' "$stage"
  begun=$SECONDS
  "${MAKE:-make}" --no-print-directory "$stage" 2>&1 | tee "$logs/$stage.log"
  status=$?
  printf '=== %s: %s in %d s\n' "$stage" "$([[ $status == 0 ]] && echo ok || echo FAILED)" $((SECONDS - begun))
  total=$(grep -P '^=+ .*\d+ (passed|failed|error|skipped).* in [\d.]+s' "$logs/$stage.log" | tail -n 1)
  good=$(sum passed <<<"$total") bad=$(sum '(failed|error)' <<<"$total")
  if [[ -z $total ]]; then good=$((status == 0)); fi
  if ((status && !bad)); then bad=1; fi
  passed=$((passed + good)) failed=$((failed + bad))
done

echo
echo "$passed passed, $failed failed" | tee "$logs/total"
((failed == 0))
