# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("docker_host", "tls", "expected", "url"),
    [
        ("unix:///var/run/docker.sock", False, Address(path="/var/run/docker.sock"), "http://localhost"),
        ("unix://var/run/docker.sock", False, Address(path="/var/run/docker.sock"), "http://localhost"),
        ("unix:///run/a b?#.sock", True, Address(path="/run/a b?#.sock"), "http://localhost"),
        ("tcp://h", False, Address("h", 2375), "http://h:2375"),
        ("tcp://h", True, Address("h", 2376, tls=True), "https://h:2376"),
        ("TCP://H:1", True, Address("h", 1, tls=True), "https://h:1"),
        ("http://10.0.0.1:99/", False, Address("10.0.0.1", 99), "http://10.0.0.1:99"),
        ("https://h", False, Address("h", 2376, tls=True), "https://h:2376"),
        ("tcp://[::1]", False, Address("::1", 2375), "http://[::1]:2375"),
        ("https://[fe80::1]:5", True, Address("fe80::1", 5, tls=True), "https://[fe80::1]:5"),
        ("tcp://h:1/engines/a/", False, Address("h", 1, "/engines/a"), "http://h:1/engines/a"),
        ("ssh://Prod", True, Address("Prod", 0, "/var/run/docker.sock", ssh=True), "http://localhost"),
        ("ssh://h/", False, Address("h", 0, "/var/run/docker.sock", ssh=True), "http://localhost"),
        ("SSH://me@h:22/x.sock", False, Address("h", 22, "/x.sock", ssh=True, user="me"), "http://localhost"),
        (
            "ssh://a@b@[::1]:22",
            False,
            Address("::1", 22, "/var/run/docker.sock", ssh=True, user="a@b"),
            "http://localhost",
        ),
    ],
)
def test_what_users_write(docker_host: str, tls: bool, expected: Address, url: str) -> None:
    address = Address.parse(docker_host, tls)
    assert address == expected
    assert address.url == url


@pytest.mark.parametrize(
    ("docker_host", "says"),
    [
        ("", "has no scheme"),
        ("localhost:2375", "has no scheme"),
        ("/var/run/docker.sock", "has no scheme"),
        ("ssh://", "ssh://user@host:port"),
        ("ssh://h:0", "ssh://user@host:port"),
        ("ssh://h:65536", "ssh://user@host:port"),
        ("ssh://-oProxyCommand=x", "ssh://user@host:port"),
        ("ssh://-l@h", "ssh://user@host:port"),
        ("ssh://me@", "ssh://user@host:port"),
        ("ssh://h/a b", "ssh://user@host:port"),
        ("ssh://h/%h", "ssh://user@host:port"),
        ("ssh://h/$x", "ssh://user@host:port"),
        ("ssh://h/a:b", "ssh://user@host:port"),
        ("ssh://h?x", "ssh://user@host:port"),
        ("npipe:////./pipe/docker_engine", "Windows"),
        ("fd://", "unix:///path"),
        ("ftp://host", "unknown scheme"),
        ("unix://", "names no socket"),
        ("unix:///", "names no socket"),
        ("tcp://", "is not an address"),
        ("tcp://:2375", "is not an address"),
        ("tcp://h:0", "is not an address"),
        ("tcp://h:port", "is not an address"),
        ("tcp://h:65536", "is not an address"),
        ("tcp://[::1", "is not an address"),
        ("tcp://a b", "is not an address"),
        ("tcp://h?x=1", "is not an address"),
        ("tcp://h#x", "is not an address"),
    ],
)
def test_what_is_refused(docker_host: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as error:
        Address.parse(docker_host)
    assert "\n" not in str(error.value)
    assert docker_host in str(error.value)


def test_plain_http_excludes_tls() -> None:
    with pytest.raises(UsageError, match="excludes TLS"):
        Address.parse("http://h", tls=True)


@pytest.mark.parametrize("scheme", ["tcp", "https", "ssh"])
def test_a_password_is_refused_and_not_shown(scheme: str) -> None:
    with pytest.raises(UsageError) as error:
        Address.parse(f"{scheme}://me:hunter2@h:1")
    assert "hunter2" not in str(error.value) + repr(error.value.facts)


HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z0-9]{1,5}){0,3}", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)
TCP = st.builds(
    Address, HOSTS, st.integers(1, 65535), st.from_regex(r"(/[a-z0-9]{1,5}){0,2}", fullmatch=True), st.booleans()
)
SSH = st.builds(
    Address,
    HOSTS,
    st.integers(0, 65535),
    st.from_regex(r"(/[a-z0-9.~-]{1,5}){1,3}", fullmatch=True),
    st.just(False),
    st.just(True),
    st.from_regex(r"([a-z][a-z0-9.-]{0,5})?", fullmatch=True),
)
UNIX = st.text(min_size=1).filter(lambda s: s.strip("/")).map(lambda s: Address(path="/" + s.lstrip("/")))


@given(st.one_of(TCP, SSH, UNIX))
def test_parse_undoes_str(address: Address) -> None:
    assert Address.parse(str(address), address.tls) == address
