"""Dead letters: the record as it was, and why; and suggestions that a person could approve."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock import Reason
from penstock.contracts.envelope import Envelope
from penstock.contracts.identity import digest
from penstock.errors import Poison
from penstock.runtime.codec import Codec
from penstock.runtime.letters import HEADER, DeadLetters, suggested
from penstock.runtime.ports import Output, Record
from penstock.runtime.service import Done
from pipelines import contracts, scored

CODEC = Codec(contracts())
LETTERS = DeadLetters("p", "a", "p.a.dlq", "d1gest", "v1")
AROUND = Envelope("run", "e", "task", "", "before", 1, 2, "p.x[0]@1", "d1gest", 99)
RECORD = Record("p.a", 3, 7, b"run", b"bytes", [("penstock", b"x"), ("other", None)], 5)
SCORED = scored({"id": "e", "number": 1.0})


def letter(done: Done) -> Output:
    """The letter itself."""
    assert done.letter is not None
    return done.letter


def why(done: Done) -> dict[str, Any]:
    """Our header."""
    found: dict[str, Any] = json.loads(dict(letter(done).headers or ())[HEADER] or "")
    return found


def test_a_letter_is_the_record_as_it_was() -> None:
    """Topic aside: partition, key, bytes and headers, ours and those of other tools behind them."""
    done = LETTERS.dead(RECORD, AROUND, (Reason("low", "too low"),), 11)

    assert letter(done)[:4] == ("p.a.dlq", 3, b"run", b"bytes")
    assert (letter(done).headers or [])[:2] == RECORD.headers
    assert why(done)["origin"] == {"topic": "p.a", "partition": 3, "offset": 7, "timestamp": 5}
    assert [reason["code"] for reason in why(done)["reasons"]] == ["low"]
    assert dict(letter(done).headers or ())["__connect.errors.exception.message"] == b"too low"


def test_the_event_says_what_the_supervisor_needs() -> None:
    """Run, task, round, reasons, and where a fallback finds its input."""
    event = LETTERS.dead(RECORD, AROUND, (Reason("low"),), 11, outcome="rejected").event

    assert event is not None
    assert event["dead"] is not None
    assert (event["run"], event["task"], event["round"], event["outcome"]) == ("run", "task", 2, "rejected")
    assert (event["dead"]["origin"], event["sha256"]) == ("p.a[3]@7", "")


def test_a_judged_value_is_named_by_its_digest() -> None:
    """So that an approval can be bound to it."""
    event = LETTERS.dead(RECORD, AROUND, (Reason("low"),), 11, judged=True).event

    assert event is not None
    assert event["sha256"] == digest(b"bytes")


def test_what_belongs_to_no_run_is_refused() -> None:
    """Without an envelope nobody knows whose it was."""
    event = LETTERS.bury(RECORD, None, Poison("bad_envelope", "no"), 11).event

    assert event is not None
    assert (event["kind"], event["run"], event["input"]) == ("refused", "", "p.a[3]@7")


def test_no_reason_is_a_reason() -> None:
    """A letter without any says so."""
    done = LETTERS.dead(RECORD, AROUND, (), 11)

    assert dict(letter(done).headers or ())["__connect.errors.exception.class.name"] == b"unknown"


@pytest.mark.parametrize(
    "record",
    [
        RECORD._replace(value=b"x" * 1_000_000),
        RECORD._replace(value=b"x" * 1_000_000, key=b"k" * 1_000_000),
        RECORD._replace(headers=[(f"h{at}", b"x" * 1_000) for at in range(2_000)]),
    ],
)
def test_what_is_too_large_goes_by_reference(record: Record) -> None:
    """The letter fits, says where the record lies, and names the digest of its value."""
    done = LETTERS.dead(record, AROUND, (Reason("too_large"),), 11)
    size = sum(len(name) + len(value or b"") for name, value in letter(done).headers or ())

    assert size + len(letter(done).key or b"") + len(letter(done).value or b"") < 1_000_000
    assert why(done)["origin"]["offset"] == 7
    assert dict(letter(done).headers or ())["penstock-dead-sha256"] == digest(record.value or b"").encode()


def test_a_good_suggestion_is_encoded() -> None:
    """Under the step's own contract."""
    data, reasons = suggested(CODEC, "diagram.Scored", SCORED)

    assert CODEC.decode(data) == ("diagram.Scored", SCORED)
    assert reasons == ()


@pytest.mark.parametrize("value", [{}, {"id": 1}, 7, "text", {**SCORED, "label": "x" * 150_000}, object()])
def test_any_other_suggestion_is_dropped_with_a_warning(value: object) -> None:
    """It does not fit, is no payload, or is too large for an event."""
    data, (reason,) = suggested(CODEC, "diagram.Scored", value)

    assert data is None
    assert (reason.code, reason.severity) == ("no_suggestion", "warning")


def test_no_suggestion_is_none() -> None:
    """And no warning."""
    assert suggested(CODEC, "diagram.Scored", None) == (None, ())
