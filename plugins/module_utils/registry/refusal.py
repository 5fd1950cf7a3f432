# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry, or its token service, refuses: `{"errors": [{"code", "message"}]}` as an error of ours."""

from __future__ import annotations

import json
import time
import typing as t
from email.utils import mktime_tz, parsedate_tz
from http.client import responses

from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Denied,
    EngineError,
    FormatError,
    NotFound,
    RateLimited,
    SlipwayError,
    TransportError,
)
from ansible_collections.slipway.images.plugins.module_utils.wire.answer import Answer

LIMIT = 64 * 1024  # bytes of a refusal that are read
KINDS = {401: Denied, 403: Denied, 404: NotFound, 429: RateLimited}


def refused(answer: Answer, who: str, endpoint: str) -> SlipwayError:
    """The error for an answer that is one; `who` said it, unless a proxy did. Facts: `status`, `endpoint`, `said`, and
    `retry_after` (seconds) for `RateLimited`.

    Any web server says 404 to a path it does not know: only who gives a registry's reasons speaks of images.
    """
    said, known = _said(answer)
    facts: dict[str, t.Any] = {"status": answer.status, "endpoint": endpoint, "said": said}
    if answer.status == 407:
        return TransportError("the proxy of the environment does not let us through to %s: %s" % (who, said), **facts)
    kind = KINDS.get(answer.status, EngineError)
    if kind is RateLimited:
        facts["retry_after"] = seconds(answer.headers.get("Retry-After", ""), time.time())
        said += "; try again in %d seconds" % facts["retry_after"] if facts["retry_after"] else ""
    if kind is NotFound and not known:
        kind, said = EngineError, "%s, which is not how a registry speaks" % said
    return kind("%s refused %s: %s (HTTP %d)" % (who, endpoint, said, answer.status), **facts)


def seconds(retry_after: str, now: float) -> int | None:
    """The header `Retry-After`: seconds, or a date as against `now` (seconds since the epoch)."""
    if retry_after.isascii() and retry_after.isdigit():
        return int(retry_after)
    date = parsedate_tz(retry_after)
    return max(0, round(mktime_tz(date) - now)) if date else None


def _said(answer: Answer) -> tuple[str, bool]:
    """The words in one line, and whether they are in a registry's form."""
    try:
        text = answer.content(LIMIT).decode("utf-8", "replace").strip()
    except (FormatError, TransportError):
        text = ""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    errors = body.get("errors") if isinstance(body, dict) else None
    if isinstance(errors, list):
        rows = [error for error in errors if isinstance(error, dict)]
        words = "; ".join(str(row.get("message") or row.get("code")) for row in rows)
        return _line(words) or "no reason given", True
    if isinstance(body, dict):  # token services: Docker Hub's `details`, OAuth's `error_description`
        text = next((str(body[key]) for key in ("details", "error_description", "message", "error") if key in body), "")
    return _line(text) or responses.get(answer.status, "nothing"), False


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
