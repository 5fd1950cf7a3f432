# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Platforms: what an image was built to run on, written and compared as containerd does."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

# Go's list of what it can build for is what the word platform can mean to an engine.
_SYSTEM = re.compile(
    "aix|android|darwin|dragonfly|freebsd|hurd|illumos|ios|js|linux|nacl|netbsd|openbsd|plan9|solaris|wasip1|windows|zos"
)
_ARCHITECTURE = re.compile(
    "386|amd64|amd64p32|arm|arm64|arm64be|armbe|loong64|mips|mips64|mips64le|mips64p32|mips64p32le|mipsle|ppc|ppc64|ppc64le"
    "|riscv|riscv64|s390|s390x|sparc|sparc64|wasm"
)
_ALIASES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i386": ("386", ""),
    "i686": ("386", ""),
}
_USUAL_VARIANT = {"amd64": "v1", "arm64": "v8"}
_PART = re.compile(r"[a-z0-9_.-]+")


@dataclass(frozen=True)
class Platform:
    """Go's names, in lower case. `architecture` is `""` for the engine's own, `variant` where there is none to tell.

    `str` is `os[/architecture[/variant]]`, and `parse` its inverse.
    """

    os: str
    architecture: str = ""
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `linux/arm/v7`, `linux/arm64`, `arm64` (of linux), `linux`; `UsageError` on anything else."""
        parts = text.strip().lower().split("/")
        system = {"macos": "darwin"}.get(parts[0], parts[0])
        if not _SYSTEM.fullmatch(system):
            if len(parts) > 1:
                raise _bad(text, "%r is not an operating system; write linux/%s" % (parts[0], text.strip()))
            system, parts = "linux", ["linux", *parts]
        if len(parts) > 3 or not all(_PART.fullmatch(part) for part in parts):
            raise _bad(text, "write os/architecture or os/architecture/variant, such as linux/arm/v7")
        if len(parts) == 1:
            return cls(system)
        architecture, variant = _normal(parts[1], "".join(parts[2:]))
        if not _ARCHITECTURE.fullmatch(architecture):
            raise _bad(text, "%r is not an architecture; usual ones are amd64, arm64, arm, 386, ppc64le" % parts[1])
        return cls(system, architecture, "v7" if (architecture, variant) == ("arm", "") else variant)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def encoded(platform: Platform) -> str:
    """JSON as the OCI image specification describes a platform, and newer endpoints of an engine want it."""
    return json.dumps({key: value for key, value in vars(platform).items() if value}, separators=(",", ":"))


def of_image(attrs: t.Mapping[str, t.Any]) -> Platform:
    """The platform of inspect attrs: `Os`, `Architecture` and, where the image tells it, `Variant`."""
    architecture, variant = _normal(attrs.get("Architecture") or "", attrs.get("Variant") or "")
    return Platform((attrs.get("Os") or "").lower(), architecture, variant)


def of_manifest(row: t.Mapping[str, t.Any]) -> Platform:
    """The platform of one of an image's manifests, as inspect lists them (API 1.48); an attestation has none."""
    told = (row.get("ImageData") or {}).get("Platform") or {}
    architecture, variant = _normal(told.get("architecture") or "", told.get("variant") or "")
    return Platform((told.get("os") or "").lower(), architecture, variant)


def matches(wanted: Platform, have: Platform) -> bool:
    """Is `have` (of an image) what `wanted` asks for?

    Strict where the image tells its variant: an `arm/v6` image is not what `arm/v7` asks for although it would run
    there. An image that tells none answers to every variant, since the classic builder never wrote any down.
    """
    if wanted.os != have.os:
        return False
    if not wanted.architecture:
        return True
    return wanted.architecture == have.architecture and have.variant in ("", wanted.variant)


def _normal(architecture: str, variant: str) -> tuple[str, str]:
    architecture, implied = _ALIASES.get(architecture.lower(), (architecture.lower(), ""))
    variant = implied or variant.lower()
    if variant.isdigit():
        variant = "v" + variant
    return architecture, "" if _USUAL_VARIANT.get(architecture) == variant else variant


def _bad(text: str, reason: str) -> UsageError:
    return UsageError("%r is not a platform: %s" % (text, reason), platform=text)
