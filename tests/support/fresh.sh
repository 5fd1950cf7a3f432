#!/usr/bin/env bash
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# fresh.sh TARBALL: what a new user does. Ansible in an empty environment, the tarball into an empty path, and the
# quickstart that is in it, on a private engine.
set -euo pipefail
support=$(cd "$(dirname "$0")" && pwd)
tarball=$(realpath "$1")
"$support/need.sh" venv busybox docker-registry dockerd ip iptables
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT

collection=$home/.ansible/collections/ansible_collections/slipway/images
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install -qq --disable-pip-version-check ansible-core
cd "$home"
unset PYTHONPATH "${!ANSIBLE_@}"
HOME=$home "$home/venv/bin/ansible-galaxy" collection install --offline "$tarball"
"$home/venv/bin/pip" install -qq --disable-pip-version-check -r "$collection/requirements.txt"
HOME=$home "$support/tour.sh" "$home/venv/bin" "$collection/docs/examples/quickstart.yml"
