# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What we make of an `ssh` that says this and that; `tests/integration/test_ssh_engine.py` has a real one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    RequirementError,
    TransportError,
    TransportTimeout,
)
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.ssh import LOOK, SEEN, Forwarding

ADDRESS = Address.parse("ssh://me@far:2222/run/docker.sock")
# Its last word is what it runs over there. The socket is no socket: nobody here connects to it.
UP = 'echo "$$" >../pid; : >docker.sock; echo "$@" >../said; echo "a banner" >&2; echo; exec sleep 1000'

Ssh = t.Callable[[str], None]


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ssh:
    """Makes an `ssh` of a shell script. Sockets go below `tmp_path/tmp`."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))

    def write(script: str) -> None:
        (tmp_path / "bin/ssh").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin/ssh").chmod(0o755)

    return write


def left(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "tmp").iterdir() if path.is_dir()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_there_and_gone(ssh: Ssh, tmp_path: Path) -> None:
    ssh(UP)
    forwarding = Forwarding(ADDRESS, 10)
    assert os.path.exists(forwarding.path)
    assert os.stat(os.path.dirname(forwarding.path)).st_mode & 0o777 == 0o700
    assert forwarding.explain() is None, "a banner is no failure"
    forwarding.close()
    forwarding.close()
    assert left(tmp_path) == []
    assert not alive(int((tmp_path / "tmp/pid").read_text()))


def test_how_ssh_is_called(ssh: Ssh, tmp_path: Path) -> None:
    ssh(UP)
    Forwarding(ADDRESS, 10).close()
    said = (tmp_path / "tmp/said").read_text().split()
    assert said[-9:] == ["-l", "me", "-p", "2222", "-N", "-L", "./docker.sock:/run/docker.sock", "--", "far"]
    assert "-oBatchMode=yes" in said
    Forwarding(Address.parse("ssh://far"), 10).close()
    said = (tmp_path / "tmp/said").read_text().split()
    assert said[-5:] == ["-N", "-L", "./docker.sock:/var/run/docker.sock", "--", "far"]
    assert not {"-l", "-p"} & set(said), "those are for ssh's configuration to say"


KILLED = """
import sys, tempfile, time
from ansible_collections.slipway.images.plugins.module_utils.wire.ssh import Address, Forwarding
tempfile.tempdir = sys.argv[1]
print(Forwarding(Address.parse("ssh://far"), 10).path, flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_us(ssh: Ssh, tmp_path: Path, how: signal.Signals) -> None:
    ssh(UP)
    command = [sys.executable, "-c", "import sys; sys.path[:0] = " + repr(sys.path) + KILLED, str(tmp_path / "tmp")]
    root = Path(__file__).parents[5]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as task:
        assert task.stdout
        assert os.path.exists(task.stdout.readline().strip())
        task.send_signal(how)
    deadline = time.monotonic() + 10
    while left(tmp_path) or alive(int((tmp_path / "tmp/pid").read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("Host key verification failed.", "Host key verification failed.; the host's key must be in known_hosts"),
        ("me@far: Permission denied (publickey).", "Permission denied (publickey).; a key or an agent must do"),
        ("ssh: Could not resolve hostname far: Name or service not known", "Could not resolve hostname far"),
    ],
)
def test_a_refusal_in_its_own_words(ssh: Ssh, tmp_path: Path, says: str, message: str) -> None:
    ssh(f"echo 'a banner\n\n{says}\n' >&2; exit 255")
    with pytest.raises(TransportError) as caught:
        Forwarding(ADDRESS, 10)
    assert f"no connection to ssh://me@far:2222/run/docker.sock: {says}" in str(caught.value)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.facts == {"address": str(ADDRESS), "said": says}
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("script", "timeout", "says"),
    [
        ("echo 'ssh: connect to host far port 22: Connection timed out' >&2; exit 255", 10, "Connection timed out"),
        ("exec sleep 1000", 0.05, "not up within 0.05 seconds"),
        ("echo hm >&2; exec sleep 1000", 0.3, "not up within 0.3 seconds; it said: hm"),
    ],
)
def test_too_late(ssh: Ssh, tmp_path: Path, script: str, timeout: float, says: str) -> None:
    ssh(script)
    with pytest.raises(TransportTimeout, match=says):
        Forwarding(ADDRESS, timeout)
    assert left(tmp_path) == []


def test_a_socket_that_could_not_be_made(ssh: Ssh) -> None:
    """ssh is told to go on: what else is forwarded is not our business."""
    ssh("echo 'Could not request local forwarding.' >&2; echo; exec sleep 1000")
    with pytest.raises(TransportError, match="Could not request local forwarding"):
        Forwarding(ADDRESS, 10)


def broken_off(ssh: Ssh, folder: Path, code: int, said: str) -> TransportError:
    """The error, when ssh comes to say that after it has made the socket; a look at the one over there ends with
    `code`."""
    look = f'case "$*" in *test*) exit {code};; esac'
    ssh(f"{look}\n: >docker.sock; echo; read go <../go; echo '{said}' >&2; exec sleep 1000")
    os.mkfifo(folder / "tmp/go")
    forwarding = Forwarding(ADDRESS, 10)
    (folder / "tmp/go").write_text("now\n")
    while not (error := forwarding.explain()):
        time.sleep(0.005)
    forwarding.close()
    return error


@pytest.mark.parametrize(("code", "says"), [*((code, text[:20]) for code, text in SEEN.items()), (1, "open failed")])
def test_why_a_socket_over_there_did_not_open(ssh: Ssh, tmp_path: Path, code: int, says: str) -> None:
    error = broken_off(ssh, tmp_path, code, "channel 1: open failed: connect failed: open failed")
    assert says.format("/run/docker.sock") in str(error)
    assert error.facts["said"] == "channel 1: open failed: connect failed: open failed"


def test_what_ssh_says_of_something_else(ssh: Ssh, tmp_path: Path) -> None:
    error = broken_off(ssh, tmp_path, 10, "client_loop: send disconnect: Broken pipe")
    assert str(error) == f"no connection to {ADDRESS}: client_loop: send disconnect: Broken pipe"


def test_a_look_at_a_socket() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as there:
        os.chmod(folder, 0o755)
        there.bind(f"{folder}/there")
        anybody = {"user": 12345} if not os.geteuid() else {}  # nothing is forbidden to root

        def look(name: str, mode: int) -> int:
            os.chmod(f"{folder}/there", mode)
            return subprocess.run(["sh", "-c", LOOK.format(f"{folder}/{name}")], check=False, **anybody).returncode

        assert [look("nowhere", 0o666), look("there", 0), look("there", 0o666)] == [10, 11, 12]


def test_without_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RequirementError, match=r"ssh://me@far:2222/run/docker.sock needs OpenSSH's client"):
        Forwarding(ADDRESS, 10)
