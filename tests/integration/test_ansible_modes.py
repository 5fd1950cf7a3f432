# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible does around a module, by real runs of ansible-playbook: one in truth, and then one in check mode.

Each run costs seconds, so all tests look at the same two: at what each task said, at what was printed, and at every
file that was left behind.
"""

from __future__ import annotations

import contextlib
import grp
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3
from ansible_collections.slipway.images.tests.integration.conftest import Login
from ansible_collections.slipway.images.tests.support.engine import request
from ansible_collections.slipway.images.tests.support.module import PYTHON

CALLBACK = """
import json, os
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME, CALLBACK_NEEDS_ENABLED = 2.0, "aggregate", "lines", True

    def say(self, result, ignore_errors=False):
        task = getattr(result, "task", None) or result._task
        said = getattr(result, "result", None) or result._result
        with open(os.environ["MODES_LINES"], "a") as file:
            file.write(json.dumps([task.get_name(), said], default=str) + "\\n")

    v2_runner_on_ok = v2_runner_item_on_ok = v2_runner_on_failed = v2_runner_item_on_failed = say
"""
SECRETS = {  # a name for a variable, and its value
    "modes_secret": "Build-Secret-4711",
    "modes_token": "Token-Of-An-Argument-4712",
    "modes_password": "Wrong-Password-4713",
    "modes_registry_token": "Registry-Token-4714",
    "modes_whole": "kept:by-no-log-4715",
}
# Python takes C for UTF-8 unless it is told not to. The other has to be made first: Debian has but its sources.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0"}
LATIN, LATIN_SOURCE = "de_DE.ISO-8859-1", Path("/usr/share/i18n/locales/de_DE")
NOBODY = {"become": True, "become_user": "nobody", "become_method": "ansible.builtin.su"}

Result = dict[str, t.Any]
Task = dict[str, t.Any]


@dataclass(frozen=True)
class Run:
    """`said`: what each task said, once or for each item. `printed`: by `-vvv --diff`. `home`: what else is left."""

    said: dict[str, list[Result]]
    printed: str
    home: Path

    def __getitem__(self, task: str) -> Result:
        return self.said[task][-1]

    def cached(self, host: str) -> Result:
        """The images among the facts that the cache holds: those of the last task that had a say."""
        [file] = (self.home / "facts").glob(f"*{host}")
        held = json.loads(file.read_text())
        return t.cast(Result, (json.loads(held.get("__payload__", "null")) or held)["slipway_images"])


class Setting(t.NamedTuple):
    scratch: Path
    docker_host: str
    base: str
    login: Login
    relay: str


def tag(target: str, **words: t.Any) -> Task:
    return {"slipway.images.image_tag": {"name": "{{ modes_base }}", "targets": [target]}, **words}


def build(name: str, lines: str = "", **options: t.Any) -> dict[str, t.Any]:
    given = {"dockerfile_inline": "FROM {{ modes_base }}\n" + lines} if lines else {}
    return {"slipway.images.image_build": {"name": name, **given, **options}}


MOUNTED = "RUN --mount=type=secret,id=it echo saw $(cat /run/secrets/it)\n"
ARGUED = "ARG API_TOKEN\nRUN echo saw $API_TOKEN\n"
HIDDEN = {"args": {"API_TOKEN": "{{ modes_token }}"}}
LATER: Task = {"async": 60, "poll": 0, "register": "job"}
AWAITED: Task = {
    "ansible.builtin.async_status": {"jid": "{{ job.ansible_job_id }}"},
    "register": "ended",
    "until": "ended.finished",
    "retries": 600,
    "delay": 0.1,
}
PUSHED = "{{ modes_registry }}/modes:1"


def push(**login: str) -> Task:
    return {"slipway.images.image_push": {"name": PUSHED, **login}}


def worded(where: Setting) -> dict[str, dict[str, str]]:
    """Locale -> the environment for it."""
    if not LATIN_SOURCE.exists():
        return {"ascii": ASCII}
    locales = where.scratch / "locales"
    locales.mkdir()
    made = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(locales / LATIN)]
    subprocess.run(made, check=True, capture_output=True)
    return {"ascii": ASCII, "latin": {"LC_ALL": LATIN, "LOCPATH": str(locales)}}


def in_truth(where: Setting) -> dict[str, Task]:
    group = grp.getgrgid(os.stat(where.docker_host.removeprefix("unix://")).st_gid).gr_name
    nobody = {
        "slipway.images.image_info": {"name": "{{ modes_base }}", "docker_host": where.relay},
        "environment": {"PYTHONPATH": str(Path(where.relay.removeprefix("unix://")).parent)},
        # The tests' own may be in a place of root's.
        "vars": {"ansible_python_interpreter": "/usr/bin/python3", "ansible_pipelining": False},
        **NOBODY,
    }
    return {
        "default": tag("modes/default:1"),
        "loop": tag("modes/loop:{{ item }}", loop=[1, 2, 1]),
        "delegate": tag("modes/delegate:1", delegate_to="two", delegate_facts=True),
        "pipelining off": tag("modes/pipeline:1", vars={"ansible_pipelining": False}),
        "pipelining on": tag("modes/pipeline:2"),
        "become, and may not": {**nobody, "become_flags": "-s /bin/sh"},
        "become, and may": {**nobody, "become_flags": f"-s /bin/sh -G {group}"},
        "async": {
            **build("modes/async:1", MOUNTED, secrets=[{"id": "it", "value": "{{ modes_secret }}"}]),
            **LATER,
        },
        "no_log": {**build("modes/no-log:1", "ARG NOTE\n", args={"NOTE": "{{ modes_whole }}"}), "no_log": True},
        "secret, buildkit": build(
            "modes/secret:1", MOUNTED + ARGUED, secrets=[{"id": "it", "value": "{{ modes_secret }}"}], **HIDDEN
        ),
        "secret, classic": build("modes/secret:2", ARGUED, builder="classic", **HIDDEN),
        "secret, failing": build(
            "modes/secret:3", ARGUED + "RUN echo $API_TOKEN >&2 && false", builder="classic", **HIDDEN
        ),
        "name": tag(PUSHED),
        "push": push(registry_username=where.login.username, registry_password="{{ modes_right }}"),
        "push, wrong": push(registry_username=where.login.username, registry_password="{{ modes_password }}"),
        "push, token": push(registry_token="{{ modes_registry_token }}"),
        "async_status": AWAITED,
        **in_locales(where),
        "cached": tag("modes/cached:1"),
    }


def in_locales(where: Setting) -> dict[str, Task]:
    tasks = {}
    context = str(where.scratch / "wörk")
    for locale, environment in worded(where).items():
        for builder in ("buildkit", "classic"):
            how = {"path": context, "dockerfile": "Rezept für Öl", "builder": builder}
            task = {**build(f"modes/{locale}:{builder}", **how), "environment": environment}
            tasks[f"{locale}, {builder}"] = tasks[f"{locale}, {builder}, again"] = task
    failing = {
        "failing": build("modes/locale:1", "COPY nö /\n", path=context),
        "nowhere": build("modes/locale:2", path=context + "/nö"),
        "nowhere beside": build("modes/locale:2", path=context, contexts={"beside": context + "/nö"}),
        "no engine": {"slipway.images.image_info": {"name": "modes", "docker_host": f"unix://{context}/nö"}},
    }
    return {**tasks, **{f"locale, {why}": {**task, "environment": ASCII} for why, task in failing.items()}}


def in_check_mode() -> dict[str, Task]:
    return {
        "cached": {"ansible.builtin.debug": {"var": "ansible_facts.slipway_images"}},
        "done": tag("modes/default:1"),
        "not in check mode": tag("modes/really:1", check_mode=False),
        "async": {**build("modes/check:3", "LABEL a=c\n"), **LATER},
        "async_status": AWAITED,
        "loop": tag("modes/check-loop:{{ item }}", loop=[1, 2, 1]),
        "check": build("modes/check:1", "LABEL a=b\n"),
        "chained": {"slipway.images.image_tag": {"name": "modes/check:1", "targets": ["modes/check:2"]}},
    }


def play(where: Setting, tasks: dict[str, Task], *flags: str) -> Run:
    home = where.scratch / "home"
    lines = home / "lines"
    lines.write_text("")
    header = {
        "hosts": "one",
        "gather_facts": False,
        "ignore_errors": True,  # each test has its own say
        "module_defaults": {"group/slipway.images.slipway": {"docker_host": "{{ modes_docker_host }}"}},
    }
    local = {"ansible_connection": "local", "ansible_pipelining": True, "ansible_python_interpreter": PYTHON}
    hosts = {"all": {"hosts": dict.fromkeys(("one", "two"), local)}}
    variables = {
        "modes_base": where.base,
        "modes_docker_host": where.docker_host,
        "modes_registry": where.login.address,
        "modes_right": where.login.password,
        **SECRETS,
    }
    (where.scratch / "hosts.json").write_text(json.dumps(hosts))
    (where.scratch / "variables.json").write_text(json.dumps(variables))
    listed = [{"name": name, **task} for name, task in tasks.items()]
    (where.scratch / "play.json").write_text(json.dumps([{**header, "tasks": listed}]))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")},
        "ANSIBLE_ASYNC_DIR": str(home / "async"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(home / "facts"),
        "ANSIBLE_CALLBACKS_ENABLED": "lines",
        "ANSIBLE_CALLBACK_PLUGINS": str(where.scratch / "callbacks"),
        "ANSIBLE_INJECT_INVOCATION": "true",  # from 2.21 on it is not there unless asked for
        "ANSIBLE_LOCAL_TEMP": str(home / "local"),
        "ANSIBLE_LOG_PATH": str(home / "log"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_REMOTE_TEMP": str(home / "remote"),
        "DOCKER_HOST": "unix:///nowhere",
        "MODES_LINES": str(lines),
        "XDG_CACHE_HOME": str(home / "cache"),
    }
    ansible = [str(Path(sys.executable).with_name("ansible-playbook")), "-vvv", "--diff"]
    done = subprocess.run(
        [*ansible, "-i", "hosts.json", "-e", "@variables.json", "play.json", *flags],
        cwd=where.scratch,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said: dict[str, list[Result]] = {}
    for line in lines.read_text().splitlines():
        task, result = json.loads(line)
        said.setdefault(task, []).append(result)
    assert said.keys() == tasks.keys() and not done.returncode, done.stdout[-6000:]
    return Run(said, done.stdout, home)


@contextlib.contextmanager
def relayed(docker_host: str, path: Path) -> t.Iterator[str]:
    """The engine behind another socket, in a place where all can go, for whom the engine's own is for."""
    facts = os.stat(docker_host.removeprefix("unix://"))

    def pump(source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, server = listener.accept()[0], socket.socket(socket.AF_UNIX)
                server.connect(docker_host.removeprefix("unix://"))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        os.chown(path, 0, facts.st_gid)
        path.chmod(0o660)
        listener.listen()
        threading.Thread(target=serve, daemon=True).start()
        yield f"unix://{path}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def where(
    docker_host: str, busybox_image: str, auth_registry: Login, tmp_path_factory: pytest.TempPathFactory
) -> t.Iterator[Setting]:
    scratch = tmp_path_factory.mktemp("modes")
    for name in ("callbacks", "home", "wörk"):
        (scratch / name).mkdir()
    (scratch / "callbacks" / "lines.py").write_text(CALLBACK)
    recipe = "FROM scratch\nLABEL gruß=schön\nCOPY grüße.txt /\nCOPY stra* /\n"
    (scratch / "wörk" / "Rezept für Öl").write_text(recipe)
    (scratch / "wörk" / "Dockerfile").write_text("FROM scratch\n")
    (scratch / "wörk" / "grüße.txt").write_text("schöne")
    (scratch / "wörk" / os.fsdecode(b"stra\xdfe")).write_text("of no locale, and of latin")
    (scratch / "wörk" / "Rezept für Öl.dockerignore").write_text("*ö*\n")
    (scratch / "wörk" / "stragöl").write_text("ignored")
    public = Path("/var/tmp") / f"slipway-modes-{os.getpid()}"
    public.mkdir(mode=0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, public)
        shutil.copytree(Path(urllib3.__file__).parent, public / "urllib3", ignore=shutil.ignore_patterns("*.pyc"))
        relay = stack.enter_context(relayed(docker_host, public / "docker.sock"))
        yield Setting(scratch, docker_host, busybox_image, auth_registry, relay)


@pytest.fixture(scope="module")
def ran(where: Setting) -> Run:
    return play(where, in_truth(where))


@pytest.fixture(scope="module")
def foretold(where: Setting, ran: Run) -> Run:
    return play(where, in_check_mode(), "--check")


def there(where: Setting, name: str) -> Result:
    """The image, as the engine itself knows it."""
    status, body = request(where.docker_host, "GET", f"/images/{name}/json")
    return t.cast(Result, json.loads(body)) if status == 200 else {}


def test_module_defaults_of_the_group(where: Setting, ran: Run) -> None:
    assert ran["default"]["invocation"]["module_args"]["docker_host"] == where.docker_host
    assert ran["default"]["changed"] and there(where, "modes/default:1")["Id"] == there(where, where.base)["Id"]


def test_check(where: Setting, foretold: Run) -> None:
    assert foretold["done"]["changed"] is False
    assert foretold["check"]["actions"] == ["build modes/check:1 (it is not there yet)"]
    assert foretold["chained"]["changed"] and "known after" in foretold["chained"]["diff"]["after"]["modes/check:2"]
    assert not there(where, "modes/check:1") and not there(where, "modes/check:2")
    assert there(where, "modes/really:1"), "check_mode: false"


def test_diff(where: Setting, ran: Run, foretold: Run) -> None:
    id = there(where, where.base)["Id"]
    for run, name, after in ((ran, "default:1", id), (foretold, "check:1", "(known after build of modes/check:1)")):
        shown = f'\n-    "modes/{name}": "absent"\n+    "modes/{name}": "{after}"\n'
        assert shown in run.printed, name


def test_loop(where: Setting, ran: Run, foretold: Run) -> None:
    """In check mode, too, an item knows of those before it."""
    for run in (ran, foretold):
        assert [result["changed"] for result in run.said["loop"][:3]] == [True, True, False]
    assert there(where, "modes/loop:1") and there(where, "modes/loop:2") and not there(where, "modes/check-loop:1")


def test_delegate_to(where: Setting, ran: Run) -> None:
    assert ran["delegate"]["changed"] and "_ansible_delegated_vars" in ran["delegate"]
    assert there(where, "modes/delegate:1")
    assert "modes/delegate:1" in ran.cached("two") and "modes/delegate:1" not in ran.cached("one"), "delegate_facts"


def test_async(where: Setting, ran: Run) -> None:
    assert ran["async"]["started"] and "actions" not in ran["async"]
    ended = ran["async_status"]
    assert ended["changed"] and ended["finished"] and ended["build"]["builder"] == "buildkit"
    assert ended["image"]["Id"] == there(where, "modes/async:1")["Id"]


def test_async_in_check_mode(where: Setting, foretold: Run) -> None:
    assert foretold["async_status"]["actions"] == ["build modes/check:3 (it is not there yet)"]
    assert "_foretold" not in json.dumps(foretold.said)
    assert not there(where, "modes/check:3")


def test_become(where: Setting, ran: Run) -> None:
    refused, let = ran["become, and may not"], ran["become, and may"]
    assert refused["error"]["kind"] == "transport" and "\n" not in refused["msg"]
    assert where.relay.removeprefix("unix://") in refused["msg"] and "permission" in refused["msg"].lower()
    assert let["image"]["Id"] == there(where, where.base)["Id"]


def test_pipelining(where: Setting, ran: Run) -> None:
    """Without it the module goes through a file."""
    for task, tag, through_a_file in (("pipelining off", 1, True), ("pipelining on", 2, False)):
        printed = ran.printed.partition(f"TASK [{task}]")[2].partition("TASK [")[0]
        assert (" PUT " in printed) is through_a_file
        assert ran[task]["changed"] and there(where, f"modes/pipeline:{tag}")


def test_no_log(where: Setting, ran: Run) -> None:
    assert there(where, "modes/no-log:1")
    assert ran["no_log"].keys() <= {"censored", "changed", "_ansible_no_log"} and ran["no_log"]["changed"]


def test_secrets_are_nowhere(where: Setting, ran: Run) -> None:
    """They were of use; and nothing tells them: no result, nothing printed, no log, no cached fact, no record."""
    for task in ("async_status", "secret, buildkit", "secret, classic"):
        output = [line for step in ran[task]["build"]["steps"] for line in step["output"] if "saw" in line]
        assert output and all(re.search(r"saw \*{3,}", line) for line in output), task
    assert ran["secret, failing"]["error"]["kind"] == "build"
    assert ran["push"]["changed"]
    assert [ran[task]["error"]["kind"] for task in ("push, wrong", "push, token")] == ["engine.denied"] * 2
    left = {path: path.read_bytes() for path in ran.home.rglob("*") if path.is_file()}
    assert {path.relative_to(ran.home).parts[0] for path in left} >= {"async", "cache", "facts", "lines", "log"}
    for name, value in {**SECRETS, "modes_right": where.login.password}.items():
        assert value not in ran.printed, name
        assert [path for path, data in left.items() if value.encode() in data] == [], name


def test_fact_caching(where: Setting, ran: Run, foretold: Run) -> None:
    """A later run has the facts, and what was only foretold is none."""
    known = foretold["cached"]["ansible_facts.slipway_images"]
    assert known["modes/cached:1"]["Id"] == there(where, "modes/cached:1")["Id"]
    assert foretold["chained"]["image"] and not any(foretold.cached("one").values())


@pytest.mark.parametrize("builder", ["buildkit", "classic"])
@pytest.mark.parametrize("locale", ["ascii", "latin"])
def test_locale(where: Setting, ran: Run, locale: str, builder: str) -> None:
    """File names go as the bytes that they are, whatever characters a locale takes them for."""
    if locale == "latin" and not LATIN_SOURCE.exists():
        pytest.skip(f"there is no {LATIN_SOURCE} (Debian: apt-get install locales)")
    first, again = ran[f"{locale}, {builder}"], ran[f"{locale}, {builder}, again"]
    assert first["build"]["builder"] == builder and (first["changed"], again["changed"]) == (True, False)
    assert there(where, f"modes/{locale}:{builder}")["Config"]["Labels"] == {"gruß": "schön"}
    names = set()
    blob = request(where.docker_host, "GET", f"/images/modes/{locale}:{builder}/get")[1]
    with tarfile.open(fileobj=io.BytesIO(blob)) as archive:
        for layer in archive.getmembers():
            if layer.name.endswith("layer.tar") and layer.isfile():
                with tarfile.open(fileobj=archive.extractfile(layer)) as tar:
                    names |= {os.fsencode(name) for name in tar.getnames()}
    assert names == {"grüße.txt".encode(), b"stra\xdfe"}


def test_locale_of_a_failure(where: Setting, ran: Run) -> None:
    failing, no_engine = ran["locale, failing"], ran["locale, no engine"]
    assert failing["error"]["kind"] == "build" and "nö" in failing["msg"]
    assert no_engine["error"]["kind"] == "transport" and f"{where.scratch}/wörk/nö" in no_engine["msg"]
    for nowhere in (ran["locale, nowhere"], ran["locale, nowhere beside"]):
        assert nowhere["error"] == {"kind": "usage", "path": f"{where.scratch}/wörk/nö"} and "wörk/nö" in nowhere["msg"]
