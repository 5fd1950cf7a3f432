#!/usr/bin/env python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the recordings of classic builds under tests/unit/fixtures/buildlog anew.

    record_build.py /path/to/private-engine.sock [name ...]

Each recording is a directory: `Dockerfile`, and `stream.jsonl`, the engine's answer but for carriage returns. A build
that the engine refuses outright (HTTP 400) has its one `{"message": ...}` there. Needs a static /bin/busybox. Images
are named `buildlog/...`; use an engine of the tests' own. Stdlib only.
"""

from __future__ import annotations

import http.client
import http.server
import io
import json
import pathlib
import socket
import sys
import tarfile
import threading
import typing as t
import urllib.parse

FIXTURES = pathlib.Path(__file__).parents[1] / "unit" / "fixtures" / "buildlog"
BASE = "buildlog/base:1"
FROM = f"FROM {BASE}\n"
SECRET = "tok-5ecret-value"

# name -> (Dockerfile, query). `cached` is recorded the second time it is built.
BUILDS: dict[str, tuple[str, dict[str, str]]] = {
    "ok": (
        f"ARG BASE={BASE}\n" + "FROM ${BASE}\n\n# a comment\nENV A=b \\\n  C=d\nRUN echo one; \\\n"
        '    # inside\n    echo two; sleep 0.3; echo three >&2\nCMD ["sh"]\n',
        {"t": "buildlog/ok:1", "nocache": "1"},
    ),
    "cached": (FROM + "RUN echo once\nRUN echo twice\n", {}),
    "failing-run": (
        FROM + "\nRUN echo cc -o app; \\\n    sleep 0.3; \\\n    echo 'app.c:1: error' >&2; exit 2\nRUN true\n",
        {"nocache": "1"},
    ),
    "failing-run-kept": (FROM + "RUN echo kept; exit 3\n", {"nocache": "1", "rm": "0", "forcerm": "0"}),
    "no-such-command": (FROM + 'RUN ["nope"]\n', {}),
    "failing-copy": (FROM + "COPY nope /x\n", {}),
    "parse-error": (FROM + "RUN true\nRUNN true\n", {}),
    "parse-error-remote": (FROM + "RUN true\nRUNN true\n", {"remote": "yes"}),
    "no-such-target": (FROM + "RUN true\n", {"target": "nobody"}),
    "missing-base": ("# nothing there\nFROM 127.0.0.1:5099/buildlog/none:1\nRUN true\n", {}),
    "stages": (
        "ARG X=1\n"
        + FROM.replace("\n", " AS Build\n")
        + "RUN echo built\n"
        + FROM
        + "COPY --from=build /bin/busybox /x\n"
        + FROM
        + "RUN echo never\n",
        {"nocache": "1"},
    ),
    "target": (
        FROM.replace("\n", " AS one\n") + "RUN echo 1\nFROM one AS two\nRUN echo 2\nFROM two\nRUN echo 3\n",
        {"nocache": "1", "target": "TWO"},
    ),
    "failing-stage": (FROM + "RUN true\n" + FROM.replace("\n", " AS late\n") + "RUN exit 4\n", {"nocache": "1"}),
    "progress": (
        FROM + 'RUN for i in 10 50 100; do printf "\\r\\033[32m$i%%\\033[0m"; sleep 0.1; done; '
        "printf '\\r\\033[Kdone\\n\\033]0;title\\007end\\r\\n'\n",
        {"nocache": "1"},
    ),
    "not-utf8": (FROM + "RUN printf '\\377 caf\\303\\251 \\303'; sleep 0.3; printf '\\251\\n'\n", {"nocache": "1"}),
    "long": (FROM + "RUN seq 3000 | sed 's/^/line /'\n", {"nocache": "1"}),
    "fake": (
        FROM + "RUN echo 'Step 9/9 : RUN x'; sleep 0.1; echo 'Step 3/3 : RUN echo end'; sleep 0.1; "
        "echo 'Successfully built 0123456789ab'; sleep 0.1; echo ' ---> Using cache'; sleep 0.1; "
        "echo ' ---> 0123456789ab'; sleep 0.1; echo 'Removing intermediate container 0123456789ab'; sleep 0.1; "
        "echo ' ---> Running in 0123456789ab'; sleep 0.1; echo ' ---> 0123456789ab'\nRUN echo end\n",
        {"nocache": "1"},
    ),
    "fake-kept": (
        FROM + "RUN echo ' ---> 0123456789ab'; sleep 0.1; printf 'Step 9/9 : RUN x'; sleep 0.1; "
        "echo; sleep 0.1; echo ' ---> 0123456789ab'\nRUN echo end\n",
        {"nocache": "1", "rm": "0", "forcerm": "0"},
    ),
    "unconsumed": (FROM + "RUN true\n", {"buildargs": json.dumps({"NOBODY": "1"})}),
    "secret": (
        FROM + "ARG TOKEN\nRUN echo token is $TOKEN; exit 5\n",
        {"nocache": "1", "buildargs": json.dumps({"TOKEN": SECRET})},
    ),
    "empty-continuation": (FROM + "ENV A=1 \\\n\n  B=2\nRUN true\n", {"nocache": "1"}),
    "onbuild": ("FROM buildlog/onbuild:1\nRUN echo after\n", {"nocache": "1"}),
}
BEFORE = {
    BASE: 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n',
    "buildlog/onbuild:1": FROM + "ONBUILD RUN echo triggered\nONBUILD ENV A=1\nONBUILD RUN echo again\n",
}


class Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def build(path: str, dockerfile: str, query: t.Mapping[str, str]) -> bytes:
    """The whole answer, as the engine sent it."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, data in {
            "Dockerfile": dockerfile.encode(),
            "busybox": pathlib.Path("/bin/busybox").read_bytes(),
        }.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    connection = Connection(path)
    target = "/v1.41/build?" + urllib.parse.urlencode({"version": "1", "rm": "1", "forcerm": "1", **query})
    body = None if "remote" in query else context.getvalue()
    connection.request("POST", target, body, {"Content-Type": "application/x-tar"})
    return connection.getresponse().read()


def build_remote(path: str, dockerfile: str) -> bytes:
    """A Dockerfile that the engine fetches: its errors come inside the stream."""

    class Served(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_what: object) -> None:
            """Not a word."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(dockerfile.encode())

    with http.server.HTTPServer(("127.0.0.1", 0), Served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            return build(path, "", {"remote": f"http://127.0.0.1:{server.server_address[1]}/Dockerfile"})
        finally:
            server.shutdown()


def main(path: str, *names: str) -> None:
    for tag, dockerfile in BEFORE.items():
        build(path, dockerfile, {"t": tag})
    for name in names or BUILDS:
        dockerfile, query = BUILDS[name]
        if name == "cached":
            build(path, dockerfile, query)
        answer = build_remote(path, dockerfile) if "remote" in query else build(path, dockerfile, query)
        directory = FIXTURES / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "Dockerfile").write_text(dockerfile)
        (directory / "stream.jsonl").write_bytes(answer.replace(b"\r\n", b"\n"))
        print(f"{name}: {len(answer)} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
