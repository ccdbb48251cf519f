"""One dev broker's directory: its files, its lock and the record of who runs in it.

    broker.json          who runs, where it listens
    broker.properties    written at every start
    broker.log           of this start; broker.log.1 is the one before
    data/  tmp/          Kafka's own

A reset deletes these, and nothing else.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from penstock.provision import disk
from penstock.provision.ports import HOST
from penstock.provision.process import Process

_LINES = 8


@dataclass(frozen=True, slots=True)
class Record:
    """The broker last started here, and its port."""

    port: int
    pid: int
    born: str

    @property
    def process(self) -> Process:
        """The process, which may have ended."""
        return Process(self.pid, self.born)

    @property
    def bootstrap(self) -> str:
        """What a client connects to."""
        return f"{HOST}:{self.port}"


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one directory."""

    root: Path

    @property
    def properties(self) -> Path:
        """Kafka's settings."""
        return self.root / "broker.properties"

    @property
    def log(self) -> Path:
        """What the broker says, warnings and worse."""
        return self.root / "broker.log"

    @property
    def data(self) -> Path:
        """The topics."""
        return self.root / "data"

    @property
    def temporary(self) -> Path:
        """Where the JVM unpacks its native libraries."""
        return self.root / "tmp"

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Held while the directory's broker is started, stopped or reset: one at a time."""
        with disk.words(self.root, 0):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = (self.root / ".lock").open("w")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def record(self) -> Record | None:
        """Who was started here last; None where nobody was, or where the record cannot be read."""
        try:
            return Record(**json.loads(self._record.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def running(self) -> Record | None:
        """Who runs here now."""
        record = self.record()
        return record if record and record.process.lives() else None

    def write(self, record: Record) -> None:
        """Remember who was started."""
        fresh = self._record.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(record)) + "\n", encoding="utf-8")
        fresh.replace(self._record)

    def fresh_log(self) -> None:
        """Begin an empty log, keeping the last."""
        if self.log.exists():
            self.log.replace(self.log.with_name("broker.log.1"))
        self.log.touch()

    def tail(self) -> str:
        """The last lines of the log."""
        with self.log.open(encoding="utf-8", errors="replace") as lines:
            return "".join(deque((line for line in lines if line.strip()), _LINES)).rstrip() or "(nothing)"

    def clear(self) -> None:
        """Delete what a broker wrote, and nothing else."""
        for directory in (self.data, self.temporary):
            shutil.rmtree(directory, ignore_errors=True)
        for file in (self.properties, self.log, self.log.with_name("broker.log.1"), self._record):
            file.unlink(missing_ok=True)

    @property
    def _record(self) -> Path:
        return self.root / "broker.json"
