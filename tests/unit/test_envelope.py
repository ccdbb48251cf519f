"""The envelope: what is written is what is read, and anything else is poison."""

from __future__ import annotations

import pytest

from penstock.contracts.envelope import Envelope, parse
from penstock.errors import Poison

PLAIN = Envelope("run", "e-1", "task", "", "step", 1, 0, "p.in[0]@7", "d1gest", 1_800_000_000_000)


def test_it_is_one_line_of_text() -> None:
    """Any Kafka UI shows it: a version, then the values in a fixed order, one space between."""
    assert PLAIN.header() == b"1 run e-1 task  step 1 0 p.in[0]@7 d1gest 1800000000000"


@pytest.mark.parametrize(
    "event", ["e1", "e 1", "é", "Überweisung", "100%", "a%20b", "日本", "😀" * 200, "a\tb", "", "²"]
)
def test_an_event_id_may_be_any_text(event: str) -> None:
    """Letters beyond ASCII, spaces and per cent signs come back as they were, also at the longest."""
    around = PLAIN._replace(event=event, item=event)

    assert parse(around.header()) == around
    assert around.header().isascii()


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"1", b"2 run e t  s 1 0 a d 5", b"1 run e t  s 1 0 a d", b"1 run e t  s 1 0 a d 5 6",
        b"1 run e t  s x 0 a d 5", b"1 run e t  s 1 0 a d five", "1 rün e t  s 1 0 a d 5".encode(), b"\xff\xfe",
        b"1 run %ff t  s 1 0 a d 5", b"1 run " + b"e" * 9_000 + b" t  s 1 0 a d 5",
    ],
)  # fmt: skip
def test_what_is_not_ours_is_poison(raw: bytes) -> None:
    """Another version, too few or too many values, no numbers where they belong, not ASCII, too long."""
    with pytest.raises(Poison) as caught:
        parse(raw)

    assert caught.value.code == "bad_envelope"
