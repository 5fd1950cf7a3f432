#!/usr/bin/env python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the recordings of BuildKit builds under tests/unit/fixtures/buildkit anew.

    record_trace.py /path/to/private-engine.sock [name ...]

Each is a directory like those of `record_build.py`: `Dockerfile` and `stream.jsonl`. The context goes as a tar, and
there is no session, so that recordings do not depend on ours. Images are named `buildlog/...`. Stdlib only.
"""

from __future__ import annotations

import json
import pathlib
import sys

import record_build
from record_build import BASE, FROM, SECRET

FIXTURES = pathlib.Path(__file__).parents[1] / "unit" / "fixtures" / "buildkit"

# name -> (Dockerfile, query). `cached` is recorded the second time it is built.
BUILDS: dict[str, tuple[str, dict[str, str]]] = {
    "ok": (
        f"ARG BASE={BASE}\n" + "FROM ${BASE}\n\nENV A=b\nRUN echo one; \\\n    # inside\n    echo two; echo three >&2\n"
        "WORKDIR /w\nCOPY Dockerfile .\n",
        {"t": "buildlog/trace:1", "nocache": "1"},
    ),
    "cached": (FROM + "RUN echo once\nRUN echo twice\n", {}),
    "failing-run": (
        FROM.replace("\n", " AS Build\n")
        + "\nRUN echo cc -o app; \\\n    echo 'app.c:1: error' >&2; exit 2\nRUN true\n",
        {"nocache": "1"},
    ),
    "failing-copy": (FROM + "COPY nope /x\n", {}),
    "failing-secret": (FROM + "RUN --mount=type=secret,id=tok,required=true true\n", {"nocache": "1"}),
    "parse-error": (FROM + "RUN true\nRUNN true\n", {}),
    "no-such-target": (FROM + "RUN true\n", {"target": "nobody"}),
    "missing-base": ("# nothing there\nFROM 127.0.0.1:5099/buildlog/none:1\nRUN true\n", {}),
    "side-by-side": (
        FROM.replace("\n", " AS slow\n")
        + "RUN sleep 30\n"
        + FROM.replace("\n", " AS quick\n")
        + "RUN sleep 0.5; exit 4\n"
        + FROM
        + "COPY --from=slow /bin/busybox /x\nCOPY --from=quick /bin/busybox /y\n",
        {"nocache": "1"},
    ),
    "stages": (
        FROM.replace("\n", " AS Build\n")
        + "RUN echo built\n"
        + FROM
        + "COPY --from=build /bin/busybox /x\n"
        + FROM.replace("\n", " AS last\n")
        + "RUN echo side\nCOPY --from=1 /x /y\n",
        {"nocache": "1"},
    ),
    "stage-on-stage": (
        FROM.replace("\n", " AS first\n") + "RUN true\nFROM first\nCOPY Dockerfile /x\nRUN echo there; exit 5\n",
        {"nocache": "1"},
    ),
    "cache-import": (
        FROM + "RUN echo imported\n",
        {"nocache": "1", "cachefrom": json.dumps(["127.0.0.1:5099/buildlog/none:1"])},
    ),
    "not-utf8": (FROM + "RUN printf '\\377 caf\\303'; sleep 0.3; printf '\\251\\n'\n", {"nocache": "1"}),
    "long": (FROM + "RUN seq 3000 | sed 's/^/line /'\n", {"nocache": "1"}),
    "secret": (
        FROM + "ARG TOKEN\nRUN echo token is $TOKEN; exit 5\n",
        {"nocache": "1", "buildargs": json.dumps({"TOKEN": SECRET})},
    ),
    "onbuild": ("FROM buildlog/onbuild:1\nRUN echo after\n", {"nocache": "1"}),
}


def main(path: str, *names: str) -> None:
    for tag, dockerfile in record_build.BEFORE.items():
        record_build.build(path, dockerfile, {"t": tag})
    for name in names or BUILDS:
        dockerfile, query = BUILDS[name]
        query = {**query, "version": "2"}
        if name == "cached":
            record_build.build(path, dockerfile, query)
        answer = record_build.build(path, dockerfile, query)
        directory = FIXTURES / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "Dockerfile").write_text(dockerfile)
        (directory / "stream.jsonl").write_bytes(answer.replace(b"\r\n", b"\n"))
        print(f"{name}: {len(answer)} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
