"""The quick writer of run events writes what fastavro writes, byte for byte."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given

import strategies
from penstock.contracts import schemas
from penstock.contracts.events import of_run
from penstock.contracts.records import RUN_EVENT, EventKind, RunEvent
from penstock.runtime import events
from penstock.runtime.codec import Codec

_CODEC = Codec(schemas.load())
_COMPLETE, _WRITE = _CODEC.encoder(RUN_EVENT), events.writer(_CODEC)


@given(strategies.run_events())
def test_any_run_event_has_the_bytes_that_fastavro_gives_it(event: RunEvent) -> None:
    """Any text, any number, any length of the lists; with a death or a ruling or without."""
    assert _WRITE(event) == _COMPLETE(event)


@pytest.mark.parametrize("kind", get_args(EventKind))
def test_every_kind_of_event_is_read_back(kind: EventKind) -> None:
    """The places of the enumeration are those of the schema."""
    event = of_run(kind, "r", "e", 1, step="s")

    assert _CODEC.decode(_WRITE(event)) == (RUN_EVENT, {**event, "votes": [], "due": 0, "tried": 0, "request": None})


def test_a_long_text_has_a_long_length() -> None:
    """Three bytes of length."""
    event = of_run("late", "r", "e", 1, step="s", outcome="x" * 10_000)

    assert _WRITE(event) == _COMPLETE(event)
