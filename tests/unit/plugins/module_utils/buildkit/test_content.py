# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import content, protobuf
from ansible_collections.slipway.images.plugins.module_utils.buildkit.content import COMMIT, SERVICE, STAT, WRITE
from ansible_collections.slipway.images.plugins.module_utils.disk.blobstore import BlobStore
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError
from ansible_collections.slipway.images.tests.support.caller import Caller, Talk
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.conftest import Start

STORE = [(content.STORE, "local:/c")]
DATA = b"0123456789" * 300_000
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()


def serve(start: Start, root: Path) -> tuple[Caller, list[BaseException], BlobStore]:
    store = BlobStore(str(root))
    return (*start(content.service({"local:/c": store})), store)


def asked(caller: Caller, method: str, *fields: tuple[int, protobuf.Value]) -> Talk:
    return caller.call(SERVICE + method, protobuf.message(*fields), metadata=STORE)


def said(talk: Talk) -> dict[int, protobuf.Value]:
    return protobuf.last(talk.message() or b"")


def written(caller: Caller, data: bytes, expected: str = DIGEST, total: int = len(DATA)) -> Talk:
    talk = caller.call(SERVICE + "Write", end=False, metadata=STORE)
    talk.send(protobuf.message((1, STAT), (2, b"ref"), (3, total), (4, expected.encode())))
    if talk.message() is not None:
        half = len(data) // 2
        for at, piece in ((0, data[:half]), (half, data[half:])):
            talk.send(protobuf.message((1, WRITE), (2, b"ref"), (5, at), (6, piece)))
            assert said(talk)[4] == at + len(piece)
        talk.send(protobuf.message((1, COMMIT), (2, b"ref"), (3, total), (4, expected.encode()), (5, len(data))))
    return talk


def test_a_blob_goes_in_and_comes_out(start: Start, tmp_path: Path) -> None:
    caller, failures, _store = serve(start, tmp_path)
    assert (asked(caller, "Info", (1, DIGEST.encode())).end(), failures) == ([], [])
    talk = written(caller, DATA)
    assert said(talk) == {1: COMMIT, 4: len(DATA), 5: len(DATA), 6: DIGEST.encode()}
    assert (talk.end(), talk.status) == ([], 0)
    assert protobuf.last(protobuf.octets(said(asked(caller, "Info", (1, DIGEST.encode())))[1]))[2] == len(DATA)
    answers = asked(caller, "Read", (1, DIGEST.encode()), (2, 7), (3, 1_000_000)).end()
    assert b"".join(protobuf.octets(protobuf.last(answer)[2]) for answer in answers) == DATA[7:1_000_007]
    assert len(answers) > 1 and protobuf.last(answers[1])[1] == 7 + len(protobuf.octets(protobuf.last(answers[0])[2]))
    assert (
        b"".join(
            protobuf.octets(protobuf.last(answer)[2]) for answer in asked(caller, "Read", (1, DIGEST.encode())).end()
        )
        == DATA
    )
    again = written(caller, DATA)
    assert (again.end(), again.status, failures) == ([], 6, [])


@pytest.mark.parametrize(
    ("data", "total"), [(DATA[:-1], 0), (DATA[:-2] + b"xx", 0), (DATA, 1)], ids=["cut", "changed", "of another size"]
)
def test_a_blob_that_is_another(start: Start, tmp_path: Path, data: bytes, total: int) -> None:
    caller, _failures, _store = serve(start, tmp_path)
    talk = written(caller, data, total=total)
    assert (talk.end(), talk.status) == ([], 9)
    assert list((tmp_path / "blobs/sha256").iterdir()) == []


def test_a_blob_that_is_given_up(start: Start, tmp_path: Path) -> None:
    caller, _failures, _store = serve(start, tmp_path)
    talk = caller.call(SERVICE + "Write", end=False, metadata=STORE)
    talk.send(protobuf.message((1, STAT), (2, b"ref")))
    assert said(talk) == {}
    talk.send(protobuf.message((1, WRITE), (6, b"half")), end=True)
    assert [protobuf.last(answer)[4] for answer in talk.end()] == [4]
    assert list((tmp_path / "blobs/sha256").iterdir()) == []


@pytest.mark.parametrize(
    ("method", "status"), [("Status", 5), ("Abort", 0), ("ListStatuses", 0), ("Update", 9), ("Delete", 12), ("Read", 5)]
)
def test_the_rest(start: Start, tmp_path: Path, method: str, status: int) -> None:
    caller, failures, _store = serve(start, tmp_path)
    talk = asked(caller, method, (1, DIGEST.encode()))
    talk.end()
    assert (talk.status, failures) == (status, [])


def test_another_store_is_none_of_theirs(start: Start, tmp_path: Path) -> None:
    caller, _failures, _store = serve(start, tmp_path)
    talk = caller.call(SERVICE + "Info", protobuf.message((1, b"x")), metadata=[(content.STORE, "local:/")])
    assert (talk.end(), talk.status) == ([], 5)


def test_what_is_wrong_on_our_side_is_known(start: Start, tmp_path: Path) -> None:
    caller, failures, _store = serve(start, tmp_path)
    asked(caller, "Info", (1, b"../x")).end()
    (tmp_path / "blobs").write_text("")
    written(caller, DATA).end()
    assert [type(failure) for failure in failures] == [FormatError, UsageError]
