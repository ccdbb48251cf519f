"""The door: which events start a run, which are repeats, which are refused."""

from __future__ import annotations

import pytest

from penstock.contracts.records import EventMemory
from penstock.errors import Poison
from penstock.ingress.admission import Clash, Repeat, Start, admit, event_id

KNOWN = EventMemory(sha256=b"body", run="r1", at=1_000)


def test_a_new_event_starts_a_run() -> None:
    """Nothing is remembered of its id."""
    assert admit(b"body", None, 1_000, 500) == Start()


def test_the_same_event_is_a_repeat() -> None:
    """Same id, same body: the run it started is named."""
    assert admit(b"body", KNOWN, 1_499, 500) == Repeat("r1")


def test_an_id_with_another_body_is_refused() -> None:
    """Same id, other body: somebody reuses ids."""
    assert admit(b"other", KNOWN, 1_499, 500) == Clash("r1")


def test_what_is_too_old_is_forgotten() -> None:
    """After the declared time the same event is a new one, though it still lies in the memory."""
    assert admit(b"body", KNOWN, 1_500, 500) == Start()
    assert admit(b"other", KNOWN, 1_500, 500) == Start()


@pytest.mark.parametrize("found", ["e", "é" * 200, "a b"])
def test_an_event_id_is_printable(found: str) -> None:
    """One to two hundred characters that can be shown."""
    assert event_id({"id": found}, "id") == found


@pytest.mark.parametrize("found", ["", "x" * 201, "a\nb", "a\x00", "\u202e", None, 7, b"e", ["e"]])
def test_any_other_id_is_poison(found: object) -> None:
    """The reason names the field."""
    with pytest.raises(Poison) as caught:
        event_id({"id": found}, "id")

    assert (caught.value.code, caught.value.path) == ("bad_event_id", "/id")


def test_no_id_is_poison() -> None:
    """The field may be missing."""
    with pytest.raises(Poison):
        event_id({}, "id")
