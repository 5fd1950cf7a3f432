# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who we are to a registry: as the task says, else as Docker's `config.json` and its credential helpers say."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import typing as t
from dataclasses import dataclass, field
from functools import cached_property

from ansible_collections.slipway.images.plugins.module_utils.disk.certificates import of_registry
from ansible_collections.slipway.images.plugins.module_utils.disk.config import Config, host, server_key
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference, is_id

HELPER_SECONDS = 60


@dataclass(frozen=True)
class Auth:
    """Credentials for one registry; `Auth()` is nobody. The fields are named as in the Engine API's `AuthConfig`.

    `registrytoken` is a bearer token that the engine hands to the registry as it is; `identitytoken` is a refresh
    token that it trades for one at the registry's token service.
    """

    serveraddress: str = ""
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identitytoken: str = field(default="", repr=False)
    registrytoken: str = field(default="", repr=False)

    def fields(self) -> dict[str, str]:
        """What the Engine API takes: the fields that say something."""
        return {name: value for name, value in vars(self).items() if value}

    def header(self) -> str:
        """The value of `X-Registry-Auth`. Nobody's is an empty object: engine 28.3.3 cannot push without any."""
        return _encode(self.fields())


@dataclass
class Credentials:
    """Whom to be where: looked up when first asked for, once a registry.

    `own` is what the task itself says, for the registries (hosts) in `own_for` and no other. What goes wrong with a
    helper is told in `warnings`, and we are nobody then: a public image needs no credentials.
    """

    warnings: list[str]
    directory: str | None = None
    own: Auth | None = field(default=None, repr=False)
    own_for: frozenset[str] = frozenset()
    _known: dict[str, Auth | None] = field(default_factory=dict, init=False, repr=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @cached_property
    def config(self) -> Config:
        """Read when first needed, so that a task which needs no registry does not trip over a broken file."""
        return Config.read(self.directory, self.warnings)

    def lookup(self, registry: str) -> Auth | None:
        """Our credentials for a registry (host, `host:port` or a URL of it), if we have any."""
        registry = host(registry)
        # Images are pulled side by side, and a helper may ask a person: one question at a time, and each once.
        with self._turn:
            if registry not in self._known:
                self._known[registry] = self._find(registry)
            return self._known[registry]

    def header(self, registry: str) -> str:
        """`X-Registry-Auth` for one registry."""
        return (self.lookup(registry) or Auth()).header()

    def config_header(self, registries: t.Iterable[str]) -> str:
        """`X-Registry-Config`, for a build that may pull from several: those of them that we have credentials for."""
        auths = filter(None, map(self.lookup, registries))
        return _encode({auth.serveraddress: auth.fields() for auth in auths})

    def certificates(self, registry: str) -> t.Mapping[str, t.Any]:
        """The fields of `disk.certificates.Certificates` for one registry."""
        return vars(of_registry(registry))

    def _find(self, registry: str) -> Auth | None:
        server = server_key(registry)
        if self.own and registry in self.own_for:
            return Auth(**{**self.own.fields(), "serveraddress": server})
        helper = self.config.find("credHelpers", registry)
        if helper is None:
            helper = self.config.entries.get("credsStore")
        found = _ask(str(helper), server, self.warnings) if helper else None
        return found or _written(self.config, registry, server)


def given(username: str | None, password: str | None, token: str | None) -> Auth | None:
    """What a task says by `registry_username` and `registry_password`, or by `registry_token` (a bearer token)."""
    if token:
        return Auth(registrytoken=token)
    return Auth(username=username, password=password or "") if username else None


def registries(names: t.Iterable[str]) -> frozenset[str]:
    """The registries of image names; ids have none."""
    return frozenset(Reference.parse(name).registry for name in names if not is_id(name))


def _written(config: Config, registry: str, server: str) -> Auth | None:
    """The credentials that stand in the file itself: `auth` is base64 of `user:password`."""
    entry = config.find("auths", registry)
    if not isinstance(entry, dict):
        return None
    wanted = ("username", "password", "identitytoken", "registrytoken")
    fields = {name: str(entry[name]) for name in wanted if entry.get(name)}
    if entry.get("auth"):
        try:
            user, colon, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
        except (ValueError, TypeError):
            user = colon = password = ""
        if not (user and colon):
            said = "%s: the auth of %s is not base64 of user:password; log in again" % (config.path, registry)
            raise UsageError(said, path=config.path, registry=registry)
        fields.update(username=user, password=password.strip("\0"))
    return Auth(server, **fields) if fields else None


def _ask(helper: str, server: str, warnings: list[str]) -> Auth | None:
    """Run `docker-credential-<helper> get` with the server on its standard input.

    It answers `{"ServerURL", "Username", "Secret"}`; the user name `<token>` says that the secret is an identity
    token. Nothing it prints is ever repeated, since it may be the secret.
    """
    program = "docker-credential-%s" % helper
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function; `run_command` knows no time limit
            [program, "get"], input=server.encode(), capture_output=True, timeout=HELPER_SECONDS, check=False
        )
        if done.returncode:
            if b"credentials not found" not in done.stdout + done.stderr:
                warnings.append(
                    "%s failed for %s (exit code %d), so no credentials from it" % (program, server, done.returncode)
                )
            return None
        answer = json.loads(done.stdout)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except FileNotFoundError:
        warnings.append("%s is not installed, so there are no credentials for %s from it" % (program, server))
    except OSError as error:
        warnings.append("cannot run %s for %s: %s" % (program, server, error.strerror))
    except subprocess.TimeoutExpired:
        warnings.append("%s gave no answer for %s in %d seconds" % (program, server, HELPER_SECONDS))
    except (ValueError, KeyError, TypeError):
        warnings.append("%s gave an answer for %s that is not understood" % (program, server))
    else:
        if not secret:
            return None
        return Auth(server, identitytoken=secret) if user == "<token>" else Auth(server, user, secret)
    return None


def _encode(value: t.Mapping[str, t.Any]) -> str:
    """JSON in URL-safe base64 with its padding, as the Engine API takes it in headers."""
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()
