# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines that will not do: one clear line each, and nothing changed."""

from __future__ import annotations

import json
import subprocess
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.module import play


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[str]:
    """An engine with room for a base image, and little more."""
    disk = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(disk)], check=True)
    try:
        with support.engine("--data-root", str(disk)) as address:
            support.import_base(address)
            yield address
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def names(address: str) -> list[str]:
    rows = json.loads(support.request(address, "GET", "/images/json")[1])
    return sorted(name for row in rows for name in row["RepoTags"] or ())


def test_a_build_on_a_full_disk(full: str) -> None:
    dockerfile = "FROM slipway-test/base:1\nRUN dd if=/dev/zero of=/large bs=1M count=64"
    said = play("image_build", docker_host=full, name="full/app:1", dockerfile_inline=dockerfile)
    assert said["failed"]
    assert not said["changed"]
    assert "o space left on device" in said["msg"]
    assert said["error"]["kind"] == "build"
    assert names(full) == ["slipway-test/base:1"]


def test_a_load_on_a_full_disk(full: str, docker_host: str, tmp_path: Path) -> None:
    support.import_base(docker_host)
    dockerfile = "FROM slipway-test/base:1\nRUN dd if=/dev/zero of=/large bs=1M count=64"
    play("image_build", docker_host=docker_host, name="full/app:1", dockerfile_inline=dockerfile)
    archive = tmp_path / "app.tar"
    archive.write_bytes(support.request(docker_host, "GET", "/images/full/app:1/get")[1])
    assert tarfile.is_tarfile(archive)
    said = play("image_load", docker_host=full, path=str(archive))
    assert said["failed"]
    assert not said["changed"]
    assert "no space left on device" in said["msg"]
    assert said["error"]["kind"] == "stream"
    assert names(full) == ["slipway-test/base:1"]
