#!/usr/bin/env bash
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Play the quickstart on the engine that the user has, else on a private one; the registry is always a private one.
set -euo pipefail
venv=$PWD/.cache/demo/bin
story=docs/examples/quickstart.yml

if address=$(python3 tests/support/engine.py find); then
  tests/support/need.sh busybox docker-registry
  echo "engine: $address"
else
  tests/support/need.sh busybox docker-registry dockerd ip iptables
  echo "engine: a private one, for the length of this demo"
fi

# shellcheck disable=SC2016  # the inner shell's variables
exec python3 tests/support/engine.py run --registry ${address:+--at "$address"} -- sh -c '
  exec "$0" -i localhost, -c local "$1" \
    -e ansible_python_interpreter="${0%/*}/python" \
    -e slipway_docker_host="$DOCKER_HOST" \
    -e slipway_registry="$SLIPWAY_REGISTRY" \
    -e slipway_demo_dir="$SLIPWAY_SCRATCH"' "$venv/ansible-playbook" "$story"
