"""The desk's hands: reads reviews and dead letters, writes a decision and its event in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from penstock.contracts.address import Address, parse
from penstock.contracts.events import of_run
from penstock.contracts.records import DECISION, RUN_EVENT, Decision, Review
from penstock.contracts.topics import Topics
from penstock.errors import Abort, Retriable, TimedOut, Unknown
from penstock.runtime.codec import Codec
from penstock.runtime.ports import Cluster, Log, Output

_TRIES = 3


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
            for record in self._log.read(self._topics.reviews, partition):
                if record.value is not None:
                    review: Review = self._codec.decode(record.value)[1]  # type: ignore[assignment]  # the topic holds nothing else
                    self._at[review["review"]] = partition
                    yield review

    def value(self, review: Review) -> bytes | None:
        """The bytes in question: the suggestion, or the judged payload out of the dead letter."""
        if review["value"] is not None or not review["letter"]:
            return review["value"]
        found = self._log.fetch(parse(review["letter"]))
        return found.value if found is not None else None

    def decide(self, decision: Decision) -> Address:
        """Write a decision, and the event that names where it lies; answers its address."""
        partition = self._at[decision["review"]]
        key = decision["review"].encode()
        output = Output(self._topics.decisions, partition, key, self._codec.encode(DECISION, decision))
        event = of_run(
            "decided", decision["run"], "", int(self._clock() * 1000), step="desk", outcome=decision["verdict"]
        )
        error: Exception | None = None
        for _ in range(_TRIES):
            producer = self._cluster.producer(f"{self._topics.pipeline}.desk.{decision['review']}")
            try:
                producer.init()
                producer.begin()
                (address,) = producer.place([output])
                event["ruling"] = {"review": decision["review"], "decision": str(address),
                                   "verdict": decision["verdict"], "by": decision["by"]}  # fmt: skip
                data = self._codec.encode(RUN_EVENT, event)
                producer.produce(Output(self._topics.runs, partition, decision["run"].encode(), data))
                producer.commit()
            except (Abort, Retriable, Unknown) as failure:
                error = failure
            else:
                return address
            finally:
                producer.close()
        raise TimedOut(
            "E314", "the decision could not be written", why=str(error), fix="look at the broker, then again"
        )

    def close(self) -> None:
        """Give the reader up."""
        self._log.close()
