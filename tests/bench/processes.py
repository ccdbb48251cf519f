"""The processes under test: the product's command, or a raw loop; started, waited for, measured and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from penstock.provision.leash import Leashed

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
_PATIENCE = 60.0  # s
_TICK = 0.02
_READY = b"is running"  # what both the product and the raw loops say once they could begin


class Running:
    """A Python process of ours; entering waits until it says that it is running, leaving ends it with SIGTERM."""

    def __init__(self, directory: Path, name: str, *arguments: str) -> None:
        self._log = directory / f"{name}.log"
        self._log.write_bytes(b"")
        path = os.pathsep.join((str(ROOT / "services"), str(ROOT / "tests")))
        command = ["/usr/bin/env", f"PYTHONPATH={path}", sys.executable, *arguments]
        self._process = Leashed(command, directory, self._log)
        self._ready = 0.0

    def __enter__(self) -> Self:
        until = time.monotonic() + _PATIENCE
        while _READY not in self._log.read_bytes():
            if not self._process.lives() or time.monotonic() > until:
                raise RuntimeError(f"it does not run:\n{self._tail()}")
            time.sleep(_TICK)
        self._ready = self._cpu()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.signal(signal.SIGTERM)
        if not self._process.ended_within(_PATIENCE):
            self._process.signal(signal.SIGKILL)
            self._process.ended_within(_PATIENCE)
            raise RuntimeError(f"it did not end:\n{self._tail()}")

    def check(self) -> None:
        """RuntimeError with the end of its log when it has died."""
        if not self._process.lives():
            raise RuntimeError(f"it died:\n{self._tail()}")

    def cpu(self) -> float:
        """Seconds of processor time since it was running; nan where there is no /proc."""
        return self._cpu() - self._ready

    def memory(self) -> float:
        """Resident memory in MB."""
        told = subprocess.run(
            ["/bin/ps", "-o", "rss=", "-p", str(self._process.pid)], capture_output=True, text=True, check=True
        )
        return int(told.stdout) / 1024

    def _cpu(self) -> float:
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except FileNotFoundError:
            return float("nan")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _tail(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-3_000:]


def product(directory: Path, bootstrap: str, topology: Path, *arguments: str) -> Running:
    """`penstock run` of a topology, some of its steps or all; further flags as on its command line."""
    command = ("-m", "penstock", "run", str(topology), *arguments, "--slot", "0", "-b", bootstrap)
    return Running(directory, "-".join((topology.stem, *arguments[:1], "product")), *command)


def raw(directory: Path, bootstrap: str, script: str, **flags: str) -> Running:
    """One of the raw loops beside this file."""
    given = [part for name, value in flags.items() for part in (f"--{name}", value)]
    return Running(directory, script, str(HERE / f"{script}.py"), "--bootstrap", bootstrap, *given)
