"""The address of one record: `topic[partition]@offset`, the same text everywhere."""

from __future__ import annotations

import re
from typing import NamedTuple

_SHAPE = re.compile(r"(?P<topic>[A-Za-z0-9._-]{1,249})\[(?P<partition>\d{1,6})\]@(?P<offset>\d{1,19})")


class Address(NamedTuple):
    """Where a record lies in the log."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


def parse(text: str) -> Address:
    """Read `topic[partition]@offset`; ValueError says what was found instead."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ValueError(f"not a record address: {text[:80]!r} (expected topic[partition]@offset)")
    return Address(found["topic"], int(found["partition"]), int(found["offset"]))
