# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for registries, where engines look for them: `/etc/docker/certs.d/<host[:port]>/`."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass

FOLDERS = (
    "/etc/docker/certs.d",
    "/etc/containers/certs.d",
    "~/.config/docker/certs.d",
    "~/.config/containers/certs.d",
)


@dataclass(frozen=True)
class Certificates:
    """PEM files. `authorities` are believed beside the system's; `client_cert` and `client_key` are ours, if any."""

    authorities: tuple[str, ...] = ()
    client_cert: str | None = None
    client_key: str | None = None


def of_registry(registry: str, folders: t.Sequence[str] = FOLDERS) -> Certificates:
    """`*.crt` are authorities, `x.cert` with `x.key` is ours (docker's "Verify repository client with certificates").

    The first folder that has anything for the registry is the one that counts.
    """
    for folder in folders:
        path = os.path.join(os.path.expanduser(folder), registry)
        try:
            names = sorted(os.listdir(path))
        except OSError:  # none there, or not for us to see: then the engine's own words will say what is missing
            continue
        authorities = tuple(os.path.join(path, name) for name in names if name.endswith(".crt"))
        stems = (name[: -len(".cert")] for name in names if name.endswith(".cert"))
        stem = next((os.path.join(path, stem) for stem in stems if stem + ".key" in names), None)
        return Certificates(authorities, stem and stem + ".cert", stem and stem + ".key")
    return Certificates()
