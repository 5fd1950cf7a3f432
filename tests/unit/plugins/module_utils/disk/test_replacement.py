# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import replacement
from ansible_collections.slipway.images.plugins.module_utils.errors import StreamError, UsageError
from ansible_collections.slipway.images.tests.support import rights

HELD = """
import signal, sys, time
from ansible_collections.slipway.images.plugins.module_utils.disk import replacement
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may be run by nohup
with replacement.of(sys.argv[1]) as new:
    new.file.write(b"half")
    new.file.flush()
    print(new.path, flush=True)
    while True:  # `signal.pause` would miss a signal that comes just before it
        time.sleep(0.1)
"""
LIMITED = """
import resource, sys
from ansible_collections.slipway.images.plugins.module_utils.disk import replacement
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with replacement.of(sys.argv[1]) as new:
        new.file.write(bytes(2000))
except Exception as error:
    print(error)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "a.tar"
    path.write_text("old")
    return path


def test_it_takes_the_place_when_it_is_complete(place: Path) -> None:
    with replacement.of(str(place)) as new:
        new.file.write(b"new")
        assert os.stat(new.path).st_mode & 0o777 == 0o600
        assert place.read_text() == "old"
    assert (place.read_text(), os.listdir(place.parent)) == ("new", ["a.tar"])


def test_a_path_without_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with replacement.of("b.tar") as new:
        new.file.write(b"new")
    assert (tmp_path / "b.tar").read_text() == "new"


@pytest.mark.parametrize("error", [StreamError("cut"), KeyboardInterrupt(), ZeroDivisionError()])
def test_nothing_is_left_when_it_is_not(place: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), replacement.of(str(place)) as new:
        new.file.write(b"half")
        raise error
    assert (place.read_text(), os.listdir(place.parent)) == ("old", ["a.tar"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_nor_when_the_process_is_told_to_stop(place: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", HELD, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert Path(process.stdout.readline().strip()).read_text() == "half"
        process.send_signal(number)
        assert process.wait() == 128 + number
    assert (place.read_text(), os.listdir(place.parent)) == ("old", ["a.tar"])


def test_signals_mean_afterwards_what_they_did(place: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    with replacement.of(str(place)):
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before


def test_a_file_that_cannot_be_written_to_its_end(place: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(place)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == "cannot write %s, which is as it was before: file too large\n" % place
    assert (place.read_text(), os.listdir(place.parent)) == ("old", ["a.tar"])


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no directory .*/none to write a.tar into"):
        replacement.check(str(tmp_path / "none" / "a.tar"))
    with pytest.raises(UsageError, match="no such file or directory"), replacement.of(str(tmp_path / "none" / "a.tar")):
        pass
    replacement.check(str(tmp_path / "a.tar"))


def test_no_right_to_write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        with rights.lesser():
            with pytest.raises(UsageError, match=r"^cannot write .*/a\.tar: permission denied in its directory$"):
                replacement.check(folder + "/a.tar")
            said = r"cannot write .*/a\.tar, which is as it was before: permission denied"
            with pytest.raises(UsageError, match=said), replacement.of(folder + "/a.tar"):
                pass
