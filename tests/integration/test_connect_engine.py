# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module against a real engine over TCP with TLS: what users of `DOCKER_HOST=tcp://...` meet."""

from __future__ import annotations

import socket
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.module import play


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates as Docker's manual makes them: `ca.pem`, `cert.pem` and `key.pem` are the client's."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "rsa:2048", "-nodes")
    for authority in ("ca", "foreign"):
        openssl(
            "req", "-x509", *key, "-keyout", f"{authority}.key", "-out", f"{authority}.pem", "-subj", f"/CN={authority}"
        )
    for name, usage, alternative in (
        ("server", "serverAuth", "DNS:engine.test,IP:127.0.0.1"),
        ("", "clientAuth", "DNS:client.test"),
    ):
        files = {"cert": f"{name}-cert.pem".lstrip("-"), "key": f"{name}-key.pem".lstrip("-")}
        (folder / "extensions").write_text(f"subjectAltName={alternative}\nextendedKeyUsage={usage}\n")
        openssl("req", *key, "-keyout", files["key"], "-out", "request", "-subj", "/CN=test")
        signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions")
        openssl("x509", "-req", "-in", "request", *signer, "-out", files["cert"])
    return folder


@pytest.fixture(scope="module")
def port(folder: Path) -> t.Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    flags = ["--tlsverify", f"--tlscacert={folder}/ca.pem", f"--host=tcp://127.0.0.1:{port}"]
    with support.engine(*flags, f"--tlscert={folder}/server-cert.pem", f"--tlskey={folder}/server-key.pem"):
        yield port


def test_with_our_certificate_we_are_let_in(port: int, folder: Path) -> None:
    files = {"ca_path": f"{folder}/ca.pem", "client_cert": f"{folder}/cert.pem", "client_key": f"{folder}/key.pem"}
    said = play("image_prune", check=True, docker_host=f"tcp://127.0.0.1:{port}", tls=True, **files)
    assert said["actions"] == []
    assert (
        play("image_prune", check=True, docker_host=f"https://127.0.0.1:{port}", tls_hostname="engine.test", **files)[
            "actions"
        ]
        == []
    )


def test_the_environment_of_the_docker_cli_does_as_well(port: int, folder: Path) -> None:
    environment = {
        "DOCKER_HOST": f"tcp://127.0.0.1:{port}",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(folder),
    }
    assert play("image_prune", check=True, environment=environment)["actions"] == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tls": True}, "not trusted here; set ca_path"),
        ({"tls": True, "ca_path": "foreign.pem"}, "not trusted here; set ca_path"),
        ({"tls": True, "ca_path": "ca.pem"}, "client certificate"),
        ({"tls": True, "validate_certs": False}, "client certificate"),
        ({"tls": True, "ca_path": "ca.pem", "tls_hostname": "other.test"}, "another host name"),
        ({"tls": True, "ca_path": "none.pem"}, "ca_path"),
        ({"tls": True, "ca_path": "ca.pem", "client_cert": "cert.pem"}, "client_key"),
        ({}, "speaks TLS"),
    ],
)
def test_else_one_line_says_what_is_wrong(port: int, folder: Path, options: dict[str, t.Any], says: str) -> None:
    paths = {name: str(folder / value) if str(value).endswith(".pem") else value for name, value in options.items()}
    said = play("image_prune", check=True, docker_host=f"tcp://127.0.0.1:{port}", **paths)
    assert said["failed"]
    assert says in said["msg"]
    assert "\n" not in said["msg"]
