# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines and registries of the tests' own: the machine's engine and its images are never touched."""

from __future__ import annotations

import contextlib
import os
import signal
import typing as t
from dataclasses import dataclass

import pytest
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.store import Store

if t.TYPE_CHECKING:
    from xdist.workermanage import WorkerController

# Who starts the tests in the background may have had SIGINT ignored, and what is ignored a child ignores, too.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in this hook, too
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of two workers each has engines of its own. The tests of a file share what is dear; the targets share nothing."""
    for item in items:
        alone = item.name if item.path.stem == "test_targets" else item.path.stem
        item.add_marker(pytest.mark.xdist_group(alone))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: WorkerController, ids: list[str]) -> None:
    if node.config.option.dist == "loadgroup" and not all("@" in id for id in ids):
        pytest.exit("this pytest keeps from xdist which tests belong together: see tests/requirements.txt", 4)


@dataclass(frozen=True)
class Login:
    """A registry that wants to know who asks."""

    address: str  # host:port
    username: str
    password: str


@pytest.fixture(scope="module")
def engine_socket() -> t.Iterator[str]:
    """Path of the socket of an engine for one file of tests: what they find does not depend on which files were before.
    `SLIPWAY_TEST_SOCKET` names one that is there already, for all of them.

    It is an experimental one, for that alone takes `squash`.
    """
    if given := os.environ.get("SLIPWAY_TEST_SOCKET"):
        yield given
    else:
        with support.engine("--experimental") as address:
            yield address.removeprefix("unix://")


@pytest.fixture(scope="module")
def docker_host(engine_socket: str) -> str:
    return f"unix://{engine_socket}"


@pytest.fixture(scope="module")
def podman_host() -> t.Iterator[str]:
    with support.podman() as address:
        yield address


@pytest.fixture(scope="session")
def registry() -> t.Iterator[str]:
    """`host:port` of an open registry."""
    with support.registry() as address:
        yield address


@pytest.fixture(scope="session")
def auth_registry() -> t.Iterator[Login]:
    login = {"username": "alice", "password": "s3cret"}
    with support.registry(users={login["username"]: login["password"]}) as address:
        yield Login(address, **login)


@pytest.fixture(scope="module")
def busybox_image(docker_host: str) -> str:
    """Name of a small base image on the file's engine."""
    return support.import_base(docker_host)


@pytest.fixture
def fresh_engine() -> t.Iterator[t.Callable[..., str]]:
    """Makes engines that last for one test, for what must be alone (prune); called with flags of dockerd.

    `SLIPWAY_TEST_SOCKET` is taken for one without flags if there is nothing on it, and is as empty afterwards.
    """
    given = os.environ.get("SLIPWAY_TEST_SOCKET")
    with contextlib.ExitStack() as stack:
        yield lambda *flags: stack.enter_context(
            _emptied(f"unix://{given}") if given and not flags else support.engine(*flags)
        )


@contextlib.contextmanager
def _emptied(address: str) -> t.Iterator[str]:
    store = Store(address)
    if store.images() or store.containers():
        pytest.skip("this test needs an engine of its own: there are images or containers on SLIPWAY_TEST_SOCKET")
    yield address
    store.clear()
