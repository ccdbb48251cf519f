"""When a client is called deaf: hungry, with records before it, for four looks in a row."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from penstock.runtime.sentry import Sentry


class Ends:
    """A log whose one partition ends at 100."""

    def identity(self, _: str) -> Future[str]:
        """See ports.Log."""
        return settled("one")

    def stable_ends(self, _: str, partitions: list[int]) -> Future[dict[int, int]]:
        """See ports.Log."""
        return settled(dict.fromkeys(partitions, 100))


class Reader:
    """A consumer that has read up to `place`."""

    def __init__(self, place: int) -> None:
        self.place = place

    def reached(self, _: int) -> int:
        """See ports.Consumer."""
        return self.place


def settled(value: Any) -> Future[Any]:  # noqa: ANN401 - whatever was asked for
    """A future that is done."""
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def found(sentry: Sentry, place: int, *polls: tuple[int, int]) -> list[int]:
    """What it finds in half a minute, with these polls (asked, got) between two looks."""
    seen: list[int] = []
    for turn in range(12):
        for asked, got in polls:
            sentry.heard(asked, got)
        seen += sentry.deaf(10.0 + 3.0 * turn, Reader(place), [0])  # type: ignore[arg-type]  # all that it asks of one
    return seen


@pytest.fixture
def sentry() -> Sentry:
    return Sentry(Ends(), "group", "topic")  # type: ignore[arg-type]  # the same


def test_hungry_before_records(sentry: Sentry) -> None:
    """Polls come back empty while committed records lie there: the client has lost the partition."""
    assert set(found(sentry, 40, (500, 0))) == {0}


def test_others_are_read_meanwhile(sentry: Sentry) -> None:
    """Other partitions keep coming, but each poll has room for more: still lost."""
    assert set(found(sentry, 40, (500, 20))) == {0}


def test_slow_is_not_deaf(sentry: Sentry) -> None:
    """A slow step asks for one record now and then and gets it from another partition: nothing is wrong."""
    assert found(sentry, 40, (1, 1), (1, 1)) == []


def test_nothing_is_left(sentry: Sentry) -> None:
    """Everything is read, so an empty poll is what it should be."""
    assert found(sentry, 100, (500, 0)) == []
