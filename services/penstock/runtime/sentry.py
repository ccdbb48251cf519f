"""Looks every few seconds whether a topic is still the same one, and whether its records still come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import Future

from penstock.errors import Halt
from penstock.runtime import halts
from penstock.runtime.ports import Consumer, Log

_EVERY = 5.0  # s
_ASK = 10.0  # s to wait for an answer where something is wrong already
_LOOKS = 4  # in a row at which committed records lay there, a poll came back hungry and the place did not move


class Sentry:
    """Watches one topic for one consumer.

    The client can lose a partition for good while its leader is away (librdkafka #5430): it then says nothing and
    reads nothing, and only a new client helps.
    """

    def __init__(self, log: Log, group: str, topic: str) -> None:
        self._log = log
        self._group = group
        self._topic = topic
        self._looked = 0.0
        self._identity = ""
        self._identities: Future[str] | None = None
        self._ends: Future[Mapping[int, int]] | None = None
        self._places: dict[int, int] = {}
        self._still: Counter[int] = Counter()
        self._thirsty = False

    def heard(self, asked: int, got: int) -> None:
        """A poll asked for so many records and got so many; where it got all, more may wait in the client."""
        self._thirsty = self._thirsty or got < asked

    def soon(self) -> None:
        """Look at the next opportunity: something changed."""
        self._looked = 0.0
        self._still.clear()

    def deaf(self, now: float, consumer: Consumer, partitions: Collection[int]) -> list[int]:
        """Partitions whose records do not come any more. Halt when the topic is another one than it was."""
        self._compare()
        found = self._listen(consumer, partitions)
        if now - self._looked > _EVERY and self._identities is None and self._ends is None:
            self._looked = now
            self._identities = self._log.identity(self._topic)
            self._ends = self._log.stable_ends(self._topic, sorted(partitions)) if partitions else None
        return found

    def cause(self) -> Halt | None:
        """What lies behind a halt over the topic or its offsets: another topic of the same name explains them all."""
        if not self._identity:
            return None
        try:
            found = self._log.identity(self._topic).result(_ASK)
        except Exception:  # noqa: BLE001 - whatever the client says, there is a reason to halt already
            return None
        return halts.made_again(self._group, self._topic) if found not in {"", self._identity} else None

    def _compare(self) -> None:
        if self._identities is None or not self._identities.done():
            return
        found = self._identities.result() if self._identities.exception() is None else ""
        self._identities = None
        if found and self._identity and found != self._identity:
            raise halts.made_again(self._group, self._topic)
        self._identity = found or self._identity

    def _listen(self, consumer: Consumer, partitions: Collection[int]) -> list[int]:
        if self._ends is None or not self._ends.done():
            return []
        ends = self._ends.result() if self._ends.exception() is None else {}
        self._ends = None
        for partition, end in ends.items():
            place = consumer.reached(partition)
            still = self._thirsty and partition in partitions and place < end and place == self._places.get(partition)
            self._still[partition] = self._still[partition] + 1 if still else 0
            self._places[partition] = place
        self._thirsty = False
        return [partition for partition, looks in self._still.items() if looks >= _LOOKS]
