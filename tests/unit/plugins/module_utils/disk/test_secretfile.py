# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import secretfile
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError


def test_bytes_come_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_bytes(b"a\0\xff\n")
    assert secretfile.read("t", str(tmp_path / "token")) == b"a\0\xff\n"
    monkeypatch.setenv("TOKEN", "p\u00e4ss\udcff")
    assert secretfile.variable("t", "TOKEN") == b"p\xc3\xa4ss\xff"
    monkeypatch.setenv("SCHLÜSSEL", "x")
    assert secretfile.variable("t", "SCHLÜSSEL") == b"x"


def test_what_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN", raising=False)
    with pytest.raises(UsageError, match="cannot read the secret t from /nowhere: no such file"):
        secretfile.read("t", "/nowhere")
    with pytest.raises(UsageError, match="the secret t is to come from TOKEN, which is not set"):
        secretfile.variable("t", "TOKEN")


def test_the_largest_secret(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(secretfile.LARGEST))
    assert len(secretfile.read("t", str(file))) == secretfile.LARGEST
    file.write_bytes(bytes(secretfile.LARGEST + 1))
    with pytest.raises(UsageError, match="larger than 500 KiB"):
        secretfile.read("t", str(file))


def test_an_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "agent")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        assert secretfile.agent("default", path) == path
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        assert secretfile.agent("default", None) == path
    monkeypatch.delenv("SSH_AUTH_SOCK")
    with pytest.raises(UsageError, match="SSH_AUTH_SOCK is not set"):
        secretfile.agent("default", None)
    for wrong in (str(tmp_path), str(tmp_path / "none")):
        with pytest.raises(UsageError, match="there is no socket"):
            secretfile.agent("default", wrong)
