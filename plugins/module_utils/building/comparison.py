# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build would be made of now, beside what its image was made of: for the plan, and for a person to read."""

from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.building.source import Source
from ansible_collections.slipway.images.plugins.module_utils.disk import buildrecord, stamps
from ansible_collections.slipway.images.plugins.module_utils.disk.buildrecord import BASE, REGISTRYS, BuildRecord
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import Stamp
from ansible_collections.slipway.images.plugins.module_utils.image.buildrequest import BuildRequest
from ansible_collections.slipway.images.plugins.module_utils.image.digest import short

CONTEXT, DOCKERFILE, LABELS = "context", "Dockerfile", "option labels"
ABSENT = "absent"
LONGEST = 40
"""Characters of an option's value that are shown."""


class Comparison(t.NamedTuple):
    """`changed`: the names of inputs, `told`: each change in a line. `stamps`: the context as it is."""

    changed: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    stamps: t.Mapping[str, Stamp] = {}


def key(request: BuildRequest, params: t.Mapping[str, t.Any]) -> str:
    """Under what a record is kept: the image's name. Several builds may write into one directory."""
    if request.export is None:
        return request.subject
    said = (request.export.dest, *(params[option] for option in ("path", "archive", "url", "dockerfile", "target")))
    return "\n".join(str(word or "") for word in said)


def of_dockerfile(source: Source | None) -> dict[str, str]:
    return {DOCKERFILE: hashlib.sha256(source.dockerfile).hexdigest()} if source else {}


def compare(file: str, record: BuildRecord, inputs: t.Mapping[str, str], source: Source) -> Comparison:
    """`record` was read from `file`. When all is as it was, the file learns of files that were touched only, so that
    they are not read again."""
    names = record.differs(inputs)
    now = source.look(record.stamps, record.asked)
    moved = stamps.differences(record.stamps, now)
    if not names and not moved and now != record.stamps and buildrecord.read(file) == record:
        buildrecord.write(file, record._replace(stamps=now))
    lines = [line for name in names for line in _lines(name, record.inputs.get(name), inputs.get(name))]
    return Comparison((*names, *([CONTEXT] if moved else [])), tuple(dict.fromkeys([*lines, *moved])), now)


def _lines(name: str, before: str | None, now: str | None) -> t.Iterator[str]:
    if name == DOCKERFILE:
        yield "Dockerfile modified"
    elif name == LABELS:
        old, new = (json.loads(value or "{}") for value in (before, now))
        for label in sorted(old.keys() | new.keys()):
            if old.get(label) != new.get(label):
                yield _line("label %s" % label, _option(old.get(label)), _option(new.get(label)))
    elif name.startswith((BASE, REGISTRYS)):
        yield _line(name, short(before) if before else ABSENT, short(now) if now else ABSENT)
    else:
        shown = _argument if name.startswith("argument ") else _option
        yield _line(name, shown(before), shown(now))


def _line(name: str, before: str | None, now: str | None) -> str:
    if before is not None and now is not None:
        return "%s %s -> %s" % (name, before, now)
    return "%s %s" % (name, "added" if before == ABSENT else "removed" if now == ABSENT else "changed")


def _argument(value: str | None) -> str | None:
    """As `BuildRequest.inputs` has it; `None` for what nobody should see."""
    if value is None:
        return ABSENT
    return value[1:] or '""' if value.startswith("=") else value if value == "unset" else None


def _option(value: str | None) -> str | None:
    if value is None:
        return ABSENT
    return value if len(value) <= LONGEST and value.isprintable() else None
