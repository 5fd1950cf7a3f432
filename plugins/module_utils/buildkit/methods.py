# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine may call in a session: gRPC's names of the methods, `/package.Service/Method`."""

from __future__ import annotations

HEALTH = "/grpc.health.v1.Health/Check"
DIFF_COPY = "/moby.filesync.v1.FileSync/DiffCopy"
CREDENTIALS, TOKEN_AUTHORITY, FETCH_TOKEN = AUTH = tuple(
    "/moby.filesync.v1.Auth/" + name for name in ("Credentials", "GetTokenAuthority", "FetchToken")
)
GET_SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret"
CHECK_AGENT, FORWARD_AGENT = SSH = tuple("/moby.sshforward.v1.SSH/" + name for name in ("CheckAgent", "ForwardAgent"))
