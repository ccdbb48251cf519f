"""Writes down a fault of ours, for whoever repairs it."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from penstock.errors import Mistake, Place


def mistake(error: Exception) -> Mistake:
    """What the person is told: that it is not their fault, and where the report lies."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {Path(last[0].filename).name}:{last[0].lineno}" if last else ""
    why = f"{type(error).__name__}: {error}{where}"
    path = write(error)
    fix = (
        "send us that file; it holds the traceback and versions, and no settings"
        if path
        else "run it again with --debug"
    )
    return Mistake(
        "E999", "this is a fault in Penstock, not in what you did", why, fix, Place(str(path)) if path else None
    )


def write(error: Exception) -> Path | None:
    """Put the traceback into a new file in the state directory, else in the temporary one; None if neither takes it."""
    lines = [
        f"penstock {metadata.version('penstock')}, Python {platform.python_version()}, {platform.platform()}\n",
        f"command: {' '.join(word for word in sys.argv[1:3] if word.isalpha())}\n\n",
        *traceback.format_exception(error),
    ]
    name = time.strftime(f"report-%Y%m%dT%H%M%SZ-{os.getpid()}.txt", time.gmtime())
    for directory in _directories():
        with suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True)
            path = directory / name
            path.write_text("".join(lines), encoding="utf-8", errors="backslashreplace")
            return path
    return None


def _directories() -> list[Path]:
    given = os.environ.get("XDG_STATE_HOME", "")
    with suppress(RuntimeError):  # no home
        return [Path(given or Path.home() / ".local/state") / "penstock" / "reports", Path(tempfile.gettempdir())]
    return [Path(tempfile.gettempdir())]
