# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker contexts: engines that have a name, with their certificates, below `contexts` in Docker's configuration."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError


@dataclass(frozen=True)
class DockerContext:
    """`docker_host` as its author wrote it; the paths are of PEM files, where it has them."""

    docker_host: str
    skip_verify: bool = False
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None

    @property
    def tls(self) -> bool:
        """As to the docker CLI, whoever speaks of certificates means TLS."""
        return self.skip_verify or any((self.ca_path, self.client_cert, self.client_key))


def read(directory: str, name: str, source: str) -> DockerContext:
    """The context `name` of the configuration in `directory`; `source` is where the name was found, for messages.

    The files are `meta/<id>/meta.json` and `tls/<id>/docker/{ca,cert,key}.pem`, and an id is the SHA-256 of the name.
    Raises `UsageError`.
    """
    contexts = os.path.join(directory, "contexts")
    identity = hashlib.sha256(name.encode()).hexdigest()
    path = os.path.join(contexts, "meta", identity, "meta.json")

    def wrong(why: str) -> UsageError:
        return UsageError("docker context %r (%s): %s" % (name, source, why), context=name, path=path)

    try:
        with open(path, encoding="utf-8") as file:
            meta = json.load(file)
    except FileNotFoundError:
        raise wrong("there is none of that name in %s" % contexts) from None
    except OSError as exc:
        raise wrong("cannot read %s: %s" % (path, exc.strerror)) from exc
    except ValueError as exc:
        raise wrong("%s is not valid JSON" % path) from exc
    try:
        endpoint = meta["Endpoints"]["docker"]
        docker_host, skip_verify = endpoint["Host"], endpoint.get("SkipTLSVerify")
    except (LookupError, TypeError, AttributeError):
        docker_host = skip_verify = None
    if not docker_host or not isinstance(docker_host, str):
        raise wrong("%s names no docker endpoint" % path)

    def pem(stem: str) -> str | None:
        file = os.path.join(contexts, "tls", identity, "docker", stem + ".pem")
        return file if os.path.exists(file) else None

    return DockerContext(docker_host, bool(skip_verify), pem("ca"), pem("cert"), pem("key"))
