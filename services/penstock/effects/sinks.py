"""Sinks: what an effect is sent to; a user's own is one class with `send(effect, key)`."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from penstock.errors import Mistake

_CHUNK = 1 << 20


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
        self._file = _open(self._path)
        self._lines: dict[str, int] = {}
        self._read_to = 0
        self._synced_to = 0
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()

    def send(self, effect: dict[str, Any], key: str) -> Sent:
        """Append the effect unless its key is there already."""
        with self._lock, self._alone():
            self._catch_up()
            known = self._lines.get(key)
            fresh = known is None
            if known is None:
                known = self._read_to
                self._append(json.dumps({"key": key, "effect": effect}, ensure_ascii=False, default=str).encode())
                self._lines[key] = known
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
        if os.fstat(self._file).st_size < self._read_to:
            self._read_to = 0  # somebody made the file shorter; the keys are known all the same
        rest = b""
        while chunk := os.pread(self._file, _CHUNK, self._read_to + len(rest)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if (key := _key(line)) is not None:
                    self._lines.setdefault(key, self._read_to)
                self._read_to += len(line) + 1
        if rest:
            os.ftruncate(self._file, self._read_to)

    def _append(self, line: bytes) -> None:
        """Write a whole line or none: a disk may be full after half of it."""
        written = os.write(self._file, line + b"\n")
        if written <= len(line):
            os.ftruncate(self._file, self._read_to)
            raise OSError(f"{self._path}: only {written} of {len(line) + 1} bytes could be written")
        self._read_to += written

    def _sync(self, end: int) -> None:
        with self._sync_lock:
            if self._synced_to < end:
                reached = self._read_to
                os.fsync(self._file)
                self._synced_to = reached


def _open(path: Path) -> int:
    """A descriptor of its own, without a buffer: what a failed write leaves in one would be written later."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Mistake(
            "E132", f"the sink cannot open {path}", why=str(error), fix="name a file it may write to"
        ) from error


def _key(line: bytes) -> str | None:
    """The key of a line; None where somebody else wrote it."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    key = found.get("key") if isinstance(found, dict) else None
    return key if isinstance(key, str) else None
