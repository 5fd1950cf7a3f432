# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is at the other end, as far as messages must know it."""

from __future__ import annotations

import typing as t


class Peer(t.NamedTuple):
    """What to call it (`noun`), and what its user can do when it does not answer (`absent`), when its certificate is
    of a foreign authority (`authority`) or another host (`name`), when it speaks TLS unexpectedly (`tls`) or does not
    speak it (`plain`), and when it wants to see our certificate (`identity`)."""

    noun: str
    absent: str
    authority: str
    name: str
    tls: str
    plain: str
    identity: str


ENGINE = Peer(
    "engine",
    absent="is the engine running, or is docker_host wrong?",
    authority="set ca_path to that authority's certificate",
    name="set tls_hostname to the one it has",
    tls="set tls, or validate_certs with ca_path",
    plain="set tls and validate_certs to false if that is right",
    identity="set client_cert and client_key",
)
REGISTRY = Peer(
    "registry",
    absent="is its name right, and is it up?",
    authority="put that authority's certificate below /etc/docker/certs.d, as for the engine",
    name="call it by the one it has",
    tls="use https",
    plain="only a registry that the engine holds for insecure, or one on this host, may do without",
    identity="put one below /etc/docker/certs.d, as for the engine",
)
