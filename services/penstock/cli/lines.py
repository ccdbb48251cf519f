"""Reads lines of JSON from a file or a pipe, with a place for each byte that is no text."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from penstock.errors import Mistake, Misuse, Place

LONGEST = 8_000_000  # bytes; a broker takes a fraction of it


def lines(data: Path | None) -> Iterator[str]:
    """The lines of a file, or of standard input; a byte order mark before the first is no part of it.

    Misuse E343 for what cannot be read, Mistake E344 for a line that is no UTF-8 or has no end.
    """
    if data is None:
        yield from _lines(sys.stdin.buffer, "standard input")
        return
    try:
        with data.open("rb") as file:
            yield from _lines(file, str(data))
    except OSError as error:
        raise _unreadable(data, error.strerror or str(error)) from error


def _lines(file: BinaryIO, source: str) -> Iterator[str]:
    number = 0
    while raw := file.readline(LONGEST):
        number += 1
        if len(raw) == LONGEST:
            raise Mistake("E344", "a line without an end", f"{LONGEST:,} bytes were read", "write one event a line",
                          Place(source, number, 1))  # fmt: skip
        raw = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
        try:
            yield raw.decode()
        except UnicodeDecodeError as error:
            column = len(raw[: error.start].decode(errors="replace")) + 1
            raise Mistake("E344", f"a line is not UTF-8 text: {error.reason}", "JSON is UTF-8 (RFC 8259)",
                          "save the file as UTF-8", Place(source, number, column)) from error  # fmt: skip


def _unreadable(data: Path, why: str) -> Misuse:
    return Misuse("E343", f"cannot read {data}", why, "name a readable file of JSON lines", Place(str(data)))
