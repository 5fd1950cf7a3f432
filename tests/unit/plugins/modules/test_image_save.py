# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    NotFound,
    RequirementError,
    SlipwayError,
    StreamError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.task.run import report
from ansible_collections.slipway.images.plugins.modules.image_save import BROKEN, SPEC, apply, observe, plan
from ansible_collections.slipway.images.tests.support import archives
from ansible_collections.slipway.images.tests.support.archives import COMPRESSIONS, Image, digest
from ansible_collections.slipway.images.tests.support.fake import Answer, Call, Fake, params

A = Image(("app:1", "app:latest"), ("a",))
B = Image(("other:1",), ("b",))
ARM = Image(("app:1",), ("arm",), architecture="arm64")
CONTAINERD = {"api": (1, 51), "info": {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}}
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


class Sent(Answer):
    def blocks(self) -> t.Iterator[bytes]:
        for start in range(0, len(self._value), 1000):
            yield self._value[start : start + 1000]


class Engine(Fake):
    """Saves of `have` what it is asked for, as `make` writes it; `spoil` is what happens to it on the way."""

    def __init__(self, *have: Image, make: t.Callable[..., archives.Members] = archives.legacy, **more: t.Any) -> None:
        super().__init__(**more)
        self.have, self.make = {self.id(image): image for image in have}, make
        self.spoil: t.Callable[[bytes], bytes] = bytes
        for id, image in self.have.items():
            attrs = {"Id": id, "Os": image.os, "Architecture": image.architecture, "RepoDigests": []}
            self.images.update({name: {**attrs, "RepoTags": list(image.names)} for name in image.names})

    def id(self, image: Image) -> str:
        return digest(image.manifest) if self.info else image.config_digest

    def request(self, method: str, path: str, **how: t.Any) -> Answer:
        if not path.endswith("/images/get"):
            return super().request(method, path, **how)
        self.calls.append(Call(method, "/images/get", how["params"]))
        asked = {value for key, value in how["params"] if key == "names"}
        names = {id: tuple(name for name in image.names if name in asked) for id, image in self.have.items()}
        chosen = [
            Image(names[id], image.texts, architecture=image.architecture)
            for id, image in self.have.items()
            if names[id] or id in asked
        ]
        return Sent(self.spoil(archives.tar(self.make(*chosen))))

    @property
    def saves(self) -> list[list[tuple[str, str]]]:
        return [call.params for call in self.calls if call.path == "/images/get"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "images.tar"


def run(fake: Engine, place: Path, *names: str, **options: t.Any) -> dict[str, t.Any]:
    """What a task reports; and what check mode foretold, it kept, and once was enough."""
    given = params(SPEC, name=list(names), path=str(place), **options)
    before = sorted(os.listdir(place.parent))
    todo = plan(given, observe(fake.engine, given))
    assert sorted(os.listdir(place.parent)) == before, "observing changes nothing"
    foretold = report(todo, todo.foretold())
    done = report(todo, apply(fake.engine, todo)) if todo.actions else foretold
    for key in ("changed", "diff", "actions"):
        assert done[key] == foretold[key]
    again = plan(given, observe(fake.engine, given))
    assert (again.actions, again.before) == ((), again.after), "once is enough"
    assert again.results == {"path": os.path.realpath(place), "size": done["size"]}
    assert done["size"] == place.stat().st_size
    assert {*before, place.name} == set(os.listdir(place.parent)), "nothing is left beside it"
    return done


def fails(fake: Engine, place: Path, *names: str, **options: t.Any) -> SlipwayError:
    """The one line of a task that fails, and leaves everything as it was."""
    given = params(SPEC, name=list(names), path=str(place), **options)
    before = {path: path.is_file() and path.read_bytes() for path in place.parent.rglob("*")}
    with pytest.raises(SlipwayError) as raised:
        apply(fake.engine, plan(given, observe(fake.engine, given)))
    assert "\n" not in str(raised.value)
    assert {path: path.is_file() and path.read_bytes() for path in place.parent.rglob("*")} == before
    return raised.value


def test_what_is_not_there_is_saved(place: Path) -> None:
    fake, path = Engine(A, B), str(place)
    done = run(fake, place, "app:1", "app", "other:1")
    inside = {"app:1": A.config_digest, "app:latest": A.config_digest, "other:1": B.config_digest}
    assert done["actions"] == ["save app:1, app:latest, other:1 to %s" % path]
    assert done["diff"] == {"before": {path: "absent"}, "after": {path: {"images": inside, "compression": "none"}}}
    assert list(done["ansible_facts"]["slipway_images"]) == ["app:1", "app", "other:1"]
    assert fake.saves == [[("names", "app:1"), ("names", "app:latest"), ("names", "other:1")]]
    assert place.read_bytes() == archives.tar(archives.legacy(A, B))


STORES: list[dict[str, t.Any]] = [{}, {"make": archives.modern}, {"make": archives.modern, **CONTAINERD}]


@pytest.mark.parametrize("store", STORES, ids=["20.10", "28", "containerd"])
def test_an_id_has_no_name_unless_one_is_asked_for(place: Path, store: dict[str, t.Any]) -> None:
    fake = Engine(A, B, **store)
    id = fake.id(A)
    for asked, name in [([id], id), ([id, "app:1"], "app:1"), (["app:1", id], "app:1")]:
        done = run(fake, place, *asked)
        assert done["diff"]["after"][str(place)]["images"] == {name: id}
    assert fake.saves == [[("names", id)], [("names", "app:1")]]


@pytest.mark.parametrize("store", STORES, ids=["20.10", "28", "containerd"])
def test_what_is_there_is_left_alone(place: Path, store: dict[str, t.Any]) -> None:
    fake = Engine(A, B, **store)
    run(fake, place, "other:1", "app:1")
    written = place.stat()
    done = run(fake, place, "app:1", "other:1")
    assert (done["changed"], done["actions"], len(fake.saves)) == (False, [], 1)
    assert place.stat() == written


@pytest.mark.parametrize("names", [["app:1", "other:1"], ["app:latest"], ["other:1"], ["app:1", "app:latest"]])
def test_more_fewer_and_others_are_another_archive(place: Path, names: list[str]) -> None:
    fake = Engine(A, B)
    run(fake, place, "app:1")
    done = run(fake, place, *names)
    assert done["diff"]["before"][str(place)]["images"] == {"app:1": A.config_digest}
    assert set(done["diff"]["after"][str(place)]["images"]) == set(names)


def test_a_name_that_moved(place: Path) -> None:
    run(Engine(A), place, "app:1")
    moved = Image(("app:1",), ("moved",))
    done = run(Engine(moved), place, "app:1")
    assert done["diff"]["before"][str(place)]["images"] == {"app:1": A.config_digest}
    assert done["diff"]["after"][str(place)]["images"] == {"app:1": moved.config_digest}


def test_another_compression_is_a_change_and_another_level_is_none(place: Path) -> None:
    fake = Engine(A)
    for compression, found in [("gz", "gzip"), ("xz", "xz"), ("zst", "zstd"), ("none", "none")]:
        done = run(fake, place, "app:1", compression=compression)
        assert done["diff"]["after"][str(place)]["compression"] == found
    run(fake, place, "app:1", compression="gz", level=1)
    assert run(fake, place, "app:1", compression="gz", level=9)["changed"] is False


@ROOT
def test_permissions_alone_are_a_change_that_writes_nothing(place: Path) -> None:
    fake = Engine(A)
    run(fake, place, "app:1", mode="0640")
    assert place.stat().st_mode & 0o777 == 0o640
    done = run(fake, place, "app:1", mode="u=rwX,g=,o=", owner="daemon", group="2")
    before, after = (done["diff"][side][str(place)] for side in ("before", "after"))
    assert (before["mode"], before["owner"], before["group"]) == ("0640", "root", "root")
    assert (after["mode"], after["owner"], after["group"]) == ("0600", "daemon", "bin")
    assert done["actions"] == ["set permissions of %s to 0600 daemon:bin" % place]
    assert len(fake.saves) == 1
    run(fake, place, "app:latest")
    facts = place.stat()
    assert (facts.st_mode & 0o777, facts.st_uid, facts.st_gid) == (0o600, 1, 2), "a rewritten file keeps them"


def test_through_a_link(place: Path) -> None:
    real = place.parent / "elsewhere" / "real.tar"
    real.parent.mkdir()
    place.symlink_to(real)
    run(Engine(A), place, "app:1")
    assert place.is_symlink() and real.is_file() and os.listdir(real.parent) == ["real.tar"]


@pytest.mark.parametrize("left", [b"", archives.tar(archives.legacy(A))[:700], archives.tar(archives.modern(A))[:512]])
@pytest.mark.parametrize("coat", ["none", "gzip"])
def test_what_an_interrupted_save_left_is_no_loss(place: Path, left: bytes, coat: str) -> None:
    place.write_bytes(COMPRESSIONS[coat](left))
    assert run(Engine(A), place, "app:1")["diff"]["before"] == {str(place): BROKEN}


FOREIGN = [
    b"precious",
    archives.tar({"home/precious": b"x"}),
    COMPRESSIONS["gzip"](b"precious"),
    b"\x1f\x8b\x08 precious",
]


@pytest.mark.parametrize("precious", FOREIGN)
def test_what_is_no_archive_of_images_is_not_replaced(place: Path, precious: bytes) -> None:
    place.write_bytes(precious)
    error = fails(Engine(A), place, "app:1")
    assert isinstance(error, UsageError) and "remove it first" in str(error)


def cut(data: bytes) -> bytes:
    return data[:2000]


def other(_data: bytes) -> bytes:
    return archives.tar(archives.legacy(B))


def error(data: bytes) -> bytes:
    return data[:1500] + b'{"errorDetail":{"message":"disk gone"}}'


@pytest.mark.parametrize(
    ("spoil", "said"), [(cut, "cut short"), (other, "what it sent is other:1"), (error, "disk gone")]
)
@pytest.mark.parametrize("compression", ["none", "gz"])
def test_an_engine_that_breaks_off(place: Path, spoil: t.Any, said: str, compression: str) -> None:
    fake = Engine(A, B)
    run(fake, place, "app:latest")
    fake.spoil = spoil
    failure = fails(fake, place, "app:1", compression=compression)
    assert isinstance(failure, StreamError) and said in str(failure)


BAD: list[tuple[list[str], dict[str, t.Any], type[SlipwayError], str]] = [
    (["none:1"], {}, NotFound, "there is no image none:1"),
    (["app:1", "none:1"], {}, NotFound, "there is no image none:1"),
    (["App"], {}, UsageError, "App"),
    ([], {}, UsageError, "name is empty"),
    (["app:1"], {"platform": "linux/arm64"}, RequirementError, "API 1.48"),
    (["app:1"], {"platform": "nonsense/x"}, UsageError, "nonsense"),
    (["app:1"], {"level": 3}, UsageError, "no level"),
    (["app:1"], {"mode": "u=q"}, UsageError, "not a mode"),
    (["app:1"], {"owner": "nobody-so-called"}, UsageError, "no user"),
    (["app:1"], {"path": "/nowhere/at/all.tar"}, UsageError, "there is no directory /nowhere/at"),
    (["app:1"], {"path": "/dev/null"}, UsageError, "special file"),
    (["app:1"], {"path": "/tmp"}, UsageError, "is a directory"),
]


@pytest.mark.parametrize(("names", "options", "kind", "said"), BAD)
def test_bad_input(place: Path, names: list[str], options: dict[str, t.Any], kind: t.Any, said: str) -> None:
    given = params(SPEC, **{"name": names, "path": str(place), **options})
    with pytest.raises(kind, match=said):
        observe(Engine(A).engine, given)


def test_one_platform_of_several(place: Path) -> None:
    """On the containerd store the archive tells the manifest of the platform, while the image's id is its index's."""
    fake = Engine(ARM, make=archives.modern, **CONTAINERD)
    index = "sha256:" + "1" * 64
    rows = [
        {"Kind": kind, "Available": available, "Descriptor": {"digest": digest}, "ImageData": {"Platform": platform}}
        for kind, available, digest, platform in [
            ("attestation", True, "sha256:" + "2" * 64, {}),
            ("image", False, "sha256:" + "3" * 64, {"os": "linux", "architecture": "s390x"}),
            ("image", True, "sha256:" + "4" * 64, {"os": "linux", "architecture": "amd64"}),
            ("image", True, fake.id(ARM), ARM.platform),
        ]
    ]
    fake.images["app:1"] = {**fake.images["app:1"], "Id": index, "Manifests": rows}
    done = run(fake, place, "app:1", platform="linux/aarch64")
    assert done["diff"]["after"][str(place)]["images"] == {"app:1": fake.id(ARM)}
    assert fake.saves == [[("names", "app:1"), ("platform", '{"os":"linux","architecture":"arm64"}')]]
    error = fails(fake, place, "app:1", platform="linux/s390x")
    assert isinstance(error, NotFound)
    assert str(error) == "app:1 is not here for linux/s390x, only for linux/amd64, linux/arm64"


def test_the_platform_of_a_graph_driver(place: Path) -> None:
    fake = Engine(ARM, api=(1, 51))
    run(fake, place, "app:1", platform="linux/arm64")
    assert "only for linux/arm64" in str(fails(fake, place, "app:1", platform="linux/amd64"))
