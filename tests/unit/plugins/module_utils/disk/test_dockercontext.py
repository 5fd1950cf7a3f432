# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk.dockercontext import DockerContext, read
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

# `printf prod | sha256sum`: where the docker CLI keeps the context `prod`.
PROD = "6754af9632a2745e85c293e5aac0863370d9bd3330b9938c00cadfd215227d77"


def write(directory: Path, text: str) -> None:
    (directory / f"contexts/meta/{PROD}").mkdir(parents=True)
    (directory / f"contexts/meta/{PROD}/meta.json").write_text(text)


def test_a_host_alone(tmp_path: Path) -> None:
    write(tmp_path, '{"Name": "prod", "Metadata": {}, "Endpoints": {"docker": {"Host": "ssh://me@far"}}}')
    context = read(str(tmp_path), "prod", "option")
    assert context == DockerContext("ssh://me@far")
    assert context.tls is False


def test_certificates_mean_tls(tmp_path: Path) -> None:
    write(tmp_path, '{"Endpoints": {"docker": {"Host": "tcp://far:2376", "SkipTLSVerify": false}}}')
    tls = tmp_path / f"contexts/tls/{PROD}/docker"
    tls.mkdir(parents=True)
    (tls / "ca.pem").touch()
    assert read(str(tmp_path), "prod", "option") == DockerContext("tcp://far:2376", ca_path=f"{tls}/ca.pem")
    (tls / "cert.pem").touch()
    (tls / "key.pem").touch()
    context = read(str(tmp_path), "prod", "option")
    assert (context.ca_path, context.client_cert, context.client_key) == (
        f"{tls}/ca.pem",
        f"{tls}/cert.pem",
        f"{tls}/key.pem",
    )
    assert context.tls


def test_so_does_not_to_look_at_them(tmp_path: Path) -> None:
    write(tmp_path, '{"Endpoints": {"docker": {"Host": "tcp://far:2376", "SkipTLSVerify": true}}}')
    context = read(str(tmp_path), "prod", "option")
    assert context == DockerContext("tcp://far:2376", skip_verify=True)
    assert context.tls


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "there is none of that name in {}/contexts"),
        ("{", "meta.json is not valid JSON"),
        ("[]", "names no docker endpoint"),
        ("{}", "names no docker endpoint"),
        ('{"Endpoints": {"kubernetes": {}}}', "names no docker endpoint"),
        ('{"Endpoints": {"docker": {"Host": ""}}}', "names no docker endpoint"),
        ('{"Endpoints": {"docker": {"Host": 3}}}', "names no docker endpoint"),
        ('{"Endpoints": {"docker": "tcp://far"}}', "names no docker endpoint"),
    ],
)
def test_what_is_none(tmp_path: Path, text: str | None, says: str) -> None:
    if text is not None:
        write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        read(str(tmp_path), "prod", "DOCKER_CONTEXT")
    assert str(caught.value).startswith("docker context 'prod' (DOCKER_CONTEXT): ")
    assert says.format(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is none of that name"):
        read(str(tmp_path), "../../etc/passwd", "option")


def test_one_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / f"contexts/meta/{PROD}/meta.json").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"cannot read .*meta.json: Is a directory"):
        read(str(tmp_path), "prod", "option")
