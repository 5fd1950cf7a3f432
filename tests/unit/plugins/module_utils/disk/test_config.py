# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pathlib

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk.config import Config, host, proxies
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("ghcr.io", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("http://localhost:5000/v2/", "localhost:5000"),
        ("[::1]:5000", "[::1]:5000"),
        ("quay.io/org", "quay.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("docker.io", "docker.io"),
    ],
)
def test_host(key: str, registry: str) -> None:
    assert host(key) == registry


def test_no_file_is_an_empty_one(tmp_path: pathlib.Path) -> None:
    warnings: list[str] = []
    assert Config.read(str(tmp_path), warnings).entries == {}
    (tmp_path / "config.json").write_text("")
    assert Config.read(str(tmp_path), warnings).entries == {}
    assert warnings == []


def test_where_the_file_is(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    assert Config.read(None, []).path == str(tmp_path / ".docker" / "config.json")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "env"))
    assert Config.read(None, []).path == str(tmp_path / "env" / "config.json")
    assert Config.read("/etc/own", []).path == "/etc/own/config.json"


def test_what_cannot_be_read_is_a_warning(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.json").mkdir()
    warnings: list[str] = []
    assert Config.read(str(tmp_path), warnings).entries == {}
    assert warnings == ["cannot read %s/config.json, so nothing is taken from it: Is a directory" % tmp_path]


@pytest.mark.parametrize("text", [b'{"auths": "s3cret"', b"[]", b'"s3cret"', b"\xff\xfe s3cret"])
def test_what_is_no_configuration_is_named_and_not_quoted(tmp_path: pathlib.Path, text: bytes) -> None:
    (tmp_path / "config.json").write_bytes(text)
    with pytest.raises(UsageError) as caught:
        Config.read(str(tmp_path), [])
    assert str(tmp_path / "config.json") in str(caught.value)
    assert caught.value.__cause__ is None and (caught.value.__suppress_context__ or caught.value.__context__ is None)
    assert "s3cret" not in str(caught.value)


def test_a_section_of_another_shape_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^/x: 'auths' must be a JSON object$"):
        Config("/x", {"auths": ["s3cret"]}).section("auths")


def test_the_current_context() -> None:
    assert Config("/x").current_context == Config("/x", {"currentContext": ""}).current_context == ""
    assert Config("/x", {"currentContext": "prod"}).current_context == "prod"
    with pytest.raises(UsageError, match=r"^/x: 'currentContext' must be a string$"):
        str(Config("/x", {"currentContext": ["prod"]}).current_context)


def test_the_registry_s_own_key_comes_first() -> None:
    config = Config("/x", {"auths": {"https://ghcr.io/v1/": 1, "ghcr.io": 2, "docker.io": 3}})
    assert [config.find("auths", name) for name in ("ghcr.io", "docker.io", "quay.io")] == [2, 3, None]


def test_proxies() -> None:
    config = Config(
        "/x",
        {
            "proxies": {
                "default": {"httpProxy": "http://p:1", "httpsProxy": "", "noProxy": "localhost"},
                "tcp://far:2376": {"httpsProxy": "http://far:1", "ftpProxy": "f", "allProxy": "a"},
            }
        },
    )
    assert proxies(config, "unix:///var/run/docker.sock") == {
        "HTTP_PROXY": "http://p:1",
        "http_proxy": "http://p:1",
        "NO_PROXY": "localhost",
        "no_proxy": "localhost",
    }
    far = {"HTTPS_PROXY": "http://far:1", "FTP_PROXY": "f", "ALL_PROXY": "a"}
    assert proxies(config, "tcp://far:2376") == {**far, **{name.lower(): value for name, value in far.items()}}
    assert proxies(Config("/x"), "unix:///var/run/docker.sock") == {}


def test_repr_shows_no_contents() -> None:
    assert "s3cret" not in repr(Config("/x", {"auths": {"ghcr.io": {"password": "s3cret"}}}))
