# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which engine a task means: what it says itself, else the environment and Docker's contexts, as to the docker CLI.

`docker_host` or `context` of the task; `DOCKER_HOST`; `DOCKER_CONTEXT`; `currentContext` of `config.json`; the usual
socket. A context brings its own TLS, and where one is used, the environment's (`DOCKER_TLS_VERIFY`, ...) is not. What
the task says of TLS always counts.
"""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.slipway.images.plugins.module_utils.disk import filename
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

Options = t.Mapping[str, t.Any]

USUAL = "unix:///var/run/docker.sock"
DEFAULT = "default"  # the context that is none: what the environment says
OPTIONS = ("docker_host", "tls", "validate_certs", "ca_path", "client_cert", "client_key")


def endpoint(params: Options, warnings: list[str]) -> dict[str, t.Any]:
    """Of the options of `task.spec.ENGINE`, those in `OPTIONS` as they are meant, and the name of the `context` that
    had a say ("" for none)."""
    name, source = _context(params, warnings)
    found = _of_environment() if name in (None, DEFAULT) else _of_context(_directory(params), name, source)
    said = {option: params[option] for option in OPTIONS if params[option] is not None}
    return {**found, **said, **({"docker_host": _native(said["docker_host"])} if "docker_host" in said else {})}


def _native(docker_host: str) -> str:
    """With the path of a socket as `os` takes it. What the environment says is so already."""
    return filename.native(docker_host) if docker_host.startswith(("unix:", "ssh:")) else docker_host


def _context(params: Options, warnings: list[str]) -> tuple[str | None, str]:
    """The name of the context, `None` for none, and who says so."""
    if params["docker_host"] is not None:
        return None, ""
    if params["context"] is not None:
        return params["context"], "option context"
    if os.environ.get("DOCKER_HOST"):
        return None, ""
    if os.environ.get("DOCKER_CONTEXT"):
        return os.environ["DOCKER_CONTEXT"], "DOCKER_CONTEXT"
    path = os.path.join(_directory(params), "config.json")
    if not _mentions(path, b"currentContext"):
        return None, ""
    from ansible_collections.slipway.images.plugins.module_utils.disk.config import Config

    config = Config.read(params.get("docker_config"), warnings)
    return config.current_context or None, "currentContext of " + path


def _mentions(path: str, word: bytes) -> bool:
    """Most do not, and to know it costs those tasks less than to take the file apart."""
    try:
        with open(path, "rb") as file:
            return word in file.read()
    except FileNotFoundError:
        return False
    except OSError:  # the reader's to tell
        return True


def _directory(params: Options) -> str:
    given = params.get("docker_config") or os.environ.get("DOCKER_CONFIG")
    return given or os.path.join(os.path.expanduser("~"), ".docker")


def _of_context(directory: str, name: str, source: str) -> dict[str, t.Any]:
    from ansible_collections.slipway.images.plugins.module_utils.disk.dockercontext import read

    context = read(directory, name, source)
    return {
        "context": name,
        "docker_host": _native(context.docker_host),
        "tls": context.tls,
        "validate_certs": False if context.skip_verify else None,
        "ca_path": context.ca_path,
        "client_cert": context.client_cert,
        "client_key": context.client_key,
    }


def _of_environment() -> dict[str, t.Any]:
    return {
        "context": "",
        "docker_host": os.environ.get("DOCKER_HOST") or USUAL,
        "tls": _truth("DOCKER_TLS"),
        "validate_certs": _truth("DOCKER_TLS_VERIFY"),
        "ca_path": _pem("ca"),
        "client_cert": _pem("cert"),
        "client_key": _pem("key"),
    }


def _truth(variable: str) -> bool | None:
    """As to Docker, a variable that holds nothing is not set."""
    value = os.environ.get(variable)
    if not value:
        return None
    try:
        return bool(boolean(value))
    except TypeError as exc:
        raise UsageError("the environment's %s is neither true nor false: %r" % (variable, value)) from exc


def _pem(stem: str) -> str | None:
    directory = os.environ.get("DOCKER_CERT_PATH")
    path = directory and os.path.join(directory, stem + ".pem")
    return path if path and os.path.exists(path) else None
