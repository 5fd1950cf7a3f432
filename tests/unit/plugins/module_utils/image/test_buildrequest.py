# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.buildrequest import BuildRequest
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform

DIGEST = "sha256:" + "a" * 64
BARE: dict[str, t.Any] = {
    **dict.fromkeys(("target", "network", "isolation", "shm_size", "limits")),
    **dict.fromkeys(("tags", "platform", "ulimits", "cache_from", "cache_to", "outputs"), ()),
    **{name: {} for name in ("args", "labels", "extra_hosts", "contexts")},
    **dict.fromkeys(("squash", "pull", "nocache"), False),
    **dict.fromkeys(("rm", "forcerm"), True),
    "name": "app",
    "tag": "latest",
}


def of(**given: t.Any) -> BuildRequest:
    return BuildRequest.of({**BARE, **given})


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, ["app:latest"]),
        ({"tag": "2"}, ["app:2"]),
        ({"tag": ""}, ["app:latest"]),
        ({"name": "app:1", "tag": "2"}, ["app:1"]),
        ({"name": "host:5000/app", "tag": "2"}, ["host:5000/app:2"]),
        ({"tags": ["b", "b:latest", "docker.io/library/app", "c:3"]}, ["app:latest", "b:latest", "c:3"]),
    ],
)
def test_names(given: dict[str, t.Any], names: list[str]) -> None:
    assert [str(name) for name in of(**given).names] == names


def test_nothing_said_is_nothing_asked() -> None:
    flags = [("pull", "0"), ("nocache", "0"), ("rm", "1"), ("forcerm", "1")]
    assert of().query({}) == [("t", "app:latest"), ("buildargs", "{}"), *flags]
    assert of().inputs() == {}


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"ulimits": ["nofile:1024"]}, {"ulimits": '[{"Hard": 1024, "Name": "nofile", "Soft": 1024}]'}),
        ({"ulimits": ["core=-1:0"]}, {"ulimits": '[{"Hard": 0, "Name": "core", "Soft": -1}]'}),
        ({"limits": {"memswap": "-1"}}, {"memswap": "-1"}),
        ({"limits": {"memswap": "1k", "cpushares": 0}}, {"memswap": "1024", "cpushares": "0"}),
        ({"limits": {}}, {}),
        ({"labels": {"a": None, "b": True, "c": 1.5}}, {"labels": '{"a": "", "b": "true", "c": "1.5"}'}),
        ({"platform": ["x86_64"]}, {"platform": "linux/amd64"}),
        ({"platform": [" arm64", "x86_64", "linux/amd64", ""]}, {"platform": "linux/arm64,linux/amd64"}),
        ({"platform": [""]}, {}),
        ({"target": "", "network": ""}, {}),
        ({"squash": True}, {"squash": "1"}),
    ],
)
def test_options(given: dict[str, t.Any], options: dict[str, str]) -> None:
    assert of(**given).options == options


def test_what_the_query_repeats_and_what_gives_way() -> None:
    asked = of(extra_hosts={"a": "::1", "b": "192.0.2.1"}, args={"HTTP_PROXY": "mine"})
    query = asked.query({"HTTP_PROXY": "theirs", "NO_PROXY": "x"})
    assert [value for key, value in query if key == "extrahosts"] == ["a:::1", "b:192.0.2.1"]
    assert ("buildargs", '{"HTTP_PROXY": "mine", "NO_PROXY": "x"}') in query


def test_files_need_no_name() -> None:
    asked = of(name=None, outputs=[{"type": "local", "dest": "/out"}])
    assert (asked.names, asked.subject) == ((), "/out")
    with pytest.raises(UsageError, match="say name"):
        of(name=None, tags=["app"], outputs=[{"type": "local", "dest": "/out"}])


@pytest.mark.parametrize("given", [{"name": "app@" + DIGEST}, {"tags": ["app:1@" + DIGEST]}])
def test_a_digest_is_no_name_for_what_is_not_built_yet(given: dict[str, t.Any]) -> None:
    with pytest.raises(UsageError, match="leave it out"):
        of(**given)


@pytest.mark.parametrize("text", ["nofile", "nofile:", "nofile:a", "NOFILE:1", "nofile:1:2:3", ""])
def test_a_bad_ulimit(text: str) -> None:
    with pytest.raises(UsageError, match="write name:soft or name:soft:hard"):
        of(ulimits=[text])


@pytest.mark.parametrize(
    ("name", "value"), [("VERSION", "latest"), ("GO_IMAGE", "golang:1.22"), ("N", "v1.2.3-rc1"), ("DEBUG", "true")]
)
def test_an_argument_that_all_may_see_is_kept_as_it_is(name: str, value: str) -> None:
    assert of(args={name: value}).inputs() == {"argument " + name: "=" + value}


def test_a_login_is_no_input() -> None:
    first, second = (
        of(contexts={"assets": "https://me:%s@host/assets.git#v1" % word}).inputs() for word in ("tok3n", "tok4n")
    )
    assert first == second
    assert "tok" not in str(first) and "https://host/assets.git#v1" in str(first)


def test_arguments() -> None:
    asked = of(args={"A": 1, "B": False, "C": None, "D": ""})
    assert asked.args == {"A": "1", "B": "false", "C": None, "D": ""}
    assert asked.defined() == {"A": "1", "B": "false", "D": ""}
    assert asked.inputs() == {"argument A": "=1", "argument B": "=false", "argument C": "unset", "argument D": "="}
    assert all(asked.inputs().values()), "an empty input would count as unknown"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "1.2"),
        ("URL", "https://u:p@host/"),
        ("NOTE", "two words"),
        ("NOTE", "two\nlines"),
        ("HASH", "0123456789abcdef012345678"),
        ("PIN_CODE", "4711"),
        ("LOGIN", "hunter2"),
        ("VERSION_OF", "https://u:p@host/a-long-one"),
    ],
)
def test_an_argument_that_may_be_nobodys_business_is_kept_by_its_digest(name: str, value: str) -> None:
    assert of(args={name: value}).inputs() == {"argument " + name: hashlib.sha256(value.encode()).hexdigest()}


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DB_PASSWORD", "hunter22", True),
        ("db_passwd", "hunter22", True),
        ("passphrase", "hunter22", True),
        ("CLIENT_SECRET_2", "hunter22", True),
        ("NPMTOKEN", "hunter22", True),
        ("API_KEY", "hunter22", True),
        ("apikey", "hunter22", True),
        ("SSH_KEY", "hunter22", True),
        ("GITHUB_PAT", "hunter22", True),
        ("MYSQL_PWD", "hunter22", True),
        ("AUTH", "hunter22", True),
        ("HTTP_AUTH_HEADER", "hunter22", True),
        ("AUTHORIZATION", "hunter22", True),
        ("PASS", "hunter22", True),
        ("VERSION", "hunter22", False),
        ("AUTHOR", "hunter22", False),
        ("AUTHORS", "hunter22", False),
        ("KEYBOARD", "hunter22", False),
        ("BYPASS", "hunter22", False),
        ("PATH", "hunter22", False),
        ("USE_AUTH", True, False),
        ("USE_TOKEN", "False", False),
        ("AUTH_PORT", 443, False),
        ("TOKEN", "", False),
        ("TOKEN", None, False),
        ("TOKEN", "1234", True),
    ],
)
def test_which_arguments_are_secret(name: str, value: t.Any, secret: bool) -> None:
    assert of(args={name: value}).secrets == (frozenset({str(value)}) if secret else frozenset())


def test_platforms_are_told_as_they_were_asked_for() -> None:
    assert of().platforms == ()
    assert of(platform=["arm64", "aarch64", "linux/arm"]).platforms == (
        Platform("linux", "arm64"),
        Platform("linux", "arm", "v7"),
    )


def test_a_docker_archive_is_for_one_platform() -> None:
    outputs = [{"type": "docker", "dest": "/x.tar"}]
    assert of(platform=["arm64", "linux/arm64"], outputs=outputs).platforms == (Platform("linux", "arm64"),)
    with pytest.raises(UsageError, match="oci is for several"):
        of(platform=["arm64", "amd64"], outputs=outputs)
