"""What is written beside records is read as it was, and fits where it must."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.contracts.envelope import Envelope, parse
from penstock.errors import Poison
from penstock.runtime.intake import MOST_INCOMPLETE, MOST_SPAN
from penstock.runtime.offsets import MAX_CHARACTERS, Progress, decode, encode
from penstock.runtime.ports import Committed
from penstock.runtime.tracker import Tracker
from strategies import envelopes, gaps

OFFSET = 2**62


@given(envelopes)
def test_an_envelope_comes_back(around: Envelope) -> None:
    """Whatever text the event id is, in ASCII on the way."""
    assert around.header().isascii()
    assert parse(around.header()) == around


@given(st.binary(max_size=200))
def test_any_bytes_are_an_envelope_or_poison(raw: bytes) -> None:
    """Nothing else comes out of reading a header."""
    with suppress(Poison):
        parse(raw)


@given(
    base=st.integers(0, OFFSET),
    steps=st.lists(gaps, max_size=200),
    more=st.integers(1, 10**6),
    deaths=st.integers(0, 3),
    turn=st.integers(0, 1),
)
def test_progress_comes_back(base: int, steps: list[int], more: int, deaths: int, turn: int) -> None:
    """Which records are incomplete, wherever they lie."""
    incomplete = [base]
    for step in steps:
        incomplete.append(incomplete[-1] + step)
    progress = Progress(incomplete[-1] + more, tuple(incomplete), deaths, turn)

    assert decode(base, encode(base, progress)) == progress


@given(st.integers(0, OFFSET), st.text(max_size=60))
def test_any_metadata_is_progress_or_none(base: int, metadata: str) -> None:
    """Somebody else's metadata never stops a consumer."""
    progress = decode(base, metadata)

    assert progress is None or progress.top >= base


def admitted(steps: list[int]) -> Tracker:
    """A partition read with these gaps between records, as far as the window allows, and nothing completed."""
    tracker, offset = Tracker(0, Committed(OFFSET, "")), OFFSET
    at = 0
    while len(tracker) < MOST_INCOMPLETE and tracker.span < MOST_SPAN:
        tracker.admit(offset)
        offset += steps[at % len(steps)]
        at += 1
    return tracker


@given(st.lists(gaps, min_size=1, max_size=50))
def test_what_is_committed_always_fits(steps: list[int]) -> None:
    """The broker takes 4,095 characters and no more, whatever the gaps."""
    committed = admitted(steps).snapshot()

    assert len(committed.metadata) <= MAX_CHARACTERS
    assert decode(committed.offset, committed.metadata) is not None


@pytest.mark.parametrize("gap", [1, 99, 100, 127, 128, 129, 16_384])
def test_the_worst_windows_fit(gap: int) -> None:
    """Even gaps of every width in bytes, with a last leap across the whole of the log."""
    for steps in ([gap], [gap] * 998 + [2**61]):
        assert len(admitted(steps).snapshot().metadata) <= MAX_CHARACTERS


@given(st.lists(gaps, min_size=1, max_size=60), st.data())
def test_a_tracker_goes_on_where_another_ended(steps: list[int], data: st.DataObject) -> None:
    """After any completions, a successor takes exactly what is incomplete, and everything new."""
    tracker, offsets = Tracker(0, Committed(0, "")), [0]
    for step in steps:
        offsets.append(offsets[-1] + step)
    for offset in offsets:
        tracker.admit(offset)
    done = data.draw(st.sets(st.sampled_from(offsets)))
    for offset in done:
        tracker.complete(offset)
    committed = tracker.snapshot()
    successor = Tracker(1, committed)

    left = [offset for offset in offsets if offset >= committed.offset and successor.admit(offset)]
    assert left == [offset for offset in offsets if offset not in done]
    assert successor.admit(offsets[-1] + 1)
