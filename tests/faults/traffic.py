"""The other end of the pipeline: paced events in, and a look at how many runs are over."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

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
        while index >= self.limit:
            producer.poll(0.05)

    def _send(self, producer: Producer, event: str, body: Value) -> None:
        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self.accepted.add(event)
            else:
                self.failed.append(str(error))

        producer.produce("kill.in", of_the_house().encode("diagram.Job", body), event.encode(), on_delivery=delivered)


@dataclass
class Flow:
    """Counts the records of each topic as they come, those of open transactions too: whose turn it is to work."""

    bootstrap: str
    topics: tuple[str, ...]
    counts: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread = threading.Thread(target=self._read, name="flow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)

    def _read(self) -> None:
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": "flow", "enable.auto.commit": False,
             "isolation.level": "read_uncommitted", "auto.offset.reset": "earliest", "fetch.wait.max.ms": 20, **_CLIENT}
        )  # fmt: skip
        found = consumer.list_topics(timeout=30).topics
        consumer.assign([TopicPartition(topic, p, 0) for topic in self.topics for p in found[topic].partitions])
        while not self._stop.is_set():
            for message in consumer.consume(500, 0.02):
                if message.error() is None:
                    self.counts[message.topic() or ""] += 1
        consumer.close()


@dataclass
class Watch:
    """Counts the runs that are over, as anybody could: by reading the status topic."""

    bootstrap: str
    over: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread = threading.Thread(target=self._read, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)

    def wait(self, runs: int, patience: float) -> bool:
        """Wait until so many are over; false when it takes too long."""
        until = time.monotonic() + patience
        while len(self.over) < runs and time.monotonic() < until:
            time.sleep(0.05)
        return len(self.over) >= runs

    def _read(self) -> None:
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": "watch", "enable.auto.commit": False,
             "isolation.level": "read_committed", "auto.offset.reset": "earliest", **_CLIENT}
        )  # fmt: skip
        partitions = consumer.list_topics("kill.status", timeout=30).topics["kill.status"].partitions
        consumer.assign([TopicPartition("kill.status", partition, 0) for partition in partitions])
        while not self._stop.is_set():
            message = consumer.poll(0.1)
            if message is not None and message.error() is None and message.value() is not None:
                _, value = of_the_house().decode(message.value() or b"")
                if value["terminal"]:
                    self.over.add(value["run"])
        consumer.close()
