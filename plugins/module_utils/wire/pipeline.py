# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many small GETs by few connections, the next ones sent before the first is answered (RFC 9112, section 9.3.2).

An engine takes 0.1 ms for a small answer, and whoever asks for one after the other three times as long: where a task
asks hundreds of times, that is what it would wait for.
"""

from __future__ import annotations

import contextlib
import typing as t
from urllib.parse import urlsplit

from ansible_collections.slipway.images.plugins.module_utils.wire import http1
from ansible_collections.slipway.images.plugins.module_utils.wire.answer import BLOCK
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport

LINES = 2
"""Connections: an engine answers what comes by one after the other, and by several at a time."""

AHEAD = 32
"""Requests on their way by each: enough for the engine not to wait for us, and few enough for the kernel to hold. An
engine that cannot get rid of its answers reads no more requests: who sends all of his before reading may wait for ever.
"""


def bodies(transport: Transport, paths: t.Sequence[str]) -> t.Iterator[bytes | None]:
    """The body of the answer to `GET` of each of `paths` (which include the API version), `None` for HTTP 404.

    It ends early where something else is answered, or nothing: what does not speak of all that is asked (a proxy may
    not know pipelines) has to be asked for the rest in the ordinary way, which also says what is wrong.
    """
    try:
        with contextlib.ExitStack() as ended:
            socks = [ended.enter_context(contextlib.closing(transport.connect())) for _line in range(LINES)]
            lines = [(sock, ended.enter_context(sock.makefile("rb"))) for sock in socks]
            url = urlsplit(transport.address.url)
            requests = [http1.request("GET", url.path + path, [("Host", url.netloc)]) for path in paths]
            for number, sock in enumerate(socks):
                sock.settimeout(transport.timeout)
                sock.sendall(b"".join(requests[number : LINES * AHEAD : LINES]))
            for number in range(len(requests)):
                sock, answers = lines[number % LINES]
                head = http1.head(answers)
                if head.status not in (200, 404) or head.last:
                    return
                body = b"".join(http1.body(answers, head, BLOCK))
                yield body if head.status == 200 else None
                if number + LINES * AHEAD < len(requests):
                    sock.sendall(requests[number + LINES * AHEAD])
    except transport.foreign:
        return
