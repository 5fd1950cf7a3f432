# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BuildKit's own API on a real engine: what it tells more than `POST /build`, and that the image is the same."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import typing as t
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.building import buildkit, solving
from ansible_collections.slipway.images.plugins.module_utils.buildkit import frontend, solve, trace, tunnel
from ansible_collections.slipway.images.plugins.module_utils.buildkit.control import Kind, Solve
from ansible_collections.slipway.images.plugins.module_utils.buildkit.offer import Offer
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Context
from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import LoneDockerfile
from ansible_collections.slipway.images.plugins.module_utils.engine import builder, control, images
from ansible_collections.slipway.images.plugins.module_utils.engine import client as engines
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import BuildError
from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport
from ansible_collections.slipway.images.plugins.modules import image_build
from ansible_collections.slipway.images.tests.support.fake import params
from ansible_collections.slipway.images.tests.support.processes import running, wait_for

SOLVE, BUILD, CHOSEN = "solve", "build", "chosen"
Query = t.Sequence[tuple[str, str]]
NONE = ("networkmode", "none")  # for an engine that has no bridge
FRESH = ("nocache", "1")


class Nobody:
    """Credentials that are not asked for."""

    def config_header(self, registries: t.Iterable[str]) -> str:
        return "e30="

    def lookup(self, registry: str) -> None:
        pass


def open_engine(address: str) -> Engine:
    return engines.greet(Transport(Address.parse(address)), "auto", t.cast(t.Any, Nobody), [])


@pytest.fixture
def engine(docker_host: str) -> t.Iterator[Engine]:
    before = threading.enumerate()
    with open_engine(docker_host) as engine:
        yield engine
    assert threading.enumerate() == before


def run(
    engine: Engine,
    source: str | Path,
    query: Query = (),
    way: str = SOLVE,
    *,
    tunnelled: bool = False,
    seen: t.Callable[[t.Any], object] = lambda record: None,
    **more: t.Any,
) -> BuildLog:
    """`source`: a Dockerfile, or the directory of one. `more`: fields of `Solve`."""
    context = Context.open(str(source), None) if isinstance(source, Path) else LoneDockerfile(source.encode())
    offer = Offer.of(context, dockerfile=None, inline=False, lookup=lambda host: None)
    query = [*offer.query, NONE, *query]

    def records() -> t.Iterator[t.Any]:
        for record in {SOLVE: solved, BUILD: built, CHOSEN: chosen}[way]():
            seen(record)
            yield record

    def solved() -> t.Iterable[t.Any]:
        fields = {"exporters": (frontend.exporter(query),), **more}
        build = Solve(uuid.uuid4().hex, offer.session.id, frontend.attrs(query), **fields)
        return solve.records(control.connect(engine), build)

    def built() -> t.Iterable[t.Any]:
        return builder.build(engine, query, "e30=")

    def chosen() -> t.Iterable[t.Any]:
        return solving.records(engine, offer.session.id, query, None, lambda: None)

    with contextlib.ExitStack() as stack:
        if tunnelled:
            stream: t.Any = stack.enter_context(tunnel.through(control.connect(engine), offer.session.headers))
        else:
            stream = builder.session(engine, offer.session.headers)
        stack.enter_context(offer.session.serve(stream))
        dockerfile = Dockerfile.parse(context.dockerfile.decode())
        log = trace.fold(records(), dockerfile=dockerfile, limit=50, clock=time.monotonic)
    offer.session.check()
    return log


def test_builds_of_one_name_do_not_outrun_each_other(
    docker_host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the containerd store, a build of a name that another has just made would be told that it is there already.

    That is a matter of milliseconds, so all is in the cache before they are sent off together.
    """
    roots = [tmp_path / str(number) for number in range(4)]
    for root in roots:
        root.mkdir()
        (root / "Dockerfile").write_text("FROM scratch\nCOPY file /\n")
        (root / "file").write_text(uuid.uuid4().hex)
    gate, due = threading.Barrier(len(roots)), list[Path]()
    records = solving.records

    def together(*asked: t.Any) -> t.Any:
        if due and due.pop():
            gate.wait()
        return records(*asked)

    monkeypatch.setattr(solving, "records", together)

    def build(root: Path, name: str) -> BuildLog:
        tags = [f"{name}:{number}" for number in range(9)]
        options = {"name": name, "tags": tags, "path": str(root), "rebuild": "always", "builder": "buildkit"}
        with open_engine(docker_host) as engine:
            asked = image_build.observe(engine, params(image_build.SPEC, **options)).build
            return buildkit.run(engine, asked)[0]

    with ThreadPoolExecutor(len(roots)) as pool:
        for names in ([root.name for root in roots], *([uuid.uuid4().hex] * len(roots) for _turn in range(5))):
            due.extend(roots)
            logs = list(pool.map(build, roots, (f"solve/{name}" for name in names)))
            assert [log.error for log in logs] == [""] * len(roots)
            assert len({log.id for log in logs}) == len(roots)


def test_both_ways_give_the_same_image(engine: Engine, busybox_image: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {busybox_image} AS one\nARG WHO\nRUN echo $WHO > /who; sleep 0.01\n"
        "FROM one AS two\nLABEL a=b\nCOPY file /f\nFROM two\nRUN false\n"
    )
    (tmp_path / "file").write_text(uuid.uuid4().hex)
    said = [("buildargs", '{"WHO": "you"}'), ("labels", '{"x.y": "a, b=c"}'), ("target", "two")]
    names = [("t", "solve/both:1"), ("t", "127.0.0.1:5000/solve/both:2")]
    first = run(engine, tmp_path, [*said, *names])
    first.check()
    other = run(engine, tmp_path, said, BUILD)
    assert (other.id, other.cached) == (first.id, 2)
    again = run(engine, tmp_path, said)
    assert (again.id, again.cached) == (first.id, 2)
    for _key, name in names:
        assert images.inspect(engine, name)["Id"] == first.id
    labels = images.inspect(engine, "solve/both:1")["Config"]["Labels"]
    assert labels == {"a": "b", "x.y": "a, b=c"}


@pytest.mark.parametrize("way", [SOLVE, BUILD])
def test_a_session_through_a_call(engine: Engine, busybox_image: str, tmp_path: Path, way: str) -> None:
    """For the day that `POST /session` is removed."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY file /\n")
    (tmp_path / "file").write_bytes(os.urandom(3_000_000))
    log = run(engine, tmp_path, way=way, tunnelled=True)
    log.check()
    assert log.id == run(engine, tmp_path, way=way).id


def test_options(engine: Engine, busybox_image: str) -> None:
    """Those that every engine heeds."""
    hosts = [("extrahosts", "db:10.1.2.3"), ("extrahosts", "six:::1")]
    dockerfile = f"FROM {busybox_image}\nRUN cat /etc/hosts; ls /sys/class/net\n"
    output = run(engine, dockerfile, [*hosts, FRESH, ("pull", "0"), ("rm", "1")]).steps[-1].output
    assert {("10.1.2.3", "db"), ("::1", "six")} <= {tuple(line.split()) for line in output}
    assert output[-1] == "lo"


FAILURES = [
    ("FROM %s\n\nENV A=1\nRUN true\nRUN echo cc; \\\n  exit 7\n", 5, 7),
    ("FROM %s\nCOPY nope /x\n", 2, None),
    ("FROM %s\nRUN true\nRUN --mount=type=secret,id=z,required=true true\n", 3, None),
    ("FROM %s\nRUNN x\n", 2, None),
]
OUTSIDE = [
    ("# none\nFROM 127.0.0.1:1/none:1\n", 2, None),
    ("FROM %s\nRUN true\nCOPY --from=127.0.0.1:1/none:2 a b\n", 3, None),
    ("FROM %s\nRUN true\nENV a=${b?nope}\n", 3, None),
]


@pytest.mark.parametrize(("dockerfile", "line", "code"), FAILURES)
def test_failures(engine: Engine, busybox_image: str, dockerfile: str, line: int, code: int | None) -> None:
    for way in (SOLVE, BUILD, CHOSEN):
        with pytest.raises(BuildError) as caught:
            run(engine, dockerfile.replace("%s", busybox_image), way=way).check()
        assert (caught.value.facts["line"], caught.value.facts.get("exit_code")) == (line, code)


@pytest.mark.parametrize(("dockerfile", "line", "code"), OUTSIDE)
def test_failures_that_are_no_steps(
    engine: Engine, busybox_image: str, dockerfile: str, line: int, code: int | None
) -> None:
    """`POST /build` does not say where; nor do engines before 23."""
    with pytest.raises(BuildError) as caught:
        run(engine, dockerfile.replace("%s", busybox_image), way=CHOSEN).check()
    assert caught.value.facts["line"] == (line if engine.api >= solving.SINCE else None)


def test_checks(engine: Engine, busybox_image: str) -> None:
    warnings = run(engine, f"FROM {busybox_image}\nMAINTAINER x\n").warnings
    assert [warning[-8:] for warning in warnings] == (["(line 2)"] if engine.api > (1, 45) else [])  # not Docker 26


def test_nothing_is_kept_without_an_exporter(engine: Engine, busybox_image: str) -> None:
    log = run(engine, f"FROM {busybox_image}\nRUN echo {uuid.uuid4().hex}\n", exporters=())
    assert (log.id, log.error, log.steps[-1].state) == ("", "", "done")


def test_what_no_engine_has(engine: Engine) -> None:
    log = run(engine, "FROM scratch\nLABEL a=b\n", exporters=(Kind("nonesuch", {}),))
    assert log.error == 'exporter "nonesuch" could not be found'


def test_several_platforms(engine: Engine, tmp_path: Path) -> None:
    """A matter of the image store: graph drivers keep one."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY Dockerfile /\n")
    log = run(engine, tmp_path, [("platform", "linux/amd64,linux/arm64"), ("t", "solve/several:1")], CHOSEN)
    if ["driver-type", "io.containerd.snapshotter.v1"] in (engine.get("/info")["DriverStatus"] or []):
        assert images.inspect(engine, "solve/several:1")["Id"] == log.id
        held = engine.get("/images/solve/several:1/json", {"manifests": "1"}).get("Manifests")
        told = {m["ImageData"]["Platform"]["architecture"] for m in held or ()}
        assert told == ({"amd64", "arm64"} if engine.api >= (1, 48) else set())
    else:
        assert "multiple references to image store" in log.error


def test_no_connection_is_left(engine: Engine, busybox_image: str) -> None:
    run(engine, "FROM scratch\nLABEL a=b\n")
    before = os.listdir("/proc/self/fd")
    for dockerfile in ("FROM scratch\nLABEL a=c\n", f"FROM {busybox_image}\nRUN exit 1\n", "RUNN\n"):
        run(engine, dockerfile)
        run(engine, dockerfile, tunnelled=True)
    assert len(os.listdir("/proc/self/fd")) == len(before)


SLEEPER = """
import sys
from pathlib import Path
from ansible_collections.slipway.images.tests.integration.test_solve_engine import FRESH, open_engine, run
run(open_engine(sys.argv[1]), sys.argv[2], [FRESH])
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_of_ours_is_an_end_of_the_build(docker_host: str, busybox_image: str, how: signal.Signals) -> None:
    """The step's own process is gone soon: it is found by its command line, which no other has."""
    mark = f"{how.value}{os.getpid()}"
    build = f"FROM {busybox_image}\nRUN sleep {mark}\n"
    task = subprocess.Popen([sys.executable, "-c", SLEEPER, docker_host, build], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: running(f"sleep\0{mark}"), 30)
        task.send_signal(how)
        began = time.monotonic()
        task.wait(10)
        wait_for(lambda: not running(f"sleep\0{mark}"), 10)
        assert time.monotonic() - began < 5
    finally:
        task.kill()
        task.wait()
