# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module against a real engine over TCP with TLS: what users of `DOCKER_HOST=tcp://...` meet."""

from __future__ import annotations

import os
import socket
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.module import play
from ansible_collections.slipway.images.tests.support.proxy import proxy


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


def test_a_docker_context_does_as_well(port: int, folder: Path, tmp_path: Path) -> None:
    """Made by the docker CLI itself; the environment's own TLS is about no context."""
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    files = f"ca={folder}/ca.pem,cert={folder}/cert.pem,key={folder}/key.pem"

    def docker(*words: str) -> None:
        subprocess.run(
            ["docker", "context", *words], env={**os.environ, **environment}, check=True, capture_output=True
        )

    docker("create", "known", "--docker", f"host=tcp://127.0.0.1:{port},{files}")
    blind = files.partition(",")[2] + ",skip-tls-verify=true"
    docker("create", "blind", "--docker", f"host=tcp://127.0.0.1:{port},{blind}")
    docker("create", "plain", "--docker", f"host=tcp://127.0.0.1:{port}")

    def look(**said: str) -> t.Any:
        options = {name: value for name, value in said.items() if name.islower()}
        variables = {name: value for name, value in said.items() if name.isupper()}
        return play("image_prune", check=True, environment={**environment, **variables}, **options)

    for good in ({"context": "known"}, {"cli_context": "blind"}, {"DOCKER_CONTEXT": "known"}):
        assert look(**good)["actions"] == [], good
    assert look(context="known", DOCKER_HOST="unix:///nowhere", DOCKER_CERT_PATH="/nowhere")["actions"] == []
    docker("use", "known")
    assert look()["actions"] == []
    assert "unix:///nowhere" in look(DOCKER_HOST="unix:///nowhere")["msg"]
    assert look(context="plain", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(folder))["msg"].startswith(
        f"docker context plain: what listens at tcp://127.0.0.1:{port} speaks TLS"
    )
    assert look(context="known", docker_host="unix:///x")["msg"] == (
        "parameters are mutually exclusive: docker_host|context"
    )
    assert "there is none of that name" in look(context="gone")["msg"]


def test_a_proxy_of_the_environment_leads_there(port: int, folder: Path) -> None:
    with proxy("me:hunter2") as between:
        environment = {
            "DOCKER_HOST": f"tcp://engine.test:{port}",
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(folder),
            "https_proxy": f"http://me:hunter2@{between.address}",
        }
        how = {"name": "by-proxy", "dockerfile_inline": "FROM scratch\nLABEL a=b\n", "builder": "buildkit"}
        assert play("image_build", environment=environment, **how)["changed"]
        assert play("image_remove", environment=environment, name="by-proxy")["changed"]
        assert len(between.asked) >= 3  # of these one is the session of the build
        assert set(between.asked) <= {f"CONNECT engine.test:{port} HTTP/1.{minor}" for minor in (0, 1)}
        environment["no_proxy"] = ".test"
        assert "engine.test is not known" in play("image_prune", environment=environment, check=True)["msg"]


def test_a_proxy_leads_to_a_registry(registry: str, docker_host: str) -> None:
    """Of `registry.test` the engine knows nothing: it is asked for its insecure registries alone."""
    address = f"registry.test:{registry.rpartition(':')[2]}"
    with proxy() as between:
        said = play(
            "image_registry_info",
            environment={"https_proxy": f"http://{between.address}"},
            docker_host=docker_host,
            name=f"{address}/app:1",
            via="registry",
        )
    assert "TLS" in said["msg"] and address in said["msg"]
    assert [line.split()[:2] for line in between.asked] == [["CONNECT", address]]


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
