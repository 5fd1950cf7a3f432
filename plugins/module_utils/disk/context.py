# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build context: the directory that `COPY` sees, the Dockerfile, and both as one tar, generated while it is sent.

What `COPY . /` brings into the image is what BuildKit would bring, whichever builder runs: the entries that the ignore
rules keep and nothing else. The classic builder needs help for that. It finds the Dockerfile in the tar only, and drops
it again if the `.dockerignore` in the tar matches it (moby: `removeDockerfile`; the same for `.dockerignore` itself).
So a Dockerfile that is excluded, inline, or outside the directory comes with a `.dockerignore` that drops it.
"""

from __future__ import annotations

import hashlib
import os
import time
import typing as t
from functools import partial

from ansible_collections.slipway.images.plugins.module_utils.disk import stamps, tarstream, tree
from ansible_collections.slipway.images.plugins.module_utils.disk.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.disk.selection import ALL, Ask
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import Stamp, Stamps
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.ignore import IgnoreRules

IGNORE_FILE = ".dockerignore"
_DROP_ALL = b"**\n"


class Tally:
    """What went by: the `stamps` of its entries, the number of `files`, and their `bytes`."""

    def __init__(self, hashing: bool = True) -> None:
        """Without `hashing`, which for large files is most of an upload's cost, there are no stamps."""
        self.hashing = hashing
        self.stamps: dict[str, Stamp] = {}
        self.files = 0
        self.bytes = 0
        self._begun = time.time_ns()

    def add(self, entry: tree.Entry, content: bytes = b"") -> None:
        """`content` is the sha256 (32 bytes) of a regular file's bytes, empty for what is none."""
        if entry.kind == tree.FILE:
            self.files += 1
            self.bytes += entry.stat.st_size
        if self.hashing:
            self.stamps[entry.path] = Stamp.of(entry, content, self._begun)


class Extra(t.NamedTuple):
    """A file of the tar that is not, or not as it is, taken from the walk. `mtime` is in seconds."""

    path: str
    data: bytes
    mode: int = 0o644
    mtime: int = 0


class Beside(t.NamedTuple):
    """Another directory that a Dockerfile may copy from (`COPY --from=NAME`), by BuildKit alone."""

    root: str
    rules: IgnoreRules

    @classmethod
    def open(cls, path: str) -> Beside:
        if not os.path.isdir(path):
            raise UsageError(f"there is no build context directory {path}", path=path)
        root = os.path.realpath(path)
        return cls(root, _rules(root, None))


class Context(t.NamedTuple):
    """`dockerfile_name` is the Dockerfile's path in the tar (the engine's `dockerfile` parameter). `beside` are other
    directories by their names in the Dockerfile; no tar has them."""

    root: str
    rules: IgnoreRules
    dockerfile: bytes
    dockerfile_name: str
    extras: tuple[Extra, ...]
    beside: t.Mapping[str, Beside] = {}

    @classmethod
    def open(cls, path: str, dockerfile: str | None = None, dockerfile_inline: str | None = None) -> Context:
        """Read the Dockerfile and the ignore file; nothing else is read yet.

        `dockerfile` is relative to `path`, or absolute; by default `Dockerfile`, else `dockerfile`.
        """
        if not os.path.isdir(path):
            raise UsageError(f"there is no build context directory {path}", path=path)
        root = os.path.realpath(path)
        if dockerfile_inline is not None:
            found = Dockerfile(dockerfile_inline.encode("utf-8", "surrogateescape"))
            rules = _rules(root, None)
        else:
            where = os.path.join(root, dockerfile or Dockerfile.usual(root))
            found = Dockerfile.read(root, where)
            rules = _rules(root, where)
        return cls(root, rules, found.data, *_plan(root, rules, found))

    def entries(self) -> t.Iterator[tree.Entry]:
        """What `COPY . /` sees, in BuildKit's order."""
        return tree.walk(self.root, self.rules)

    def blocks(self, tally: Tally) -> t.Iterator[bytes]:
        """The tar in blocks of about `PIECE`; `tally` is complete when it ends. `UsageError` names a file at fault."""
        return tarstream.gather(self._pieces(tally))

    def look(self, known: Stamps, asked: t.Iterable[Ask] = ALL) -> dict[str, Stamp]:
        """How what `blocks` sends, or what was asked for, is now. Only files that may be as they are `known` to have
        been, but need not, are read."""
        places = {"": Beside(self.root, self.rules), **self.beside}
        found: dict[str, Stamp] = {}
        for ask in asked:
            if ask.name in places:
                root, rules = places[ask.name]
                entries = ((stamps.name(ask.name, entry.path), entry) for entry in ask.entries(root, rules))
                found.update(stamps.look(entries, known, partial(_content_digest, root)))
        return found

    def _pieces(self, tally: Tally) -> t.Iterator[bytes]:
        # They come first: their names are short, so an engine can tell by the first 1024 bytes that this is a tar.
        for extra in self.extras:
            yield tarstream.header(os.fsencode(extra.path), tree.FILE, extra.mode, len(extra.data), extra.mtime)
            yield extra.data
            yield tarstream.padding(len(extra.data))
        sent = {extra.path for extra in self.extras}
        for entry in self.entries():
            if entry.path in sent:
                reading = tally.hashing and entry.kind == tree.FILE
                tally.add(entry, _content_digest(self.root, entry) if reading else b"")
                continue
            yield tarstream.entry_header(entry)
            if entry.kind != tree.FILE:
                tally.add(entry)
                continue
            sha = stamps.hashing()
            for piece in tree.content(self.root, entry):
                if tally.hashing:
                    sha.update(piece)
                yield piece
            yield tarstream.padding(entry.stat.st_size)
            tally.add(entry, sha.digest())
        yield tarstream.END


def _content_digest(root: str, entry: tree.Entry) -> bytes:
    """The sha256 of a regular file, read now."""
    return stamps.sha256(tree.content(root, entry))


def _rules(root: str, dockerfile: str | None) -> IgnoreRules:
    """`<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore` of the directory."""
    beside = [dockerfile + IGNORE_FILE] if dockerfile else []
    for path in [*beside, os.path.join(root, IGNORE_FILE)]:
        text = _read_ignore_file(path)
        if text is not None:
            return IgnoreRules.parse(text, path)
    return IgnoreRules()


def _read_ignore_file(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return os.fsdecode(file.read())
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise UsageError(f"cannot read the ignore file {path}: {exc.strerror}", path=path) from exc


def _plan(root: str, rules: IgnoreRules, found: Dockerfile) -> tuple[str, tuple[Extra, ...]]:
    """The Dockerfile's name in the tar, and what the tar holds beside the walk's entries."""
    kept = found.inside is not None and not rules.excludes(found.inside)
    # Below an excluded directory it would leave the directory behind, empty.
    own = found.inside is not None and (kept or "/" not in found.inside) and _nameable(os.fsencode(found.inside))
    name = found.inside if own and found.inside else ".dockerfile." + hashlib.sha256(found.data).hexdigest()[:20]
    dockerfile = Extra(name, found.data, found.mode, found.mtime)
    ignore = _ignore_file(root, rules, name, drop=not (own and kept))
    return name, (dockerfile,) if ignore is None else (dockerfile, Extra(IGNORE_FILE, ignore))


def _nameable(name: bytes) -> bool:
    """A long name must not come first in the tar, and one that is not UTF-8 cannot be told to an engine."""
    return len(name) <= tarstream.NAME and name.decode(errors="ignore").encode() == name


def _ignore_file(root: str, rules: IgnoreRules, dockerfile: str, drop: bool) -> bytes | None:
    """The `.dockerignore` for the tar if it must be another than the directory's, or none of the walk's.

    Its only reader is the classic builder, and only to learn whether to `drop` the Dockerfile and it itself.
    """
    text = None if rules.excludes(IGNORE_FILE) else _read_ignore_file(os.path.join(root, IGNORE_FILE))
    if text is None:
        return _DROP_ALL if drop else None
    # It stays in the image, so it is changed only where it would mislead the builder.
    said = IgnoreRules.parse(text)
    wrong = [(name, gone) for name, gone in ((IGNORE_FILE, False), (dockerfile, drop)) if said.excludes(name) != gone]
    lines = ["", *(("" if gone else "!") + _literal(name) for name, gone in wrong), ""]
    return os.fsencode(text + "\n".join(lines)) if wrong else None


def _literal(path: str) -> str:
    """The pattern that matches `path` alone."""
    return "".join("\\" + char if char in "*?[]\\^!#" else char for char in path)
