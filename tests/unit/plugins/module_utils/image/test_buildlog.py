# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import BuildError, StreamError
from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog, Step

BASE = Step(1, 2, "build", "FROM x", "cached", 0.1, None, 3)
MAKE = Step(2, 2, "build", "RUN make  all", "failed", 3.1, 2, 17, ("cc -o app", "app.c:1: error"))
FAILED = BuildLog("buildkit", "", 12.4, ("w",), (BASE, MAKE), "executor failed running: exit code: 2")


def failure(log, **how):
    with pytest.raises(BuildError) as caught:
        log.check(**how)
    return caught.value


def test_the_result_is_plain_json():
    result = FAILED.as_result()
    assert json.loads(json.dumps(result)) == result
    assert result == {
        "builder": "buildkit", "id": "", "seconds": 12.4, "cached": 1, "warnings": ["w"],
        "steps": [
            {"index": 1, "total": 2, "stage": "build", "name": "FROM x", "state": "cached", "seconds": 0.1,
             "exit_code": None, "line": 3, "output": [], "truncated": 0, "platform": ""},
            {"index": 2, "total": 2, "stage": "build", "name": "RUN make  all", "state": "failed", "seconds": 3.1,
             "exit_code": 2, "line": 17, "output": ["cc -o app", "app.c:1: error"], "truncated": 0,
             "platform": ""},
        ],
    }  # fmt: skip


def test_a_failed_step_is_named_with_its_line_its_code_and_its_last_lines():
    error = failure(FAILED)
    assert str(error) == "step 2/2 (Dockerfile:17) RUN make all: exit code 2\ncc -o app\napp.c:1: error"
    assert error.facts == {
        "step": 2, "name": "RUN make  all", "stage": "build", "line": 17, "exit_code": 2, "said": FAILED.error,
    }  # fmt: skip
    assert error.results == {"build": FAILED.as_result()}


def test_of_several_failed_steps_the_one_where_the_build_failed_is_named():
    other = replace(MAKE, index=1, line=9)
    assert failure(replace(FAILED, steps=(other, MAKE), line=17)).facts["step"] == 2
    assert failure(replace(FAILED, steps=(other, MAKE), line=4)).facts["step"] == 1
    assert failure(replace(FAILED, steps=(other, replace(MAKE, line=None)))).facts["step"] == 1


def test_what_is_no_steps_fault_has_its_line():
    error = failure(replace(FAILED, steps=(BASE,), error="x:1: not\nfound", line=4), dockerfile="App")
    assert (str(error), error.facts["line"]) == ("the build failed at App:4: x:1: not found", 4)


def test_the_message_is_bounded():
    step = replace(MAKE, name="RUN " + "x" * 999, output=tuple(str(n) + "y" * 999 for n in range(30)))
    first, *last = str(failure(replace(FAILED, steps=(BASE, step)))).splitlines()
    assert len(first) < 250
    assert [line[:2] for line in last] == [str(n) for n in range(20, 30)]
    assert {len(line) for line in last} == {200}


@pytest.mark.parametrize(
    ("steps", "error", "message", "line"),
    [
        ((replace(MAKE, exit_code=None, output=()),), "no\nfile", "step 2/2 (d/App:17) RUN make all: no file", 17),
        ((replace(MAKE, line=None, output=()),), "e", "step 2/2 RUN make all: exit code 2", None),
        ((replace(MAKE, output=(), platform="linux/arm64"),), "e",
         "step 2/2 (d/App:17) for linux/arm64: RUN make all: exit code 2", 17),
        ((), "dockerfile parse error line 3: unknown instruction: RUNN",
         "the build failed before its first step: dockerfile parse error line 3: unknown instruction: RUNN", 3),
        ((), "dockerfile parse error on line 9: x",
         "the build failed before its first step: dockerfile parse error on line 9: x", 9),
        ((BASE,), "full", "the build failed after step 1/2 (d/App:3) FROM x: full", None),
    ],
)  # fmt: skip
def test_other_failures_are_as_clear(steps, error, message, line):
    caught = failure(BuildLog("classic", steps=steps, error=error), dockerfile="d/App")
    assert str(caught) == message
    assert caught.facts["line"] == line


def test_an_error_is_a_failure_even_behind_an_id():
    failure(BuildLog("classic", id="sha256:1", error="late"))


@pytest.mark.parametrize(
    ("steps", "where"), [((), "before the first step"), ((BASE,), "in step 1/2 (Dockerfile:3) FROM x")]
)
def test_a_log_without_an_end_is_broken_off(steps, where):
    with pytest.raises(StreamError, match="broke off") as caught:
        BuildLog("classic", steps=steps).check()
    assert where in str(caught.value)
    assert caught.value.results["build"]["builder"] == "classic"


def test_a_good_log_is_good():
    BuildLog("classic", id="sha256:1").check()
