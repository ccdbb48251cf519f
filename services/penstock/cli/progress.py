"""Shows on stderr how the download of the dev broker goes: a bar on a terminal, a few lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING

import click

from penstock.provision.jars import Watcher
from penstock.provision.places import KAFKA

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_MIB = 1024 * 1024
_QUARTER = 0.25


def watcher() -> Watcher:
    """The one that fits where stderr goes."""
    return Bar() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else Lines()


class Lines:
    """A line at the beginning, at each quarter and at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._size = self._have = 0
        self._next = _QUARTER
        self._began = 0.0

    def begin(self, files: int, size: int) -> None:
        """Say what comes."""
        self._size, self._began = size, time.monotonic()
        click.echo(f"fetching Apache Kafka {KAFKA}: {files} files, {size / _MIB:.0f} MiB", err=True)

    def got(self, size: int) -> None:
        """Say a quarter is there."""
        with self._lock:
            self._have += size
            if self._have >= self._next * self._size:
                click.echo(f"  {self._have / _MIB:.0f} of {self._size / _MIB:.0f} MiB", err=True)
                self._next = self._have // (self._size * _QUARTER) * _QUARTER + _QUARTER

    def end(self) -> None:
        """Say how long it took."""
        click.echo(f"  {time.monotonic() - self._began:.1f} s", err=True)


class Bar:
    """A bar with rate and remaining time, by rich."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def begin(self, files: int, size: int) -> None:
        """Draw the bar."""
        from rich.console import Console  # noqa: PLC0415 - 60 ms, and only while something is fetched
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415 - the same

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task(f"Apache Kafka {KAFKA}, {files} files", total=size)
        self._progress.start()

    def got(self, size: int) -> None:
        """Move it."""
        if self._progress and self._task is not None:
            self._progress.advance(self._task, size)

    def end(self) -> None:
        """Leave it as it is."""
        if self._progress:
            self._progress.stop()
