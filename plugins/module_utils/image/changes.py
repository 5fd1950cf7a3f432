# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The instructions that an import takes (`CMD …`, `ENV …`), and the image config that an engine makes of them.

An engine never tells which instructions an image was imported with, only what came of them. So they are read here as
its Dockerfile parser reads them, from an empty config on (moby `BuildFromConfig`).
A test compares with a real engine.
"""

from __future__ import annotations

import json
import posixpath
import re
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import words
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile

Config = dict[str, t.Any]
"""Of inspect's `Config`, the keys that an instruction sets; without those that are empty."""

_KEYS = (
    *("Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels"),
    *("OnBuild", "Shell", "StopSignal", "User", "Volumes", "WorkingDir"),
)
_PORT = re.compile(r"(?:.*:)?(\d+)(?:-(\d+))?(?:/(\w+))?")
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_TIMES = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}


def config(changes: t.Iterable[str]) -> Config:
    """What an engine makes of these instructions; `UsageError` for one that an import cannot take."""
    made: Config = {}
    for instruction in Dockerfile.parse("\n".join(changes)).instructions:
        change = _CHANGES.get(instruction.keyword)
        if change is None:
            said = (instruction.keyword, ", ".join(sorted(_CHANGES)))
            raise UsageError("%s is no instruction that an import takes; those are %s" % said, option="changes")
        _keyword, *rest = instruction.text.split(None, 1)
        if not rest:
            raise UsageError("%s wants something behind it" % instruction.keyword, option="changes")
        change(made, rest[0])
    return {key: value for key, value in made.items() if value}


def same(made: Config, attrs: t.Mapping[str, t.Any]) -> bool:
    """Is this the config in an image's inspect attrs? Engines differ in which empty keys they leave out."""
    have = attrs.get("Config") or {}
    return made == {key: have[key] for key in _KEYS if have.get(key)}


def _cmd(made: Config, text: str) -> None:
    made["Cmd"] = _command(text)


def _entrypoint(made: Config, text: str) -> None:
    made["Entrypoint"] = _command(text)


def _env(made: Config, text: str) -> None:
    held = _environment(made)
    held.update({_unquoted(made, key): _unquoted(made, value) for key, value in _pairs("ENV", text)})
    made["Env"] = ["%s=%s" % pair for pair in held.items()]


def _label(made: Config, text: str) -> None:
    labels = {_unquoted(made, key): _unquoted(made, value) for key, value in _pairs("LABEL", text)}
    made["Labels"] = {**made.get("Labels", {}), **labels}


def _expose(made: Config, text: str) -> None:
    ports = dict(made.get("ExposedPorts", {}))
    for word in _unquoted(made, text).split():
        found = _PORT.fullmatch(word)
        if not found or int(found[2] or found[1]) > 65535:
            raise UsageError("EXPOSE: %s is not a port: write one such as 80 or 53/udp" % word, option="changes")
        for port in range(int(found[1]), int(found[2] or found[1]) + 1):
            ports["%d/%s" % (port, (found[3] or "tcp").lower())] = {}
    made["ExposedPorts"] = ports


def _healthcheck(made: Config, text: str) -> None:
    check: Config = {}
    while text.startswith("--"):
        flag, _space, text = text.partition(" ")
        text = text.lstrip()
        name, _equals, value = flag[2:].partition("=")
        if name == "retries" and value.isdecimal():
            check["Retries"] = int(value)
        elif name in _TIMES:
            check[_TIMES[name]] = _nanoseconds(value)
        else:
            raise UsageError("HEALTHCHECK has no flag %s" % flag, option="changes")
    kind, *rest = text.split(None, 1) or [""]
    if kind.upper() == "CMD" and rest:
        listed = _json(rest[0])
        check["Test"] = ["CMD-SHELL", rest[0]] if listed is None else ["CMD", *listed]
    elif kind.upper() == "NONE" and not rest and not check:
        check["Test"] = ["NONE"]
    else:
        raise UsageError("HEALTHCHECK is followed by CMD and a command, or by NONE alone", option="changes")
    made["Healthcheck"] = {key: value for key, value in check.items() if value}


def _onbuild(made: Config, text: str) -> None:
    made["OnBuild"] = [*made.get("OnBuild", []), text]


def _stopsignal(made: Config, text: str) -> None:
    made["StopSignal"] = _unquoted(made, text)


def _user(made: Config, text: str) -> None:
    made["User"] = _unquoted(made, text)


def _volume(made: Config, text: str) -> None:
    listed = _json(text)
    volumes = {_unquoted(made, word): Config() for word in (text.split() if listed is None else listed)}
    _check(volumes and all(map(str.strip, volumes)), "VOLUME", text)
    made["Volumes"] = {**made.get("Volumes", {}), **volumes}


def _workdir(made: Config, text: str) -> None:
    path = _unquoted(made, text)
    _check(path, "WORKDIR", text)
    if not path.startswith("/"):
        path = posixpath.normpath(posixpath.join("/", made.get("WorkingDir", ""), path))
    made["WorkingDir"] = path


_CHANGES: dict[str, t.Callable[[Config, str], None]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _onbuild,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}


def _check(good: object, keyword: str, text: str) -> None:
    if not good:
        raise UsageError("%s: %s comes to nothing" % (keyword, text), option="changes")


def _command(text: str) -> list[str]:
    listed = _json(text)
    return ["/bin/sh", "-c", text] if listed is None else listed


def _json(text: str) -> list[str] | None:
    """The words of a JSON list. What looks like one and is none is a command line, as engines have it."""
    if not text.startswith("["):
        return None
    try:
        listed = json.loads(text)
    except ValueError:
        return None
    if not all(isinstance(word, str) for word in listed):
        raise UsageError("%s is a list of other things than strings" % text, option="changes")
    return list(listed)


def _pairs(keyword: str, text: str) -> list[tuple[str, str]]:
    """`a=b "c d"=e`, or in the old form one key and all the rest as its value; quotes are still there."""
    found = words.split(text)
    if "=" not in found[0]:
        key, *rest = text.split(None, 1)
        if not rest:
            raise UsageError("%s wants a value for %s" % (keyword, key), option="changes")
        return [(key, rest[0])]
    for word in found:
        if "=" not in word or word.startswith("="):
            raise UsageError("%s: write %s as name=value" % (keyword, word), option="changes")
    return [(key, value) for key, _equals, value in (word.partition("=") for word in found)]


def _environment(made: Config) -> dict[str, str]:
    return {key: value for key, _equals, value in (entry.partition("=") for entry in made.get("Env", ()))}


def _unquoted(made: Config, word: str) -> str:
    return words.unquoted(word, _environment(made))


def _nanoseconds(text: str) -> int:
    """Go's durations: `5s`, `1m30s`, `1.5h`."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise UsageError("HEALTHCHECK: %s is not a duration: write one such as 30s or 1m30s" % text, option="changes")
    return sum(round(float(number) * _NANOSECONDS[unit]) for number, unit in parts)
