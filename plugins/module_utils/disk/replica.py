# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine holds of our directories, so that BuildKit is only sent what it lacks.

BuildKit keeps what it was sent under a key, and takes a file of equal size and time for an equal file. We remember the
contents that went with those: where they no longer agree, the next build goes by a new key, and all is sent anew. And
so we know what a build was made of without reading it first: what was sent, and what is held.
"""

from __future__ import annotations

import os
import threading
import time
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk import stampfile, stamps, tree
from ansible_collections.slipway.images.plugins.module_utils.disk.context import IGNORE_FILE
from ansible_collections.slipway.images.plugins.module_utils.disk.selection import Ask
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import UNREAD, Stamp, Stamps
from ansible_collections.slipway.images.plugins.module_utils.disk.tree import Entry
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

BESIDE = ".replica"
"""What comes behind the name of the build's record."""


class _Listed(t.NamedTuple):
    """Of one directory; `now` is when it was first asked for."""

    root: str
    now: int
    entries: dict[str, Entry]


class Replica:
    """For one build. `key` is the engine's name for what it holds; `asked` is what it asked for, in order."""

    def __init__(self, file: str, key: str, held: Stamps) -> None:
        self.key, self.asked = key, list[Ask]()
        self._file, self._held = file, held
        self._listed: dict[str, _Listed] = {}  # by what the engine calls the directory
        self._sent: dict[str, bytes] = {}
        self._probed: set[str] = set()
        self._moved = object()  # another one whenever there is more to tell
        self._ahead: threading.Thread | None = None
        self._told: tuple[object, Stamps] | None = None  # when it was `_moved`, and what was written down then

    @classmethod
    def open(cls, record: str, owner: str, roots: t.Mapping[str, str], known: Stamps) -> Replica:
        """`record` is the file of the build's record, `owner` stands for the directories themselves, `roots` (name ->
        path) is where they are now, and `known` tells some files' contents."""
        file = record + BESIDE
        found = stampfile.read(file)
        if found and str(found[0].get("key")).startswith(owner):
            header, held = found[0], dict(found[1])
            if all(_agrees(held, name, root, known) for name, root in roots.items()):
                return cls(file, header["key"], held)
        return cls(file, owner + os.urandom(16).hex(), {})

    def listed(self, root: str, ask: Ask, entries: t.Iterator[Entry]) -> t.Iterator[Entry]:
        """The entries, on their way to the engine."""
        if ask == Ask(ask.name, (IGNORE_FILE,)) and ask.name not in self._probed:
            # To read it, which BuildKit does first; it keeps that apart from the directory.
            self._probed.add(ask.name)
            return entries
        self.asked.append(ask)
        return self._noted(root, ask.name, entries)

    def _noted(self, root: str, name: str, entries: t.Iterator[Entry]) -> t.Iterator[Entry]:
        self._moved = object()
        listed = self._listed.setdefault(name, _Listed(root, time.time_ns(), {})).entries
        for entry in entries:
            listed[entry.path] = entry
            yield entry
        self._moved = object()

    def sent(self, name: str, entry: Entry, pieces: t.Iterable[bytes]) -> t.Iterator[bytes]:
        """The bytes of an entry that the engine asked for, on their way to it."""
        sha = stamps.hashing()
        for piece in pieces:
            sha.update(piece)
            yield piece
        self._sent[stamps.name(name, entry.path)] = sha.digest()
        self._moved = object()

    def ahead(self) -> None:
        """A transfer is over: do what is left for `settle` as far as it can be done, while the engine builds."""
        if self.asked and not (self._ahead and self._ahead.is_alive()):
            self._ahead = threading.Thread(target=self._tell, name="replica", daemon=True)
            self._ahead.start()

    def _tell(self) -> None:
        time.sleep(0)  # lets go of the interpreter: who called goes first, and tells the engine that this was all
        moved = self._moved
        now, unknown = self._account()
        if not unknown:
            self._write(now)
            self._told = moved, now

    def settle(self, done: bool) -> Stamps:
        """What the build was made of, if it is `done`; what the engine holds now is written down in any case."""
        if self._ahead:
            self._ahead.join()
        if self._told and self._told[0] is self._moved:
            return self._told[1]
        now, unknown = self._account()
        if done:
            # The engine has them from a build that nobody could write down.
            now.update((at, Stamp.of(entry, _still(of.root, entry), of.now)) for at, of, entry in unknown)
        if self.asked:
            self._write(now)
        return now

    def _account(self) -> tuple[dict[str, Stamp], list[tuple[str, _Listed, Entry]]]:
        """What is sure by now, and the files of which it is not known what the engine has. Another transfer may go on
        beside it, hence the copies; then `_moved` tells that this was not the last word."""
        now: dict[str, Stamp] = {}
        unknown: list[tuple[str, _Listed, Entry]] = []
        for name, listed in list(self._listed.items()):
            for path, entry in list(listed.entries.items()):
                at = stamps.name(name, path)
                held, facts = self._held.get(at), entry.stat
                if entry.kind != tree.FILE or at in self._sent:
                    now[at] = Stamp.of(entry, self._sent.get(at, b""), listed.now)
                elif held and (held.kind, held.size, held.mtime) == (tree.FILE, facts.st_size, facts.st_mtime_ns):
                    # If it was touched after we looked, then not by us: the old times make the next one read it.
                    now[at] = held
                else:
                    unknown.append((at, listed, entry))
        return now, unknown

    def _write(self, now: Stamps) -> None:
        stampfile.write(self._file, {"key": self.key}, now)


def _agrees(held: dict[str, Stamp], name: str, root: str, known: Stamps) -> bool:
    """Is no file another than the one that the engine would take it for? What had to be read to tell, and was as it
    is `held`, gets the stamp of now, so that the next build need not read it."""
    prefix, now = stamps.name(name, ""), time.time_ns()
    for at, stamp in held.items():
        if stamp.kind != tree.FILE or not at.startswith(prefix):
            continue
        path = at[len(prefix) :]
        try:
            facts = os.lstat(root + "/" + path)
        except OSError:
            continue
        if stamp.holds(facts) or (facts.st_size, facts.st_mtime_ns) != (stamp.size, stamp.mtime):
            continue
        told, entry = known.get(at), Entry(path, tree.FILE, facts, "")
        if told is None or not told.holds(facts) or told.content == UNREAD:
            try:
                told = Stamp.of(entry, stamps.sha256(tree.content(root, entry)), now)
            except UsageError:  # whether the build has a use for it, it will find out
                return False
        if told.content != stamp.content:
            return False
        held[at] = told
    return True


def _still(root: str, entry: Entry) -> bytes:
    """The content of a file that has not changed since it was listed, or `UNREAD`."""
    try:
        content = stamps.sha256(tree.content(root, entry))
        facts = os.lstat(root + "/" + entry.path)
    except (OSError, UsageError):
        return UNREAD
    return content if (facts.st_ctime_ns, facts.st_ino) == (entry.stat.st_ctime_ns, entry.stat.st_ino) else UNREAD
