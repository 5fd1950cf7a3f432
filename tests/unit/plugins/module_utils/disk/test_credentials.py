# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import pathlib
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import credentials
from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import (
    Auth,
    Credentials,
    given,
    registries,
)
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

HUB_SERVER = "https://index.docker.io/v1/"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def decoded(header: str) -> t.Any:
    return json.loads(base64.urlsafe_b64decode(header))


class Home:
    """A target's home: a Docker configuration, and credential helpers on its `PATH`."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.warnings: list[str] = []

    def configure(self, **entries: t.Any) -> Credentials:
        (self.path / "config.json").write_text(json.dumps(entries))
        return Credentials(self.warnings, str(self.path))

    def helper(self, name: str, body: str) -> None:
        """A shell script; it leaves a line in `calls` with its argument and what it was asked."""
        script = self.path / ("docker-credential-" + name)
        script.write_text('#!/bin/sh\nread server\necho "$1 $server" >> %s/calls\n%s\n' % (self.path, body))
        script.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return (self.path / "calls").read_text().splitlines()


@pytest.fixture
def home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Home(tmp_path)


def test_no_file_no_credentials_no_warning(home: Home) -> None:
    mine = Credentials(home.warnings, str(home.path / "none"))
    assert mine.lookup("ghcr.io") is None
    assert mine.header("ghcr.io") == "e30="
    assert decoded(mine.config_header(["ghcr.io"])) == {}
    assert home.warnings == []


@pytest.mark.parametrize(
    ("entry", "auth"),
    [
        ({"auth": b64("user:pa:ss")}, Auth("ghcr.io", "user", "pa:ss")),
        ({"auth": b64("user:pass\0\0")}, Auth("ghcr.io", "user", "pass")),
        ({"username": "user", "password": "pass"}, Auth("ghcr.io", "user", "pass")),
        ({"auth": b64("0:"), "identitytoken": "t"}, Auth("ghcr.io", "0", "", "t")),
        ({"registrytoken": "t"}, Auth("ghcr.io", registrytoken="t")),
        ({}, None),
        ({"email": "a@b"}, None),
        (None, None),
    ],
)
def test_what_is_written_in_the_file(home: Home, entry: t.Any, auth: Auth | None) -> None:
    assert home.configure(auths={"ghcr.io": entry}).lookup("ghcr.io") == auth


@pytest.mark.parametrize("key", [HUB_SERVER, "docker.io", "index.docker.io", "https://registry-1.docker.io"])
def test_docker_hub_has_many_names(home: Home, key: str) -> None:
    mine = home.configure(auths={key: {"auth": b64("user:pass")}})
    for name in ("docker.io", "index.docker.io", HUB_SERVER):
        assert mine.lookup(name) == Auth(HUB_SERVER, "user", "pass")


@pytest.mark.parametrize(
    "auth", ["s3cret", "czNjcmV0", "OnMzY3JldA==", ["s3cret"], b64("\udcff".encode("utf-8", "replace").decode())]
)
def test_an_auth_that_is_none_is_named_and_not_quoted(home: Home, auth: t.Any) -> None:
    mine = home.configure(auths={"ghcr.io": {"auth": auth}, "quay.io": {"auth": b64("a:b")}})
    with pytest.raises(UsageError) as caught:
        mine.lookup("ghcr.io")
    assert str(caught.value).startswith("%s/config.json: the auth of ghcr.io is not" % home.path)
    assert "s3cret" not in str(caught.value) + str(caught.value.__context__)
    assert mine.lookup("quay.io") == Auth("quay.io", "a", "b")


def test_a_helper_is_asked_once_a_registry_with_the_server_on_its_input(home: Home) -> None:
    home.helper("all", """echo '{"ServerURL": "x", "Username": "user", "Secret": "pass"}'""")
    home.helper("ghcr", """echo '{"Username": "<token>", "Secret": "idt"}'""")
    mine = home.configure(credsStore="all", credHelpers={"https://ghcr.io": "ghcr"})
    for _turn in range(2):
        assert mine.lookup("docker.io") == Auth(HUB_SERVER, "user", "pass")
        assert mine.lookup("host:5000") == Auth("host:5000", "user", "pass")
        assert mine.lookup("ghcr.io") == Auth("ghcr.io", identitytoken="idt")
    assert home.calls == ["get " + HUB_SERVER, "get host:5000", "get ghcr.io"]
    assert home.warnings == []


def test_a_helper_that_knows_nothing_is_no_warning(home: Home) -> None:
    home.helper("x", "echo credentials not found in native keychain; exit 1")
    home.helper("empty", """echo '{"Username": "", "Secret": ""}'""")
    mine = home.configure(credsStore="x", credHelpers={"quay.io": "empty"})
    assert mine.lookup("ghcr.io") is None
    assert mine.lookup("quay.io") is None
    assert home.warnings == []


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        (None, "docker-credential-x is not installed, so there are no credentials for ghcr.io from it"),
        (
            "echo s3cret; echo s3cret >&2; exit 3",
            "docker-credential-x failed for ghcr.io (exit code 3), so no credentials from it",
        ),
        ("echo s3cret", "docker-credential-x gave an answer for ghcr.io that is not understood"),
        ("echo '[]'", "docker-credential-x gave an answer for ghcr.io that is not understood"),
        ("""echo '{"Secret": "s3cret"}'""", "docker-credential-x gave an answer for ghcr.io that is not understood"),
        ("printf '\\377'", "docker-credential-x gave an answer for ghcr.io that is not understood"),
    ],
)
def test_a_helper_that_fails_is_a_warning_and_then_we_are_nobody(home: Home, body: str | None, warning: str) -> None:
    if body is not None:
        home.helper("x", body)
    mine = home.configure(credsStore="x")
    assert mine.lookup("ghcr.io") is None
    assert mine.header("ghcr.io") == "e30="
    assert home.warnings == [warning]


def test_a_helper_that_may_not_be_run(home: Home) -> None:
    home.helper("x", "")
    (home.path / "docker-credential-x").chmod(0o644)
    assert home.configure(credsStore="x").lookup("ghcr.io") is None
    assert home.warnings == ["cannot run docker-credential-x for ghcr.io: Permission denied"]


def test_a_helper_that_hangs_is_given_up(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.helper("x", "exec tail -f /dev/null")
    monkeypatch.setattr(credentials, "HELPER_SECONDS", 0.3)
    assert home.configure(credsStore="x").lookup("ghcr.io") is None
    assert home.warnings[0].startswith("docker-credential-x gave no answer for ghcr.io in")


def test_where_the_helper_has_nothing_the_file_counts(home: Home) -> None:
    home.helper("x", "echo credentials not found in native keychain; exit 1")
    mine = home.configure(credsStore="x", auths={"ghcr.io": {"auth": b64("user:pass")}})
    assert mine.lookup("ghcr.io") == Auth("ghcr.io", "user", "pass")


def test_an_empty_helper_name_means_the_file(home: Home) -> None:
    mine = home.configure(credsStore="missing", credHelpers={"ghcr.io": ""}, auths={"ghcr.io": {"auth": b64("u:p")}})
    assert mine.lookup("ghcr.io") == Auth("ghcr.io", "u", "p")
    assert home.warnings == []


def test_what_the_task_says_goes_to_the_registry_of_its_image_only(home: Home) -> None:
    home.configure(auths={"quay.io": {"auth": b64("a:b")}, "docker.io": {"auth": b64("c:d")}})
    own = given("user", "pass", None)
    mine = Credentials(home.warnings, str(home.path), own, registries(["app:1", "ghcr.io/org/app", "a" * 64]))
    assert mine.lookup("docker.io") == Auth(HUB_SERVER, "user", "pass")
    assert mine.lookup("ghcr.io") == Auth("ghcr.io", "user", "pass")
    assert mine.lookup("quay.io") == Auth("quay.io", "a", "b")
    assert mine.lookup("other.io") is None


def test_given() -> None:
    assert given(None, None, None) is None
    assert given("user", "pass", None) == Auth(username="user", password="pass")
    assert given(None, None, "bearer") == Auth(registrytoken="bearer")


def test_the_file_is_not_read_before_it_is_needed(home: Home) -> None:
    (home.path / "config.json").write_text("broken")
    mine = Credentials(home.warnings, str(home.path), given(None, None, "t"), frozenset({"ghcr.io"}))
    assert mine.lookup("ghcr.io") == Auth("ghcr.io", registrytoken="t")
    with pytest.raises(UsageError):
        mine.lookup("quay.io")


def test_headers(home: Home) -> None:
    mine = home.configure(auths={"ghcr.io": {"auth": b64("user:p\u00e4ss?>~")}, HUB_SERVER: {"identitytoken": "t"}})
    ghcr = {"serveraddress": "ghcr.io", "username": "user", "password": "p\u00e4ss?>~"}
    hub = {"serveraddress": HUB_SERVER, "identitytoken": "t"}
    assert decoded(mine.header("ghcr.io")) == ghcr
    assert decoded(mine.config_header(["ghcr.io", "docker.io", "quay.io"])) == {"ghcr.io": ghcr, HUB_SERVER: hub}
    assert set(mine.header("ghcr.io")).isdisjoint("+/\n")


def test_repr_shows_no_secrets(home: Home) -> None:
    auth = Auth("ghcr.io", "us3r", "s3cret", "s3cret", "s3cret")
    mine = Credentials(home.warnings, str(home.path), auth, frozenset({"ghcr.io"}))
    mine.lookup("ghcr.io")
    assert repr(auth) == "Auth(serveraddress='ghcr.io')"
    assert "s3cret" not in repr(mine)
