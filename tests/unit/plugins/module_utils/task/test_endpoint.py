# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.task.endpoint import OPTIONS, USUAL, endpoint

VARIABLES = ("HOST", "CONTEXT", "CONFIG", "TLS", "TLS_VERIFY", "CERT_PATH")
NOTHING: dict[str, t.Any] = dict.fromkeys((*OPTIONS, "context"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's configuration, with the contexts `own`, `env` and `now`, and nothing in the environment."""
    for name in VARIABLES:
        monkeypatch.delenv(f"DOCKER_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("own", "env", "now"):
        write(tmp_path / ".docker", name, Host=f"tcp://{name}")
    return tmp_path / ".docker"


def write(folder: Path, name: str, *files: str, **docker: t.Any) -> Path:
    identity = hashlib.sha256(name.encode()).hexdigest()
    meta, tls = folder / "contexts/meta" / identity, folder / "contexts/tls" / identity / "docker"
    meta.mkdir(parents=True)
    tls.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": docker}}))
    for file in files:
        (tls / file).touch()
    return tls


def host(warnings: list[str] | None = None, **params: t.Any) -> str:
    return str(endpoint({**NOTHING, **params}, [] if warnings is None else warnings)["docker_host"])


@pytest.mark.parametrize(
    ("params", "environment", "current", "wanted"),
    [
        # As in the docker CLI 28.2, row by row (`--host` is `docker_host`, `--context` is `context`):
        ({}, {}, None, USUAL),
        ({}, {}, "now", "tcp://now"),
        ({}, {"CONTEXT": "env"}, "now", "tcp://env"),
        ({}, {"CONTEXT": "default"}, "now", USUAL),
        ({}, {"CONTEXT": ""}, "now", "tcp://now"),
        ({}, {"HOST": "tcp://e", "CONTEXT": "env"}, "now", "tcp://e"),
        ({}, {"HOST": ""}, "now", "tcp://now"),
        ({"context": "own"}, {"HOST": "tcp://e", "CONTEXT": "env"}, "now", "tcp://own"),
        ({"context": "default"}, {"CONTEXT": "env"}, "now", USUAL),
        ({"context": "default"}, {"HOST": "tcp://e"}, "now", "tcp://e"),
        ({"docker_host": "tcp://o"}, {"HOST": "tcp://e", "CONTEXT": "env"}, "now", "tcp://o"),
        ({"docker_host": "tcp://o"}, {"CONTEXT": "gone"}, "gone", "tcp://o"),
    ],
)
def test_whose_word_counts(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    params: dict[str, str],
    environment: dict[str, str],
    current: str | None,
    wanted: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"DOCKER_{name}", value)
    if current:
        (home / "config.json").write_text(json.dumps({"currentContext": current}))
    assert host(**params) == wanted


@pytest.mark.parametrize(
    ("params", "environment", "current", "says"),
    [
        ({"context": "gone"}, {}, None, r"'gone' \(option context\): there is none"),
        ({"context": ""}, {}, None, r"'' \(option context\): there is none"),
        ({}, {"CONTEXT": "gone"}, None, r"'gone' \(DOCKER_CONTEXT\): there is none"),
        ({}, {}, '{"currentContext": "gone"}', r"'gone' \(currentContext of .*/config.json\): there is none"),
        ({}, {}, '{"currentContext": 3}', "'currentContext' must be a string"),
        ({}, {}, '{"currentContext": ', "is not valid JSON"),
        ({}, {"TLS": "perhaps"}, None, "DOCKER_TLS is neither true nor false: 'perhaps'"),
    ],
)
def test_what_cannot_be(
    home: Path, monkeypatch: pytest.MonkeyPatch, params: t.Any, environment: t.Any, current: str | None, says: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"DOCKER_{name}", value)
    if current:
        (home / "config.json").write_text(current)
    with pytest.raises(UsageError, match=says):
        host(**params)


def test_where_the_configuration_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("variable", "option"):
        write(tmp_path / name, "here", Host=f"tcp://{name}")
        (tmp_path / name / "config.json").write_text('{"currentContext": "here"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "variable"))
    assert host() == host(context="here") == "tcp://variable"
    option = str(tmp_path / "option")
    assert host(docker_config=option) == host(docker_config=option, context="here") == "tcp://option"


def test_the_environment_s_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert endpoint(NOTHING, []) == {**NOTHING, "context": "", "docker_host": USUAL}
    monkeypatch.setenv("DOCKER_TLS", "yes")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "0")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    for name in ("ca.pem", "cert.pem"):
        (tmp_path / name).touch()
    found = endpoint({**NOTHING, "docker_host": "tcp://o"}, [])
    assert (found["tls"], found["validate_certs"]) == (True, False)
    assert [found[name] for name in ("ca_path", "client_cert", "client_key")] == [
        f"{tmp_path}/ca.pem",
        f"{tmp_path}/cert.pem",
        None,
    ]
    assert endpoint({**NOTHING, "validate_certs": True, "ca_path": "mine"}, []) == {
        **found,
        "docker_host": USUAL,
        "validate_certs": True,
        "ca_path": "mine",
    }


def test_a_context_brings_its_own(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As to the docker CLI, what the environment says of TLS is about no context."""
    monkeypatch.setenv("DOCKER_TLS", "1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    (tmp_path / "ca.pem").touch()
    plain = {**NOTHING, "context": "own", "docker_host": "tcp://own", "tls": False}
    assert endpoint({**NOTHING, "context": "own"}, []) == plain
    tls = write(home, "tls", "ca.pem", "cert.pem", "key.pem", Host="tcp://tls")
    files = {"ca_path": f"{tls}/ca.pem", "client_cert": f"{tls}/cert.pem", "client_key": f"{tls}/key.pem"}
    secure = {**plain, "context": "tls", "docker_host": "tcp://tls", "tls": True, **files}
    assert endpoint({**NOTHING, "context": "tls"}, []) == secure
    assert endpoint({**NOTHING, "context": "tls", "validate_certs": False}, []) == {**secure, "validate_certs": False}
    write(home, "blind", Host="tcp://blind", SkipTLSVerify=True)
    blind = endpoint({**NOTHING, "context": "blind"}, [])
    assert (blind["tls"], blind["validate_certs"]) == (True, False)


@pytest.mark.parametrize("text", [None, "", '{"auths": {}}', "no JSON"])
def test_a_configuration_without_a_context_costs_next_to_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    reader = "ansible_collections.slipway.images.plugins.module_utils.disk.config"
    monkeypatch.setitem(sys.modules, reader, None)  # to import it fails
    if text is not None:
        (home / "config.json").write_text(text)
    assert host() == USUAL


def test_a_configuration_that_cannot_be_read_is_a_warning(home: Path) -> None:
    (home / "config.json").mkdir()
    warnings: list[str] = []
    assert host(warnings) == USUAL
    assert warnings == [f"cannot read {home}/config.json, so nothing is taken from it: Is a directory"]
