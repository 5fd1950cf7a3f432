# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build contexts against those that know: docker's own client, buildx, and what an engine puts into an image.

The docker CLI's classic build tells its context to any socket, so a recorder of ours stands in for the engine, and
hundreds of trees take seconds. buildx needs the real thing: many trees are one bake on the tests' private engine.
"""

from __future__ import annotations

import hashlib
import http.client
import http.server
import io
import json
import os
import random
import socket
import socketserver
import subprocess
import tarfile
import threading
import typing as t
import urllib.parse
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Context, Tally
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError

SUPPORT = Path(__file__).parents[1] / "support"
NAMES = [
    "a",
    "b",
    "ab",
    "A",
    "a1",
    "b.txt",
    "a.txt",
    "keep",
    "é",
    "a|b",
    "[a]",
    "{a}",
    "a b",
    ".x",
    "a^b",
    "a+",
    "n" * 120,
]
WILD = [
    "*",
    "?",
    "a*",
    "*.txt",
    "[ab]",
    "[^a]",
    "[!a]",
    "[a-c]1",
    r"\[a\]",
    "a?b",
    "*b*",
    "{a}*",
    "a|b*",
    "[[:alpha:]]",
    "**",
]
MODES = [0o644, 0o755, 0o600, 0o4755, 0o444]

COPY_ALL = "FROM scratch\nCOPY . /\n"

Facts = dict[str, tuple[t.Any, ...]]
Bake = t.Callable[[dict[str, dict[str, t.Any]], Path], dict[str, Facts]]


# ---- trees -----------------------------------------------------------------------------------------------------------


def plant(root: Path, dice: random.Random) -> None:
    """A random tree of some 30 entries. Links stay inside, names come back at all depths so that patterns bite."""
    files: list[Path] = []

    def grow(directory: Path, depth: int) -> None:
        for name in dice.sample(NAMES, dice.randint(2, 5)):
            path, kind = directory / name, dice.random()
            if kind < 0.45 and depth < 3:
                path.mkdir()
                grow(path, depth + 1)
                path.chmod(dice.choice([0o755, 0o700, 0o1777]))
            elif kind < 0.55:
                path.symlink_to(dice.choice(["a", "../b", "nowhere/é", "/etc"]))
            elif kind < 0.62 and files:
                os.link(dice.choice(files), path)
            else:
                path.write_bytes(dice.randbytes(dice.choice([0, 1, 511, 512, 513, 3000])))
                path.chmod(dice.choice(MODES))
                files.append(path)

    grow(root, 1)


def pattern(dice: random.Random, paths: t.Sequence[str], wild: bool = True) -> str:
    """Mostly a path of the tree, or of a directory above it, with some components made wild."""
    parts = dice.choice(paths).split("/")
    parts = parts[: dice.randint(1, len(parts))] if dice.random() < 0.5 else parts
    parts = [_wild(part, dice) if wild and dice.random() < 0.35 else _quoted(part) for part in parts]
    if wild and dice.random() < 0.2:
        parts[: dice.randint(0, len(parts) - 1)] = ["**"]
    tail = dice.choice(["", "", "", "/", "/**", "/*", "/*/**"]) if wild else ""
    return dice.choice(["", "", "", "/", "./"]) + "/".join(parts) + tail


def _quoted(name: str) -> str:
    return name.replace("[", r"\[").replace("]", r"\]")


def _wild(name: str, dice: random.Random) -> str:
    return dice.choice([*WILD, "*", _quoted(name[0]) + "*", "*" + _quoted(name[-1]), "?" * len(name)])


def ignore_file(dice: random.Random, root: Path, wild_exceptions: bool) -> str:
    paths = [str(path.relative_to(root)) for path in sorted(root.rglob("*"))]
    lines = [dice.choice(["*", "**", "a", "?", "**/a"])] if dice.random() < 0.5 else []
    for _turn in range(dice.randint(1, 6)):
        wild = wild_exceptions and dice.random() < 0.5
        exception = pattern(dice, paths, wild)
        if dice.random() < 0.45 and (wild_exceptions or "\\" not in exception):
            lines.append("!" + dice.choice(["", " "]) + exception)
        else:
            lines.append(pattern(dice, paths))
    lines[dice.randrange(len(lines)) : 0] = [dice.choice(["# a", "", "  ", ".", "/", "../a"])]
    return dice.choice(["", "\ufeff"]) + dice.choice(["\n", "\r\n"]).join(lines) + "\n"


# ---- what a context holds --------------------------------------------------------------------------------------------


def facts(blob: bytes) -> Facts:
    """Path -> type, mode, target, and what is in it."""
    found: Facts = {}
    with tarfile.open(fileobj=io.BytesIO(blob), errors="surrogateescape") as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            content = hashlib.sha256(file.read()).hexdigest() if file else ""
            assert (member.uid, member.gid) == (0, 0)
            found[member.name] = (
                member.type,
                member.mode & 0o7777,
                member.linkname,
                member.size,
                content,
                member.mtime,
            )
    return found


def ours(root: Path, **options: str) -> Facts:
    context = Context.open(str(root), **options)
    tally = Tally()
    blob = b"".join(context.blocks(tally))
    assert tally.stamps == context.look(tally.stamps)
    return facts(blob)


def without(found: Facts, *names: str) -> Facts:
    return {path: fact for path, fact in found.items() if path not in names}


# ---- the docker CLI's classic build ----------------------------------------------------------------------------------


class Recorder(http.server.BaseHTTPRequestHandler):
    """As much of an engine as a classic build needs; keeps the body of the last POST."""

    protocol_version = "HTTP/1.1"
    body = b""

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: t.Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def do_POST(self) -> None:
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        Recorder.body = b"".join(pieces)
        self.do_HEAD()


class RecorderServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture(scope="module")
def docker_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("docker")


@pytest.fixture(scope="module")
def classic(docker_config: Path) -> t.Iterator[t.Callable[..., Facts]]:
    """The context that the docker CLI uploads."""
    path = str(docker_config / "recorder.sock")
    env = {**os.environ, "DOCKER_CONFIG": str(docker_config), "DOCKER_BUILDKIT": "0"}

    def context(root: Path) -> Facts:
        Recorder.body = b""
        said = subprocess.run(
            ["docker", "-H", "unix://" + path, "build", "-q", str(root)],
            env=env,
            check=False,
            capture_output=True,
            text=True,
        )
        assert Recorder.body, said.stderr
        return facts(Recorder.body)

    with RecorderServer(path, Recorder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield context
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("seed", range(10))
def test_the_tar_is_that_of_the_docker_cli(
    seed: int, tmp_path: Path, classic: t.Callable[[Path], Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The known difference is left out: an exception with a wildcard, for which the classic CLI enters nothing."""
    dice = random.Random(seed)
    for number in range(25):
        root = tmp_path / str(number)
        root.mkdir()
        plant(root, dice)
        (root / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
        rules = ignore_file(dice, root, wild_exceptions=False)
        (root / ".dockerignore").write_text(rules)
        files = "Dockerfile", ".dockerignore"  # the CLI sends both always; what becomes of ours is tested below
        mine, theirs = without(ours(root), *files), without(classic(root), *files)
        parents = {parent for path in theirs for parent in _parents(path)} - theirs.keys()  # the CLI leaves them out
        assert mine.keys() == theirs.keys() | parents, rules
        assert without(mine, *parents) == theirs, rules


def _parents(path: str) -> t.Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


@pytest.mark.parametrize("text", ["[", "a[", "a/[]", "[a-]", "[-a]", "[^]", "a\\", "!", "!/", "[\\]"])
def test_the_docker_cli_refuses_it_too(text: str, tmp_path: Path, classic: t.Callable[[Path], Facts]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".dockerignore").write_text("# first\n" + text + "\n")
    with pytest.raises(FormatError, match="in line 2"):
        Context.open(str(tmp_path))
    with pytest.raises(AssertionError, match=r"(syntax error in|illegal exclusion) pattern"):
        classic(tmp_path)


def test_special_files_are_those_of_the_docker_cli(tmp_path: Path, classic: t.Callable[[Path], Facts]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    (tmp_path / os.fsdecode(b"\xff\xfe")).write_text("not UTF-8")
    deep = tmp_path / ("d" * 90) / ("é" * 90)
    deep.mkdir(parents=True)
    (deep / "link").symlink_to("t" * 150)
    if os.geteuid() == 0:
        os.mknod(tmp_path / "null", 0o666 | 0o020000, os.makedev(1, 3))
    mine = ours(tmp_path)
    assert mine == classic(tmp_path)
    assert "socket" not in mine


# ---- buildx ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bake(docker_config: Path, engine_socket: str) -> Bake:
    """What several builds (bake's targets) bring into their images, by BuildKit."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway-buildx"
    got = subprocess.run([str(SUPPORT / "buildx.sh"), str(cache)], check=False, capture_output=True, text=True)
    if got.returncode:
        pytest.fail("no buildx: " + got.stderr.strip(), pytrace=False)
    (docker_config / "cli-plugins").symlink_to(cache / "cli-plugins")
    env = {**os.environ, "DOCKER_CONFIG": str(docker_config), "DOCKER_HOST": "unix://" + engine_socket}

    def bake(targets: dict[str, dict[str, t.Any]], work: Path) -> dict[str, Facts]:
        for name, target in targets.items():
            target["output"] = [f"type=tar,dest={work / name}.tar"]
        (work / "bake.json").write_text(
            json.dumps({"group": {"default": {"targets": list(targets)}}, "target": targets})
        )
        said = subprocess.run(
            ["docker", "buildx", "bake", "--no-cache", "-f", str(work / "bake.json")],
            env=env,
            cwd=work,
            check=False,
            capture_output=True,
            text=True,
        )
        assert said.returncode == 0, said.stderr
        return {name: image((work / f"{name}.tar").read_bytes()) for name in targets}

    return bake


def image(blob: bytes) -> Facts:
    """Facts as an image keeps them: hard links are files again, no times, no size of what has no content."""
    found = facts(blob)
    return {path: _settled(found, path) for path in found}


def _settled(found: Facts, path: str) -> tuple[t.Any, ...]:
    kind, mode, target, size, content, _mtime = found[path]
    if kind == tarfile.LNKTYPE:
        kind, mode, _target, size, content, _mtime = found[target]
        target = ""
    return kind, mode, target, size, content


@pytest.mark.parametrize("seed", range(100, 103))
def test_copy_brings_what_buildkit_brings(seed: int, tmp_path: Path, bake: Bake) -> None:
    dice = random.Random(seed)
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(COPY_ALL)
    trees, rules = {}, {}
    for number in range(25):
        root = trees[f"t{number}"] = tmp_path / str(number)
        root.mkdir()
        plant(root, dice)
        rules[f"t{number}"] = ignore_file(dice, root, wild_exceptions=True)
        (root / ".dockerignore").write_text(rules[f"t{number}"])
    built = bake(
        {name: {"context": str(root), "dockerfile": str(dockerfile)} for name, root in trees.items()}, tmp_path
    )
    for name, root in trees.items():
        context = Context.open(str(root), dockerfile=str(dockerfile))
        mine = image(b"".join(context.blocks(Tally())))
        theirs = {path: mine[path] if emptied(context, path, fact) else fact for path, fact in built[name].items()}
        sent = [extra.path for extra in context.extras]  # for the classic builder, see below
        assert without(mine, *sent) == without(theirs, *sent), rules[name]
        assert (".dockerignore" in theirs) != context.rules.excludes(".dockerignore")


def emptied(context: Context, path: str, fact: tuple[t.Any, ...]) -> bool:
    """Is this a file that BuildKit's walk lists, and that its sender then takes for excluded, and sends as empty?

    fsutil asks the rules twice, the second time without the parents' states (`filterFS.Open`). We send what it holds.
    """
    kind, _mode, _target, size, _content = fact
    excluded = False
    for run in context.rules.runs:
        hit = any(run.matches(above, above.rpartition("/")[2]) for above in (path, *_parents(path)))
        if hit and run.exception == excluded:
            excluded = not excluded
    return kind == tarfile.REGTYPE and size == 0 and excluded


# ---- an engine's image -----------------------------------------------------------------------------------------------

LONG = "é" * 60  # the walk's first entry in all of these, and too long for a plain header
CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "no ignore file": ({}, {}),
    "both excluded": ({".dockerignore": "Dockerfile\n.dockerignore\n"}, {}),
    "Dockerfile excluded": ({".dockerignore": "Dockerfile\n"}, {}),
    "ignore file excluded": ({".dockerignore": ".dockerignore\n"}, {}),
    "all but one excluded": ({".dockerignore": "*\n!x\n"}, {}),
    "in a directory": ({"docker/Dockerfile": COPY_ALL}, {"dockerfile": "docker/Dockerfile"}),
    "in an excluded directory": (
        {"docker/Dockerfile": COPY_ALL, ".dockerignore": "docker\n.dockerignore\n"},
        {"dockerfile": "docker/Dockerfile"},
    ),
    "in an excluded directory, ignore file kept": (
        {"docker/Dockerfile": COPY_ALL, ".dockerignore": "docker\n"},
        {"dockerfile": "docker/Dockerfile"},
    ),
    "own ignore file": ({"Dockerfile.dockerignore": "x\n", ".dockerignore": "Dockerfile\n.dockerignore\n"}, {}),
    "own ignore file excludes it": ({"Dockerfile.dockerignore": "Dockerfile\n", ".dockerignore": "x\n"}, {}),
    "own ignore file, empty": ({"Dockerfile.dockerignore": "", ".dockerignore": "x\n"}, {}),
    "outside": ({}, {"dockerfile": "../Outside"}),
    "outside, ignore file kept": ({".dockerignore": "x\n"}, {"dockerfile": "../Outside"}),
    "outside, ignore file excluded": ({".dockerignore": "x\n.docker*\n"}, {"dockerfile": "../Outside"}),
    "inline": ({}, {"dockerfile_inline": COPY_ALL}),
    "a link to it": ({"name": "-> Dockerfile"}, {"dockerfile": "name"}),
    "own ignore file, and a name that the other one drops": (
        {"#o": COPY_ALL, "#o.dockerignore": "", ".dockerignore": "?o\nx\n"},
        {"dockerfile": "#o"},
    ),
}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("docker")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def call(engine: str, method: str, path: str, body: t.Iterable[bytes] | None = None) -> bytes:
    connection = UnixConnection(engine)
    connection.request(method, path, body=body, encode_chunked=body is not None)
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status < 300, said
    connection.close()
    return said


def build(engine: str, context: Context, version: int) -> Facts:
    """The only layer of what the engine builds from our tar."""
    query = urllib.parse.urlencode({"dockerfile": context.dockerfile_name, "nocache": 1, "version": version})
    said = call(engine, "POST", f"/v1.41/build?{query}", context.blocks(Tally()))
    ids = [record["aux"]["ID"] for record in map(json.loads, said.splitlines()) if isinstance(record.get("aux"), dict)]
    assert len(ids) == 1, said
    saved = call(engine, "GET", f"/v1.41/images/{ids[0]}/get")
    call(engine, "DELETE", f"/v1.41/images/{ids[0]}?force=1")
    with tarfile.open(fileobj=io.BytesIO(saved)) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest
        (layer,) = json.load(manifest)[0]["Layers"]
        file = tar.extractfile(layer)
        assert file
        return image(file.read())


def plant_case(root: Path, files: dict[str, str]) -> None:
    for name, text in {"Dockerfile": COPY_ALL, "x": "x", LONG: "first", "sub/deep": "d", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            path.symlink_to(text[3:])
        else:
            path.write_text(text)


def test_the_classic_builder_copies_what_buildkit_copies(tmp_path: Path, bake: Bake, engine_socket: str) -> None:
    (tmp_path / "Outside").write_text(COPY_ALL)
    targets, contexts = {}, {}
    for number, (title, (files, options)) in enumerate(CASES.items()):
        root = tmp_path / str(number)
        plant_case(root, files)
        contexts[title] = Context.open(str(root), **options)
        name = options.get("dockerfile", "Dockerfile")
        targets[f"t{number}"] = {"context": str(root), "dockerfile": str(root / name)}
        if "dockerfile_inline" in options:
            targets[f"t{number}"] = {"context": str(root), "dockerfile-inline": options["dockerfile_inline"]}
    built = bake(targets, tmp_path)
    for theirs, (title, context) in zip(built.values(), contexts.items()):
        mine = build(engine_socket, context, 1)
        altered = {extra.path: extra.data for extra in context.extras}.get(".dockerignore")
        if altered is not None and ".dockerignore" in theirs:
            # The one trace that the classic builder leaves, with docker's own client too: a line more.
            original = (Path(context.root) / ".dockerignore").read_bytes()
            assert altered.startswith(original), title
            theirs[".dockerignore"] = (*theirs[".dockerignore"][:3], len(altered), hashlib.sha256(altered).hexdigest())
        assert mine == theirs, title


def test_buildkit_takes_the_tar(tmp_path: Path, engine_socket: str) -> None:
    root = tmp_path / "context"
    plant_case(root, {".dockerignore": "x\n"})
    found = build(engine_socket, Context.open(str(root)), 2)
    assert found.keys() == {"Dockerfile", ".dockerignore", LONG, "sub", "sub/deep"}
