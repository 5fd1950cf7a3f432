#!/usr/bin/env bash
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# need.sh COMMAND...: see that these commands are there. Root on Debian gets them by apt, others one line to follow.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin" DEBIAN_FRONTEND=noninteractive

declare -A package=(
  [busybox]=busybox-static [bzip2]=bzip2 [debootstrap]=debootstrap [docker]=docker.io
  [docker-registry]=docker-registry [dockerd]=docker.io
  [git]=git [htpasswd]=apache2-utils [ip]=iproute2 [iptables]=iptables [locales]=locales [openssl]=openssl [podman]=podman
  [shellcheck]=shellcheck [skopeo]=skopeo [ssh-agent]=openssh-client [sshd]=openssh-server
  [systemd-nspawn]=systemd-container [venv]=python3-venv
  [xz]=xz-utils [zstd]=zstd
)

there() {
  case $1 in
    busybox) command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1 ;;  # static: it is copied into images
    locales) [[ -e /usr/share/i18n/locales/de_DE ]] ;;  # their sources
    venv) python3 -c 'import ensurepip' 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing=()
for name in "$@"; do
  there "$name" || missing+=("${package[$name]}")
done
((${#missing[@]})) || exit 0

if ((EUID)) || ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]} (Debian: sudo apt-get install ${missing[*]})" >&2
  exit 1
fi
echo "installing ${missing[*]}"
# Debian's packages start their daemons at once. The programs are wanted, not an engine and a registry on this machine.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
fi
if ! log=$({ apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } </dev/null 2>&1); then
  tail -n 5 <<<"$log" >&2
  echo "apt-get could not install ${missing[*]}" >&2
  exit 1
fi
