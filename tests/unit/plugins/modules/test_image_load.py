# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import json
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import archive
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    FormatError,
    NotFound,
    SlipwayError,
    StreamError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import report
from ansible_collections.slipway.images.plugins.modules.image_load import SPEC, Tag, apply, observe, plan
from ansible_collections.slipway.images.tests.support import archives
from ansible_collections.slipway.images.tests.support.archives import Image, Members, digest
from ansible_collections.slipway.images.tests.support.fake import Call, Fake, Records, image, params

A = Image(("app:1",), ("a",))
B = Image(("app:2", "other:1"), ("b",))
NAMELESS = Image((), ("n",))
CONTAINERD = {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}


def named(what: Image, *names: str) -> Image:
    return Image(names, what.texts)


def stored(what: Image, id: str = "") -> dict[str, t.Any]:
    return image("", Id=id or what.config_digest)


class Engine(Fake):
    """Loads what `manifest.json` tells, image by image, as engines on graph drivers do."""

    def __init__(self, **state: t.Any) -> None:
        super().__init__(**state)
        self.on_load = self.load

    def load(self, call: Call) -> Records:
        said: Records = []
        with tarfile.open(fileobj=io.BytesIO(call.body)) as tar:
            for entry in json.loads(tar.extractfile("manifest.json").read()):  # type: ignore[union-attr]
                config = tar.extractfile(entry["Config"])
                assert config
                attrs = image("", Id=digest(config.read()))
                for name in entry["RepoTags"] or ():
                    self.name(name, attrs)
                    said.append({"stream": "Loaded image: %s\n" % name})
                if not entry["RepoTags"]:
                    self.nameless.append(attrs)
                    said.append({"stream": "Loaded image ID: %s\n" % attrs["Id"]})
        return said


@pytest.fixture
def keep(tmp_path: Path) -> t.Callable[..., str]:
    def keep(name: str, *images: Image, make: t.Callable[..., Members] = archives.legacy, **how: t.Any) -> str:
        (tmp_path / name).write_bytes(archives.tar(make(*images, **how)))
        return str(tmp_path / name)

    return keep


def planned(fake: Fake, *paths: str) -> tuple[Plan, list[str]]:
    options = params(SPEC, path=list(paths))
    before = len(fake.writes)
    todo = plan(options, observe(fake.engine, options))
    assert len(fake.writes) == before, "observing changes nothing"
    return todo, [str(action) for action in todo.actions]


def run(fake: Fake, *paths: str) -> dict[str, t.Any]:
    """What a task reports, as the runner has it; and what check mode foretold, it kept."""
    todo, said = planned(fake, *paths)
    foretold = todo.foretold()
    done = report(todo, apply(fake.engine, todo) if todo.actions else foretold)
    assert done["diff"]["after"] == foretold.after and done["actions"] == said
    again, said = planned(fake, *paths)
    assert (said, again.before) == ([], again.after), "once is enough"
    return done


Keep = t.Callable[..., str]


def test_what_is_not_here_is_loaded(keep: Keep) -> None:
    fake = Engine(images={"app:1": stored(B)})
    path = keep("x.tar", A, B, NAMELESS)
    done = run(fake, path)
    assert done["actions"] == ["load app:1, app:2, other:1, %s from %s" % (NAMELESS.config_digest, path)]
    assert done["diff"] == {
        "before": {
            "app:1": B.config_digest,
            "app:2": "absent",
            "other:1": "absent",
            NAMELESS.config_digest: "absent",
        },
        "after": {
            "app:1": A.config_digest,
            "app:2": B.config_digest,
            "other:1": B.config_digest,
            NAMELESS.config_digest: NAMELESS.config_digest,
        },
    }
    assert len(done["images"]) == 4 and done["image"]["Id"] == A.config_digest
    (call,) = fake.writes
    assert (call.path, call.params, call.body) == ("/images/load", [("quiet", "0")], Path(path).read_bytes())


def test_what_is_here_is_not_even_opened_twice(keep: Keep) -> None:
    fake = Engine(images={"app:1": stored(A), "app:2": stored(B), "other:1": stored(B)})
    done = run(fake, keep("x.tar", A, B), keep("y.tar", A))
    assert (done["changed"], done["actions"], fake.writes) == (False, [], [])
    assert [attrs["Id"] for attrs in done["images"]] == [A.config_digest, B.config_digest, B.config_digest]
    assert set(fake.asked("/images/")) == {"/images/%s/json" % name for name in ("app:1", "app:2", "other:1")}


def test_an_image_under_another_name_is_tagged(keep: Keep) -> None:
    fake = Engine(images={"app:1": stored(B), "app:2": stored(A)}, nameless=[stored(NAMELESS)])
    done = run(fake, keep("x.tar", named(A, "app:1"), named(B, "app:2"), named(NAMELESS, "app:3")))
    short = [what.config_digest[7:19] for what in (A, B, NAMELESS)]
    assert done["actions"] == [
        "tag %s, which is here already, as app:%d" % (id, n) for n, id in enumerate(short, start=1)
    ]
    assert fake.asked("/images/load") == []


def test_one_image_of_ten_is_new(keep: Keep) -> None:
    old = [Image(("old:%d" % n,), (str(n),)) for n in range(9)]
    fake = Engine(images={what.names[0]: stored(what) for what in old[1:]}, nameless=[stored(old[0])])
    done = run(fake, keep("x.tar", *old, A))
    after = {name: id for name, id in done["diff"]["after"].items() if done["diff"]["before"][name] != id}
    assert after == {"old:0": old[0].config_digest, "app:1": A.config_digest}


# Where one name is promised for several images, the last has it


def test_two_archives_with_one_name(keep: Keep) -> None:
    fake = Engine()
    done = run(fake, keep("x.tar", A), keep("y.tar", named(B, "app:1")))
    assert done["diff"]["after"] == {"app:1": B.config_digest}
    assert [action.rpartition("/")[2] for action in done["actions"]] == ["y.tar"]  # the other would be for nothing


def test_two_archives_with_one_name_and_more(keep: Keep) -> None:
    fake = Engine(images={"app:1": stored(B)})
    paths = keep("x.tar", A, named(NAMELESS, "more:1")), keep("y.tar", named(B, "app:1"))
    done = run(fake, *paths)
    assert done["actions"] == [
        "load app:1, more:1 from %s" % paths[0],
        "tag %s, which is here already, as app:1" % B.config_digest[7:19],
    ]
    assert done["diff"]["after"] == {"app:1": B.config_digest, "more:1": NAMELESS.config_digest}


def test_one_archive_with_one_name_twice(keep: Keep) -> None:
    fake = Engine()
    done = run(fake, keep("x.tar", A, named(B, "app:1")))
    assert done["diff"]["after"] == {"app:1": B.config_digest}
    assert done["actions"][0].startswith("load app:1 from ")


def test_one_image_in_two_archives_is_loaded_once(keep: Keep) -> None:
    fake = Engine()
    path = keep("x.tar", A, NAMELESS)
    keep("y.tar", named(A, "app:9"), NAMELESS)
    done = run(fake, path, path.replace("x.tar", "y.tar"), path)
    assert done["actions"] == [
        "load app:1, %s from %s" % (NAMELESS.config_digest, path),
        "tag %s, which is here already, as app:9" % A.config_digest[7:19],
    ]


def test_a_nameless_image_comes_with_a_named_one(keep: Keep) -> None:
    done = run(Engine(), keep("x.tar", A), keep("y.tar", named(A)))
    assert len(done["actions"]) == 1
    assert done["diff"]["after"] == {"app:1": A.config_digest, A.config_digest: A.config_digest}


# Engines differ in what an id is

ARM = Image(texts=("arm",), architecture="arm64")
AMD = Image(texts=("amd",))
INNER = digest(
    archives.index(*(archives.descriptor(x.manifest, archives.OCI_MANIFEST, platform=x.platform) for x in (AMD, ARM)))
)


def containerd(**state: t.Any) -> Fake:
    return Fake(api=(1, 44), info=CONTAINERD, **state)


def test_an_oci_layout_on_a_graph_driver(keep: Keep) -> None:
    done = run(Engine(), keep("x.tar", A, named(B, "org/b"), make=archives.oci))
    assert done["diff"]["after"] == {"app:1": A.config_digest, "org/b:latest": B.config_digest}


def test_of_several_platforms_the_engines_own_is_loaded(keep: Keep) -> None:
    path = keep("x.tar", AMD, ARM, make=archives.multi_platform, names=("app:1",))
    assert run(Engine(), path)["diff"]["after"] == {"app:1": AMD.config_digest}
    assert run(Engine(version={"Os": "linux", "Arch": "aarch64"}), path)["diff"]["after"] == {
        "app:1": ARM.config_digest
    }
    with pytest.raises(UsageError, match=r"x\.tar has no app:1 for linux/s390x, only for linux/amd64, linux/arm64"):
        planned(Engine(version={"Os": "linux", "Arch": "s390x"}), path)


def test_an_image_without_the_engines_platform_is_not_passed_over(tmp_path: Path) -> None:
    first = archives.multi_platform(AMD, ARM, names=("app:1",))
    second = archives.multi_platform(
        Image(texts=("p",), architecture="ppc64le"), Image(texts=("s",), architecture="s390x"), names=("app:2",)
    )
    tops = [top for members in (first, second) for top in json.loads(members["index.json"])["manifests"]]
    path = tmp_path / "x.tar"
    path.write_bytes(archives.tar({**first, **second, "index.json": archives.index(*tops)}))
    with pytest.raises(UsageError, match="has no app:2 for linux/amd64, only for linux/ppc64le, linux/s390x"):
        planned(Engine(), str(path))


def test_the_containerd_store_keeps_all_platforms_under_the_index(keep: Keep) -> None:
    path = keep("x.tar", AMD, ARM, make=archives.multi_platform, names=("app:1",))
    todo, said = planned(containerd(), path)
    assert (said, todo.after) == (["load app:1 from %s" % path], {"app:1": INNER})
    here = containerd(images={"app:1": stored(AMD, INNER)})
    assert planned(here, path)[1] == [] and here.asked("/version") == []


@pytest.mark.parametrize(
    ("api", "podman", "info", "id"),
    [
        ((1, 44), False, CONTAINERD, digest(A.manifest)),
        ((1, 44), False, {"DriverStatus": None}, A.config_digest),
        ((1, 43), False, CONTAINERD, A.config_digest),
        ((1, 44), True, CONTAINERD, A.config_digest),
    ],
)
def test_what_the_engine_will_call_it(
    keep: Keep, api: tuple[int, int], podman: bool, info: dict[str, t.Any], id: str
) -> None:
    todo, _said = planned(Fake(api=api, podman=podman, info=info), keep("x.tar", A, make=archives.oci))
    assert todo.after == {"app:1": id}


def expected(path: str, place: int = 0) -> str:
    return archive.read(path).images[place].expected_digest


@pytest.mark.parametrize("id", [A.config_digest, digest(A.manifest)])
def test_it_is_known_by_any_of_its_ids(keep: Keep, id: str) -> None:
    for fake in (Engine(images={"app:1": stored(A, id)}), containerd(images={"app:1": stored(A, id)})):
        assert planned(fake, keep("x.tar", A, make=archives.oci))[1] == []
    elsewhere = Engine(nameless=[stored(A, id)])
    assert planned(elsewhere, keep("x.tar", A, make=archives.oci))[0].actions == (
        Tag(id, Reference.parse("app:1"), "which is here already"),
    )


def test_an_id_that_the_engine_makes_up(keep: Keep) -> None:
    """It may be another than 28 would make."""
    fake = containerd()
    theirs = [stored(A, digest(b"theirs")), stored(NAMELESS, digest(b"nameless"))]

    def load(_call: Call) -> Records:
        fake.name("app:1", theirs[0])
        fake.nameless.append(theirs[1])
        return [{"stream": "Loaded image: app:1\n"}, {"stream": "Loaded image ID: %s\n" % theirs[1]["Id"]}]

    fake.on_load = load
    path = keep("x.tar", A, NAMELESS)
    todo, said = planned(fake, path)
    assert said == ["load app:1, %s from %s" % (NAMELESS.config_digest, path)]
    assert todo.after == {"app:1": expected(path, 0), NAMELESS.config_digest: expected(path, 1)}
    done = report(todo, apply(fake.engine, todo))
    assert done["diff"]["after"] == {"app:1": theirs[0]["Id"], NAMELESS.config_digest: theirs[1]["Id"]}
    assert [attrs["Id"] for attrs in done["images"]] == [attrs["Id"] for attrs in theirs]
    fake.on_load = lambda _call: [{"stream": "Loaded image: app:1\n"}]
    with pytest.raises(StreamError, match="yet %s is not there" % NAMELESS.config_digest):
        apply(fake.engine, planned(fake, path)[0])


def test_a_name_that_the_containerd_store_cannot_find(keep: Keep) -> None:
    """It keeps a short name of an OCI layout as it is (28.5.2), and looks for `docker.io/library/app:1`."""
    fake = containerd()

    def load(call: Call) -> Records:
        fake.nameless.append(stored(A, digest(A.manifest)))
        return [{"stream": "Loaded image: app:1\n"}]

    fake.on_load = load
    done = run(fake, keep("x.tar", A, make=archives.oci))
    assert done["diff"]["after"] == {"app:1": digest(A.manifest)}


def test_nothing_hangs_on_what_it_will_probably_be_called(keep: Keep) -> None:
    paths = keep("x.tar", A), keep("y.tar", named(A, "app:9"))
    todo, said = planned(containerd(), *paths)
    assert said == ["load app:1 from %s" % paths[0], "load app:9 from %s" % paths[1]]
    assert todo.after == {"app:1": expected(paths[0]), "app:9": expected(paths[0])}


def test_what_was_loaded_before_is_known_by_the_manifest_that_was_made_of_it(keep: Keep) -> None:
    path = keep("x.tar", A)
    assert planned(containerd(images={"app:1": stored(A, expected(path))}), path)[1] == []


# Failures


def test_an_archive_that_breaks_off_says_what_came(keep: Keep) -> None:
    fake = Engine()
    whole = fake.on_load
    paths = keep("x.tar", A), keep("y.tar", B)

    def load(call: Call) -> Records:
        if call.body == Path(paths[0]).read_bytes():
            return whole(call)
        fake.name("app:2", stored(B))
        return [{"stream": "Loaded image: app:2\n"}, {"errorDetail": {"message": "no space left on device"}}]

    fake.on_load = load
    todo, said = planned(fake, *paths)
    with pytest.raises(StreamError, match=r"loading .*y\.tar: the engine said: no space left on device") as failed:
        apply(fake.engine, todo)
    told = report(todo, failed.value.outcome)
    assert (told["changed"], told["actions"]) == (True, said[:1])
    assert told["diff"]["after"] == {"app:1": A.config_digest, "app:2": B.config_digest, "other:1": "absent"}


@pytest.mark.parametrize("came", [None, B])
def test_a_promise_that_is_not_kept(keep: Keep, came: Image | None) -> None:
    fake = Fake()

    def load(_call: Call) -> Records:
        if came:
            fake.name("app:1", stored(came))
        return [{"stream": "Loaded image: app:1\n"}]

    fake.on_load = load
    with pytest.raises(StreamError, match="the engine reported no error, and yet app:1 is not there"):
        apply(fake.engine, planned(fake, keep("x.tar", A))[0])


def test_an_archive_that_changes_between_look_and_load(keep: Keep) -> None:
    fake = Engine()
    todo, _said = planned(fake, keep("x.tar", A))
    keep("x.tar", A, B)
    with pytest.raises(UsageError, match=r"x\.tar was changed while it was being loaded") as failed:
        apply(fake.engine, todo)
    assert failed.value.outcome.after == todo.before == {"app:1": "absent"}


def test_an_image_that_goes_between_look_and_tag(keep: Keep) -> None:
    fake = Engine(nameless=[stored(A)])
    todo, _said = planned(fake, keep("x.tar", A))
    fake.nameless.clear()
    with pytest.raises(NotFound) as failed:
        apply(fake.engine, todo)
    assert failed.value.outcome.after == {"app:1": "absent"} and failed.value.outcome.actions == ()


def test_an_engine_that_goes_away_meanwhile(keep: Keep) -> None:
    fake = Engine()
    todo, _said = planned(fake, keep("x.tar", A))

    def gone(*_what: t.Any) -> t.NoReturn:
        raise SlipwayError("gone")

    def lost(*_what: t.Any) -> t.NoReturn:
        raise StreamError("lost")

    fake.on_load, fake.find = lost, gone  # type: ignore[method-assign, assignment]
    with pytest.raises(StreamError, match="lost") as failed:
        apply(fake.engine, todo)
    assert failed.value.outcome is None


def test_a_bad_archive_among_good_ones_changes_nothing(keep: Keep, tmp_path: Path) -> None:
    (tmp_path / "bad.tar").write_text("text")
    fake = Engine()
    with pytest.raises(FormatError):
        planned(fake, keep("x.tar", A), str(tmp_path / "bad.tar"))
    assert fake.calls == []
