"""What a group has done of a partition, in the 4,095 characters of its offset's metadata.

Completion is out of order: the committed offset is the first incomplete record, and the metadata names every
incomplete one behind it. Layout, base64 without padding: version 1, then varints: deaths, turn, top - base, and the
incomplete offsets as differences to the one before (the first to base). Version 2 has three more after the turn:
failing, suspects, and suspect - base + 1; it is written only where one of them says something, so that whoever
knows the first version alone can take over at any other time. Empty when there is nothing to say.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

VERSIONS = (1, 2)
NOBODY = -1
MAX_CHARACTERS = 4_095  # the broker allows 4,096, of which the client spends one on a NUL


class Progress(NamedTuple):
    """Everything below `top` is complete, save `incomplete` (ascending); `deaths` since the last progress.

    `turn` flips between two commits that would otherwise look alike, so that after a lost answer one can tell
    whether the second one arrived. `failing`: the step halted over failed tasks, and none has gone well since. In
    quarantine the next `suspects` records are dispatched one by one, and `suspect` is the offset of the one that was.
    """

    top: int
    incomplete: tuple[int, ...] = ()
    deaths: int = 0
    turn: int = 0
    failing: bool = False
    suspects: int = 0
    suspect: int = NOBODY


def encode(base: int, progress: Progress) -> str:
    """Metadata for a commit of `base`, the first incomplete offset or `top`."""
    more = progress.failing or progress.suspects or progress.suspect != NOBODY
    if not (progress.incomplete or progress.deaths or progress.turn or more):
        return ""
    out = bytearray((VERSIONS[1] if more else VERSIONS[0],))
    _varint(out, progress.deaths)
    _varint(out, progress.turn)
    if more:
        _varint(out, int(progress.failing))
        _varint(out, progress.suspects)
        _varint(out, 0 if progress.suspect == NOBODY else progress.suspect - base + 1)
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
        if not raw or raw[0] not in VERSIONS:
            return None
        numbers = iter(tuple(_varints(raw[1:])))
        deaths, turn = next(numbers), next(numbers)
        failing, suspects, suspect = (next(numbers), next(numbers), next(numbers)) if raw[0] > 1 else (0, 0, 0)
        span, *differences = numbers
    except (ValueError, binascii.Error, StopIteration):
        return None
    incomplete = []
    offset = base
    for difference in differences:
        offset += difference
        incomplete.append(offset)
    ascending = all(b > a for a, b in pairwise(incomplete))
    inside = not incomplete or (incomplete[0] == base and incomplete[-1] < base + span)
    if not (ascending and inside):
        return None
    alone = base + suspect - 1 if suspect else NOBODY
    return Progress(base + span, tuple(incomplete), deaths, turn, bool(failing), suspects, alone)


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
