# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams of Podman 4.3.1."""

from __future__ import annotations

import typing as t
from itertools import count

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import BuildError, StreamError
from ansible_collections.slipway.images.plugins.module_utils.image import buildahlog
from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile

ID = "sha256:3acebe0167f3073b64a6cc42100f78d7043d5e47c62b07105c90caa47e97ad2e"
ONE = "ARG A\nFROM base:1\n# words\nCOPY a /a\nRUN echo out; \\\n  cat /a\nLABEL x=y\n"
STEPS = [
    "STEP 1/4: FROM base:1\n",
    "STEP 2/4: COPY a /a\n",
    "--> Using cache ac3dd214cdfd6a0ef10f39d2a8aa88c3cae6b75e2359550317287597da584938\n",
    "--> ac3dd214cdf\n",
    "STEP 3/4: RUN echo out;   cat /a\n",
    "out\n",
    "2",
]
END = [
    "--> 3c196bb99f7\n",
    "STEP 4/4: LABEL x=y\n",
    "COMMIT docker.io/app:1\n",
    "--> 3acebe0167f\n",
    "Successfully tagged docker.io/app:1\n",
    ID[7:] + "\n",
    {"aux": {"ID": ID}},
    "Successfully built 3acebe0167f3\n",
    "Successfully tagged app:1\n",
]
TWO = "FROM base:1 AS Make\nRUN make\nFROM base:1\nCOPY --from=make /a /a\n"
STAGES = [
    "[1/2] STEP 1/2: FROM base:1 AS Make\n",
    "[1/2] STEP 2/2: RUN make\n",
    "--> f80f8d4e1e9\n",
    "[2/2] STEP 1/2: FROM base:1\n",
    "[2/2] STEP 2/2: COPY --from=make /a /a\n",
    "[2/2] COMMIT docker.io/app:1\n",
    "--> 9f6c477dcc0\n",
    {"aux": {"ID": ID}},
]


def fold(lines: t.Iterable[t.Any], dockerfile: str, secrets: t.Collection[str] = ()) -> BuildLog:
    records = [{"stream": line} if isinstance(line, str) else line for line in lines]
    clock = map(float, count()).__next__
    return buildahlog.fold(records, dockerfile=Dockerfile.parse(dockerfile), limit=5, clock=clock, secrets=secrets)


def failure(said: str) -> dict[str, t.Any]:
    return {"errorDetail": {"message": said}, "error": said}


@pytest.mark.parametrize("digits", [11, 12])  # Podman 4.3.1, 5.4.2
def test_one_stage(digits: int) -> None:
    ended = "--> %s\n" % ID[7 : 7 + digits]
    log = fold([ended if str(line).startswith("--> 3") else line for line in (*STEPS, *END)], ONE)
    assert (log.id, log.error, log.cached) == (ID, "", 1)
    assert [(step.index, step.total, step.stage, step.state, step.line, step.output) for step in log.steps] == [
        (1, 4, "stage-0", "done", 2, ()),
        (2, 4, "stage-0", "cached", 4, ()),
        (3, 4, "stage-0", "done", 5, ("out", "2")),
        (4, 4, "stage-0", "done", 7, ()),
    ]
    log.check()


def test_two_stages() -> None:
    log = fold(STAGES, TWO)
    assert [(step.stage, step.index, step.line) for step in log.steps] == [
        ("make", 1, 1),
        ("make", 2, 2),
        ("stage-1", 1, 3),
        ("stage-1", 2, 4),
    ]
    log.check()


def test_a_step_fails() -> None:
    said = 'building at STEP "RUN echo out;   cat /a": while running runtime: exit status 3\n'
    log = fold([*STEPS, failure(said)], ONE)
    with pytest.raises(BuildError) as caught:
        log.check()
    assert str(caught.value).splitlines() == [
        "step 3/4 (Dockerfile:5) RUN echo out; cat /a: exit code 3",
        "out",
        "2",
    ]
    assert (caught.value.facts["step"], caught.value.facts["exit_code"]) == (3, 3)


def test_what_is_no_step_s_fault() -> None:
    with pytest.raises(BuildError, match="the build failed before its first step: no such base"):
        fold([failure("no such base")], ONE).check()
    assert fold([{"error": ""}], ONE).error == "the engine gave no reason"


def test_what_is_none_of_ours_is_passed_over() -> None:
    strange: list[t.Any] = [{}, {"stream": None}, {"aux": None}, {"status": "x", "progressDetail": {}}]
    assert fold([part for record in [*STEPS, *END] for part in (*strange, record)], ONE) == fold([*STEPS, *END], ONE)


def test_a_stream_that_stops_anywhere() -> None:
    stream = [*STEPS, *END]
    for end in range(stream.index(END[6])):
        log = fold(stream[:end], ONE)
        assert not log.id and all(step.state in ("done", "cached") for step in log.steps[:-1])
        with pytest.raises(StreamError, match="broke off"):
            log.check()


def test_nobody_sees_a_secret() -> None:
    said = fold([*STEPS, "it is hunter22\n", failure("hunter22")], ONE, ["hunter22"])
    assert "hunter22" not in str(said.as_result()) + said.error and "it is ***" in said.steps[2].output[-1]
