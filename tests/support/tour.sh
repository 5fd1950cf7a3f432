#!/usr/bin/env bash
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# tour.sh BIN PLAYBOOK [--at ADDRESS]: play the quickstart with the Ansible in BIN, on the engine at ADDRESS or on a
# private one; the registry is always a private one.
set -euo pipefail
bin=$(realpath "$1") playbook=$2
# The usual output of Ansible, with texts as they are and without what was skipped.
export ANSIBLE_CALLBACK_RESULT_FORMAT=yaml ANSIBLE_DISPLAY_SKIPPED_HOSTS=false

# shellcheck disable=SC2016  # the inner shell's variables
python3 "$(dirname "$0")/engine.py" run --registry "${@:3}" -- sh -c '
  exec "$0/ansible-playbook" -i localhost, -c local "$1" \
    -e ansible_python_interpreter="$0/python" \
    -e slipway_busybox="$(command -v busybox)" \
    -e slipway_docker_host="$DOCKER_HOST" \
    -e slipway_registry="$SLIPWAY_REGISTRY" \
    -e slipway_demo_dir="$SLIPWAY_SCRATCH"' "$bin" "$playbook"
