# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import subprocess
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import rootfs
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError
from ansible_collections.slipway.images.tests.support.archives import COMPRESSIONS, digest, tar

ROOT = tar({"bin/sh": b"x" * 700, "etc/motd": b"hi", "sh": "bin/sh"})


@pytest.fixture
def keep(tmp_path: Path) -> t.Callable[[bytes], str]:
    def keep(data: bytes) -> str:
        (tmp_path / "root.tar").write_bytes(data)
        return str(tmp_path / "root.tar")

    return keep


Keep = t.Callable[[bytes], str]


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_the_layer_is_the_digest_of_the_plain_tar(keep: Keep, name: str) -> None:
    root = rootfs.read(keep(COMPRESSIONS[name](ROOT)))
    assert root.diff_id == digest(ROOT)
    assert b"".join(rootfs.blocks(root)) == ROOT


def test_what_follows_the_end_mark_counts(keep: Keep) -> None:
    assert rootfs.read(keep(ROOT + bytes(9000) + b"x")).diff_id == digest(ROOT + bytes(9000) + b"x")


def test_a_tar_of_nothing_is_one(keep: Keep) -> None:
    assert rootfs.read(keep(bytes(1024))).diff_id == digest(bytes(1024))


@pytest.mark.parametrize("cut", [1, 100, 511, 512, 513, 1024, 1212, 1300, 2000, len(ROOT) - 1024])
def test_a_cut_one_is_noticed(keep: Keep, cut: int) -> None:
    with pytest.raises(FormatError, match="cut short" if cut >= 512 else "no tar"):
        rootfs.read(keep(ROOT[:cut]))


@pytest.mark.parametrize(("data", "said"), [(b"", "it is empty"), (b"text" * 200, "it is no tar")])
def test_what_is_no_tar(keep: Keep, data: bytes, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        rootfs.read(keep(data))


def test_a_damaged_header_in_the_middle(keep: Keep) -> None:
    damaged = bytearray(ROOT)
    damaged[1536 + 20] ^= 1
    with pytest.raises(FormatError, match="the header at byte 1536 is damaged"):
        rootfs.read(keep(bytes(damaged)))


@pytest.mark.parametrize("form", ["gnu", "oldgnu", "pax", "ustar", "v7"])
def test_what_tar_writes(tmp_path: Path, form: str) -> None:
    """Links, long names, devices, a file with holes: all that decides where the next header is."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "motd").write_text("hi")
    (root / "etc" / "again").hardlink_to(root / "etc" / "motd")
    (root / "etc" / "soft").symlink_to("motd")
    if form in ("gnu", "oldgnu", "pax"):
        (root / ("long" * 50)).write_text("long")
        with open(root / "holes", "wb") as file:
            for place in range(40):
                file.seek(place * 1_000_000)
                file.write(b"data" * 300)
    sparse = ["--sparse"] if form in ("gnu", "oldgnu", "pax") else []
    subprocess.run(["tar", "-cf", "x.tar", "--format", form, *sparse, "-C", "root", "."], cwd=tmp_path, check=True)
    data = (tmp_path / "x.tar").read_bytes()
    assert rootfs.read(str(tmp_path / "x.tar")).diff_id == digest(data)
    end = len(data.rstrip(b"\0"))
    (tmp_path / "x.tar").write_bytes(data[: end + -end % 512])
    with pytest.raises(FormatError, match="cut short"):
        rootfs.read(str(tmp_path / "x.tar"))


def test_a_size_that_only_the_extended_header_tells(keep: Keep) -> None:
    """As of a file of 8 GiB and more, of which ustar's field holds nothing."""
    body = b"y" * 1000
    record = b"13 size=1000\n"
    extended, member = tarfile.TarInfo("x"), tarfile.TarInfo("big")
    extended.type, extended.size = tarfile.XHDTYPE, len(record)
    data = extended.tobuf() + record.ljust(512, b"\0") + member.tobuf() + body.ljust(1024, b"\0") + bytes(1024)
    with pytest.raises(FormatError, match="before byte 1024 is damaged"):
        rootfs.read(keep(data.replace(record, b"xx size=1000\n")))
    assert rootfs.read(keep(data)).diff_id == digest(data)
    for size, said in (((1 << 20) + 1, "the extended header at byte 0 has 1048577 bytes"), (1 << 20, "cut short")):
        extended.size = size
        with pytest.raises(FormatError, match=said):
            rootfs.read(keep(extended.tobuf() + data[512:]))


@pytest.mark.parametrize(
    "tops", [("manifest.json", "repositories"), ("oci-layout", "index.json"), ("./blobs/x", "./index.json")]
)
def test_an_archive_of_images(keep: Keep, tops: tuple[str, ...]) -> None:
    with pytest.raises(FormatError, match="image_load takes"):
        rootfs.read(keep(tar({"bin/sh": b"", **dict.fromkeys(tops, b"{}")})))
    assert rootfs.read(keep(tar({"bin/sh": b"", tops[0]: b"{}"})))


def test_a_file_that_changes_before_or_while_it_is_sent(keep: Keep) -> None:
    root = rootfs.read(keep(ROOT))
    Path(root.path).write_bytes(ROOT + b"\0")
    with pytest.raises(UsageError, match="was changed while it was being imported"):
        next(rootfs.blocks(root))
    root = rootfs.read(keep(ROOT))
    sending = rootfs.blocks(root)
    next(sending)
    with open(root.path, "ab") as file:
        file.write(b"more")
    with pytest.raises(UsageError, match="was changed"):
        list(sending)


def test_a_link_has_no_data_whatever_its_header_tells(keep: Keep) -> None:
    link = tarfile.TarInfo("again")
    link.type, link.linkname, link.size = tarfile.LNKTYPE, "bin/sh", 9000
    assert rootfs.read(keep(link.tobuf() + ROOT)).diff_id == digest(link.tobuf() + ROOT)


def test_memory_is_bounded(keep: Keep) -> None:
    big = io.BytesIO()
    info = tarfile.TarInfo("big")
    info.size = 64 << 20
    big.write(info.tobuf() + bytes(info.size) + bytes(1024))
    root = rootfs.read(keep(big.getvalue()))
    assert max(map(len, rootfs.blocks(root))) <= 1 << 20
