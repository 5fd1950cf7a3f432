# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import auth, protobuf
from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Auth
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.conftest import Start

SERVICE = "/moby.filesync.v1.Auth/"
KNOWN = {
    "r:5000": Auth("r:5000", "alice", "s3cret"),
    "token.io": Auth("token.io", identitytoken="lasting"),
    "bearer.io": Auth("bearer.io", registrytoken="good"),
}


@pytest.mark.parametrize(
    ("host", "said"), [("r:5000", (b"alice", b"s3cret")), ("token.io", (b"", b"lasting")), ("x.io", (b"", b""))]
)
def test_credentials(start: Start, host: str, said: tuple[bytes, bytes]) -> None:
    caller, failures = start(auth.service(KNOWN.get))
    talk = caller.call(SERVICE + "Credentials", protobuf.field(1, host.encode()))
    assert talk.end() == [protobuf.message((1, said[0]), (2, said[1]))]
    assert (talk.status, failures) == (0, [])
    for method, number in (("GetTokenAuthority", 1), ("FetchToken", 2)):
        talk = caller.call(SERVICE + method, protobuf.field(number, host.encode()))
        assert (talk.end(), talk.status) == ([], 14), "the engine fetches tokens itself then"
    talk = caller.call(SERVICE + "VerifyTokenAuthority", protobuf.field(1, host.encode()))
    assert (talk.end(), talk.status) == ([], 12)


def test_a_bearer_token(start: Start) -> None:
    caller, _failures = start(auth.service(KNOWN.get))
    [key] = caller.call(SERVICE + "GetTokenAuthority", protobuf.message((1, b"bearer.io"), (2, b"salt"))).end()
    assert len(protobuf.octets(protobuf.last(key)[1])) == 32
    [token] = caller.call(SERVICE + "FetchToken", protobuf.message((1, b"client"), (2, b"bearer.io"))).end()
    assert protobuf.last(token) == {1: b"good"}
    [said] = caller.call(SERVICE + "Credentials", protobuf.field(1, b"bearer.io")).end()
    assert b"good" not in said
    assert protobuf.last(said)[1] == b"<token>"


def test_an_error_of_the_lookup(start: Start) -> None:
    def lookup(host: str) -> Auth | None:
        raise UsageError(f"no good: {host}")

    caller, failures = start(auth.service(lookup))
    talk = caller.call(SERVICE + "Credentials", protobuf.field(1, b"x"))
    assert (talk.end(), talk.status) == ([], 2)
    assert str(failures[0]) == "no good: x"
