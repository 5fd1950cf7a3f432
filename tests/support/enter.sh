#!/bin/sh
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# enter.sh [--rootless] ROOT COMMAND...: runs COMMAND in the system under ROOT, with the devices, processes and networks
# of this one and where tests keep their files. Wants a mount namespace of its own: runc's pivot_root works in a real
# root alone. With --rootless by the user `rootless` there, who is root in a user namespace of his.
set -e
rootless=
if [ "$1" = --rootless ]; then rootless=yes; shift; fi
mount --bind "$1" "$1"
cd "$1"
for shared in dev proc sys tmp var/tmp; do mount --rbind "/$shared" "$shared"; done
mkdir -p old
mount -t tmpfs none run
pivot_root . old
umount -l /old
shift
[ "$rootless" ] || exec "$@"

# Of the tests' files the user has the engine's home, and of the cgroups nothing: those of version 1 cannot be delegated.
mount --bind "$SLIPWAY_ENGINE_HOME" /mnt
mount -t tmpfs none /var/tmp
mkdir -p "$SLIPWAY_ENGINE_HOME" /run/rootless
mount --bind /mnt "$SLIPWAY_ENGINE_HOME"
chown -R rootless: "$SLIPWAY_ENGINE_HOME" /run/rootless
mount -t tmpfs -o mode=1777 none /dev/shm
case "$*" in
  *" dockerd "*)  # a bridge of the machine is not the user's
    set -- rootlesskit --net=host --copy-up=/etc --copy-up=/run --copy-up=/var/lib "$@" --bridge=none
    ;;
  *) shift 4 ;;  # Podman makes itself at home: it needs nothing emptied for it
esac
exec setpriv --reuid rootless --regid rootless --init-groups env HOME="$SLIPWAY_ENGINE_HOME" XDG_RUNTIME_DIR=/run/rootless "$@"
