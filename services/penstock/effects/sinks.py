"""Sinks: what an effect is sent to; a user's own is one class with `send(effect, key)`."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from penstock.errors import Mistake


class Sent(NamedTuple):
    """A sink's answer: `duplicate` when it knew the key already; `reference` is its own name for the effect."""

    duplicate: bool = False
    reference: str = ""


class JsonLinesFile:
    """Appends `{"key": …, "effect": …}` to a file, one line per key, whoever else appends to it.

    A line that a crash cut short is removed before the next one is written. An answer means that the line is on disk:
    one fsync serves all lines that were waiting for it. Settings: `path`.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        path = settings.get("path")
        if not isinstance(path, str) or not path:
            raise Mistake("E131", "a JSON lines sink has no path", why="`settings: {path: …}` names the file",
                          fix="add it to the effect's settings")  # fmt: skip
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lines: dict[str, int] = {}
        self._read_to = 0
        self._synced_to = 0
        self._file: BinaryIO = self._path.open("a+b")
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()

    def send(self, effect: dict[str, Any], key: str) -> Sent:
        """Append the effect unless its key is there already."""
        with self._lock, self._alone():
            self._catch_up()
            known = self._lines.get(key)
            if known is None:
                line = json.dumps({"key": key, "effect": effect}, ensure_ascii=False, default=str).encode() + b"\n"
                self._file.write(line)
                self._file.flush()
                known = self._lines[key] = self._read_to
                self._read_to += len(line)
                fresh = True
            else:
                fresh = False
            end = self._read_to
        self._sync(end)
        return Sent(not fresh, f"{self._path.name}@{known}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Other processes may append to the same file."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _catch_up(self) -> None:
        """Read what others appended, and cut off a torn last line."""
        self._file.seek(self._read_to)
        for line in self._file:
            if not line.endswith(b"\n"):
                self._file.truncate(self._read_to)
                break
            self._lines[json.loads(line)["key"]] = self._read_to
            self._read_to += len(line)

    def _sync(self, end: int) -> None:
        with self._sync_lock:
            if self._synced_to < end:
                reached = self._read_to
                os.fsync(self._file.fileno())
                self._synced_to = reached
