# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References: what people call images. Parsed once at the door; after that only values move.

The grammar is that of the distribution project (`registry/path:tag@digest`), the defaults are Docker's: a name
without a registry is Docker Hub's, and one without a slash there is in `library/`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import digest as digests

HUB = "docker.io"
HUB_SERVER = "https://index.docker.io/v1/"
LONGEST_NAME = 255

_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_SHORT_ID = re.compile(r"[0-9a-f]{12,63}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = re.compile(r"(?:%s(?:\.%s)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?" % (_LABEL, _LABEL))
_REPOSITORY = re.compile(r"{0}(?:/{0})*".format(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"))
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def is_id(text: str) -> bool:
    """A full image id: 64 hex digits, with or without `sha256:`, or a foretold one. No name can look like this."""
    return bool(_ID.fullmatch(text)) or digests.is_foretold(text)


def is_short_id(text: str) -> bool:
    """12 to 63 hex digits. It may be a name as well: an engine takes the name first, so inspect it and compare `Id`."""
    return bool(_SHORT_ID.fullmatch(text))


def is_local(registry: str) -> bool:
    """Is it (`host[:port]`) on this very machine, by its name alone?"""
    name = urlsplit("//" + registry).hostname or ""
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Reference:
    """`registry` and `repository` are in full (`docker.io`, `library/busybox`), so equal values mean the same image.

    `tag` and `digest` are `""` where there is none. `str` is the familiar form, in which an engine prints `RepoTags`;
    `parse` is its inverse.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read `[registry/]path[:tag][@digest]`; `UsageError` says in one line what is wrong with it."""
        if not text:
            raise UsageError("the image name is empty: write one such as app:1.0", name=text)
        if is_id(text):
            raise _bad(text, "that is an image id; a name such as app:1.0 is wanted here")
        name, at, digest = text.partition("@")
        if re.search(r"\s", name if digests.is_foretold(digest) else text):
            raise _bad(text, "there is white space in it")
        if "://" in text:
            raise _bad(text, "leave out %s" % text[: text.index("://") + 3])
        if at:
            _check_digest(text, digest)
        name, tag = _split_tag(name)
        if tag is not None:
            _check_tag(text, tag)
        registry, repository = _split_registry(name)
        _check_name(text, registry, repository)
        return cls(registry, repository, tag or "", digest)

    @property
    def full_name(self) -> str:
        """Registry and repository with nothing left out: `docker.io/library/busybox`."""
        return "%s/%s" % (self.registry, self.repository)

    @property
    def name(self) -> str:
        """Registry and repository as an engine prints them: `busybox`, `ghcr.io/org/app`."""
        if self.registry != HUB:
            return self.full_name
        path = self.repository.removeprefix("library/")
        familiar = self.repository if "/" in path else path
        reads_back = not is_id(familiar) and _split_registry(familiar) == (self.registry, self.repository)
        return familiar if reads_back else self.full_name

    @property
    def canonical(self) -> str:
        """The whole reference with nothing left out: `docker.io/library/busybox:1`."""
        return self.full_name + self._label

    @property
    def lookup(self) -> str:
        """What to ask an engine's own store for: with a digest the digest decides, and engines then want no tag."""
        return str(replace(self, tag="") if self.digest else self)

    @property
    def _label(self) -> str:
        return (":%s" % self.tag if self.tag else "") + ("@%s" % self.digest if self.digest else "")

    def __str__(self) -> str:
        familiar = self.name + self._label
        return self.canonical if is_id(familiar) else familiar

    def with_tag(self, tag: str) -> Reference:
        """The same with another tag; a digest stays, as what was pinned remains pinned."""
        _check_tag("%s:%s" % (self.name, tag), tag)
        return replace(self, tag=tag)

    def with_default_tag(self) -> Reference:
        """The same, with `latest` where there is neither tag nor digest: what an engine would take it for."""
        return self if self.tag or self.digest else replace(self, tag="latest")


def _split_tag(name: str) -> tuple[str, str | None]:
    """Only a colon after the last slash begins a tag: before it, it begins a port."""
    colon = name.rfind(":")
    return (name[:colon], name[colon + 1 :]) if colon > name.rfind("/") else (name, None)


def _split_registry(name: str) -> tuple[str, str]:
    """The first component is a registry when it has a dot or a colon or is `localhost`; else this is Docker Hub's."""
    head, slash, rest = name.partition("/")
    if not slash or not (head == "localhost" or "." in head or ":" in head):
        head, rest = HUB, name
    if head in (HUB, "index.docker.io"):
        return HUB, rest if "/" in rest else "library/" + rest
    return head, rest


def _check_name(text: str, registry: str, repository: str) -> None:
    if not _REGISTRY.fullmatch(registry):
        raise _bad(text, "%r is not a registry: write host or host:port" % registry)
    if repository != repository.lower():
        raise _bad(text, "a repository is lower-case: write %s" % repository.removeprefix("library/").lower())
    if not _REPOSITORY.fullmatch(repository):
        shape = "a-z and 0-9, with one of '.', '_', '__' or dashes between them"
        raise _bad(text, "each part of a repository between slashes is made of %s" % shape)
    if len(registry) + 1 + len(repository) > LONGEST_NAME:
        raise _bad(text, "registry and repository together are longer than %d characters" % LONGEST_NAME)


def _check_tag(text: str, tag: str) -> None:
    if not tag:
        raise _bad(text, "the tag after ':' is empty: name one, or leave out the ':'")
    if not _TAG.fullmatch(tag):
        shape = "up to 128 of a-z, A-Z, 0-9, '_', '.' and '-', the first of which is neither '.' nor '-'"
        raise _bad(text, "a tag is %s" % shape)


def _check_digest(text: str, digest: str) -> None:
    try:
        digests.check(digest)
    except UsageError as error:
        raise _bad(text, str(error)) from error


def _bad(text: str, reason: str) -> UsageError:
    return UsageError("%r is not an image name: %s" % (text, reason), name=text)
