# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import json
import pathlib
import re

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import BuildError, StreamError
from ansible_collections.slipway.images.plugins.module_utils.image.classiclog import fold
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from hypothesis import given, settings
from hypothesis import strategies as st

RECORDINGS = pathlib.Path(__file__).parents[3] / "fixtures" / "buildlog"
SECRET = "tok-5ecret-value"


def records_of(name):
    text = (RECORDINGS / name / "stream.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines() if line]


def dockerfile_of(name):
    return Dockerfile.parse((RECORDINGS / name / "Dockerfile").read_text("utf-8"))


def folded(records, dockerfile=None, limit=100, secrets=()):
    return fold(records, dockerfile=dockerfile, limit=limit, clock=itertools.count().__next__, secrets=secrets)


NAMES = sorted(path.name for path in RECORDINGS.iterdir())
STREAMS = {name: records_of(name) for name in NAMES if "message" not in records_of(name)[0]}
DOCKERFILES = {name: dockerfile_of(name) for name in STREAMS}
SHORT = sorted(name for name in STREAMS if name != "long")


def steps(log):
    return [(s.index, s.stage, s.name.split()[0], s.state, s.exit_code, s.line, s.output) for s in log.steps]


FROM = (1, "stage-0", "FROM", "done", None, 1, ())
FAKES = (
    "Step 9/9 : RUN x", "Step 3/3 : RUN echo end", "Successfully built 0123456789ab", " ---> Using cache",
    " ---> 0123456789ab", "Removing intermediate container 0123456789ab", " ---> Running in 0123456789ab",
    " ---> 0123456789ab",
)  # fmt: skip
EXPECTED = {
    "ok": [
        (1, "", "ARG", "done", None, 1, ()),
        (2, "stage-0", "FROM", "done", None, 2, ()),
        (3, "stage-0", "ENV", "done", None, 5, ()),
        (4, "stage-0", "RUN", "done", None, 7, ("one", "two", "three")),
        (5, "stage-0", "CMD", "done", None, 10, ()),
    ],
    "cached": [FROM, *((n, "stage-0", "RUN", "cached", None, n, ()) for n in (2, 3))],
    "failing-run": [FROM, (2, "stage-0", "RUN", "failed", 2, 3, ("cc -o app", "app.c:1: error"))],
    "failing-run-kept": [FROM, (2, "stage-0", "RUN", "failed", 3, 2, ("kept",))],
    "no-such-command": [FROM, (2, "stage-0", "RUN", "failed", None, 2, ())],
    "failing-copy": [FROM, (2, "stage-0", "COPY", "failed", None, 2, ())],
    "parse-error-remote": [],
    "missing-base": [(1, "stage-0", "FROM", "failed", None, 2, ())],
    "stages": [
        (1, "", "ARG", "done", None, 1, ()),
        (2, "build", "FROM", "done", None, 2, ()),
        (3, "build", "RUN", "done", None, 3, ("built",)),
        (4, "stage-1", "FROM", "done", None, 4, ()),
        (5, "stage-1", "COPY", "done", None, 5, ()),
        (6, "stage-2", "FROM", "done", None, 6, ()),
        (7, "stage-2", "RUN", "done", None, 7, ("never",)),
    ],
    "target": [
        (1, "one", "FROM", "done", None, 1, ()),
        (2, "one", "RUN", "done", None, 2, ("1",)),
        (3, "two", "FROM", "done", None, 3, ()),
        (4, "two", "RUN", "done", None, 4, ("2",)),
    ],
    "failing-stage": [
        FROM,
        (2, "stage-0", "RUN", "done", None, 2, ()),
        (3, "late", "FROM", "done", None, 3, ()),
        (4, "late", "RUN", "failed", 4, 4, ()),
    ],
    "progress": [FROM, (2, "stage-0", "RUN", "done", None, 2, ("done", "end"))],
    "not-utf8": [FROM, (2, "stage-0", "RUN", "done", None, 2, ("\ufffd caf\u00e9 \ufffd\ufffd",))],
    "long": [FROM, (2, "stage-0", "RUN", "done", None, 2, tuple("line %d" % n for n in range(2901, 3001)))],
    "fake": [
        FROM,
        (2, "stage-0", "RUN", "done", None, 2, FAKES),
        (3, "stage-0", "RUN", "done", None, 3, ("end",)),
    ],
    "fake-kept": [
        FROM,
        (2, "stage-0", "RUN", "done", None, 2, (" ---> 0123456789ab", "Step 9/9 : RUN x", " ---> 0123456789ab")),
        (3, "stage-0", "RUN", "done", None, 3, ("end",)),
    ],
    "unconsumed": [FROM, (2, "stage-0", "RUN", "cached", None, 2, ())],
    "secret": [
        FROM,
        (2, "stage-0", "ARG", "done", None, 2, ()),
        (3, "stage-0", "RUN", "failed", 5, 3, ("token is " + SECRET,)),
    ],
    "empty-continuation": [
        FROM,
        (2, "stage-0", "ENV", "done", None, 2, ()),
        (3, "stage-0", "RUN", "done", None, 5, ()),
    ],
    "onbuild": [
        (1, "stage-0", "FROM", "done", None, 1, ("# Executing 3 build triggers", "triggered", "again")),
        (2, "stage-0", "RUN", "done", None, 2, ("after",)),
    ],
}


@pytest.mark.parametrize("name", STREAMS)
def test_recordings(name):
    log = folded(STREAMS[name], DOCKERFILES[name])
    assert steps(log) == EXPECTED[name]
    assert {step.total for step in log.steps} <= {len(DOCKERFILES[name].steps("two" if name == "target" else None))}
    ids = [record["aux"]["ID"] for record in STREAMS[name] if "aux" in record]
    failed = any("error" in record for record in STREAMS[name])
    assert log.id == ("" if failed else ids[-1])
    assert log.error == (STREAMS[name][-1]["error"] if failed else "")
    assert json.loads(json.dumps(log.as_result())) == log.as_result()


@pytest.mark.parametrize(
    ("name", "warnings"),
    [
        ("ok", ()),
        ("unconsumed", ("One or more build-args [NOBODY] were not consumed",)),
        ("empty-continuation", (
            "Empty continuation line found in: ENV A=1   B=2",
            "Empty continuation lines will become errors in a future release.",
        )),
    ],
)  # fmt: skip
def test_warnings(name, warnings):
    assert folded(STREAMS[name]).warnings == warnings


def test_dropped_lines_are_counted():
    log = folded(STREAMS["long"], limit=7)
    assert (len(log.steps[1].output), log.steps[1].truncated) == (7, 2993)


def test_seconds_are_the_clocks():
    times = iter([10.0, 10.0, 11.5, 11.5, 14.0, 14.25])
    log = fold(STREAMS["cached"][:5] + STREAMS["cached"][-2:], dockerfile=None, limit=1, clock=lambda: next(times))
    assert [step.seconds for step in log.steps] == [1.5, 2.5]
    assert log.seconds == 4.25


def test_a_secret_is_nowhere():
    log = folded(STREAMS["secret"], secrets=[SECRET, "stage-0", "RUN echo"])
    assert SECRET not in json.dumps(log.as_result()) + log.error
    assert [step.name for step in log.steps] == ["FROM buildlog/base:1", "ARG TOKEN", "*** token is $TOKEN; exit 5"]
    hidden = folded(STREAMS["unconsumed"], secrets=["NOBODY"])
    assert hidden.warnings == ("One or more build-args [***] were not consumed",)
    assert "***" in folded(STREAMS["failing-copy"], secrets=["nope"]).error


def test_another_dockerfile_gives_no_lines():
    other = Dockerfile.parse("FROM x\nLABEL a=b\n")
    assert [step.line for step in folded(STREAMS["failing-run"], other).steps] == [1, None]


def control(records):
    """Which records hold no program's output."""
    container = ""
    for number, record in enumerate(records):
        text = record.get("stream", "")
        running = re.fullmatch(r" ---> Running in (\w+)\n", text)
        if not container:
            yield number
            container = running[1] if running else ""
        elif container in text or "stream" not in record:
            container = ""
            yield number


def cut(records, number, at):
    text = records[number]["stream"]
    return [*records[:number], {"stream": text[:at]}, {"stream": text[at:]}, *records[number + 1 :]]


@pytest.mark.parametrize("name", [name for name in SHORT if name != "fake-kept"])  # nothing marks that output's end
def test_output_cut_anywhere_is_the_same(name):
    records = STREAMS[name]
    whole = folded(records, DOCKERFILES[name])
    for number in set(range(len(records))) - set(control(records)):
        for at in range(len(records[number]["stream"]) + 1):
            assert folded(cut(records, number, at), DOCKERFILES[name]) == whole


@pytest.mark.parametrize("name", SHORT)
def test_the_daemons_lines_cut_anywhere_change_neither_id_nor_error(name):
    whole = folded(STREAMS[name])
    for number in control(STREAMS[name]):
        for at in range(len(STREAMS[name][number].get("stream", ""))):
            log = folded(cut(STREAMS[name], number, at))
            assert (log.id, log.error) == (whole.id, whole.error)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_breaks_off_is_never_a_success(name):
    records = STREAMS[name]
    end = max(n for n, record in enumerate(records) if "aux" in record or "error" in record)
    for length in range(end):
        log = folded(records[:length], DOCKERFILES[name])
        assert log.id == ""
        with pytest.raises(StreamError):
            log.check()
    if "error" in records[end]:
        with pytest.raises(BuildError):
            folded(records).check()
    else:
        folded(records[: end + 1]).check()


LINES = st.lists(
    st.sampled_from(
        [*FAKES, "Step 2/2 : RUN x", "Step 1/2 : FROM x", " ---> ba9876543210", "Removing intermediate container fff",
         "[Warning] no", "\x1b[91mred\x1b[0m", "10%\r20%\r", "", "caf\u00e9"]
    ),
    max_size=8,
)  # fmt: skip


@given(LINES, st.lists(st.integers(0, 200), max_size=12), st.booleans())
@settings(max_examples=200, deadline=None)
def test_no_output_is_taken_for_the_daemons(lines, cuts, kept):
    text = "".join(line + "\n" for line in lines)
    edges = [0, *sorted({at for at in cuts if at < len(text)}), len(text)]
    pieces = [{"stream": text[a:b]} for a, b in zip(edges, edges[1:])]

    def log(pieces):
        return folded(
            [
                {"stream": "Step 1/2 : FROM x"}, {"stream": "\n"}, {"stream": " ---> 111111111111\n"},
                {"stream": "Step 2/2 : RUN y"}, {"stream": "\n"}, {"stream": " ---> Running in abcdefabcdef\n"},
                *pieces,
                *([] if kept else [{"stream": "Removing intermediate container abcdefabcdef\n"}]),
                {"stream": " ---> 222222222222\n"},
                {"aux": {"ID": "sha256:222222222222"}},
            ]
        )  # fmt: skip

    once = log([{"stream": text}] if len(lines) != 1 else [{"stream": text[:1]}, {"stream": text[1:]}])
    assert log(pieces) == once
    assert len(once.steps[1].output) == len(lines)


def said(*texts):
    return [{"stream": text} for text in texts]


RUNNING = said("Step 1/3 : FROM x", "\n", "Step 2/3 : RUN y", "\n", " ---> Running in abcdefabcdef\n")


@pytest.mark.parametrize(
    "texts",
    [
        ("Removing intermediate container 0123456789ab\n", "Step 3/3 : RUN z"),
        (" ---> 0123456789ab\n", "Step 9/3 : RUN z"),
        (" ---> 0123456789ab\n", "Step 3/4 : RUN z"),
        (" ---> 0123456789ab\n", "Step 3/3 : RUN z\n"),
        (" ---> 0123456789ab\n", " ---> Running in 0123456789ab\n"),
        (" ---> 0123456789ab\n", "[Warning] x\n"),
    ],
)
def test_what_closes_a_container_must_agree_with_what_follows(texts):
    log = folded([*RUNNING, *said(*texts)])
    assert log.steps[-1].output == tuple("".join(texts).splitlines())
    assert (len(log.steps), log.warnings) == (2, ())


def test_a_trigger_may_print_anything():
    fake = " ---> Running in 0123456789ab\n"
    removed = "Removing intermediate container %s\n"
    log = folded(
        said("Step 1/2 : FROM x", "\n", "# Executing 2 build trigger", "s", "\n", " ---> Using cache\n")
        + said(" ---> Running in abcdefabcdef\n", fake, removed % ("a" * 12), removed % "abcdefabcdef")
        + said(" ---> Running in bcdefabcdefa\n", "two\n", removed % "bcdefabcdefa", " ---> 222222222222\n")
        + said("Step 2/2 : RUN z")
    )
    assert log.steps[0].state == "done"  # not all of it came from the cache
    assert log.steps[0].output == ("# Executing 2 build triggers", fake[:-1], (removed % ("a" * 12))[:-1], "two")


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([*RUNNING, {"error": "The command 'y' returned a non-zero code: 9"}], 9),
        ([*RUNNING, {"errorDetail": {"code": 9, "message": "in other words"}}], 9),
        ([*RUNNING[:-1], {"errorDetail": {"code": 401, "message": "an HTTP status"}}], None),
    ],
)
def test_exit_codes(records, code):
    assert folded(records).steps[-1].exit_code == code


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ({"error": "old"}, "old"),
        ({"errorDetail": {"message": "new"}}, "new"),
        ({"errorDetail": {"message": "new"}, "error": "old"}, "new"),
        ({"errorDetail": None}, "the engine gave no reason"),
        ({"stream": "said", "error": "and failed"}, "and failed"),
    ],
)
def test_an_error_anywhere_fails(record, error):
    records = STREAMS["ok"]
    for at in range(len(records) + 1):
        log = folded([*records[:at], record, *records[at:]])
        assert (log.id, log.error) == ("", error)


@pytest.mark.parametrize(
    "record", [{}, {"stream": None}, {"aux": None}, {"aux": {"Size": 1}}, {"aux": {"ID": 1}}, {"x": 1}]
)
def test_strange_records_say_nothing(record):
    whole = folded(STREAMS["ok"])
    for at in range(len(STREAMS["ok"])):
        assert folded([*STREAMS["ok"][:at], record, *STREAMS["ok"][at:]]) == whole


def test_a_base_that_is_pulled_tells_its_digest_only():
    pulled = [
        {"status": "Pulling from x", "id": "1"},
        {"status": "Downloading", "progressDetail": {"current": 1}, "id": "abc"},
        {"status": "Digest: sha256:1"},
        {"status": "Downloading", "progressDetail": {"current": 2, "total": 2}},
    ]
    records = STREAMS["cached"]
    assert folded([*records[:2], *pulled, *records[2:]]).steps[0].output == ("Digest: sha256:1",)


def test_newer_engines_say_removed():
    records = [
        {"stream": r["stream"].replace("Removing", " ---> Removed")} if "stream" in r else r for r in STREAMS["ok"]
    ]
    assert steps(folded(records, DOCKERFILES["ok"])) == EXPECTED["ok"]
