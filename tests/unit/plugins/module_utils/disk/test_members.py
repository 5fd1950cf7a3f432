# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import io
import json
import posixpath
import random
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import compression, members
from ansible_collections.slipway.images.plugins.module_utils.disk.members import Contents
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.tests.support import archives
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = ["a", "é/ü", "n" * 100, "n" * 101, "d/" * 60 + "f", "p" * 90 + "/" + "q" * 90, "z" * 300, "blobs/sha256/x"]


def contents(tmp_path: Path, data: bytes) -> Contents:
    """Of a tar that may be closed again: small JSON was kept."""
    path = tmp_path / "some.tar"
    path.write_bytes(data)
    with compression.opened(str(path)) as plain:
        return Contents(plain)


def edited(header: bytes, at: int, data: bytes) -> bytes:
    """A header with other bytes and a right checksum."""
    header = header[:at] + data + header[at + len(data) :]
    total = sum(header[:148]) + sum(header[156:]) + 8 * ord(" ")
    return header[:148] + b"%06o\0 " % total + header[156:]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_and_content_are_those_that_tarfile_wrote(tmp_path: Path, form: t.Literal[0, 1, 2]) -> None:
    names = [name for name in NAMES if form != tarfile.USTAR_FORMAT or len(name) < 200]
    names = [name for name in names if form != tarfile.USTAR_FORMAT or len(name) != 101]
    found = contents(tmp_path, archives.tar({name: b'{"name": %d}' % i for i, name in enumerate(names)}, form))
    assert list(found) == names


@given(seed=st.integers(0, 10**6), form=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
@settings(max_examples=60, deadline=None)
def test_any_tar_is_read_as_tarfile_reads_it(tmp_path_factory: pytest.TempPathFactory, seed: int, form: int) -> None:
    rng = random.Random(seed)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for _number in range(rng.randrange(12)):
            info = tarfile.TarInfo(
                rng.choice(["a", "./b"]) + "".join(rng.choices("ab/é", k=rng.randrange(9))).rstrip("/")
            )
            info.type = rng.choice([tarfile.REGTYPE] * 3 + [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
            info.linkname = "x" * rng.randrange(1, 150) if info.issym() or info.islnk() else ""
            info.size = rng.choice([0, 1, 511, 512, 513, 2000]) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        listed = [info for info in tar if not info.isdir()]
    found = contents(tmp_path_factory.mktemp("tar"), out.getvalue())
    last = {posixpath.normpath(info.name): info for info in listed}
    assert set(found) == set(last)
    for name, info in last.items():
        member = found._members[name]
        assert (member.offset, member.size) == (info.offset_data, info.size)


def test_the_value_and_digest_of_json(tmp_path: Path) -> None:
    data = b'{"a": [1]}'
    found = contents(tmp_path, archives.tar({"x.json": data}))
    assert found.parse("x.json") == ({"a": [1]}, "sha256:" + hashlib.sha256(data).hexdigest())


def test_of_two_members_with_one_name_the_later_counts(tmp_path: Path) -> None:
    twice = archives.tar({"x.json": b"[1]"})[:-1024] + archives.tar({"./x.json": b"[2]"})
    assert contents(tmp_path, twice).parse("x.json")[0] == [2]
    not_kept = archives.tar({"x.json": b"[1]"})[:-1024] + archives.tar({"x.json": b"\n[2]"})
    (tmp_path / "some.tar").write_bytes(not_kept)
    with compression.opened(str(tmp_path / "some.tar")) as plain:
        assert Contents(plain).parse("x.json")[0] == [2]


def test_links_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    found = contents(
        tmp_path,
        archives.tar({"a/x": "../b/x", "b/x": "../x.json", "x.json": b"[]", "c": "d", "d": "c", "out": "../x"}),
    )
    assert found.parse("a/x")[0] == []
    assert "c" not in found and "out" not in found and "a" not in found


def test_a_hard_link_is_a_name_from_the_top(tmp_path: Path) -> None:
    link = tarfile.TarInfo("a/x.json")
    link.type, link.linkname = tarfile.LNKTYPE, "x.json"
    data = archives.tar({"x.json": b"[1]"})[:-1024] + link.tobuf() + bytes(1024)
    assert contents(tmp_path, data).parse("a/x.json")[0] == [1]


@pytest.mark.parametrize("name", archives.COMPRESSIONS)
def test_json_that_was_not_kept_is_found_by_a_second_pass(tmp_path: Path, name: str) -> None:
    large = json.dumps(["x" * 2_000_000]).encode()
    path = tmp_path / "some.tar"
    path.write_bytes(archives.COMPRESSIONS[name](archives.tar({"l": bytes(70_000), "deep/x.json": b"[1]", "y": large})))
    with compression.opened(str(path)) as plain:
        found = Contents(plain)
        assert found.parse("y")[0] == json.loads(large)
        assert found.parse("deep/x.json")[0] == [1]


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_MOST_KEPT", 1000)
    path = tmp_path / "some.tar"
    path.write_bytes(archives.tar({"%d.json" % i: b"[%d]" % i + b" " * 400 for i in range(9)}))
    with compression.opened(str(path)) as plain:
        found = Contents(plain)
        assert len(found._kept) == 2
        assert [found.parse("%d.json" % i)[0] for i in range(9)] == [[i] for i in range(9)]


GOOD = archives.tar({"manifest.json": b"[]"})


def paxed(records: dict[str, str]) -> bytes:
    """A tar with one file, whose extended header says more."""
    out, info = io.BytesIO(), tarfile.TarInfo("x.json")
    info.size, info.pax_headers = 2, records
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(b"[]"))
    return out.getvalue()


@pytest.mark.parametrize(
    ("there", "instead", "names"),
    [
        (b"", b"", ["real"]),
        (b"13 path=real\n", b"13_path=real\n", ["x.json"]),
        (b"13 path=real\n", b"1x path=real\n", ["x.json"]),
        (b"13 path=real\n", b"00 path=real\n", ["x.json"]),
        (b"14 comment=hm\n13 path=real\n", b"9" * 20 + b" path=x", ["x.json"]),
        (b"13 path=real\n", b" 3 path=real\n", ["x.json"]),
        (b"14 comment=hm\n", b"99 comment=hm\n", ["x.json"]),  # all that follows is one record
    ],
)
def test_an_extended_header_counts_up_to_what_makes_no_sense(
    tmp_path: Path, there: bytes, instead: bytes, names: list[str]
) -> None:
    data = paxed({"comment": "hm", "path": "real"})
    assert there in data
    assert list(contents(tmp_path, data.replace(there, instead))) == names


BAD = {
    "empty": (b"", "it is empty"),
    "text": (b"hello", "it is no tar"),
    "noise": (b"\x01" * 5000, "it is no tar"),
    "no end mark": (GOOD[:-1024], "cut short"),
    "half an end mark": (GOOD[:-600], "cut short"),
    "noise in the middle": (GOOD[:-1024] + b"x" * 512 + bytes(1024), "the header at byte 1024 is damaged"),
    "absolute": (archives.tar({"/etc/passwd": b""}), "a member named '/etc/passwd'"),
    "upward": (archives.tar({"a/../../b": b""}), "a member named 'a/../../b'"),
    "newline": (archives.tar({"a\n/../b": b""}), r"a member named 'a\\n/../b'"),
    "bigger than its header says": (paxed({"size": "9663676416"}), "cut short"),
    "sparse": (edited(GOOD[:512], 156, b"S") + GOOD[512:], "stored with holes"),
    "negative size": (edited(GOOD[:512], 124, b"-0000000007\0") + GOOD[512:], "it is no tar"),
    "huge size": (edited(GOOD[:512], 124, b"\x8f" + b"\xff" * 11) + GOOD[512:], "claims to have"),
    "8 GiB and more": (edited(GOOD[:512], 124, b"\x80" + bytes(6) + b"\x02" + bytes(4)) + GOOD[512:], "cut short"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_whole_tar_is_told_in_one_line_that_names_the_file(tmp_path: Path, case: str) -> None:
    data, said = BAD[case]
    with pytest.raises(FormatError, match=said) as caught:
        contents(tmp_path, data)
    assert str(caught.value).startswith(str(tmp_path / "some.tar")) and "\n" not in str(caught.value)


def test_an_extended_header_of_any_size_is_not_read(tmp_path: Path) -> None:
    header = edited(edited(GOOD[:512], 156, b"x"), 124, b"77777777777\0")
    with pytest.raises(FormatError, match="the extended header at byte 0 has 8589934591 bytes"):
        contents(tmp_path, header + bytes(100))


@pytest.mark.parametrize("data", [b"no", b"{", b'{"a": 1e', b"[" * 100_000, b'{"a": "\xff"}'])
def test_what_is_no_json(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "some.tar"
    path.write_bytes(archives.tar({"x.json": data}))
    with compression.opened(str(path)) as plain, pytest.raises(FormatError, match=r"its x\.json is not JSON"):
        Contents(plain).parse("x.json")


def test_json_that_is_missing_or_absurd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "LARGEST_JSON", 10)
    found = contents(tmp_path, archives.tar({"x.json": b"[%s]" % (b" " * 20)}))
    with pytest.raises(FormatError, match=r"its x\.json has 22 bytes"):
        found.parse("x.json")
    with pytest.raises(FormatError, match=r"y\.json is not in it"):
        found.parse("y.json")


def test_there_is_an_end_to_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MOST_MEMBERS", 5)
    with pytest.raises(FormatError, match="more than 5 files"):
        contents(tmp_path, archives.tar({str(number): b"" for number in range(6)}))
