"""What a group has done of a partition, in the 4,095 characters of its offset's metadata.

Completion is out of order: the committed offset is the first incomplete record, and the metadata names every
incomplete one behind it. Layout, base64 without padding: version 1, then varints: deaths, turn, top - base, and the
incomplete offsets as differences to the one before (the first to base). Empty when there is nothing to say.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

VERSION = 1
MAX_CHARACTERS = 4_095  # the broker allows 4,096, of which the client spends one on a NUL


class Progress(NamedTuple):
    """Everything below `top` is complete, save `incomplete` (ascending); `deaths` since the last progress.

    `turn` flips between two commits that would otherwise look alike, so that after a lost answer one can tell
    whether the second one arrived.
    """

    top: int
    incomplete: tuple[int, ...] = ()
    deaths: int = 0
    turn: int = 0


def encode(base: int, progress: Progress) -> str:
    """Metadata for a commit of `base`, the first incomplete offset or `top`."""
    if not (progress.incomplete or progress.deaths or progress.turn):
        return ""
    out = bytearray((VERSION,))
    _varint(out, progress.deaths)
    _varint(out, progress.turn)
    _varint(out, progress.top - base)
    previous = base
    for offset in progress.incomplete:
        _varint(out, offset - previous)
        previous = offset
    return base64.b64encode(out).decode().rstrip("=")


def decode(base: int, metadata: str) -> Progress | None:
    """Read what `encode` wrote; None when it is somebody else's or damaged, which costs duplicates, never a loss."""
    if not metadata:
        return Progress(base)
    try:
        raw = base64.b64decode(metadata + "=" * (-len(metadata) % 4), validate=True)
        if not raw or raw[0] != VERSION:
            return None
        deaths, turn, span, *differences = _varints(raw[1:])
    except (ValueError, binascii.Error):
        return None
    incomplete = []
    offset = base
    for difference in differences:
        offset += difference
        incomplete.append(offset)
    ascending = all(b > a for a, b in pairwise(incomplete))
    inside = not incomplete or (incomplete[0] == base and incomplete[-1] < base + span)
    return Progress(base + span, tuple(incomplete), deaths, turn) if ascending and inside else None


def _varint(out: bytearray, number: int) -> None:
    while number > 127:  # noqa: PLR2004 - seven bits a byte, as in protocol buffers
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _varints(raw: bytes) -> Iterable[int]:
    number = shift = 0
    for byte in raw:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:  # noqa: PLR2004 - the top bit says that more follows
            yield number
            number = shift = 0
        elif shift > 63:  # noqa: PLR2004 - an offset has 63 bits
            raise ValueError("varint too long")
    if shift:
        raise ValueError("varint cut short")
