#!/bin/sh
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# buildx.sh DEST: put docker's buildx at DEST/cli-plugins/docker-buildx (DEST serves as DOCKER_CONFIG). Debian 12 has no
# package of it, trixie's binary runs there; apt's own state is left alone.
set -eu
mkdir -p "$1/cli-plugins"
dest=$(cd "$1" && pwd)
plugin=$dest/cli-plugins/docker-buildx
if [ -x "$plugin" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"

# The mirror is the one that this machine uses for Debian itself.
# shellcheck disable=SC2016  # $(ORIGIN) is apt's to expand
mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    sed -n 's/^Debian //p' | grep -v security | head -n 1)
if [ -z "$mirror" ]; then
    mirror=$(grep -rhE '^(URIs:|deb )' /etc/apt/sources.list /etc/apt/sources.list.d/ 2>/dev/null |
        grep -oE 'https?://[^ ]+/debian/?' | head -n 1)
fi
if [ -z "$mirror" ]; then
    echo "buildx.sh: apt knows no Debian mirror on this machine" >&2
    exit 1
fi
echo "deb $mirror trixie main" > "$work/sources.list"

private() {
    apt-get -qq -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" \
        -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
        -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}
cd "$work"
private update
private download docker-buildx
dpkg -x docker-buildx_*.deb tree
install -m 0755 tree/usr/*/docker/cli-plugins/docker-buildx "$plugin.new"
mv "$plugin.new" "$plugin"
