"""Names a process so that a later one with the same number is never mistaken for it."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_STATE, _START = 0, 19  # places in /proc/PID/stat after the name, proc_pid_stat(5)
_TICK = 0.02


@dataclass(frozen=True, slots=True)
class Process:
    """A pid and when it was born; `lives` is false for a later process with the same pid, and for a zombie."""

    pid: int
    born: str

    def lives(self) -> bool:
        """Whether this very process still runs."""
        return bool(self.born) and born(self.pid) == self.born

    def signal(self, number: int) -> None:
        """Send a signal, to this process or to nobody."""
        if self.lives():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end at most so long, and say whether it came."""
        until = time.monotonic() + seconds
        while self.lives():
            if time.monotonic() >= until:
                return False
            time.sleep(_TICK)
        return True


def of(pid: int) -> Process:
    """The process that has this pid now."""
    return Process(pid, born(pid))


def born(pid: int) -> str:
    """A mark no other process with this pid has; empty where none lives."""
    if not (_PROC / "self").exists():
        return _asked(pid)
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    return "" if fields[_STATE] in "ZX" else f"{boot}/{fields[_START]}"


def _asked(pid: int) -> str:
    """The same where there is no /proc: what `ps` says."""
    answer = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607 - where ps lies differs
    state, _, start = answer.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else start.strip()
