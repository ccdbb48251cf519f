"""The loop's heartbeat, and the end of a process whose heart has stopped.

`send_offsets_to_transaction` can ignore its timeout when the group's coordinator is down; only a restart helps then,
and one with the same transactional id recovers at once.
"""

from __future__ import annotations

import faulthandler
import os
import sys

from penstock.runtime.ports import Clock

PATIENCE = 30.0  # s; at 22 a commit was killed that came back after 20
STUCK = 75  # exit code, EX_TEMPFAIL: start it again


class Heart:
    """Beaten by the loop's thread, looked at by the main thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beaten = clock()

    def beat(self) -> None:
        """The loop is alive."""
        self._beaten = self._clock()

    def age(self) -> float:
        """Seconds since the last beat."""
        return self._clock() - self._beaten


def watch(heart: Heart) -> None:
    """Dump every thread's stack and end the process when the loop is stuck."""
    if heart.age() > PATIENCE:
        sys.stderr.write(f"the loop has not moved for {heart.age():.0f} s; every thread's stack follows\n")
        faulthandler.dump_traceback(all_threads=True)
        sys.stderr.flush()
        os._exit(STUCK)
