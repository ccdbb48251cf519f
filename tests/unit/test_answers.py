"""What handlers give as reasons, made fit to be written down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from penstock import Reason
from penstock.contracts.answers import MOST_REASONS, as_reason, raised, reasons_of
from penstock.contracts.records import reason_of, reason_records


class Mute:
    """It cannot be printed."""

    def __str__(self) -> str:
        raise ValueError("no words")


def broken() -> Iterator[Reason]:
    """Reasons that break off."""
    yield Reason("first")
    raise OSError("half way")


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ((Reason("a"), Reason("b")), ["a", "b"]),
        ([Reason("a")], ["a"]),
        (Reason("a"), ["a"]),
        ((), ["unnamed"]),
        (None, ["unnamed"]),
        ("too long", ["unnamed"]),
        ({"code": "a"}, ["unnamed"]),
        (7, ["unnamed"]),
        (["a", Reason("b"), None], ["unnamed", "b", "unnamed"]),
        (Mute(), ["unnamed"]),
        (broken(), ["exception"]),
        ((Reason("a") for _ in range(1_000)), ["a"] * MOST_REASONS),
    ],
)
def test_whatever_is_given_there_are_reasons(given: object, codes: list[str]) -> None:
    """A forgotten tuple, a bare text, nothing at all, a generator: never empty, never too many."""
    assert [reason.code for reason in reasons_of(given)] == codes


def test_a_reason_becomes_plain_text() -> None:
    """Every field is short text that can be encoded, the severity one of three, retryable a truth."""
    odd: Any = [Mute(), 7, None, "\ud800", "x" * 1_000, "fatal", 1, b"\xff"]
    record = Reason(*odd).record()

    assert all(isinstance(value, str) and len(value) <= 200 for key, value in record.items() if key != "retryable")
    assert record["expected"] == "\\ud800"
    assert record["severity"] == "error"
    assert record["retryable"] is False


def test_a_reason_survives_its_record() -> None:
    """A reason of plain text is the same after it was written and read."""
    reason = Reason("low", "too low", "/score", "0.5", "0.1", "warning", retryable=True, hint="look again")

    assert reason_of(reason_records((reason,))[0]) == reason
    assert as_reason(reason) == reason


def test_a_record_holds_so_many_reasons() -> None:
    """An event must stay small."""
    assert len(reason_records((Reason("a"),) * 100)) == MOST_REASONS


@pytest.mark.parametrize(
    ("error", "message"),
    [(ValueError("bad"), "ValueError: bad"), (SystemExit(3), "SystemExit: 3"), (OSError(), "OSError: ")],
)
def test_an_exception_is_a_reason(error: BaseException, message: str) -> None:
    """Its class and what it says."""
    assert raised(error).message == message
