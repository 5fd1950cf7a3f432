# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.platform import (
    Platform,
    encoded,
    matches,
    of_image,
    of_manifest,
)
from hypothesis import given, settings
from hypothesis import strategies as st

PARSED = {
    "linux/amd64": "linux/amd64",
    "linux/x86_64": "linux/amd64",
    "Linux/X86-64": "linux/amd64",
    "linux/amd64/v1": "linux/amd64",
    "linux/amd64/v3": "linux/amd64/v3",
    "amd64": "linux/amd64",
    "arm64": "linux/arm64",
    "aarch64": "linux/arm64",
    "linux/arm64/v8": "linux/arm64",
    "linux/arm64/8": "linux/arm64",
    "arm": "linux/arm/v7",
    "linux/arm": "linux/arm/v7",
    "linux/arm/7": "linux/arm/v7",
    "linux/arm/v6": "linux/arm/v6",
    "armhf": "linux/arm/v7",
    "linux/armel": "linux/arm/v6",
    "i386": "linux/386",
    "linux": "linux",
    "windows/amd64": "windows/amd64",
    "macos/arm64": "darwin/arm64",
    " linux/s390x ": "linux/s390x",
}

REFUSED = {
    "": "write os/architecture",
    "linux/amd46": "'amd46' is not an architecture",
    "foo": "'foo' is not an architecture",
    "arm/v7": "'arm' is not an operating system; write linux/arm/v7",
    "linux/": "write os/architecture",
    "linux/arm/v7/x": "write os/architecture",
    "linux/arm/v 7": "write os/architecture",
    "linux/*": "write os/architecture",
}


@pytest.mark.parametrize("text", PARSED)
def test_parse(text: str) -> None:
    assert str(Platform.parse(text)) == PARSED[text]


@pytest.mark.parametrize("text", REFUSED)
def test_refusals(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Platform.parse(text)
    assert REFUSED[text] in str(caught.value)
    assert caught.value.facts == {"platform": text}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(PARSED)), st.sampled_from(["", "/v1", "/v6", "/V7", "/8", "/v9"]))
def test_parse_is_the_inverse_of_str(text: str, variant: str) -> None:
    try:
        platform = Platform.parse(text + variant)
    except UsageError:
        return
    assert Platform.parse(str(platform)) == platform


def test_of_image() -> None:
    assert of_image({"Os": "linux", "Architecture": "arm64", "Variant": "v8"}) == Platform("linux", "arm64")
    assert of_image({"Os": "linux", "Architecture": "arm"}) == Platform("linux", "arm")
    assert of_image({"Os": "linux", "Architecture": "arm", "Variant": "v6"}) == Platform("linux", "arm", "v6")
    assert of_image({}) == Platform("")


@pytest.mark.parametrize(
    ("wanted", "have", "answer"),
    [
        ("linux/amd64", Platform("linux", "amd64"), True),
        ("linux/amd64", Platform("linux", "arm64"), False),
        ("linux/amd64", Platform("windows", "amd64"), False),
        ("linux", Platform("linux", "riscv64"), True),
        ("linux/arm", Platform("linux", "arm", "v7"), True),
        ("linux/arm", Platform("linux", "arm", "v6"), False),
        ("linux/arm/v6", Platform("linux", "arm"), True),
        ("linux/arm64", Platform("linux", "arm64", "v9"), False),
    ],
)
def test_matches(wanted: str, have: Platform, answer: bool) -> None:
    assert matches(Platform.parse(wanted), have) is answer


def test_platforms_as_newer_endpoints_tell_them() -> None:
    arm = '{"os":"linux","architecture":"arm","variant":"v7"}'
    assert encoded(Platform.parse("linux/arm/v7")) == arm
    assert encoded(Platform.parse("linux")) == '{"os":"linux"}'
    assert of_manifest({"Kind": "image", "ImageData": {"Platform": json.loads(arm)}}) == Platform.parse("linux/arm/v7")
    assert of_manifest({"Kind": "attestation"}) == Platform("")
