"""The other end of the pipeline: paced events in, and a look at how many runs are over."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from faults.wire import Value, of_the_house

_CLIENT: dict[str, str | int | float | bool] = {
    "metadata.recovery.strategy": "none", "reconnect.backoff.max.ms": 1000,
    "log_level": 0,  # it is we who take the broker away
}  # fmt: skip
_REPEATED = 0.02  # of the events come a second time, byte for byte
_DISPUTED = 0.05  # of the events the workers disagree about, and the gate rejects
_BURST = 100.0  # events/s when nobody holds them back


def events(count: int, random: Random) -> dict[str, Value]:
    """Event ids and bodies. The workers disagree on numbers from 1 to 2, see the oracle."""
    bodies = {}
    for index in range(count):
        disputed = random.random() < _DISPUTED
        number = random.uniform(1.05, 1.95) if disputed else random.choice((0.4, 5.0)) * random.uniform(0.5, 2.0)
        bodies[f"event-{index:06d}"] = {"id": f"event-{index:06d}", "number": number}
    return bodies


@dataclass
class Feeder:
    """Sends the events in order at `rate` a second, and holds after `limit` of them; some are sent again later."""

    bootstrap: str
    bodies: Mapping[str, Value]
    random: Random
    rate: float = _BURST
    limit: int = 0
    accepted: set[str] = field(default_factory=set)
    sent: int = 0
    repeats: int = 0
    failed: list[str] = field(default_factory=list)
    _held: threading.Event = field(default_factory=threading.Event)
    _idle: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread = threading.Thread(target=self._feed, name="feeder", daemon=True)
        self._thread.start()

    def finish(self, patience: float) -> None:
        """Send the rest at full speed and wait until the broker has it all."""
        self.rate, self.limit = _BURST, len(self.bodies)
        assert self._thread is not None
        self._thread.join(patience)
        if self._thread.is_alive() or self.failed or len(self.accepted) != len(self.bodies):
            raise RuntimeError(f"{len(self.accepted)} of {len(self.bodies)} events accepted, errors {self.failed[:3]}")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have nothing on its way meanwhile, for the reason that the readers have."""
        self._held.set()
        self._idle.wait(60)
        yield
        self._idle.clear()
        self._held.clear()

    def _feed(self) -> None:
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 0,
             "partitioner": "murmur2_random", "message.timeout.ms": 300_000, **_CLIENT}
        )  # fmt: skip
        later: dict[int, str] = {}
        for index, (event, body) in enumerate(self.bodies.items()):
            self._pace(producer, index)
            self._send(producer, event, body)
            self.sent = index + 1
            if self.random.random() < _REPEATED:
                later[min(index + self.random.randint(0, 150), len(self.bodies) - 1)] = event
            if index in later:
                self.repeats += 1
                self._send(producer, later[index], self.bodies[later[index]])
        producer.flush(120)

    def _pace(self, producer: Producer, index: int) -> None:
        producer.poll(1 / self.rate)
        while index >= self.limit or self._held.is_set():
            producer.poll(0.01)
            if self._held.is_set() and len(producer) == 0:
                self._idle.set()

    def _send(self, producer: Producer, event: str, body: Value) -> None:
        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self.accepted.add(event)
            else:
                self.failed.append(str(error))

        producer.produce("kill.in", of_the_house().encode("diagram.Job", body), event.encode(), on_delivery=delivered)


@dataclass
class _Reader:
    """Reads topics from their beginning on a thread of its own.

    While the broker is taken away it has no client: one that is told of a partition without a leader may crash
    (librdkafka #5280), and this process must not.
    """

    bootstrap: str
    _topics: tuple[str, ...] = ()
    _level: str = "read_committed"
    _places: dict[tuple[str, int], int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _away: threading.Event = field(default_factory=threading.Event)
    _gone: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._read, name=type(self).__name__, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Read nothing meanwhile."""
        self._away.set()
        self._gone.wait(10)
        yield
        self._gone.clear()
        self._away.clear()

    def take(self, message: Message) -> None:
        """One record."""
        raise NotImplementedError

    def _read(self) -> None:
        while not self._stop.is_set():
            if self._away.is_set():
                self._gone.set()
                time.sleep(0.01)
                continue
            consumer = self._open()
            while not self._stop.is_set() and not self._away.is_set():
                for message in consumer.consume(500, 0.02):
                    if message.error() is None:
                        self._places[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1
                        self.take(message)
            consumer.close()

    def _open(self) -> Consumer:
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": "onlooker", "enable.auto.commit": False,
             "isolation.level": self._level, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 20, **_CLIENT}
        )  # fmt: skip
        places = _led(consumer, self._topics)
        consumer.assign([TopicPartition(topic, p, self._places.get((topic, p), 0)) for topic, p in places])
        return consumer


def _led(consumer: Consumer, topics: tuple[str, ...]) -> list[tuple[str, int]]:
    """Every partition of the topics, once all of them have a leader."""
    until = time.monotonic() + 60
    while True:
        try:
            found = consumer.list_topics(timeout=10).topics
        except KafkaException:
            found = {}
        places = [(t, p, leader.leader) for t in topics if t in found for p, leader in found[t].partitions.items()]
        if {t for t, *_ in places} == set(topics) and all(leader >= 0 for *_, leader in places):
            return [(topic, partition) for topic, partition, _ in places]
        if time.monotonic() > until:
            raise TimeoutError(f"the topics have no leaders: {places}")
        time.sleep(0.05)


class Flow(_Reader):
    """Counts the records of each topic as they come, those of open transactions too: whose turn it is to work."""

    def __init__(self, bootstrap: str, topics: tuple[str, ...]) -> None:
        super().__init__(bootstrap, topics, "read_uncommitted")
        self.counts: Counter[str] = Counter()

    def take(self, message: Message) -> None:
        """Count it."""
        self.counts[message.topic() or ""] += 1


class Watch(_Reader):
    """Counts the runs that are over, as anybody could: by reading the status topic."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(bootstrap, ("kill.status",))
        self.over: set[str] = set()

    def wait(self, runs: int, patience: float) -> bool:
        """Wait until so many are over; false when it takes too long."""
        until = time.monotonic() + patience
        while len(self.over) < runs and time.monotonic() < until:
            time.sleep(0.05)
        return len(self.over) >= runs

    def take(self, message: Message) -> None:
        """Look at a status."""
        if (data := message.value()) is not None:
            _, value = of_the_house().decode(data)
            if value["terminal"]:
                self.over.add(value["run"])
