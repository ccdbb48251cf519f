"""Where each event's run stands, read from the status topic on and on; and a stream held back to what can be done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from demos.stage import Stage
from penstock.errors import TimedOut

_LOOK = 0.5  # s between looks at the statuses
_SAY = 5.0  # s between lines of progress
_SILENCE = 180.0  # s without any news after which it gives up
_UNDER_WAY = 400  # events at once: more would wait in the topics while their deadlines run


class Follower:
    """Follows `distinct` events through a stage; a run has settled when it has ended or waits for a person."""

    def __init__(self, on: Stage, distinct: int, say: Callable[[str], None]) -> None:
        self._on = on
        self._distinct = distinct
        self._say = say
        self._states: dict[str, str] = {}
        self._starts: dict[int, int] = {}
        self._news = self._said = time.monotonic()

    def held(self, events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The events in their order, each as soon as few enough are under way, as a paced upstream would send them."""
        sent: set[str] = set()
        for event in events:
            while len(sent) - self._settled() >= _UNDER_WAY:
                self._wait()
            sent.add(event[self._on.plan.ingress.event_id])
            yield event

    def states(self) -> dict[str, str]:
        """The state of each event's run, once all have settled; TimedOut E403 when nothing moves any more."""
        while self._settled() < self._distinct:
            self._wait()
        return self._states

    def _settled(self) -> int:
        return sum(state != "running" for state in self._states.values())

    def _wait(self) -> None:
        time.sleep(_LOOK)
        before = self._settled()
        for _, status in self._on.values(self._on.topics.status, self._starts):
            self._states[status["event"]] = status["state"]
        now = time.monotonic()
        if self._settled() > before:
            self._news = now
        elif now - self._news > _SILENCE:
            raise TimedOut("E403", f"{self._distinct - before} of {self._distinct} runs have not ended",
                           why=f"nothing new in {_SILENCE:.0f} s", fix="run it again with --debug")  # fmt: skip
        if now - self._said > _SAY:
            self._said = now
            self._say(f"  {self._settled():,} of {self._distinct:,} runs have ended or wait")
