# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of engine 20.10.24 (`tests/support/record_trace.py`), and traces made by hand for what it never says."""

from __future__ import annotations

import base64
import itertools
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import trace
from ansible_collections.slipway.images.plugins.module_utils.buildkit.protobuf import field, message
from ansible_collections.slipway.images.plugins.module_utils.errors import BuildError, FormatError, StreamError
from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog, Step
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile

FIXTURES = Path(__file__).parents[3] / "fixtures" / "buildkit"
Records = list[dict[str, t.Any]]


def fold(records: t.Iterable[t.Mapping[str, t.Any]], dockerfile: str | None = None, **more: t.Any) -> BuildLog:
    parsed = None if dockerfile is None else Dockerfile.parse(dockerfile)
    return trace.fold(records, **{"dockerfile": parsed, "limit": 5, "clock": itertools.count().__next__, **more})


def recorded(name: str, **more: t.Any) -> BuildLog:
    lines = (FIXTURES / name / "stream.jsonl").read_text().splitlines()
    return fold(map(json.loads, lines), (FIXTURES / name / "Dockerfile").read_text(), **more)


def brief(log: BuildLog) -> list[str]:
    return [f"{s.stage} {s.index}/{s.total} {s.state} {s.line} {s.name.split()[0]}" for s in log.steps]


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        (
            "ok",
            [
                "stage-0 1/4 done 2 FROM",
                "stage-0 2/4 done 5 RUN",
                "stage-0 3/4 done 8 WORKDIR",
                "stage-0 4/4 done 9 COPY",
            ],
        ),
        ("cached", ["stage-0 1/3 done 1 FROM", "stage-0 2/3 cached 2 RUN", "stage-0 3/3 cached 3 RUN"]),
        (
            "stages",
            [
                *("build 1/2 cached 1 FROM", "build 2/2 done 2 RUN", "stage-1 2/2 done 4 COPY"),
                *("last 2/3 done 6 RUN", "last 3/3 done 7 COPY"),
            ],
        ),
        (
            "stage-on-stage",
            [
                *("first 1/2 cached 1 FROM", "first 2/2 done 2 RUN"),
                *("stage-1 1/2 done 4 COPY", "stage-1 2/2 failed 5 RUN"),
            ],
        ),
        (
            "onbuild",
            [
                *("stage-0 1/2 cached 1 FROM", "stage-0 2/2 done None RUN"),
                *("stage-0 3/2 done None RUN", "stage-0 4/2 done 2 RUN"),
            ],
        ),
        ("failing-run", ["build 1/3 cached 1 FROM", "build 2/3 failed 3 RUN"]),
        ("side-by-side", ["slow 2/2 canceled 2 RUN", "quick 1/2 cached 3 FROM", "quick 2/2 failed 4 RUN"]),
        ("parse-error", []),
    ],
)
def test_steps(name: str, steps: list[str]) -> None:
    assert brief(recorded(name)) == steps


@pytest.mark.parametrize(
    ("name", "said", "facts"),
    [
        (
            "failing-run",
            r"step 2/3 \(Dockerfile:3\) RUN echo cc -o app.*: exit code 2\n(?s:.*)app.c:1: error",
            {"exit_code": 2, "line": 3},
        ),
        (
            "failing-copy",
            r'step 2/2 \(Dockerfile:2\) COPY nope /x: failed.*"/nope" not found',
            {"exit_code": None, "line": 2},
        ),
        ("failing-secret", r"step 2/2 \(Dockerfile:2\) RUN --mount", {"line": 2}),
        ("side-by-side", r"step 2/2 \(Dockerfile:4\) RUN sleep 0.5; exit 4: exit code 4", {"stage": "quick"}),
        ("parse-error", "before its first step: .*line 3: unknown instruction: RUNN", {"line": 3}),
        ("no-such-target", "target stage nobody could not be found", {}),
        ("missing-base", "buildlog/none:1: not found", {}),
    ],
)
def test_failures(name: str, said: str, facts: dict[str, t.Any]) -> None:
    log = recorded(name)
    assert log.id == ""
    with pytest.raises(BuildError, match=said) as caught:
        log.check()
    assert caught.value.facts.items() >= facts.items()


def test_output_is_cut_and_put_together() -> None:
    assert recorded("not-utf8").steps[1].output == ("\ufffd café",)
    long = recorded("long").steps[1]
    assert (long.output, long.truncated) == (tuple(f"line {n}" for n in range(2996, 3001)), 2995)


def test_a_cache_that_cannot_be_imported_is_a_warning() -> None:
    log = recorded("cache-import")
    assert log.id
    assert log.warnings[0].startswith("importing cache manifest from 127.0.0.1:5099/buildlog/none:1: ")


def test_secrets_are_hidden() -> None:
    log = recorded("secret", secrets=["tok-5ecret-value"])
    assert "***" in log.steps[1].name
    assert log.steps[1].output == ("token is ***",)
    with pytest.raises(BuildError) as caught:
        log.check()
    assert "5ecret" not in str(caught.value) + str(caught.value.results)


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir()))
def test_wherever_a_recording_breaks_off(name: str) -> None:
    lines = (FIXTURES / name / "stream.jsonl").read_text().splitlines()
    ends = [at for at, line in enumerate(lines, 1) if '"error"' in line or "moby.image.id" in line]
    for end in range(0, ends[0], max(1, len(lines) // 20)):
        with pytest.raises(StreamError, match="broke off"):
            fold(map(json.loads, lines[:end])).check()


# ---- by hand ---------------------------------------------------------------------------------------------------------


def at(seconds: float) -> bytes:
    return message((1, int(seconds)), (2, int(seconds % 1 * 10**9)))


def vertex(digest: str, name: str, began: float = 0, ended: float = 0, cached: bool = False, error: str = "") -> bytes:
    times = (5, at(began) if began else b""), (6, at(ended) if ended else b"")
    return field(1, message((1, digest.encode()), (3, name.encode()), (4, int(cached)), *times, (7, error.encode())))


def output(digest: str, data: bytes) -> bytes:
    return field(3, message((1, digest.encode()), (3, 1), (4, data)))


def traced(*statuses: bytes) -> Records:
    return [{"id": "moby.buildkit.trace", "aux": base64.b64encode(status).decode()} for status in statuses]


DONE = {"id": "moby.image.id", "aux": {"ID": "sha256:1"}}


def test_the_last_word_on_cached_counts() -> None:
    name = "[2/2] RUN x"
    log = fold([*traced(vertex("a", name), vertex("a", name, 1, 2), vertex("a", name, 1, 2, True)), DONE])
    assert (log.steps[0].state, log.cached) == ("cached", 1)
    log = fold([*traced(vertex("a", name, 1, 2, True), vertex("a", name, 3, 5.5), vertex("a", name)), DONE])
    assert (log.steps[0].state, log.steps[0].seconds) == ("done", 2.5)


def test_children_that_are_announced_before_their_parents() -> None:
    """As engines from 23 on do; steps that were never reached are none."""
    names = [vertex("c", "[3/3] RUN c"), vertex("b", "[2/3] RUN b", 2, 3), vertex("a", "[1/3] FROM x", 1, 2)]
    log = fold([*traced(*names), {"errorDetail": {"message": "no"}}], "FROM x\nRUN b\nRUN c\n")
    assert brief(log) == ["stage-0 1/3 done 1 FROM", "stage-0 2/3 done 2 RUN"]


def test_output_of_steps_side_by_side() -> None:
    pieces = output("a", b"1\xc3") + output("b", b"2") + output("a", b"\xa9\n") + output("b", b"2\n")
    log = fold([*traced(pieces, vertex("a", "[x 2/2] RUN a", 1, 9), vertex("b", "[y 2/2] RUN b", 2, 3)), DONE])
    assert [(step.output, step.seconds) for step in log.steps] == [(("1é",), 8.0), (("22",), 1.0)]


@pytest.mark.parametrize(
    ("name", "stage", "platform"),
    [
        ("[2/2] RUN x", "app", ""),
        ("[linux/arm64 2/2] RUN x", "app", "linux/arm64"),
        ("[linux/arm64 build 2/2] RUN x", "build", "linux/arm64"),
        ("[linux/amd64->arm64 build 2/2] RUN x", "build", "linux/amd64->arm64"),
        ("[build 2/2] RUN x", "build", ""),
        ("[internal] load build context", None, ""),
        ("[2/2] LINK COPY --link x /x", None, ""),
        ("exporting to image", None, ""),
    ],
)
def test_names(name: str, stage: str | None, platform: str) -> None:
    log = fold([*traced(vertex("a", name, 1, 2)), DONE], "FROM x AS app\nRUN x\n")
    assert [(step.stage, step.platform) for step in log.steps] == ([] if stage is None else [(stage, platform)])


def test_warnings_of_newer_engines() -> None:
    span = message((1, message((1, 3), (2, 1))))
    warning = field(4, message((1, b"sha256:x"), (2, 1), (3, b"JSONArgsRecommended: use\nJSON"), (7, span)))
    placed = field(4, message((3, b"FromAsCasing: as (line 3)"), (7, span)))
    unplaced = field(4, message((3, b"careless")))
    log = fold([*traced(warning, warning, placed, unplaced), DONE])
    assert log.warnings == ("JSONArgsRecommended: use JSON (line 3)", "FromAsCasing: as (line 3)", "careless")


def test_a_failure_that_says_where() -> None:
    """As `solve.records` tells it; messages need not be in base64."""
    vertexes = vertex("a", "[1/2] RUN a", 1, 2, error="also"), vertex("b", "[2/2] RUN b", 1, 2)
    told = {"message": "no", "vertex": "b", "line": 7, "exit_code": 3}
    log = fold([{"id": "moby.buildkit.trace", "aux": b"".join(vertexes)}, {"error": "no", "errorDetail": told}])
    assert [(step.state, step.line, step.exit_code) for step in log.steps] == [("failed", None, None), ("failed", 7, 3)]
    with pytest.raises(BuildError, match=r"^step 2/2 \(Dockerfile:7\) RUN b: exit code 3"):
        log.check()
    outside = {**told, "vertex": "", "exit_code": None}
    log = fold([*traced(vertex("a", "[1/2] FROM a", 1, 2)), {"errorDetail": outside}])
    assert (log.line, log.steps[0].line) == (7, None)


def test_a_dockerfile_that_was_not_the_one() -> None:
    """The engine may have built another than we read: no line is better than a wrong one."""
    records = [*traced(vertex("a", "[2/3] RUN x", 1, 2), vertex("b", "[build 2/3] COPY a b", 1, 2)), DONE]
    assert [step.line for step in fold(records, "FROM x\nCOPY a b\nCOPY c d\n").steps] == [None, None]
    assert [step.line for step in fold(records).steps] == [None, None]


def test_what_is_no_trace() -> None:
    assert fold([{"stream": "x"}, {"aux": {"ID": "x"}}, {"id": "moby.buildkit.trace", "aux": 1}, DONE]).id == "sha256:1"
    with pytest.raises(FormatError, match="base64"):
        fold([{"id": "moby.buildkit.trace", "aux": "?"}])
    with pytest.raises(FormatError, match="cut short"):
        fold(traced(b"\x0a\x05x"))


def test_the_whole_has_the_clocks_time() -> None:
    assert fold([DONE], clock=iter([1.0, 3.5]).__next__) == BuildLog("buildkit", "sha256:1", 2.5)
    assert Step(1, 1, "", "", "done").seconds == 0
