# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role `engine` would install on distributions that are not at hand: a real play, on hosts whose facts are
made up, and with a package manager that only says what it was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

# Distribution, family and package manager, as Ansible calls them; the kind of engine; what is to be installed.
HOSTS = {
    "fedora": ("Fedora", "RedHat", "dnf5", "docker", ["moby-engine", "python3-requests", "python3-h2"]),
    "fedora-podman": ("Fedora", "RedHat", "dnf5", "podman", ["podman", "python3-requests", "python3-h2"]),
    "rhel": ("RedHat", "RedHat", "dnf", "docker", ["docker-ce", "python3-requests"]),
    "rocky": ("Rocky", "RedHat", "dnf", "docker", ["docker-ce", "python3-requests"]),
    "alma-podman": ("AlmaLinux", "RedHat", "dnf", "podman", ["podman", "python3-requests"]),
    "suse": ("SLES", "Suse", "zypper", "docker", []),  # of others nothing is known
}
TOLD = """
import json
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule
options = {"name": {"type": "list"}, "to": {"type": "path"}, "facts": {"type": "dict"}}
module = AnsibleModule(options, supports_check_mode=True)
if module.params["to"]:
    Path(module.params["to"]).write_text(json.dumps(module.params["name"]))
module.exit_json(changed=bool(module.params["to"]), ansible_facts=module.params["facts"] or {})
"""


def test_each_gets_its_packages(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "told.py").write_text(TOLD)
    hosts = {
        host: {
            "engine_kind": kind,
            "facts": {"distribution": name, "os_family": family, "pkg_mgr": manager, "service_mgr": "systemd"},
        }
        for host, (name, family, manager, kind, _packages) in HOSTS.items()
    }
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_package_use": "ansible.legacy.told",
    }
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
    play = {
        "hosts": "all",
        "gather_facts": False,
        "module_defaults": {"ansible.builtin.package": {"to": f"{tmp_path}/{{{{ inventory_hostname }}}}.json"}},
        "pre_tasks": [{"told": {"facts": "{{ facts }}"}, "tags": ["always"]}],
        "roles": [{"role": "slipway.images.engine"}],
    }
    (tmp_path / "play.json").write_text(json.dumps([play]))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", f"{tmp_path}/hosts.json"]
    done = subprocess.run(
        [*command, f"{tmp_path}/play.json", "--check", "--tags=engine_packages"],
        env={
            **os.environ,
            "ANSIBLE_HOME": f"{tmp_path}/ansible",
            "ANSIBLE_LIBRARY": f"{tmp_path}/library",
            "ANSIBLE_PIPELINING": "true",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    told = {host: tmp_path / f"{host}.json" for host in HOSTS}
    asked = {host: json.loads(path.read_text()) if path.exists() else [] for host, path in told.items()}
    assert asked == {host: packages for host, (*_what, packages) in HOSTS.items()}
