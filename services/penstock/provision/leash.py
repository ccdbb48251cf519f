"""Runs a process that cannot outlive this one, whatever becomes of this one."""

from __future__ import annotations

import subprocess
from pathlib import Path

# Not PR_SET_PDEATHSIG: that follows the thread that started the child, and needs code between fork and exec.
# The watchman reads a pipe only we can write; its end is our end, by any signal.
_WATCHMAN = 'read -r _; kill -KILL "$1" 2>/dev/null'


class Leashed:
    """A running command, in a session of its own so that the terminal's Ctrl-C does not reach it."""

    def __init__(self, command: list[str], directory: Path, log: Path) -> None:
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        try:
            self._watchman = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHMAN, "watchman", str(self._process.pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            self._process.kill()
            self._process.wait()
            raise

    @property
    def pid(self) -> int:
        """The command's pid."""
        return self._process.pid

    def lives(self) -> bool:
        """Whether it still runs."""
        if self._process.poll() is None:
            return True
        self._let_go()
        return False

    def signal(self, number: int) -> None:
        """Send a signal if it still runs."""
        self._process.send_signal(number)

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end at most so long, and say whether it came."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self._let_go()
        return True

    def _let_go(self) -> None:
        """Only after the end: the watchman must not outlive the number it would kill."""
        if self._watchman.poll() is None:
            self._watchman.kill()
            self._watchman.wait()
        if self._watchman.stdin:
            self._watchman.stdin.close()
