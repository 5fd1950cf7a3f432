# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine's socket on another host, brought here by OpenSSH (`ssh -L`): one connection, a channel each for ours."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import (
    RequirementError,
    TransportError,
    TransportTimeout,
)
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address

# Its standard input is a pipe that nobody but us holds. However we end, that ends; then ssh goes, and after it the
# directory with the socket. Should ssh end first, the directory goes as well, and the end of standard output tells us.
KEEPER = """
home=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- &
ssh=$!
{ read -r end <&3; kill "$ssh"; } >/dev/null 2>&1 &
wait "$ssh"
kill "$!" 2>/dev/null
rm -rf -- "$home"
"""

OPTIONS = {
    "BatchMode": "yes",  # asks nobody anything
    # The connections that the user keeps open are not used: in them, a forwarding would outlive us.
    "ControlPath": "none",
    # What else the user's configuration forwards may be taken by a session of his. Our socket is looked for.
    "ExitOnForwardFailure": "no",
    # Said as soon as the socket is there: the only sign of it that needs no polling.
    "PermitLocalCommand": "yes",
    "LocalCommand": "echo",
    "RemoteCommand": "none",
    "LogLevel": "INFO",
    # A patient reader has no time limit: that the other host is gone is told by ssh.
    "ServerAliveInterval": "30",
    "ServerAliveCountMax": "3",
}

# Why a socket could not be opened is not among what sshd says: then somebody goes and looks, by exit code.
LOOK = "test -S {0} || exit 10; test -r {0} && test -w {0} || exit 11; exit 12"
SEEN = {
    10: "no socket {0} (that this user may see); is the engine running there, or is its socket another one?",
    11: "this user may not use {0}; a member of its group may (and is as good as root)",
    12: "sshd does not connect to {0}; is the engine running there, and may this key forward sockets (sshd's "
    "AllowStreamLocalForwarding, and authorized_keys)?",
}
ADVICE = {
    "Host key verification failed": "the host's key must be in known_hosts, and must not have changed",
    "Permission denied": "a key or an agent must do, as passwords are not asked for",
    "connect failed": "is the engine running there, is this its socket, and may this user use it?",
}


class Forwarding:
    """From now until `close`, the socket at `path` is the one of `address`.

    `timeout` (seconds) guards the way there. Raises `RequirementError` without an ssh, else `TransportError` with what
    ssh said.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        if not shutil.which("ssh"):
            raise RequirementError("%s needs OpenSSH's client, and this host has no ssh on its PATH" % address)
        self._address = address
        self._timeout = timeout
        # Nobody else may enter: whoever reaches the socket is master of the engine.
        home = tempfile.mkdtemp(prefix="slipway-")
        self.path = os.path.join(home, "docker.sock")
        # A relative path needs no quoting, whatever is in TMPDIR.
        forward = _command(address, "-N", "-L", "./docker.sock:%s" % address.path)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed below)
        self._heard = 0
        self._keeper = subprocess.Popen(  # pylint: disable=ansible-bad-function; `run_command` waits for the end
            ["/bin/sh", "-c", KEEPER, "sh", home, *forward],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=home,
            env=_environment(),
            start_new_session=True,  # without a terminal, nothing that ssh starts (ProxyJump) can ask either
        )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        out = t.cast(t.IO[bytes], self._keeper.stdout)
        in_time = select.select([out], [], [], self._timeout)[0]
        if in_time and out.read(1) and os.path.exists(self.path):
            self._heard = os.fstat(self._log.fileno()).st_size
            return
        said = self._said()
        if not in_time:
            said = "not up within %g seconds%s" % (self._timeout, said and "; it said: " + said)
        kind = TransportError if in_time and "timed out" not in said else TransportTimeout
        raise self._failure("no connection to", said, said, kind)

    def explain(self) -> TransportError | None:
        """Why a connection through this failed, if ssh has a word to say about it."""
        said = self._said()
        if not said:
            return None
        if "connect failed" in said:
            seen = SEEN.get(self._look())
            if seen:
                return self._failure("no engine at", seen.format(self._address.path), said)
        return self._failure("no connection to", said, said)

    def _look(self) -> int:
        look = _command(self._address, remote=LOOK.format(self._address.path))
        alone: dict[str, t.Any] = {"env": _environment(), "start_new_session": True, "stdin": subprocess.DEVNULL}
        try:
            done = subprocess.run(  # pylint: disable=ansible-bad-function; `run_command` knows no time limit
                look, check=False, capture_output=True, timeout=self._timeout, **alone
            )
        except subprocess.TimeoutExpired:
            return -1
        return done.returncode

    def _said(self) -> str:
        """What ssh said last; its banners and warnings go before that."""
        text = os.pread(self._log.fileno(), 1 << 20, self._heard).decode("utf-8", "replace")
        return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")

    def _failure(self, what: str, why: str, said: str, kind: type[TransportError] = TransportError) -> TransportError:
        advice = next(("; " + advice for words, advice in ADVICE.items() if words in why), "")
        text = "%s %s: %s%s" % (what, self._address, why, advice)
        return kind(text, address=str(self._address), said=said)

    def close(self) -> None:
        self._keeper.communicate()
        self._log.close()


def _command(address: Address, *flags: str, remote: str | None = None) -> list[str]:
    options = ["-o%s=%s" % option for option in OPTIONS.items()]
    user = ["-l", address.user] if address.user else []
    port = ["-p", str(address.port)] if address.port else []
    return ["ssh", "-T", *options, *user, *port, *flags, "--", address.host, *([remote] if remote else [])]


def _environment() -> dict[str, str]:
    """A service's user may have a `SHELL` that runs nothing; and nobody is there to see a window of `SSH_ASKPASS`."""
    return {**os.environ, "SHELL": "/bin/sh", "SSH_ASKPASS_REQUIRE": "never"}
