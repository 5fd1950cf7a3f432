# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How to reach the engine: the options of `ENGINE` in `plugins/module_utils/task/spec.py`."""

    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - "Where the engine listens: V(unix:///path/to/socket), V(tcp://host:port), V(https://host:port) or
        V(ssh://user@host:port/path/to/socket)."
      - The port of TCP defaults to 2375, with TLS to 2376. With V(ssh://), user and port are what the configuration of
        OpenSSH on the target says, and the path defaults to V(/var/run/docker.sock).
      - If neither this nor O(context) is given, then in this order the environment variable E(DOCKER_HOST) of the
        target is used, the Docker context that E(DOCKER_CONTEXT) names, the current context of the Docker configuration
        on the target, and V(unix:///var/run/docker.sock).
      - Mutually exclusive with O(context).
    type: str
    aliases: [docker_url]
  context:
    description:
      - The name of a Docker context on the target, which says where the engine listens and what certificates it takes.
      - V(default) is none, as in the docker CLI. What the environment says counts then.
      - Contexts are looked for where the Docker configuration is, which is in E(DOCKER_CONFIG), else in C(~/.docker).
      - Mutually exclusive with O(docker_host).
    type: str
    aliases: [cli_context]
  tls:
    description:
      - Speak TLS to a V(tcp://) address. V(https://) and O(validate_certs=true) imply it.
      - If it is not given, the Docker context decides where one is used, else the environment variable E(DOCKER_TLS).
    type: bool
  validate_certs:
    description:
      - With TLS, refuse an engine whose certificate does not verify. This is what happens when it is not given.
      - V(true) also turns TLS on, V(false) turns the verification (not TLS) off.
      - If it is not given, the Docker context decides where one is used, else the environment variable
        E(DOCKER_TLS_VERIFY).
    type: bool
    aliases: [tls_verify]
  tls_hostname:
    description:
      - The name to expect in the engine's certificate, instead of the host of O(docker_host).
      - If it is not given, the environment variable E(DOCKER_TLS_HOSTNAME) is used.
    type: str
  ca_path:
    description:
      - PEM file with the certificate authority to verify the engine's certificate with.
      - If it is not given, that of the Docker context is used, or without a context the file C(ca.pem) below
        E(DOCKER_CERT_PATH), else the system's authorities.
    type: path
    aliases: [ca_cert, tls_ca_cert, cacert_path]
  client_cert:
    description:
      - PEM file with our certificate for the engine. Not without O(client_key).
      - If it is not given, that of the Docker context is used, or without a context the file C(cert.pem) below
        E(DOCKER_CERT_PATH).
    type: path
    aliases: [tls_client_cert, cert_path]
  client_key:
    description:
      - PEM file with the private key of O(client_cert).
      - If it is not given, that of the Docker context is used, or without a context the file C(key.pem) below
        E(DOCKER_CERT_PATH).
    type: path
    aliases: [tls_client_key, key_path]
  api_version:
    description:
      - The Engine API version to speak, for example V(1.41). V(auto) takes the newest that both sides know.
      - If it is not given, the environment variable E(DOCKER_API_VERSION) is used.
    type: str
    default: auto
    aliases: [docker_api_version]
  timeout:
    description:
      - Seconds to wait for a connection, and for the engine to say something in answer to a short request.
      - It never limits how long a build, pull, load or prune may take.
      - If it is not given, the environment variable E(DOCKER_TIMEOUT) is used.
    type: int
    default: 60
requirements:
  - "Python 3.9 or newer on the target"
  - "requests, unless the engine is behind a unix socket (or V(ssh://)) and no registry is asked without it"
  - "for V(ssh://), the C(ssh) of OpenSSH on the target"
  - "an engine that speaks the Docker Engine API 1.40 or newer"
attributes:
  check_mode:
    description: In check mode, says what a run would do, and changes nothing.
    support: full
  diff_mode:
    description: Returns what was and what is, name by name.
    support: full
  idempotent:
    description: A second run with the same options finds nothing to do and is C(ok).
    support: full
"""
