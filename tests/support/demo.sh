#!/usr/bin/env bash
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Play the quickstart on the engine that the user has, else on a private one; the registry is always a private one.
set -euo pipefail

if address=$(python3 tests/support/engine.py find); then
  if [[ $address == ssh://* ]]; then
    echo "the engine at $address does not see the demo's registry, which is on this machine; unset DOCKER_HOST" >&2
    exit 1
  fi
  tests/support/need.sh busybox docker-registry
  echo "engine: yours, at $address (what the demo makes there, and nothing else, it removes at its end)"
elif ((EUID)); then
  echo "no engine that you may use answers: start one, set DOCKER_HOST to yours, or become root for a private one" >&2
  exit 1
else
  tests/support/need.sh busybox docker-registry dockerd ip iptables
  echo "engine: a private one, for the length of this demo"
fi

exec tests/support/tour.sh .cache/demo/bin docs/examples/quickstart.yml ${address:+--at "$address"}
