# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import (
    Reference,
    is_id,
    is_local,
    is_short_id,
)
from hypothesis import given, settings
from hypothesis import strategies as st

HEX = "0123456789abcdef" * 4
DIGEST = "sha256:" + HEX

PARSED = {
    "busybox": Reference("docker.io", "library/busybox"),
    "docker.io/library/busybox": Reference("docker.io", "library/busybox"),
    "docker.io/busybox": Reference("docker.io", "library/busybox"),
    "index.docker.io/library/busybox:1": Reference("docker.io", "library/busybox", "1"),
    "library/busybox": Reference("docker.io", "library/busybox"),
    "library/a/b": Reference("docker.io", "library/a/b"),
    "org/app:1.0": Reference("docker.io", "org/app", "1.0"),
    "ghcr.io/org/app": Reference("ghcr.io", "org/app"),
    "localhost/app": Reference("localhost", "app"),
    "localhost": Reference("docker.io", "library/localhost"),
    "localhost:5000": Reference("docker.io", "library/localhost", "5000"),
    "localhost:5000/app": Reference("localhost:5000", "app"),
    "host:5000/a/b:Tag_1.x-y": Reference("host:5000", "a/b", "Tag_1.x-y"),
    "[::1]:5000/app:1": Reference("[::1]:5000", "app", "1"),
    "[fd00::A]/app": Reference("[fd00::A]", "app"),
    "a__b/c--d/e.f_g": Reference("docker.io", "a__b/c--d/e.f_g"),
    "app@" + DIGEST: Reference("docker.io", "library/app", "", DIGEST),
    "r.io/app:1@" + DIGEST: Reference("r.io", "app", "1", DIGEST),
    "app:" + "t" * 128: Reference("docker.io", "library/app", "t" * 128),
    "app@sha512:" + HEX * 2: Reference("docker.io", "library/app", "", "sha512:" + HEX * 2),
    "app@(known after push of app:1)": Reference("docker.io", "library/app", "", "(known after push of app:1)"),
    "deadbeefcafe": Reference("docker.io", "library/deadbeefcafe"),
}

REFUSED = {
    "": "is empty: write one such as app:1.0",
    "a b": "white space",
    "app:1\n": "white space",
    "https://ghcr.io/org/app": "leave out https://",
    HEX: "that is an image id",
    DIGEST: "that is an image id",
    "(known after build of app:1)": "that is an image id",
    "a b@(known after push of app:1)": "white space",
    "app@ (known after push of app:1)": "white space",
    "App": "a repository is lower-case: write app",
    "Org/app": "a repository is lower-case: write org/app",
    "ghcr.io/Org/App:V1": "a repository is lower-case: write org/app",
    "app:": "the tag after ':' is empty",
    "app:-1": "a tag is up to 128",
    "app:1:2": "each part of a repository",
    "app:" + "t" * 129: "a tag is up to 128",
    "app:ä": "a tag is up to 128",
    "app@": "is not a digest",
    "app@latest": "is not a digest",
    "app@sha256:": "must be lower-case hex",
    "app@sha256:" + HEX[:-1]: "sha256 has 64 hex digits, and here are 63",
    "app@sha256:" + HEX.upper(): "must be lower-case hex",
    "app@md5:" + HEX[:32]: "is not a digest",
    "a//b": "each part of a repository",
    "a/": "each part of a repository",
    "/a": "each part of a repository",
    "a..b/c": "is not a registry",
    "ghcr.io/a..b": "each part of a repository",
    "-host.io/app": "'-host.io' is not a registry",
    "host:port/app": "'host:port' is not a registry",
    "[::g]/app": "is not a registry",
    "r.io/" + "a" * 251: "longer than 255",
}

_words = st.from_regex(r"[a-z0-9]{1,8}(?:(?:\.|__?|-{1,3})[a-z0-9]{1,4}){0,2}", fullmatch=True)
_registries = st.one_of(
    st.just("docker.io"),
    st.from_regex(
        r"(?:localhost|[a-z0-9]{1,5}\.[a-zA-Z]{1,5}|\[[0-9a-f]{0,4}::[0-9a-f:]{0,9}\])(?::[0-9]{1,5})?", fullmatch=True
    ),
)
_paths = st.one_of(
    st.lists(_words, min_size=2, max_size=4).map("/".join),
    st.sampled_from(["library/sha256", "library/" + HEX, "localhost/a", "a.b/c", "library/localhost", "library/a/b"]),
)
_tags = st.one_of(st.just(""), st.just(HEX), st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True))
references = st.builds(Reference, _registries, _paths, _tags, st.sampled_from(["", DIGEST]))


@pytest.mark.parametrize("text", PARSED)
def test_parse(text: str) -> None:
    assert Reference.parse(text) == PARSED[text]


@pytest.mark.parametrize("text", REFUSED)
def test_refusals_say_why_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Reference.parse(text)
    assert REFUSED[text] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.facts == {"name": text}


@settings(max_examples=200, deadline=None)
@given(references)
def test_parse_is_the_inverse_of_str_and_of_canonical(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.canonical) == reference
    if not is_id(reference.name):
        assert Reference.parse(reference.name).full_name == reference.full_name


@settings(max_examples=200, deadline=None)
@given(st.text("abAB01.:/@[]-_ \n", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except UsageError:
        return
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "name", "familiar", "canonical"),
    [
        ("docker.io/library/busybox:1", "busybox", "busybox:1", "docker.io/library/busybox:1"),
        ("docker.io/org/app", "org/app", "org/app", "docker.io/org/app"),
        ("r.io/library/app", "r.io/library/app", "r.io/library/app", "r.io/library/app"),
        ("a:1@" + DIGEST, "a", "a:1@" + DIGEST, "docker.io/library/a:1@" + DIGEST),
        # Without its registry this would be read as one of another registry, or as an id.
        ("docker.io/localhost/a", *["docker.io/localhost/a"] * 3),
        ("docker.io/library/" + HEX, *["docker.io/library/" + HEX] * 3),
        ("docker.io/library/sha256:" + HEX, "sha256", *["docker.io/library/sha256:" + HEX] * 2),
    ],
)
def test_forms(text: str, name: str, familiar: str, canonical: str) -> None:
    reference = Reference.parse(text)
    assert (reference.name, str(reference), reference.canonical) == (name, familiar, canonical)


def test_with_tag_keeps_the_pin() -> None:
    assert str(Reference.parse("app:1").with_tag("2")) == "app:2"
    assert str(Reference.parse("app@" + DIGEST).with_tag("2")) == "app:2@" + DIGEST
    with pytest.raises(UsageError, match=r"'app:a b' is not an image name: a tag is"):
        Reference.parse("app").with_tag("a b")
    with pytest.raises(UsageError, match="is empty"):
        Reference.parse("app").with_tag("")


def test_the_default_tag_is_for_bare_names_only() -> None:
    assert str(Reference.parse("app").with_default_tag()) == "app:latest"
    assert str(Reference.parse("app:1").with_default_tag()) == "app:1"
    assert str(Reference.parse("app@" + DIGEST).with_default_tag()) == "app@" + DIGEST


def test_ids() -> None:
    assert is_id(HEX) and is_id(DIGEST)
    assert not any(map(is_id, ["app", HEX[:-1], HEX.upper(), "sha512:" + HEX * 2, HEX + "\n"]))
    assert is_short_id(HEX[:12]) and is_short_id(HEX[:63])
    assert not any(map(is_short_id, [HEX[:11], HEX, "app", "sha256:" + HEX[:12]]))


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("127.9.9.9", True),
        ("[::1]:5000", True),
        ("docker.io", False),
        ("localhost.example.com", False),
        ("10.0.0.1:5000", False),
    ],
)
def test_on_this_very_host(host: str, local: bool) -> None:
    assert is_local(host) is local
