"""A dev broker that belongs to this process: Apache Kafka, one node, for tests and demos."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from penstock.provision import jars, mistakes, ports, prepare, process
from penstock.provision.home import Home, Record
from penstock.provision.jars import Watcher
from penstock.provision.leash import Leashed

PATIENCE = 60.0
GRACE = 10.0
_TICK = 0.05


class Living(Protocol):
    """A process that was started and may end."""

    def lives(self) -> bool:
        """Whether it still runs."""

    def signal(self, number: int) -> None:
        """Send a signal if it still runs."""

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end at most so long, and say whether it came."""


class Broker:
    """Kafka on 127.0.0.1, with its data in a directory that outlives it; it dies with this process at the latest.

    Port 0 takes the directory's last port if it is free, else any free one; `bootstrap` is settled from the
    beginning and stays. `start` returns when clients can connect; mistakes have the codes E201 to E216.
    """

    def __init__(
        self, directory: Path, *, port: int = 0, patience: float = PATIENCE, watcher: Watcher | None = None
    ) -> None:
        self.home = Home(directory.absolute())
        self.port = port or settled(self.home)
        self.bootstrap = f"{ports.HOST}:{self.port}"
        self._patience = patience
        self._watcher = watcher or jars.Silent()
        self._leashed: Leashed | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the process lives; a paused one does."""
        return self._leashed is not None and self._leashed.lives()

    @property
    def pid(self) -> int:
        """The JVM's process id; 0 when it does not run."""
        return self._leashed.pid if self._leashed and self._leashed.lives() else 0

    def start(self) -> None:
        """Bring it up, fetching the jars the first time, and wait until it answers."""
        using = prepare.tools(self._watcher)
        with self.home.turn():
            refuse_second(self.home)
            self._leashed = Leashed(prepare.command(self.home, self.port, using), self.home.root, self.home.log)
            try:
                self.home.write(Record(self.port, self._leashed.pid, process.born(self._leashed.pid)))
                until_ready(self.home, self.port, self._leashed, self._patience)
            except BaseException:
                self.kill()
                raise

    def stop(self) -> None:
        """End it as an operator would; nothing happens when it does not run. Killed when that takes over 10 s."""
        if self._leashed:
            end(self._leashed)

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        if self._leashed:
            self._leashed.signal(signal.SIGKILL)
            self._leashed.ended_within(GRACE)

    def pause(self) -> None:
        """Freeze it with SIGSTOP: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw it with SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._leashed:
            self._leashed.signal(number)


def settled(home: Home) -> int:
    """The port of the directory's last broker if it is free, else any free one."""
    last = home.record()
    return last.port if last and ports.is_free(last.port) else ports.pick()


def refuse_second(home: Home) -> None:
    """A directory has one broker at a time."""
    if record := home.running():
        raise mistakes.already_running(home.root, record.pid, record.bootstrap)


def until_ready(home: Home, port: int, living: Living, patience: float) -> None:
    """Wait until Kafka answers; raises when it ends before or takes longer."""
    until = time.monotonic() + patience
    while not ports.answers(port):
        if not living.lives():
            raise mistakes.ended(home.log, home.tail())
        if time.monotonic() >= until:
            raise mistakes.not_ready(patience, home.log, home.tail())
        time.sleep(_TICK)


def end(living: Living) -> bool:
    """SIGTERM, and SIGKILL after the grace; true when the first was enough."""
    living.signal(signal.SIGCONT)
    living.signal(signal.SIGTERM)
    if living.ended_within(GRACE):
        return True
    living.signal(signal.SIGKILL)
    living.ended_within(GRACE)
    return False
