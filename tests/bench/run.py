"""The benchmarks: how fast a hop, a diamond and slow calls are, against raw loops and the best schedule."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import diamond, hop_avro, pressure, slow
from bench.ground import Ground, ground, say


class Result(Protocol):
    """What a benchmark answers."""

    def json(self) -> dict[str, float]:
        """The figures a machine reads."""

    def rows(self) -> list[tuple[str, str, str]]:
        """The figures a person reads."""


BENCHES: Mapping[str, Callable[[Ground, int], Result]] = {
    "hop-avro": hop_avro.bench,
    "slow": slow.bench,
    "diamond": diamond.bench,
}
LONG: Mapping[str, Callable[[Ground, int], Result]] = {"pressure": pressure.bench}  # only when it is asked for


def main() -> None:
    """Run all of them, or one; the last line of `--json` is one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of a table")
    parser.add_argument(
        "--only", choices=sorted({**BENCHES, **LONG}), action="append", help="run this one; may be repeated"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each, both sides in turn (default 5)")
    flags = parser.parse_args()
    began = time.monotonic()
    with ground() as here:
        results = {
            name: bench(here, flags.rounds)
            for name, bench in {**BENCHES, **LONG}.items()
            if name in (flags.only or BENCHES)
        }
    say(f"took {time.monotonic() - began:.0f} s")
    text = json.dumps({name: result.json() for name, result in results.items()}) if flags.json else table(results)
    print(text)  # noqa: T201 - a command's output


def table(results: Mapping[str, Result]) -> str:
    """Medians with their ranges, and where they were measured."""
    lines = [f"{machine()}\nmedian of the rounds (lowest to highest)\n"]
    for name, result in results.items():
        lines += [name, *(f"  {what:<24} {figure:<28} {remark}" for what, figure, remark in result.rows()), ""]
    return "\n".join(lines)


def machine() -> str:
    """What the figures belong to."""
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, confluent-kafka {version('confluent-kafka')}"
    )


if __name__ == "__main__":
    main()
