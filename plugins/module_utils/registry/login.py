# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who we are to a registry, and what to show it: Basic, or a token from the service that its challenge names."""

from __future__ import annotations

import base64
import json
import typing as t
from urllib.parse import urlencode

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.registry.challenge import Challenge
from ansible_collections.slipway.images.plugins.module_utils.registry.refusal import refused
from ansible_collections.slipway.images.plugins.module_utils.wire.web import Origin, Web

CLIENT = "slipway.images"
LIMIT = 1024 * 1024  # bytes of a token service's answer


class Login(t.Protocol):
    """Credentials for one registry, "" where there are none; `disk/credentials.py`'s `Auth` is one."""

    @property
    def username(self) -> str:
        """For basic authentication, and for the token service."""

    @property
    def password(self) -> str:
        """Goes with it."""

    @property
    def identitytoken(self) -> str:
        """A refresh token, traded for a bearer token at the token service."""

    @property
    def registrytoken(self) -> str:
        """A bearer token, shown as it is."""


def answer_to(challenges: t.Sequence[Challenge], login: Login | None, scope: str, web: Web, plain: bool) -> str | None:
    """The value of `Authorization`, or `None` when there is nothing to show: no credentials, no known scheme.

    `scope` is what to ask a token for when the challenge says nothing of it; `plain`: the registry itself is reached
    without TLS, so its token service may be as well. Raises `Denied` and what else the token service says.
    """
    known = {challenge.scheme: challenge.parameters for challenge in challenges}
    if "bearer" in known:
        return "Bearer " + _token(known["bearer"], login, scope, web, plain)
    if "basic" in known and login and login.username:
        return _basic(login)
    return None


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(("%s:%s" % (login.username, login.password)).encode()).decode()


def _token(parameters: t.Mapping[str, str], login: Login | None, scope: str, web: Web, plain: bool) -> str:
    """By GET, anonymous or with Basic, and for a refresh token by OAuth's POST.

    https://distribution.github.io/distribution/spec/auth/token/ and .../auth/oauth/
    """
    realm = parameters.get("realm", "")
    service = Origin.of(realm)[0]
    if not (service.tls or plain):
        raise FormatError("the registry's token service %s speaks plain HTTP: no credentials go there" % service)
    query = [("service", parameters["service"])] if parameters.get("service") else []
    scopes = parameters.get("scope") or scope
    headers, body, method = {}, None, "GET"
    if login and login.identitytoken:
        form = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", login.identitytoken)]
        method, body = "POST", urlencode([*form, *query, ("scope", scopes)]).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    else:
        query += [("scope", one) for one in scopes.split()]
        if login and login.username:
            query.append(("account", login.username))
            headers["Authorization"] = _basic(login)
        realm += ("&" if "?" in realm else "?") + urlencode(query)
    answer = web.ask(method, realm, headers, body)
    if answer.status != 200:
        raise refused(answer, "the token service %s" % service, "a token for %s" % scopes)
    return _read(answer.content(LIMIT), service)


def _read(content: bytes, service: Origin) -> str:
    try:
        body = json.loads(content)
        token = body.get("token") or body.get("access_token")
    except (ValueError, RecursionError, AttributeError) as exc:
        raise FormatError("the token service %s does not answer as one" % service) from exc
    # Into a header it goes: no line may end in it.
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise FormatError("the token service %s gave no token" % service)
    return token
