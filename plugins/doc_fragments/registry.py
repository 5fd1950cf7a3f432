# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Who we are to a registry: the options of `REGISTRY` in `plugins/module_utils/task/spec.py`."""

    DOCUMENTATION = r"""
options:
  registry_username:
    description:
      - User name for the registry of O(name), for this task alone. Several names must be of one registry then.
      - Without it, and without O(registry_token), the Docker configuration is asked, see O(docker_config).
    type: str
  registry_password:
    description: The password of O(registry_username).
    type: str
  registry_token:
    description:
      - A bearer token for the registry of O(name), for this task alone.
      - Mutually exclusive with O(registry_username).
    type: str
  docker_config:
    description:
      - Directory on the target that holds C(config.json) with logins (C(auths), C(credsStore), C(credHelpers)).
      - A credential helper that is missing or fails is a warning, and the registry is asked anonymously.
      - If it is not given, the environment variable E(DOCKER_CONFIG) is used, else C(~/.docker).
    type: path
"""
