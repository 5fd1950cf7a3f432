# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What running a command costs.

The command is started by a small process of its own (this file, run as a script): on Linux a child's peak memory
begins with that of the process which started it, and the benchmarks' own is larger than a module's.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import typing as t


class Cost(t.NamedTuple):
    """`wall` and `cpu` (user and system) in seconds. `peak`: resident bytes. `written`: bytes to files, temporary ones
    that are gone by now and nameless ones too; what goes to a socket or to stdout does not count."""

    wall: float
    cpu: float
    peak: int
    written: int


def run(command: t.Sequence[str], environment: t.Mapping[str, str]) -> tuple[Cost, str]:
    """Its cost, and what it said on stdout (stderr goes through)."""
    starter = [sys.executable, "-I", "-S", __file__, *command]
    done = subprocess.run(starter, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    said = json.loads(done.stdout)
    return Cost(*said["cost"]), said["output"]


def interleaved(rounds: int, *subjects: t.Callable[[], Cost]) -> list[list[Cost]]:
    """The costs of each subject. They take turns, so that what else the machine does meets all of them alike, and each
    turn begins with another: what one leaves to be done (a layer to write to the disk), the next one waits for."""
    for subject in subjects:  # files, the engine's caches and the processor get warm
        subject()
    costs: list[list[Cost]] = [[] for _subject in subjects]
    for turn in range(rounds):
        for at in range(turn, turn + len(subjects)):
            which = at % len(subjects)
            costs[which].append(subjects[which]())
    return costs


def median(costs: t.Iterable[Cost]) -> Cost:
    wall, cpu, peak, written = (statistics.median(values) for values in zip(*costs))
    return Cost(wall, cpu, int(peak), int(written))


def _start(command: list[str]) -> None:
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    output = process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    wall = time.monotonic() - begun
    with open(f"/proc/{process.pid}/io") as file:  # it holds as long as nobody has fetched the exit code
        counts = dict(line.split(": ") for line in file.read().splitlines())
    _pid, _status, usage = os.wait4(process.pid, 0)
    # `wchar` is what went through write(2); sockets are fed by send(2).
    cost = Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, int(counts["wchar"]) - len(output))
    print(json.dumps({"cost": cost, "output": output.decode()}))


if __name__ == "__main__":
    _start(sys.argv[1:])
