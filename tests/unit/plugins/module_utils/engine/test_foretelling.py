# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import inspect
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import images, lookup
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling
from ansible_collections.slipway.images.plugins.module_utils.engine.registry import distribution
from ansible_collections.slipway.images.plugins.module_utils.errors import NotFound
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.tests.support.fake import id_of

A, B, C = id_of("a"), id_of("b"), id_of("c")
APP, NEW = Reference.parse("app:1"), Reference.parse("shop/new:1")
REAL = {"Id": A, "RepoTags": ["app:1"], "RepoDigests": [], "Labels": {"x": "1"}}
OTHER = {"Id": B, "RepoTags": ["other:1"], "RepoDigests": [], "Labels": None}


@pytest.fixture
def engine(meet: t.Callable[..., Engine], daemon: t.Any) -> Foretelling:
    """The engine has `app:1` (`A`) and `other:1` (`B`)."""
    for names, attrs in ((("app:1", A), REAL), (("other:1", B), OTHER)):
        daemon.answers.update({f"GET /images/{name}/json": attrs for name in names})
    daemon.answers["GET /images/json"] = [REAL, OTHER]
    daemon.answers["GET /version"] = {"Os": "linux", "Arch": "amd64"}
    daemon.answers[f"GET /images/{A}/history"] = [{"Size": 1}]
    return Foretelling.recall(meet(), [])


def names(rows: t.Iterable[dict[str, t.Any]]) -> dict[str, list[str]]:
    return {row["Id"]: row["RepoTags"] for row in rows}


def test_without_a_word_it_is_the_engine(engine: Foretelling) -> None:
    assert images.inspect(engine, "app:1") == REAL
    assert images.inspect(engine, "never:1") == {}
    assert images.listed(engine) == [REAL, OTHER]
    assert images.history(engine, A) == [{"Size": 1}]
    assert not engine.world.touched


def test_an_image_that_is_not_here_yet(engine: Foretelling, daemon: t.Any) -> None:
    id = engine.make("build", [NEW], Platform.parse("linux/arm64"))
    told = {"Id": id, "Os": "linux", "Architecture": "arm64", "Variant": ""}
    asked = len(daemon.asked)
    for text in ("shop/new:1", id):
        found = images.inspect(engine, text)
        assert found == {**told, "RepoTags": ["shop/new:1"], "RepoDigests": []}
        assert lookup.find(engine, text) == found
    assert (images.history(engine, id), images.manifests(engine, "shop/new:1")) == ([], [])
    assert len(daemon.asked) == asked  # it has never heard of such an id
    assert names(images.listed(engine)) == {A: ["app:1"], B: ["other:1"], id: ["shop/new:1"]}
    assert engine.world.touched


def test_it_is_for_the_engines_own_platform_unless_it_was_asked_for_another(engine: Foretelling) -> None:
    id = engine.make("pull", [NEW])
    assert images.inspect(engine, id)["Architecture"] == "amd64"


def test_an_image_whose_id_is_known(engine: Foretelling) -> None:
    assert engine.make("load", [NEW], id=C) == C
    assert images.inspect(engine, "shop/new:1")["Id"] == C
    assert engine.make("load", [NEW], id=A) == A  # under another name it is here
    assert images.inspect(engine, "shop/new:1") == {**REAL, "RepoTags": ["app:1", "shop/new:1"]}


def test_a_name_that_would_move(engine: Foretelling) -> None:
    engine.world.point(APP, B)
    assert images.inspect(engine, "app:1")["Id"] == B
    assert images.inspect(engine, A)["RepoTags"] == []
    assert names(images.listed(engine)) == {A: [], B: ["other:1", "app:1"]}


def test_what_would_be_removed(engine: Foretelling) -> None:
    engine.world.drop(["app:1"], [A])
    assert [images.inspect(engine, text) for text in ("app:1", A, A[7:])] == [{}] * 3
    assert images.history(engine, A) == []
    assert names(images.listed(engine)) == {B: ["other:1"]}


def test_several_at_once(engine: Foretelling) -> None:
    engine.world.point(NEW, B)
    found = images.inspect_each(engine, ["shop/new:1", "never:1", "app:1"])
    assert [attrs.get("Id") for attrs in found] == [B, None, A]


def test_nobody_reads_past_it() -> None:
    """What reads from an engine does so by one of these, and they all come by what was foretold."""
    ways = {name for name, what in vars(Engine).items() if inspect.isfunction(what) and not name.startswith("_")}
    assert ways == {"request", "get", "find", "find_each"}
    rooms = Path(inspect.getfile(Engine)).parent.glob("*.py")
    past = {room.name for room in rooms if 'engine.request("GET"' in room.read_text()}
    # What an image holds, for which only a run asks; the build cache; Docker Hub's search.
    assert past == {"archives.py", "builder.py", "search.py"}


@pytest.mark.parametrize(
    ("filters", "engines", "listed"),
    [
        ({"reference": ["app"]}, [REAL], {"new"}),
        ({"reference": ["other"]}, [OTHER], {B}),
        ({"reference": ["shop/*"]}, [], {A, "made"}),
        ({"reference": ["*"]}, [REAL, OTHER], {B, "new"}),
        ({"reference": ["shop/new:2"]}, [], {"made"}),
        ({"dangling": ["true"]}, [], set()),
        ({"dangling": ["false"]}, [REAL, OTHER], {A, B, "new", "made"}),
        ({"label": ["x=1"]}, [REAL], {A}),
        ({"before": ["other:1"]}, [REAL], {A}),
        ({"since": ["app:1"]}, [OTHER], {B, "new", "made"}),
    ],
)
def test_who_passes_a_filter(
    engine: Foretelling, daemon: t.Any, filters: dict[str, list[str]], engines: list[t.Any], listed: set[str]
) -> None:
    """A new image takes `app:1`, the one that had it goes as `shop/old:1`, and another new one is `shop/new:2`."""
    new = engine.make("build", [APP])
    made = engine.make("build", [Reference.parse("shop/new:2")])
    engine.world.point(Reference.parse("shop/old:1"), A)
    if engines != [REAL, OTHER]:
        whole = iter([engines, [REAL, OTHER]])
        daemon.answers = Turning(daemon.answers, whole)
    found = set(names(images.listed(engine, filters)))
    words = {"new": new, "made": made}
    assert found == {words.get(word, word) for word in listed}


class Turning(dict[str, t.Any]):
    """Says at `/images/json` the one after the other."""

    def __init__(self, known: dict[str, t.Any], lists: t.Iterator[t.Any]) -> None:
        super().__init__(known)
        self._lists = lists

    def get(self, key: str, otherwise: t.Any = None) -> t.Any:
        return next(self._lists) if key == "GET /images/json" else super().get(key, otherwise)


def test_what_a_registry_would_have(engine: Foretelling) -> None:
    name = Reference.parse("reg.example/app:1")
    with pytest.raises(NotFound):
        distribution(engine, name)
    digest = engine.world.push(name, A)
    asked = distribution(engine, name)
    assert asked and asked["Descriptor"]["digest"] == digest
    pinned = Reference.parse("reg.example/app@" + digest)
    assert images.inspect(engine, pinned.lookup)["Id"] == A


def test_who_hears_of_what(engine: Foretelling) -> None:
    """What is in a registry is true for all, unless it is one that each machine has for itself."""
    engine.world.push(Reference.parse("reg.example/app:1"), A, B)
    engine.world.push(Reference.parse("localhost:5000/app:1"), A, B)
    here, everywhere = engine.news()
    assert everywhere == [["digest", "reg.example/app:1", B]]
    assert [event[0] for event in here] == ["name", "digest", "name"]
    again = Foretelling.recall(engine, [*everywhere, *here])
    assert (again.world.digests, again.world.names) == (engine.world.digests, engine.world.names)
    assert again.news() == ([], [])
