# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine answered."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Conflict,
    Denied,
    EngineError,
    FormatError,
    NotFound,
    RateLimited,
    SlipwayError,
    TransportError,
)

BLOCK = 64 * 1024
REFUSALS = {401: Denied, 403: Denied, 404: NotFound, 409: Conflict, 429: RateLimited}


class Answer:
    """The head of an answer (`status`, `headers`, caseless), with a body that is read once, in one of five ways.

    Closing before the end drops the connection, which for most endpoints makes the engine stop what it does.
    """

    def __init__(
        self, response: t.Any, foreign: tuple[type[Exception], ...], translate: t.Callable[[Exception], SlipwayError]
    ) -> None:
        """`response`: unread, of `local` or urllib3. `translate` makes ours of what its reading raises of `foreign`."""
        self.status: int = response.status
        self.headers: t.Mapping[str, str] = response.headers
        self._response = response
        self._foreign = foreign
        self._translate = translate

    @property
    def next_link(self) -> str:
        """Where the next page is (RFC 8288), as it is written in the header; "" on the last."""
        from requests.utils import parse_header_links

        links = parse_header_links(self.headers.get("Link", ""))
        return next((str(link["url"]) for link in links if link.get("rel") == "next"), "")

    def blocks(self, size: int = BLOCK) -> t.Iterator[bytes]:
        """The body in pieces of at most `size` bytes, as they come. `TransportError` if it breaks off."""
        try:
            yield from self._response.stream(size, decode_content=False)
        except self._foreign as exc:
            raise self._translate(exc) from exc
        finally:
            self.close()

    def records(self) -> t.Iterator[dict[str, t.Any]]:
        """The body as JSON objects, each as soon as it has come. What the records say is for the caller to judge."""
        from ansible_collections.slipway.images.plugins.module_utils.wire.records import decode

        return decode(self.blocks())

    def content(self, limit: int) -> bytes:
        """The whole body; `FormatError` as soon as it is seen to be of more than `limit` bytes."""
        content = bytearray()
        with self:
            for block in self.blocks():
                content += block
                if len(content) > limit:
                    raise FormatError(f"an answer of more than {limit} bytes, where a small one is due", limit=limit)
        return bytes(content)

    @property
    def text(self) -> str:
        return b"".join(self.blocks()).decode("utf-8", "replace")

    def json(self) -> t.Any:
        text = self.text
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise FormatError(f"something answered, but not as a Docker engine does: {text[:80]!r}") from exc

    def close(self) -> None:
        self._response.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def refusal(answer: Answer, endpoint: str) -> EngineError:
    """The error for an answer that is one: the engine's JSON `message`, or the beginning of what else it said.

    Podman 5 refuses a push with a record of the stream that it would have been.
    """
    beginning = b""
    try:
        for block in answer.blocks():
            beginning += block
            if len(beginning) > BLOCK:
                break
        text = beginning.decode("utf-8", "replace").strip()
    except TransportError:  # hung up in the middle of a sentence: the status still says who is to blame
        text = ""
    answer.close()
    try:
        record = json.loads(text)
        said = str((record.get("errorDetail") or record)["message"])
    except (ValueError, LookupError, TypeError, AttributeError):
        said = text[:200] or _phrase(answer.status)
    return REFUSALS.get(answer.status, EngineError)(
        f"the engine refused {endpoint}: {' '.join(said.split())} (HTTP {answer.status})",
        status=answer.status,
        endpoint=endpoint,
        said=said,
    )


def _phrase(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "nothing"
