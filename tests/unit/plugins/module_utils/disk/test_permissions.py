# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.images.plugins.module_utils.disk import permissions
from ansible_collections.slipway.images.plugins.module_utils.disk.permissions import Permissions
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.tests.support import rights
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.mark.parametrize(
    ("mode", "bits"),
    [
        *(("0644", 0o644), ("644", 0o644), (420, 0o644), ("0o600", 0o600), ("4755", 0o4755), ("u=rw,g=r,o=", 0o640)),
        *(("a+x", 0o711), ("u-w", 0o400), ("go=u", 0o666), ("+r", 0o640), ("u=rwX", 0o600), ("g+s,o+t", 0o3600)),
    ],
)
def test_a_mode(mode: str | int, bits: int) -> None:
    assert permissions.parse(mode, 0o600, 0o027) == bits


@pytest.mark.parametrize(
    "mode", ["", "0999", "rw", "u=q", "z+x", "u", "ua+x", "77777", -1, 0o10000, 1.5, True, [], "u+r,"]
)
def test_what_is_no_mode(mode: t.Any) -> None:
    with pytest.raises(UsageError, match="is not a mode"):
        permissions.parse(mode, 0o600, 0o022)


CLAUSES = st.from_regex(r"(a?|[ugo]{1,3})([-+=][rwxXstugo]{0,4}){1,3}", fullmatch=True, alphabet="ugoa-+=rwxXst")


@settings(max_examples=200, deadline=None)
@given(st.lists(CLAUSES, min_size=1, max_size=3), st.integers(0, 0o7777))
def test_a_symbolic_mode_is_what_ansible_makes_of_it(clauses: list[str], now: int) -> None:
    umask = os.umask(0)
    os.umask(umask)
    text = ",".join(clauses)
    facts = SimpleNamespace(st_mode=stat.S_IFREG | now)
    assert permissions.parse(text, now, umask) == AnsibleModule._symbolic_mode_to_octal(facts, text)


def test_a_file_that_is_not_there_has_those_it_would_be_born_with(tmp_path: Path) -> None:
    foretold = permissions.of(str(tmp_path / "a"))
    (tmp_path / "a").touch()
    assert permissions.of(str(tmp_path / "a")) == foretold


def test_what_is_not_asked_for_stays() -> None:
    assert permissions.wanted(Permissions(0o640, 7, 8), None, None, None) == Permissions(0o640, 7, 8)
    assert permissions.wanted(Permissions(0o640, 7, 8), "0600", "root", "123456") == Permissions(0o600, 0, 123456)


@pytest.mark.parametrize("asked", [("nobody-so-called", None), (None, "nobody-so-called")])
def test_people_whom_the_target_does_not_know(asked: tuple[str | None, str | None]) -> None:
    with pytest.raises(UsageError, match="nobody-so-called on the target"):
        permissions.wanted(Permissions(0o640, 7, 8), None, *asked)


@ROOT
def test_they_are_given(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.touch()
    permissions.change(str(file), Permissions(0o6750, 1, 2))
    assert permissions.of(str(file)) == Permissions(0o6750, 1, 2)
    assert str(permissions.of(str(file))) == "6750 daemon:bin"


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot set the permissions of .*: no such file"):
        permissions.change(str(tmp_path / "a"), Permissions(0o600, 0, 0))


@ROOT
def test_what_we_may_not_give_away_stays_unless_we_must(tmp_path: Path) -> None:
    with open(tmp_path / "a", "w") as file:
        os.chown(file.fileno(), rights.NOBODY, rights.NOBODY)
        with rights.lesser():
            permissions.give(file.fileno(), Permissions(0o640, 0, 0), insist=False)
            with pytest.raises(PermissionError):
                permissions.give(file.fileno(), Permissions(0o600, 0, 0), insist=True)
    assert permissions.of(str(tmp_path / "a")) == Permissions(0o640, rights.NOBODY, rights.NOBODY)


def test_people_without_a_name() -> None:
    assert str(Permissions(0o600, 123456, 123457)) == "0600 123456:123457"
