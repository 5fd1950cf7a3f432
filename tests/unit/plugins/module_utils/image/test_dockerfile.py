# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import pathlib

import pytest
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile, expand
from hypothesis import given, settings
from hypothesis import strategies as st

RECORDINGS = pathlib.Path(__file__).parents[3] / "fixtures" / "buildlog"


def places(text):
    return [(i.text, i.line, i.last) for i in Dockerfile.parse(text).instructions]


# The texts are those that Docker 20.10.24 printed behind `Step n/m : ` for the same files.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n# only\n\n", []),
        ("FROM a", [("FROM a", 1, 1)]),
        ("\ufeffFROM a\r\nRUN b\r\n", [("FROM a", 1, 1), ("RUN b", 2, 2)]),
        ("  from   a   as   One  \n", [("from   a   as   One", 1, 1)]),
        ("env A=1 \\   \n\n   # c\n  B=2 \\\n\n\n  C=3  \nRUN x", [("env A=1   B=2   C=3", 1, 7), ("RUN x", 8, 8)]),
        ("\tRUN echo  a\\\n  b \t \n", [("RUN echo  a  b", 1, 2)]),
        ("LABEL a=b \\\n# c\nk=v\\\\\nRUN x", [("LABEL a=b k=v\\\\", 1, 3), ("RUN x", 4, 4)]),
        ("# escape=`\nFROM a\nRUN echo a `\n  b\\\n\nRUN echo `\n\n", [
            ("FROM a", 2, 2), ("RUN echo a   b\\", 3, 4), ("RUN echo", 6, 8)]),
        ("# Escape = `\nRUN a `\nb", [("RUN a b", 2, 3)]),
        ("# no directive\n# escape=`\nRUN a `\nRUN b", [("RUN a `", 3, 3), ("RUN b", 4, 4)]),
        ("RUN a \\", [("RUN a", 1, 1)]),
        ("\\\nRUN a", [("RUN a", 1, 2)]),
    ],
)  # fmt: skip
def test_instructions_keep_their_lines(text, expected):
    assert places(text) == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("RUN <<EOF\nFROM x\nEOF\nCMD y", [1, 4]),
        ("RUN <<-'EOF' cat\n\tx\n\tEOF\nCMD y", [1, 4]),
        ("COPY <<a <<b /x/\n1\na\n2\nb\nCMD y", [1, 6]),
        ('ADD <<"E" /x\n# c \\\nE\nCMD y', [1, 4]),
        ("RUN cat <<EOF \\\n  | sh\nx\nEOF\nCMD y", [1, 5]),
        ("RUN test 1 <<2\nCMD y", [1, 2]),  # never ends: none
        ("RUN cat <<<x\nx\nCMD y", [1, 2, 3]),
        ("RUN echo $((1<<2))\n2\nCMD y", [1, 2, 3]),
        ("ENV A=<<E\nE\nCMD y", [1, 2, 3]),
    ],
)
def test_heredocs_are_passed_over(text, lines):
    assert [i.line for i in Dockerfile.parse(text).instructions] == lines


def test_directives():
    parsed = Dockerfile.parse("# syntax=docker/dockerfile:1\n# check=skip=all\n#escape=`\n\n# syntax=late\n")
    assert parsed.directives == {"syntax": "docker/dockerfile:1", "check": "skip=all", "escape": "`"}
    assert Dockerfile.parse("# syntax=x") == Dockerfile({"syntax": "x"}, ())


def test_stages():
    parsed = Dockerfile.parse("ARG A\nFROM --platform=linux/arm64 a AS One\nRUN x\nFROM b\n")
    assert [(s.name, s.base, len(s.instructions)) for s in parsed.stages] == [("one", "a", 2), ("", "b", 1)]


STAGES = "ARG X=1\nFROM a AS One\nRUN 1\nFROM b\nRUN 2\nFROM one AS three\nCOPY --from=1 / /\n"


@pytest.mark.parametrize(
    ("target", "count"), [(None, 7), ("", 7), ("one", 3), ("ONE", 3), ("1", 5), ("three", 7), ("x", 7)]
)
def test_steps_end_with_the_target(target, count):
    parsed = Dockerfile.parse(STAGES)
    assert parsed.steps(target) == parsed.instructions[:count]


@pytest.mark.parametrize("name", [p.name for p in RECORDINGS.iterdir() if "remote" not in p.name])
def test_steps_are_those_that_the_engine_printed(name):
    records = [
        json.loads(line) for line in (RECORDINGS / name / "stream.jsonl").read_text("utf-8").splitlines() if line
    ]
    said = [r["stream"] for r in records if r.get("stream", "").startswith("Step ") and not r["stream"].endswith("\n")]
    said = [text for text in said if "9/9" not in text.split(" : ")[0]]
    steps = Dockerfile.parse((RECORDINGS / name / "Dockerfile").read_text("utf-8")).steps(
        "two" if name == "target" else None
    )
    assert said == ["Step %d/%d : %s" % (n, len(steps), s.text) for n, s in enumerate(steps[: len(said)], 1)]


@pytest.mark.parametrize(
    ("text", "args", "target", "expected"),
    [
        ("", {}, None, ()),
        ("RUN x", {}, None, ()),
        ("FROM scratch", {}, None, ()),
        ("FROM a:1\nFROM a:1\nFROM b", {}, None, ("a:1", "b")),
        (STAGES, {}, None, ("a", "b")),
        (STAGES, {}, "one", ("a",)),
        ("FROM one AS one\nFROM One", {}, None, ("one",)),
        ("FROM x AS y\nFROM 0", {}, None, ("x", "0")),  # a FROM knows stages by name only
        ("FROM x AS y\nCOPY --from=0 a b", {}, None, ("x", "0")),  # not by itself
        (
            "FROM x AS y\nFROM z\nCOPY --from=0 a b\nCOPY --from=img:2 a b\nCOPY a --from=c",
            {},
            None,
            ("x", "z", "img:2"),
        ),
        ("FROM x\nRUN --mount=type=cache,target=/c --mount=type=bind,from=i:1,source=/s make", {}, None, ("x", "i:1")),
        ("FROM x\nRUN --mount=from=i:1 make --mount=from=j", {}, None, ("x", "i:1")),
        ("FROM x\nADD --from=a --mount=from=b --chown=0 a b\nCOPY --chown=0 --from=i:1 a b", {}, None, ("x", "i:1")),
        ("ARG B=r/ba\nARG C=${B}se\nARG D\nFROM ${C:-x}:${D:-1}\nFROM ${D:+nope}$C:1", {}, None, ("r/base:1",)),
        ("ARG B=nope\nARG C=$B\nFROM $C", {"B": "real"}, None, ("real",)),
        ("ARG B=a C='b' D=\"c\"\nFROM $B\nFROM $C\nFROM $D", {"C": "z"}, None, ("a", "z", "c")),
        ("FROM $U", {"U": "undeclared"}, None, ()),
        ("FROM ${HTTP_PROXY}", {"HTTP_PROXY": "given"}, None, ("given",)),
        ("FROM a-$TARGETARCH", {"TARGETARCH": "arm64"}, None, ("a-arm64",)),
        ("FROM a\nARG B=b\nFROM $B", {"B": "c"}, None, ("a",)),  # a stage's own argument
        ("FROM ${B#x}", {}, None, ()),
        ("FROM", {}, None, ()),
    ],
)
def test_bases(text, args, target, expected):
    assert Dockerfile.parse(text).bases(args, target) == expected


def test_bases_of_unused_stages_are_skipped_where_the_builder_skips_them():
    parsed = Dockerfile.parse("FROM a AS a1\nFROM b AS b1\nFROM c\nRUN --mount=from=a1 x\nCOPY --from=d / /\n")
    assert parsed.bases({}, skip_unused=True) == ("a", "c", "d")
    assert parsed.bases({}) == ("a", "b", "c", "d")
    assert parsed.bases({}, "b1", skip_unused=True) == ("b",)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("$A", "1"), ("${A}", "1"), ("$N", ""), ("${E:-d}", "d"), ("${E-d}", ""), ("${N-d}", "d"), ("${A:+d}", "d"),
        ("${E:+d}", ""), ("${E+d}", "d"), ("${N+d}", ""), ("${N:-${E:-$A}}", "1"), ('"x"', "x"), ("${A/1/2}", ""),
        ("a$", ""), ("$A.$A", "1.1"), ("${A:-}", "1"),
    ],
)  # fmt: skip
def test_expand(word, value):
    assert expand(word, {"A": "1", "E": ""}) == value


@given(st.lists(st.sampled_from([*"#\\ \n\t=$`{}:-\"'", "FROM ", "RUN ", "COPY --from=", "ARG ", "a", "<<E", "\nE\n"])))
@settings(max_examples=200, deadline=None)
def test_an_odd_file_gives_what_can_be_known(pieces):
    parsed = Dockerfile.parse("".join(pieces))
    assert all(i.line <= i.last for i in parsed.instructions)
    assert all(a.last < b.line for a, b in zip(parsed.instructions, parsed.instructions[1:]))
    assert parsed.steps() == parsed.instructions
    parsed.bases({"a": "$a"}, "a", skip_unused=True)
