# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.util
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.building import choice
from ansible_collections.slipway.images.plugins.module_utils.errors import RequirementError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.buildrequest import BuildRequest
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.modules.image_build import SPEC
from ansible_collections.slipway.images.tests.support.fake import Fake, params

Given = dict[str, t.Any]
SECRET = {"secrets": [{"id": "x", "value": "1"}]}
MOUNT = "FROM a\nRUN --mount=type=cache,target=/c true"
FILES = {"name": None, "outputs": [{"type": "local", "dest": "/x"}]}
LIMITS = {"limits": {"memory": "1g"}}


def chosen(fake: Fake, given: Given, text: str = "FROM a") -> str:
    options = params(SPEC, **{"name": "app", **given})
    return choice.builder(fake.engine, options, BuildRequest.of(options), Dockerfile.parse(text))


@pytest.fixture
def no_h2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


DOCKER, MODERN = Fake(builder=""), Fake(builder="2", api=(1, 51))


@pytest.mark.parametrize(
    ("fake", "given", "text", "builder"),
    [
        (DOCKER, {}, "FROM a", "buildkit"),
        (MODERN, {}, "FROM a", "buildkit"),
        (Fake(builder="1"), {}, "FROM a", "classic"),
        (Fake(builder="1"), SECRET, "FROM a", "buildkit"),
        (Fake(builder="", podman=True), {}, MOUNT, "classic"),
        (DOCKER, {"builder": "classic"}, MOUNT, "classic"),
        (Fake(builder="1"), {"builder": "buildkit"}, "FROM a", "buildkit"),
        (DOCKER, LIMITS, "FROM a", "classic"),
        (DOCKER, {"squash": True}, "FROM a", "classic"),
        (DOCKER, {"isolation": "default"}, "FROM a", "classic"),
        (DOCKER, {"shm_size": "1m"}, "FROM a", "classic"),
        (DOCKER, {"ulimits": ["core:1"]}, "FROM a", "classic"),
        (MODERN, {"shm_size": "1m", "ulimits": ["core:1"]}, "FROM a", "buildkit"),
        (DOCKER, {"network": "mine"}, "FROM a", "classic"),
        (DOCKER, {"network": "host"}, "FROM a", "buildkit"),
        (DOCKER, LIMITS, MOUNT, "buildkit"),
        (DOCKER, {**LIMITS, **SECRET}, "FROM a", "buildkit"),
        (DOCKER, {"outputs": [{"type": "image", "dest": None}], **LIMITS}, "FROM a", "classic"),
        (DOCKER, {"cache_to": ["inline"], **LIMITS}, "FROM a", "buildkit"),
        (Fake(builder="1"), {"platform": ["arm64", "aarch64"]}, "FROM a", "classic"),
        (Fake(builder="1"), {"platform": ["arm64", "amd64"], **FILES}, "FROM a", "buildkit"),
    ],
)
def test_the_choice(fake: Fake, given: Given, text: str, builder: str) -> None:
    assert chosen(fake, given, text) == builder


@pytest.mark.parametrize(
    ("api", "given", "ignored"),
    [
        ((1, 41), {"shm_size": "1m", "ulimits": ["core:1"], **LIMITS}, ["limits", "shm_size", "ulimits"]),
        ((1, 42), {"shm_size": "1m", "ulimits": ["core:1"], **LIMITS}, ["limits"]),
        ((1, 41), {"network": "none"}, []),
        ((1, 41), {"squash": True, "isolation": "x"}, ["squash", "isolation"]),
    ],
)
def test_what_is_dropped_is_said(api: tuple[int, int], given: Given, ignored: list[str]) -> None:
    fake = Fake(api=api)
    assert chosen(fake, {"builder": "buildkit", **given}) == "buildkit"
    assert [text.split()[2].rstrip(";") for text in fake.warnings] == ignored


@pytest.mark.parametrize("given", [SECRET, {"ssh": [{"id": "default", "socket": None}]}, {"cache_to": ["inline"]}])
def test_the_classic_builder_has_not_all(given: Given) -> None:
    with pytest.raises(UsageError, match="%s: only BuildKit has that; leave out builder" % next(iter(given))):
        chosen(DOCKER, {"builder": "classic", **given})


def test_several_platforms_need_buildkit() -> None:
    several = {"platform": ["arm64", "amd64"]}
    with pytest.raises(UsageError, match="more than one platform: only BuildKit has that"):
        chosen(DOCKER, {"builder": "classic", **several})
    with pytest.raises(RequirementError, match="more than one platform: Podman has no BuildKit"):
        chosen(Fake(builder="", podman=True), several)
    with pytest.raises(RequirementError, match="containerd image store"):
        chosen(DOCKER, several)


TWO = {"platform": ["arm64", "amd64"]}
BESIDE = {"contexts": {"base": "docker-image://a"}}
KEPT = {"cache_to": ["type=registry,ref=a/cache"]}
FOLDER = {"cache_from": ["type=local,src=/c"]}
GATEWAY = {"extra_hosts": {"here": "host-gateway", "there": "10.0.0.1"}}
TAR = {"path": None, "archive": "a.tar"}


@pytest.mark.parametrize(
    ("given", "option", "said"),
    [
        ({**TWO, **TAR}, "archive", "more than one platform: not with archive; unpack it, and say path"),
        ({**BESIDE, **TAR}, "archive", "contexts: not with archive"),
        ({**KEPT, **TWO, **TAR}, "archive", "more than one platform and cache_to: not with archive"),
        ({**FOLDER, **TAR}, "archive", "cache_from of a directory: not with archive"),
        ({**BESIDE, **GATEWAY}, "extra_hosts", "contexts: not with host-gateway.*; give here the address itself in"),
        ({**SECRET, "network": "mine"}, "network", "secrets: BuildKit has no network mine; say default, host or none"),
        ({"builder": "buildkit", "network": "mine"}, "network", "builder: buildkit: BuildKit has no network mine"),
    ],
)
def test_what_cannot_go_together_is_said_before_anything_is_built(given: Given, option: str, said: str) -> None:
    with pytest.raises(UsageError, match="^" + said) as caught:
        chosen(MODERN, given)
    assert caught.value.facts["option"] == option


@pytest.mark.parametrize(
    "given", [{**SECRET, **TAR}, {**SECRET, **GATEWAY}, {"cache_to": ["inline"], **TAR, **GATEWAY}]
)
def test_what_the_engine_can_be_told_goes_with_all(given: Given) -> None:
    assert chosen(MODERN, given) == "buildkit"


CONTAINERD = {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}


@pytest.mark.parametrize(
    ("api", "info", "given", "builder"),
    [
        ((1, 45), CONTAINERD, TAR, "classic"),  # Docker 26.1.5
        ((1, 45), CONTAINERD, {}, "buildkit"),
        ((1, 45), {}, TAR, "buildkit"),
        ((1, 51), CONTAINERD, TAR, "buildkit"),  # Docker 28.5.2
    ],
)
def test_who_takes_an_archive(api: tuple[int, int], info: Given, given: Given, builder: str) -> None:
    assert chosen(Fake(builder="2", api=api, info=info), given) == builder


BUILDKIT_ALONE = pytest.mark.parametrize(
    ("given", "text", "reason"),
    [
        (SECRET, "FROM a", "secrets"),
        ({"builder": "buildkit"}, "FROM a", "builder: buildkit"),
        ({}, MOUNT, "RUN --mount in line 2"),
    ],
)


@BUILDKIT_ALONE
def test_who_has_to_but_cannot(given: Given, text: str, reason: str) -> None:
    fake = Fake(builder="2", api=(1, 45), info=CONTAINERD)
    with pytest.raises(RequirementError, match="%s.*: BuildKit takes no archive.*unpack it, and" % reason) as got:
        chosen(fake, {**given, **TAR}, text)
    assert got.value.facts["option"] == "archive"


def test_a_cache_in_a_directory_takes_a_newer_engine() -> None:
    assert chosen(MODERN, FOLDER) == "buildkit"
    with pytest.raises(RequirementError, match="cache_from of a directory needs Docker 23 or newer"):
        chosen(DOCKER, FOLDER)
    with pytest.raises(UsageError, match="cache_from of a directory: only BuildKit has that"):
        chosen(MODERN, {"builder": "classic", **FOLDER})


@pytest.mark.parametrize("given", [SECRET, {"builder": "buildkit"}])
def test_podman_has_no_buildkit(given: Given) -> None:
    with pytest.raises(RequirementError, match=r"(secrets|builder: buildkit): Podman has no BuildKit"):
        chosen(Fake(builder="", podman=True), given)


@pytest.mark.usefixtures("no_h2")
@BUILDKIT_ALONE
def test_without_h2_what_needs_it_fails(given: Given, text: str, reason: str) -> None:
    with pytest.raises(RequirementError, match=r"^%s needs BuildKit.*h2.*pip install h2$" % reason) as caught:
        chosen(DOCKER, given, text)
    assert caught.value.facts["library"] == "h2"


@pytest.mark.usefixtures("no_h2")
def test_without_h2_the_rest_is_built_all_the_same() -> None:
    fake = Fake(builder="")
    assert chosen(fake, {}) == "classic"
    assert not fake.warnings


@pytest.mark.parametrize(
    ("builder", "text", "compared"),
    [("auto", "FROM a", ""), ("classic", "FROM a", "x"), ("buildkit", "FROM a", "x"), ("auto", "ARG TARGETOS", "x")],
)
def test_when_the_builder_is_an_input(builder: str, text: str, compared: str) -> None:
    assert choice.compared({"builder": builder}, Dockerfile.parse(text), "x") == compared
