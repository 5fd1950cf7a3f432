# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One registry's own API (the OCI distribution specification, version 2 of Docker's)."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import HUB, is_local
from ansible_collections.slipway.images.plugins.module_utils.registry import challenge
from ansible_collections.slipway.images.plugins.module_utils.registry.login import Login, answer_to
from ansible_collections.slipway.images.plugins.module_utils.registry.refusal import refused
from ansible_collections.slipway.images.plugins.module_utils.wire.answer import Answer
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.plugins.module_utils.wire.web import Origin, Web

HUB_API = "registry-1.docker.io"


class Registry:
    """A registry as we come to it: `host` (as in references), our `login` there, whom to believe (`tls`).

    As engines do, one that is `insecure` (each on this host is) is first tried with TLS that is not verified, then
    without. Tokens and connections are kept; threads may share it.
    """

    def __init__(self, host: str, login: Login | None, tls: Tls, insecure: bool, timeout: float) -> None:
        self.host = host
        self._login = login
        insecure = insecure or is_local(host)
        server = HUB_API if host == HUB else host
        self._bases = ["https://" + server, *(["http://" + server] if insecure else [])]
        own = {Origin.of(base)[0] for base in self._bases}

        def trust(origin: Origin) -> Tls:
            """Token service and storage may share the registry's authority, but are not shown who we are."""
            return replace(tls, verify=not insecure) if origin in own else Tls(authorities=tls.authorities)

        self._web = Web(trust, timeout)
        self._shown: dict[str, str] = {}  # repository -> the value of `Authorization` that was good there

    def request(self, method: str, repository: str, path: str, accept: t.Sequence[str] = ()) -> Answer:
        """A GET or HEAD of `/v2/<repository>/<path>`, past its challenge. Raises `NotFound`, `Denied`, `RateLimited`
        or another `EngineError` for what the registry refuses, `TransportError` when it does not answer."""
        endpoint = "/v2/%s/%s" % (repository, path)
        headers = {"Accept": ", ".join(accept)} if accept else {}
        shown = self._shown.get(repository) or self._token_as_given()
        answer = self._ask(method, endpoint, headers, shown)
        if answer.status == 401 and not self._token_as_given():
            challenges = challenge.parse(answer.headers.get("WWW-Authenticate", ""))
            plain = self._bases[0].startswith("http:")
            shown = answer_to(challenges, self._login, "repository:%s:pull" % repository, self._web, plain)
            if shown:
                answer.close()
                answer = self._ask(method, endpoint, headers, shown)
        if answer.status >= 300:
            raise refused(answer, "the registry %s" % self.host, "%s %s" % (method, endpoint.partition("?")[0]))
        if shown:
            self._shown[repository] = shown
        return answer

    def _token_as_given(self) -> str | None:
        return "Bearer " + self._login.registrytoken if self._login and self._login.registrytoken else None

    def _ask(self, method: str, endpoint: str, headers: t.Mapping[str, str], shown: str | None) -> Answer:
        """The first base that answers is the only one from then on."""
        headers = {**headers, "Authorization": shown} if shown else headers
        *secure, base = self._bases
        for first in secure:
            try:
                answer = self._web.follow(method, first + endpoint, headers)
            except TransportError:
                continue
            self._bases = [first]
            return answer
        answer = self._web.follow(method, base + endpoint, headers)
        self._bases = [base]
        return answer

    def close(self) -> None:
        self._web.close()
