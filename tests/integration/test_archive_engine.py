# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `disk/archive.py` promises of an archive, held against an engine that loads it."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import archive
from ansible_collections.slipway.images.plugins.module_utils.image.platform import of_image
from ansible_collections.slipway.images.tests.support import archives
from ansible_collections.slipway.images.tests.support.archives import Image

ONE = Image(("arc/one:1", "arc/one:alias"), ("arc one", "shared"))
TWO = Image(("arc/two:1",), ("arc one", "two"))
NAMELESS = Image((), ("arc nameless",))


class Engine:
    """As little of the API as is needed here, without the collection's own client."""

    def __init__(self, path: str) -> None:
        self.path = path

    def ask(self, method: str, target: str, body: t.Iterable[bytes] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.path)
        try:
            connection.request(
                method, target, body, {"Content-Type": "application/x-tar"}, encode_chunked=body is not None
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def inspect(self, name: str) -> dict[str, t.Any]:
        status, said = self.ask("GET", f"/images/{name}/json")
        return t.cast(dict[str, t.Any], json.loads(said)) if status == 200 else {}

    def forget(self) -> None:
        for image in (ONE, TWO, NAMELESS):
            for name in (*image.names, image.config_digest):
                self.ask("DELETE", f"/images/{name}?force=1")

    def load(self, path: Path, only_mine: bool = False) -> archive.Archive:
        """Load it, and hold the engine to all that was read from the archive."""
        found = archive.read(str(path))
        images = found.images
        if only_mine:
            images = archive.chosen(found, of_image({"Os": "linux", "Architecture": self.architecture()}))
        status, said = self.ask("POST", "/images/load?quiet=1", archive.blocks(found, images))
        assert status == 200 and b"error" not in said, said
        for image in images:
            for name in image.names or (image.config_digest,):
                seen = self.inspect(name)
                assert seen.get("Id") in image.ids, f"{name} of {path.name}"
                assert of_image(seen) == image.platform
        return found

    def architecture(self) -> str:
        return str(json.loads(self.ask("GET", "/version")[1])["Arch"])


@pytest.fixture
def engine(engine_socket: str) -> t.Iterator[Engine]:
    engine = Engine(engine_socket)
    engine.forget()
    yield engine
    engine.forget()


@pytest.fixture
def saved(engine: Engine, tmp_path: Path) -> Path:
    """`docker save` of two images, of which the first layer is the same; they are no longer on the engine."""
    path = tmp_path / "made.tar"
    path.write_bytes(archives.tar(archives.legacy(ONE, TWO)))
    engine.load(path)
    saved = tmp_path / "saved.tar"
    names = (*ONE.names, *TWO.names)
    subprocess.run(["docker", "-H", f"unix://{engine.path}", "save", "-o", str(saved), *names], check=True)
    engine.forget()
    return saved


@pytest.mark.parametrize("layout", [archives.legacy, archives.modern, archives.oci])
def test_the_layouts_of_the_unit_tests_are_real(
    engine: Engine, tmp_path: Path, layout: t.Callable[..., archives.Members]
) -> None:
    path = tmp_path / "made.tar"
    path.write_bytes(archives.tar(layout(ONE, TWO, NAMELESS)))
    assert [image.config_digest for image in engine.load(path).images] == [
        image.config_digest for image in (ONE, TWO, NAMELESS)
    ]


@pytest.mark.parametrize("compression", archives.COMPRESSIONS)
def test_what_docker_saves(engine: Engine, saved: Path, compression: str) -> None:
    packed = saved.with_suffix("." + compression)
    packed.write_bytes(archives.COMPRESSIONS[compression](saved.read_bytes()))
    found = engine.load(packed)
    told = {image.config_digest: set(image.names) for image in found.images}
    assert found.compression == compression
    assert told == {image.config_digest: set(image.names) for image in (ONE, TWO)}


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("docker-archive:%s:arc/two:1", ("docker.io/arc/two:1",)),
        ("oci-archive:%s:docker.io/arc/two:1", ("docker.io/arc/two:1",)),
        ("oci-archive:%s:arc/two:1", ("arc/two:1",)),
        ("oci-archive:%s:latest", ()),
        ("oci-archive:%s", ()),
    ],
)
def test_what_skopeo_writes(engine: Engine, tmp_path: Path, form: str, names: tuple[str, ...]) -> None:
    made, path = tmp_path / "two.tar", tmp_path / "copied.tar"
    made.write_bytes(archives.tar(archives.legacy(TWO)))
    subprocess.run(
        ["skopeo", "--insecure-policy", "copy", "-q", f"docker-archive:{made}:arc/two:1", form % path], check=True
    )
    (image,) = engine.load(path).images
    assert image.names == names
    engine.ask("DELETE", f"/images/{image.config_digest}?force=1")  # skopeo writes another config for OCI


def test_of_several_platforms_the_engine_gets_its_own(engine: Engine, tmp_path: Path) -> None:
    mine = engine.architecture()
    images = [Image((), ("arc " + name,), architecture=name) for name in ("amd64", "arm64", "s390x")]
    path = tmp_path / "several.tar"
    path.write_bytes(archives.tar(archives.multi_platform(*images, names=("docker.io/arc/one:1",), attest=True)))
    found = engine.load(path, only_mine=True)
    assert len(found.images) == 3
    assert engine.inspect("arc/one:1")["Id"] in next(x.ids for x in found.images if x.platform.architecture == mine)
