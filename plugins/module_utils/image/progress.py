# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine says while it pulls, pushes or loads, folded into one small value."""

from __future__ import annotations

import re
import typing as t
from collections import deque
from dataclasses import dataclass, field

from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Denied,
    EngineError,
    NotFound,
    RateLimited,
    SlipwayError,
    StreamError,
    TransportError,
)

TAIL = 20
"""How many of the last status lines are kept."""

_FATES = {
    "Pull complete": "downloaded",
    "Pushed": "pushed",
    "Already exists": "already",
    "Layer already exists": "already",
}
_PULLED = re.compile(r"Digest: (\S+:[0-9a-f]+)")
_PUSHED = re.compile(r"\S+: digest: (\S+:[0-9a-f]+) size: ([0-9]+)")
_LOADED = re.compile(r"Loaded image(?: ID)?: (\S+)")

# An engine's words, as it puts no code to what a registry told it. "permission denied" is about the engine's own files.
_DENIED = re.compile(
    r"(?<!permission )\bdenied\b|unauthorized|authentication required|no basic auth credentials|403 forbidden", re.I
)
_NOT_FOUND = re.compile(
    r"(manifest|name|blob) unknown|unknown blob|(?<!executable file )\bnot found\b|does not exist|no such image"
    r"|does not match the specified platform",
    re.I,
)
_RATE_LIMITED = re.compile(r"toomanyrequests|too many requests|\brate limit\b", re.I)
_PASSING = re.compile(
    r"toomanyrequests|too many requests|\brate limit\b|tls handshake timeout|connection reset|connection refused"
    r"|broken pipe|unexpected eof|: EOF$|i/o timeout|no route to host|deadline exceeded|temporary failure"
    r"|(received unexpected http|unexpected) status( code [^:]*)?: 5[0-9][0-9]",
    re.I,
)
_LASTING = re.compile(r"x509:|certificate|http response to https|no space left|permission denied|no such host", re.I)


@dataclass(frozen=True)
class Progress:
    """The end of a stream, and what is worth keeping of the way.

    `digest` is the registry's (pull, push), `size` the bytes of its manifest (push). `layers` counts layers by fate:
    `downloaded`, `pushed`, `already`. `loaded` has the names, and for nameless images the ids, of a load, in order.
    `statuses` are the last lines that do not draw a bar. `error` is `""` when all went well, `code` its HTTP-like
    number where the engine gives one.
    """

    statuses: tuple[str, ...] = ()
    error: str = ""
    code: int | None = None
    digest: str = ""
    size: int | None = None
    layers: t.Mapping[str, int] = field(default_factory=dict)
    up_to_date: bool = False
    loaded: tuple[str, ...] = ()

    def check(self, what: str) -> None:
        """Raise what the stream's error means, or do nothing; `what` is like `pulling app:1`."""
        if not self.error:
            return
        facts = {"said": self.error} if self.code is None else {"said": self.error, "status": self.code}
        raise blame(self.error)("%s: the engine said: %s" % (what, " ".join(self.error.split())), **facts)


def fold(records: t.Iterable[t.Mapping[str, t.Any]]) -> Progress:
    """Read a stream to its end, also past an error: the first error is the cause, later ones its consequences."""
    statuses: deque[str] = deque(maxlen=TAIL)
    layers: dict[str, int] = {}
    known: dict[str, t.Any] = {}
    loaded: list[str] = []
    for record in records:
        if "error" not in known:
            known.update(_error(record))
        aux = record.get("aux")
        if isinstance(aux, dict) and aux.get("Digest"):
            known.update(digest=aux["Digest"], size=aux.get("Size"))
        line = (record.get("status") or record.get("stream") or "").strip()
        if not line or record.get("progressDetail"):
            continue
        statuses.append("%s: %s" % (record["id"], line) if record.get("id") else line)
        fate = "already" if line.startswith("Mounted from ") else _FATES.get(line)
        if fate:
            layers[fate] = layers.get(fate, 0) + 1
        elif line.startswith("Loaded image"):
            # Podman puts all names on one line.
            loaded.extend(name for names in _LOADED.findall(line) for name in names.split(","))
        else:
            known.update(_ending(line))
    return Progress(statuses=tuple(statuses), layers=layers, loaded=tuple(loaded), **known)


def blame(said: str) -> type[SlipwayError]:
    """Whose fault an engine's words speak of: `RateLimited`, `Denied` and `NotFound` come from a registry, through a
    stream that began well, or through HTTP 500 (as engine 20.10 passes on a registry's 401); else `StreamError`.
    """
    if _RATE_LIMITED.search(said):
        return RateLimited
    if _DENIED.search(said):
        return Denied
    return NotFound if _NOT_FOUND.search(said) else StreamError


def retryable(error: SlipwayError) -> bool:
    """May the same succeed in a moment? Yes for a lost connection, 429 and 5xx; no for what will be refused again."""
    said = str(error.facts.get("said") or error)
    if isinstance(error, (NotFound, Denied)) or not isinstance(error, (TransportError, EngineError, StreamError)):
        return False
    if _PASSING.search(said):
        return True
    if _LASTING.search(said) or blame(said) is not StreamError:
        return False
    if isinstance(error, TransportError):
        return True
    status = error.facts.get("status")
    if status is None:
        # A stream that stopped without a word lost its connection; one that stopped with words was refused.
        return isinstance(error, StreamError) and "said" not in error.facts
    return bool(status == 429 or status >= 500)


def _error(record: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    detail = record.get("errorDetail") or {}
    message = detail.get("message") or record.get("error")
    if not message:
        return {"error": "an error without words"} if detail or "error" in record else {}
    return {"error": message, "code": detail.get("code") or None}


def _ending(line: str) -> dict[str, t.Any]:
    """What one of the last lines of a pull or push tells."""
    if line.startswith("Status: "):
        return {"up_to_date": line.startswith("Status: Image is up to date for ")}
    pulled = _PULLED.fullmatch(line)
    if pulled:
        return {"digest": pulled.group(1)}
    pushed = _PUSHED.fullmatch(line)
    return {"digest": pushed.group(1), "size": int(pushed.group(2))} if pushed else {}
