"""The desk's hands: reads reviews and dead letters, writes what people claim and decide, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from penstock.contracts.address import Address, parse
from penstock.contracts.events import of_run
from penstock.contracts.records import CLAIM, DECISION, RUN_EVENT, Decision, Review, RunEvent
from penstock.contracts.topics import Topics
from penstock.errors import Abort, Fenced, Retriable, TimedOut, Unknown
from penstock.escalation.desk import Entry, admit, is_decision, must_wait
from penstock.runtime.codec import Codec
from penstock.runtime.ports import Cluster, Log, Output, Producer

_TRIES = 5


class _Said(NamedTuple):
    """What was written about a review, in the order of the log, and where it lies."""

    entries: list[Entry]
    places: list[Address]


class Inbox:
    """The reviews of one pipeline."""

    def __init__(self, pipeline: str, cluster: Cluster, codec: Codec, clock: Callable[[], float]) -> None:
        self._topics = Topics(pipeline)
        self._cluster = cluster
        self._codec = codec
        self._clock = clock
        self._log: Log = cluster.log()
        self._at: dict[str, int] = {}

    def reviews(self) -> Iterator[Review]:
        """Every record of the review topic, in the order of each partition."""
        for partition in range(self._log.partitions(self._topics.reviews)):
            yield from self._reviews(partition)

    def entries(self) -> dict[str, list[Entry]]:
        """What people wrote about each review, in the order of the log."""
        found: dict[str, list[Entry]] = {}
        for partition in range(self._log.partitions(self._topics.decisions)):
            for entry, _ in self._entries(partition):
                found.setdefault(entry["review"], []).append(entry)
        return found

    def value(self, review: Review) -> bytes | None:
        """The bytes in question: the suggestion, or the judged payload out of the dead letter."""
        if review["value"] is not None or not review["letter"] or not review["sha256"]:
            return review["value"]
        found = self._log.fetch(parse(review["letter"]))
        return found.value if found is not None else None

    def given(self, review: Review) -> bytes | None:
        """What the worker in question was given; a join's branches lie in its dead letter instead."""
        found = self._log.fetch(parse(review["origin"])) if review["origin"] and "retry" in review["offers"] else None
        return found.value if found is not None else None

    def write(self, entry: Entry) -> Address:
        """Write a decision, with the event that names where it lies, or a claim; answers its address.

        Who writes takes over the review's own transactional id first and then reads what others wrote: nobody can
        write in between, and the first in the order of the log counts. Conflict E311, E315 when that was somebody else.
        """
        error: Exception | None = None
        for _ in range(_TRIES):
            producer = self._cluster.producer(f"{self._topics.pipeline}.desk.{entry['review']}")
            try:
                producer.init()
                return self._written(producer, entry)
            except (Abort, Retriable, Unknown, Fenced) as failure:
                error = failure
            finally:
                producer.close()
        raise TimedOut(
            "E314", "the decision could not be written", why=str(error), fix="look at the broker, then again"
        )

    def close(self) -> None:
        """Give the reader up."""
        self._log.close()

    def _written(self, producer: Producer, entry: Entry) -> Address:
        partition, now = self._at[entry["review"]], int(self._clock() * 1000)
        said = self._said(partition, entry["review"])
        if entry in said.entries:
            return said.places[said.entries.index(entry)]  # ours, though nobody could say so
        admit(entry, said.entries, now)
        last = [review for review in self._reviews(partition) if review["review"] == entry["review"]][-1]
        must_wait(last, now)
        contract = DECISION if is_decision(entry) else CLAIM
        producer.begin()
        key = entry["review"].encode()
        output = Output(self._topics.decisions, partition, key, self._codec.encode(contract, entry))
        (address,) = producer.place([output])
        if is_decision(entry):
            data = self._codec.encode(RUN_EVENT, _decided(entry, address, now))
            producer.produce(Output(self._topics.runs, partition, entry["run"].encode(), data))
        producer.commit()
        return address

    def _said(self, partition: int, review: str) -> _Said:
        found = [(entry, place) for entry, place in self._entries(partition) if entry["review"] == review]
        return _Said([entry for entry, _ in found], [place for _, place in found])

    def _reviews(self, partition: int) -> Iterator[Review]:
        for record in self._log.read(self._topics.reviews, partition):
            if record.value is not None:
                review: Review = self._codec.decode(record.value)[1]  # type: ignore[assignment]  # the topic holds nothing else
                self._at[review["review"]] = partition
                yield review

    def _entries(self, partition: int) -> Iterator[tuple[Entry, Address]]:
        for record in self._log.read(self._topics.decisions, partition):
            entry: Entry = self._codec.decode(record.value)[1]  # type: ignore[assignment]  # the topic holds nothing else
            yield entry, record.address


def _decided(decision: Decision, address: Address, now: int) -> RunEvent:
    event = of_run("decided", decision["run"], "", now, step="desk", outcome=decision["verdict"])
    event["ruling"] = {"review": decision["review"], "decision": str(address), "verdict": decision["verdict"],
                       "by": decision["by"], "note": decision["note"]}  # fmt: skip
    return event
