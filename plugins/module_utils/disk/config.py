# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's configuration file, `config.json`: shared by the docker CLI, and the place of credentials and proxies."""

from __future__ import annotations

import json
import os
import typing as t
from dataclasses import dataclass, field

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import HUB, HUB_SERVER

_HUB_HOSTS = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
_PROXIES = ("httpProxy", "httpsProxy", "ftpProxy", "noProxy", "allProxy")


def host(server: str) -> str:
    """The registry that a key of the file is about: `https://ghcr.io/v1/` -> `ghcr.io`; Docker Hub is `docker.io`."""
    bare = server.partition("://")[2] or server
    bare = bare.partition("/")[0]
    return HUB if bare in _HUB_HOSTS else bare


def server_key(registry: str) -> str:
    """The name under which a registry is written down, and by which helpers know it: Docker Hub's is a URL of old."""
    return HUB_SERVER if registry == HUB else registry


@dataclass(frozen=True)
class Config:
    """Docker's `config.json`, read as far as anyone asks."""

    path: str
    entries: t.Mapping[str, t.Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, directory: str | None, warnings: list[str]) -> Config:
        """The file in `directory`, else in `$DOCKER_CONFIG`, else in `~/.docker`. No file is an empty one.

        One that cannot be read is a warning; one that is not JSON is a `UsageError`, which never quotes it.
        """
        directory = directory or os.environ.get("DOCKER_CONFIG") or os.path.join(os.path.expanduser("~"), ".docker")
        path = os.path.join(directory, "config.json")
        try:
            with open(path, encoding="utf-8-sig") as file:
                entries = json.loads(file.read().strip() or "{}")
        except FileNotFoundError:
            return cls(path)
        except OSError as error:
            warnings.append("cannot read %s, so nothing is taken from it: %s" % (path, error.strerror))
            return cls(path)
        except ValueError:
            # Without its cause: a decoding error carries the text.
            raise UsageError("%s is not valid JSON: mend it or move it away" % path, path=path) from None
        if not isinstance(entries, dict):
            raise UsageError("%s is not a Docker configuration: it must be a JSON object" % path, path=path)
        return cls(path, entries)

    @property
    def current_context(self) -> str:
        """The name of a Docker context, "" for none."""
        name = self.entries.get("currentContext") or ""
        if not isinstance(name, str):
            raise UsageError("%s: 'currentContext' must be a string" % self.path, path=self.path)
        return name

    def section(self, name: str) -> dict[str, t.Any]:
        """A sub-object, empty when it is missing."""
        value = self.entries.get(name) or {}
        if not isinstance(value, dict):
            raise UsageError("%s: %r must be a JSON object" % (self.path, name), path=self.path)
        return value

    def find(self, name: str, registry: str) -> t.Any:
        """The entry of a section for a registry: its own key first, then any other spelling of it."""
        entries = self.section(name)
        if server_key(registry) in entries:
            return entries[server_key(registry)]
        return next((entry for key, entry in entries.items() if host(key) == registry), None)


def proxies(config: Config, docker_host: str) -> dict[str, str]:
    """The build args that make a build use the proxies of `config.json`: those for this engine, else the default.

    Each in upper and lower case, as programs look for either.
    """
    chosen = config.section("proxies")
    chosen = chosen.get(docker_host) or chosen.get("default") or {}
    args = {}
    for name in _PROXIES:
        if chosen.get(name):
            variable = name.replace("Proxy", "_proxy")
            args[variable.upper()] = args[variable] = str(chosen[name])
    return args
