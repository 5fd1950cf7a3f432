#!/usr/bin/env bash
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Play the quickstart on the engine that the user has, else on a private one; the registry is always a private one.
set -euo pipefail
venv=$PWD/.cache/demo/bin
story=docs/examples/quickstart.yml

if address=$(python3 tests/support/engine.py find); then
  if [[ $address == ssh://* ]]; then
    echo "there is no way to $address yet; unset DOCKER_HOST for another engine" >&2
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

# The usual output of Ansible, with texts as they are and without what was skipped.
export ANSIBLE_CALLBACK_RESULT_FORMAT=yaml ANSIBLE_DISPLAY_SKIPPED_HOSTS=false

# shellcheck disable=SC2016  # the inner shell's variables
exec python3 tests/support/engine.py run --registry ${address:+--at "$address"} -- sh -c '
  exec "$0" -i localhost, -c local "$1" \
    -e ansible_python_interpreter="${0%/*}/python" \
    -e slipway_busybox="$(command -v busybox)" \
    -e slipway_docker_host="$DOCKER_HOST" \
    -e slipway_registry="$SLIPWAY_REGISTRY" \
    -e slipway_demo_dir="$SLIPWAY_SCRATCH"' "$venv/ansible-playbook" "$story"
