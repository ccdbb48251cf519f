"""Turns what a file system refuses into words."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.provision import mistakes

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def words(directory: Path, needed: int) -> Iterator[None]:
    """What goes wrong with files inside is a mistake about this directory."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise mistakes.no_space(directory, needed, shutil.disk_usage(directory).free) from error
        raise mistakes.no_entry(directory, str(error)) from error


def room(directory: Path, needed: int) -> None:
    """Refuse to begin where fewer than `needed` bytes are free; the directory exists."""
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise mistakes.no_space(directory, needed, free)
