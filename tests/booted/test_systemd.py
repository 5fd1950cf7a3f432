# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles `engine` and `retention` on a host that systemd runs, from nothing to a reboot: `make booted`.

What came of it is told by systemd, by the engine's socket and by files, never by the roles. The tests are one story, in
this order. It is not among `make test`, since packages come from Debian's servers.
"""

from __future__ import annotations

import json
import os
import time
import typing as t

import pytest
from ansible_collections.slipway.images.tests.support.booted import Booted, Played, booted
from ansible_collections.slipway.images.tests.support.engine import answers, import_base, request

CONFIG = "etc/docker/daemon.json"
FIRST = {"bridge": "none", "iptables": False, "ip6tables": False, "log-opts": {"max-size": "1m"}}
OPTIONS: dict[str, t.Any] = {
    "engine_registry_mirrors": ["http://127.0.0.1:1"],
    "engine_log_options": {"max-file": "3"},
    "engine_users": ["deploy"],
}
INSTALL, WRITE = "Install them", "Write the configuration"
START, RESTART, RELOAD = "Start it, now and with the host", "Restart it", "Let it read its configuration again"


@pytest.fixture(scope="module")
def host() -> t.Iterator[Booted]:
    with booted(os.environ.get("SLIPWAY_BOOTED", "bookworm")) as made:
        made.run("useradd", "deploy")
        (made.root / CONFIG).parent.mkdir()
        (made.root / CONFIG).write_text(json.dumps(FIRST))
        yield made


def did(played: Played, role: str = "engine") -> list[str]:
    assert not played.failed, played.output[-6000:]
    return [name.removeprefix(f"slipway.images.{role} : ") for name in played.changed]


def pid(host: Booted) -> str:
    return host.run("systemctl", "show", "--property=MainPID", "--value", "docker")


def state(host: Booted, unit: str) -> tuple[str, str]:
    active, enabled = (host.run("systemctl", verb, unit, check=False) for verb in ("is-active", "is-enabled"))
    return active, enabled


def info(host: Booted) -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", json.loads(request(host.engine(), "GET", "/info")[1]))


def config(host: Booted) -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", json.loads((host.root / CONFIG).read_text()))


def test_from_nothing_to_an_engine(host: Booted) -> None:
    foretold = did(host.play("engine", check=True, **OPTIONS))
    assert state(host, "docker")[0] == "inactive" and config(host) == FIRST, "check mode does nothing"
    came = did(host.play("engine", **OPTIONS))
    assert foretold == came == [INSTALL, WRITE, START, "Users may use it"]
    assert state(host, "docker") == ("active", "enabled")
    assert config(host) == {
        **FIRST,
        "registry-mirrors": ["http://127.0.0.1:1"],
        "log-opts": {"max-size": "1m", "max-file": "3"},
    }
    assert info(host)["RegistryConfig"]["Mirrors"] == ["http://127.0.0.1:1/"]
    assert "docker" in host.run("id", "--name", "--groups", "deploy").split()
    assert host.run("python3", "-c", "import h2, requests; print('both')") == "both"
    started = host.run("journalctl", "--unit=docker", "--grep=^Started", "--output=cat", "--no-pager").splitlines()
    assert len(started) == 1, "with its own configuration from the beginning"


def test_nothing_is_left_to_do(host: Booted) -> None:
    before = pid(host)
    assert did(host.play("engine", **OPTIONS)) == did(host.play("engine", check=True, **OPTIONS)) == []
    assert pid(host) == before


def test_a_reload_where_that_is_enough(host: Booted) -> None:
    before, options = pid(host), {**OPTIONS, "engine_registry_mirrors": ["http://127.0.0.1:2"]}
    foretold = did(host.play("engine", check=True, **options))
    assert foretold == did(host.play("engine", **options)) == [WRITE, RELOAD]
    assert pid(host) == before
    assert info(host)["RegistryConfig"]["Mirrors"] == ["http://127.0.0.1:2/"]


def test_a_restart_where_it_takes_one(host: Booted) -> None:
    before, options = pid(host), {"engine_data_root": "/srv/docker"}
    foretold = did(host.play("engine", check=True, **options))
    assert foretold == did(host.play("engine", **options)) == [WRITE, RESTART]
    assert pid(host) != before
    assert info(host)["DockerRootDir"] == "/srv/docker"


def test_what_cannot_be_is_not_written(host: Booted) -> None:
    before, written = pid(host), (host.root / CONFIG).stat()
    for check in (True, False):
        refused = host.play("engine", check=check, engine_config={"debug": "certainly"})
        assert refused.failed and "stays as it is" in refused.output and refused.changed == []
    assert (host.root / CONFIG).stat() == written and pid(host) == before


def test_what_only_a_start_shows_to_be_wrong_is_put_back(host: Booted) -> None:
    before = config(host)
    failed = host.play("engine", engine_config={"storage-driver": "no-such-driver"}, engine_patience=5)
    assert failed.failed and "did not take over storage-driver" in failed.output, failed.output[-6000:]
    assert config(host) == before and state(host, "docker") == ("active", "enabled")
    assert did(host.play("engine", **{**OPTIONS, "engine_registry_mirrors": ["http://127.0.0.1:2"]})) == []


def test_one_that_stopped_is_started(host: Booted) -> None:
    host.run("systemctl", "stop", "docker.socket", "docker.service")
    assert did(host.play("engine", check=True)) == did(host.play("engine")) == [START]
    assert answers(host.engine())


def test_the_timer_prunes_by_itself(host: Booted) -> None:
    options = {"retention_keep_last": 1, "retention_repositories": ["shop/*"], "retention_report": "/var/log/retention"}
    timer = {**options, "retention_timer": "systemd", "retention_calendar": "*:*:0/2", "retention_spread": 0}
    foretold = did(host.play("retention", check=True, **timer), "retention")
    came = did(host.play("retention", **timer), "retention")
    assert sorted({*foretold}) == sorted({*came})
    assert state(host, "slipway-retention.timer") == ("active", "enabled")
    assert did(host.play("retention", **timer), "retention") == []
    import_base(host.engine(), "shop/app", "1")
    import_base(host.engine(), "shop/app", "2")
    deadline = time.monotonic() + 60
    while len(tags := _tags(host)) > 1 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert tags == ["shop/app:2"]
    said = host.run("journalctl", "--unit=slipway-retention", "--output=cat", "--no-pager")
    assert "shop/app:1" in said and "shop/app:1" in (host.root / "var/log/retention").read_text()


def test_all_is_there_after_a_reboot(host: Booted) -> None:
    host.stop()
    host.start()
    assert state(host, "docker") == ("active", "enabled") and _tags(host) == ["shop/app:2"]
    assert state(host, "slipway-retention.timer") == ("active", "enabled")
    assert did(host.play("engine")) == []


def test_the_timer_goes_without_a_trace(host: Booted) -> None:
    foretold = did(host.play("retention", check=True, retention_timer="absent"), "retention")
    assert foretold == did(host.play("retention", retention_timer="absent"), "retention") != []
    assert host.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "slipway-*") == ""
    assert not (host.root / "usr/local/lib/slipway-images").exists()


def test_podman_instead(host: Booted) -> None:
    options: dict[str, t.Any] = {"engine_kind": "podman", "engine_insecure_registries": ["registry.lan:5000"]}
    foretold = did(host.play("engine", check=True, **options))
    came = did(host.play("engine", **options))
    assert foretold == came == [INSTALL, "Tell it of mirrors and insecure registries", START]
    assert state(host, "podman.socket") == ("active", "enabled")
    version = json.loads(request(host.engine("/run/podman/podman.sock"), "GET", "/version")[1])
    assert version["Components"][0]["Name"] == "Podman Engine"
    assert did(host.play("engine", **options)) == []


def _tags(host: Booted) -> list[str]:
    rows = json.loads(request(host.engine(), "GET", "/images/json")[1])
    return sorted(tag for row in rows for tag in row["RepoTags"] or ())
