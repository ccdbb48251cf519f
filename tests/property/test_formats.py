"""What is written beside records is read as it was, and fits where it must."""

from __future__ import annotations

import base64
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.contracts.envelope import Envelope, parse
from penstock.errors import Poison
from penstock.runtime.intake import MOST_INCOMPLETE, MOST_SPAN
from penstock.runtime.offsets import MAX_CHARACTERS, NOBODY, Progress, decode, encode
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


@st.composite
def progresses(draw: st.DrawFn, *, older: bool = False) -> tuple[int, Progress]:
    """A base and what is behind it; the `older` ones could be written before there was a second version."""
    base = draw(st.integers(0, OFFSET))
    incomplete = [base]
    for step in draw(st.lists(gaps, max_size=200)):
        incomplete.append(incomplete[-1] + step)
    top = incomplete[-1] + draw(st.integers(1, 10**6))
    counters = draw(st.integers(0, 9)), draw(st.integers(0, 1))
    if older:
        return base, Progress(top, tuple(incomplete), *counters)
    suspect = draw(st.sampled_from([NOBODY, *incomplete]))
    return base, Progress(
        top, tuple(incomplete), *counters, draw(st.booleans()), draw(st.integers(0, 4_000)), suspect
    )  # fmt: skip


@given(progresses())
def test_progress_comes_back(found: tuple[int, Progress]) -> None:
    """Which records are incomplete, wherever they lie, who is suspected, and whether the step fails."""
    base, progress = found

    assert decode(base, encode(base, progress)) == progress


@given(progresses(older=True))
def test_progress_is_written_as_ever_where_nothing_new_is_said(found: tuple[int, Progress]) -> None:
    """Version 1, byte for byte as its layout says: whoever knows no other can take over."""
    base, progress = found
    numbers = [progress.deaths, progress.turn, progress.top - base]
    numbers += [offset - before for before, offset in pairwise((base, *progress.incomplete))]

    raw = base64.b64decode(encode(base, progress) + "==")

    assert raw == b"\x01" + b"".join(map(varint, numbers))


def test_a_place_that_the_first_version_wrote_is_read() -> None:
    """Three deaths, no turn, five records read of which the first and the third are incomplete."""
    assert decode(7, base64.b64encode(bytes([1, 3, 0, 5, 0, 2])).decode()) == Progress(12, (7, 9), 3)


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last have the top bit."""
    head = bytes([number & 127 | (128 if number > 127 else 0)])
    return head + varint(number >> 7) if number > 127 else head


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
    tracker = admitted(steps)
    tracker.failing, tracker.suspects = True, 4_000
    tracker.alone(OFFSET)
    committed = tracker.snapshot()

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
