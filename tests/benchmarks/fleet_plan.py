# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bringing new images to a large fleet takes, by different ways: the table of docs/fleet.md.

    python tests/benchmarks/fleet_plan.py [--hosts 1000] [--new 200] [--archive 1000] ...

A calculation, no measurement: each number below that is not measured is an assumption that an option changes. Tasks run
in waves of `forks` hosts, as with the strategy linear. The slowest of four things decides how long a wave takes: the
host, its share of what serves it, and that of the control node's processors. Hosts are alike, nothing fails.
"""

from __future__ import annotations

import argparse
import math
import typing as t

GIGABIT = 125 * 0.8  # MB/s that remain of it for what is carried

ASSUMED: dict[str, tuple[float, str]] = {
    "hosts": (1000, "hosts"),
    "racks": (25, "racks, with a mirror each where there are mirrors"),
    "images": (20, "images, of which each host lacks two layers each"),
    "new": (200, "MB that a host lacks, compressed, as the registry sends it"),
    "archive": (1000, "MB of the archive: an archive holds all layers, and not only those that are new"),
    "registry": (10, "Gbit/s of the registry"),
    "mirror": (10, "Gbit/s of each mirror"),
    "link": (1, "Gbit/s of each host, and of the control node"),
    "unpack": (50, "MB/s of compressed layers that an engine takes in (measured: 300 MB in 6 s)"),
    "load": (60, "MB/s of an archive that an engine takes in (measured: 500 MB in 7.7 to 10.9 s)"),
    "cores": (8, "processors of the control node"),
    "idle": (1.1, "s of CPU there for a host with nothing to do (measured)"),
    "busy": (1.8, "s of CPU there for a host with something to do (measured)"),
}


class Way(t.NamedTuple):
    """`forks`: hosts at a time. `served`: MB/s that all of them get together. `sent`: MB to each. `taken`: MB/s that a
    host can take. `registry`: MB that the registry sends, and how often it is asked."""

    what: str
    forks: int
    served: float
    sent: float
    taken: float
    registry: tuple[float, float]


def ways(assume: argparse.Namespace) -> t.Iterator[Way]:
    hosts, link = assume.hosts, assume.link * GIGABIT
    asked = assume.images * 4  # a manifest, a configuration and two layers
    pulling = min(link, assume.unpack)
    everywhere = (hosts * assume.new, hosts * asked)
    for forks in (5, 50, 200):
        what = f"pull from one registry, forks={forks}"
        yield Way(what, forks, assume.registry * GIGABIT, assume.new, pulling, everywhere)
    racks = assume.racks
    once = (racks * assume.new, racks * asked)
    mirrors = racks * assume.mirror * GIGABIT
    yield Way("pull through a mirror in each rack, forks=200", 200, mirrors, assume.new, pulling, once)
    loading = min(link, assume.load)
    yield Way("archive by way of the control node, forks=50", 50, link, assume.archive, loading, (assume.new, asked))
    yield Way("nothing to do, forks=200", 200, 1, 0, 1, (0, 0))


def seconds(way: Way, assume: argparse.Namespace) -> float:
    forks = min(way.forks, assume.hosts)
    waves = math.ceil(assume.hosts / forks)
    carried = max(way.sent / way.taken, way.sent * forks / way.served)
    control = forks * (assume.busy if way.sent else assume.idle) / assume.cores
    return waves * max(carried, control)


def main() -> None:
    parser = argparse.ArgumentParser(description="How long bringing new images to a large fleet takes.")
    for name, (value, what) in ASSUMED.items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help=f"{what} ({value})")
    assume = parser.parse_args()
    print("| way | minutes | of it one host | the registry sends | it is asked |")
    print("|---|---|---|---|---|")
    for way in ways(assume):
        megabytes, asked = way.registry
        alone = way.sent / way.taken
        took = f"{seconds(way, assume) / 60:.1f} | {alone:.0f} s"
        print(f"| {way.what} | {took} | {megabytes / 1000:,.1f} GB | {asked:,.0f} x |")


if __name__ == "__main__":
    main()
