# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import Conflict, EngineError, FormatError, NotFound

ID = "sha256:" + "1" * 64
ARM = '{"os":"linux","architecture":"arm","variant":"v7"}'


@pytest.mark.parametrize("name", ["app:1", "host:5000/a/b@sha256:" + "0" * 64, ID])
def test_a_name_stands_in_the_path_as_it_is(daemon: t.Any, engine: Engine, name: str) -> None:
    daemon.answers["GET /images/%s/json" % name] = {"Id": ID}
    assert images.inspect(engine, name) == {"Id": ID}


def test_what_is_no_name_does_not_lead_elsewhere() -> None:
    assert images.path("a?force=1#b c%") == "/images/a%3Fforce%3D1%23b%20c%25"


def test_an_image_that_is_not_there(engine: Engine) -> None:
    assert images.inspect(engine, "gone:1") == {}


def test_listed(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["GET /images/json"] = [{"Id": ID}]
    assert images.listed(engine, {"reference": ["a"]}) == [{"Id": ID}]
    assert daemon.last.query == {"filters": '{"reference": ["a"]}', "all": "0"}
    images.listed(engine, everything=True)
    assert daemon.last.query == {"filters": "{}", "all": "1"}


def test_history(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["GET /images/%s/history" % ID] = [{"Size": 1}]
    assert images.history(engine, ID) == [{"Size": 1}]
    assert images.history(engine, "gone:1") == []


def test_used_by_stopped_containers_too(daemon: t.Any, engine: Engine) -> None:
    rows = [
        {"Id": "c1" * 32, "Names": ["/one"], "ImageID": ID},
        {"Id": "c2" * 32, "Names": None, "ImageID": ID},
        {"Id": "c3" * 32, "Names": ["/x/alias", "/y"], "ImageID": "other"},
    ]
    daemon.answers["GET /containers/json"] = rows
    assert images.used(engine) == {ID: ["one", "c2c2c2c2c2c2"], "other": ["x/alias"]}
    assert daemon.last.query == {"all": "1"}


def test_tag(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["POST /images/%s/tag" % ID] = (201, b"")
    images.tag(engine, ID, "host:5000/app", "1")
    assert daemon.last.query == {"repo": "host:5000/app", "tag": "1"}


def test_remove(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["DELETE /images/app:1"] = [{"Untagged": "app:1"}]
    assert images.remove(engine, "app:1") == [{"Untagged": "app:1"}]
    assert daemon.last.query == {"force": "0", "noprune": "0"}
    images.remove(engine, "app:1", force=True, noprune=True)
    assert daemon.last.query == {"force": "1", "noprune": "1"}


def test_the_rows_of_podman_are_made_like_docker_s(daemon: t.Any, engine: Engine) -> None:
    rows = [
        {"Id": ID, "RepoTags": ["d/a:1"], "RepoDigests": ["d/a@sha256:1", "d/b@sha256:1"], "ParentId": "12"},
        {"Id": ID, "RepoTags": None, "ParentId": ""},
        {"Id": ID, "RepoTags": [], "RepoDigests": ["d/a@sha256:1"], "ParentId": "sha256:12"},
    ]
    daemon.answers["GET /images/json"] = rows
    assert images.listed(engine) == rows
    found = images.listed(replace(engine, podman=True))
    assert [row["RepoDigests"] for row in found] == [["d/b@sha256:1"], [], ["d/a@sha256:1"]]
    assert [row["ParentId"] for row in found] == ["sha256:12", "", "sha256:12"]


def test_the_rows_of_the_containerd_store_are_made_like_those_of_a_graph_driver(daemon: t.Any, engine: Engine) -> None:
    """As 28.5 lists an image: with one of the digests that it makes up, and the names by digest among the tags."""
    rows = [
        {"Id": ID, "RepoTags": ["r:1/a:1", "b:1"], "RepoDigests": ["b@" + ID]},
        {"Id": ID, "RepoTags": ["r:1/a:1", "r:1/a@" + ID, "b:1"], "RepoDigests": ["b@" + ID]},
        {"Id": ID, "RepoTags": ["r:1/a@" + ID], "RepoDigests": ["r:1/a@" + ID, "r:1/a@" + ID]},
        {"Id": ID, "RepoTags": ["<none>:<none>"], "RepoDigests": []},
    ]
    daemon.answers["GET /images/json"] = rows
    found = [(row["RepoTags"], row["RepoDigests"]) for row in images.listed(engine)]
    kept = ["r:1/a@" + ID]
    assert found == [(["r:1/a:1", "b:1"], []), (["r:1/a:1", "b:1"], kept), ([], kept), (["<none>:<none>"], [])]


def test_podman_leaves_the_algorithm_out_of_what_it_deleted(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["DELETE /images/app:1"] = [{"Deleted": "12ab"}, {"Deleted": "sha256:34cd"}, {"Untagged": "app:1"}]
    said = [{"Deleted": "sha256:12ab"}, {"Deleted": "sha256:34cd"}, {"Untagged": "app:1"}]
    assert images.remove(engine, "app:1") == said


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (409, Conflict)])
def test_remove_refused(daemon: t.Any, engine: Engine, status: int, kind: type[Exception]) -> None:
    daemon.answers["DELETE /images/app:1"] = (status, {"message": "no"})
    with pytest.raises(kind):
        images.remove(engine, "app:1")


CONTAINERD = {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}


@pytest.mark.parametrize(
    ("api", "podman", "info", "by_config"),
    [
        ((1, 41), False, None, True),
        ((1, 44), True, None, True),
        ((1, 44), False, CONTAINERD, False),
        ((1, 44), False, {"DriverStatus": [["Backing Filesystem", "extfs"]]}, True),
        ((1, 44), False, {}, True),
    ],
)
def test_what_an_id_is(
    daemon: t.Any, engine: Engine, api: tuple[int, int], podman: bool, info: t.Any, by_config: bool
) -> None:
    """None: it is known without asking."""
    daemon.answers["GET /info"] = (500, {"message": "not asked"}) if info is None else json.loads(json.dumps(info))
    assert images.by_config(replace(engine, api=api, podman=podman)) is by_config


def test_remove_for_platforms(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["DELETE /images/app:1"] = [{"Deleted": "sha256:1"}]
    assert images.remove(engine, "app:1", platforms=[ARM]) == [{"Deleted": "sha256:1"}]
    assert daemon.last.query == {"force": "0", "noprune": "0", "platforms": ARM}


def test_manifests(daemon: t.Any, engine: Engine) -> None:
    assert images.manifests(engine, "gone:1") == []
    daemon.answers["GET /images/app:1/json"] = {"Id": "i"}
    assert images.manifests(engine, "app:1") == []
    daemon.answers["GET /images/app:1/json"] = {"Id": "i", "Manifests": [{"ID": "m"}]}
    assert images.manifests(engine, "app:1") == [{"ID": "m"}]
    assert daemon.last.query == {"manifests": "1"}


@pytest.mark.parametrize(
    ("api", "attrs", "manifests", "hollow"),
    [
        ((1, 48), {"Id": ID, "Os": "", "RootFS": {}}, [{"Available": False, "Kind": "image"}], True),  # Docker 28.5.2
        ((1, 48), {"Id": ID, "Os": ""}, [{"Available": False}, {"Available": True}], False),
        ((1, 48), {"Id": ID, "Os": ""}, [{"Available": True, "Kind": "unknown"}], False),  # an artifact
        ((1, 48), {"Id": ID, "Os": ""}, None, False),
        ((1, 47), {"Id": ID, "Os": ""}, [{"Available": False}], False),
        ((1, 48), {"Id": ID, "Os": "linux"}, [{"Available": False}], False),
        ((1, 48), {}, [{"Available": False}], False),
    ],
)
def test_hollow(
    daemon: t.Any, engine: Engine, api: tuple[int, int], attrs: dict[str, t.Any], manifests: t.Any, hollow: bool
) -> None:
    daemon.answers["GET /images/%s/json" % ID] = {**attrs, "Manifests": manifests}
    assert images.hollow(replace(engine, api=api), attrs) is hollow


def test_inspect_each(daemon: t.Any, engine: Engine) -> None:
    """Also when the engine stops to answer all that was asked in one go: the rest is asked for as ever."""
    for name in "abc":
        daemon.answers["GET /images/%s/json" % name] = {"Id": name}
    assert images.inspect_each(engine, ["a", "gone", "c"]) == [{"Id": "a"}, {}, {"Id": "c"}]
    assert images.inspect_each(engine, ["b"]) == [{"Id": "b"}]
    assert images.inspect_each(engine, []) == []
    daemon.answers["GET /images/b/json"] = b"{"
    with pytest.raises(FormatError):
        images.inspect_each(engine, "abc")
    daemon.answers["GET /images/b/json"] = (500, {"message": "broken inside"})
    with pytest.raises(EngineError, match="broken inside"):
        images.inspect_each(engine, "abc")
