"""The two worlds in which one suite runs: the broker in memory and a real Kafka, seen through the same few verbs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec  # the package's door does not name it for type checkers
from confluent_kafka.cimpl import NewPartitions, NewTopic  # the same

from penstock.provision.apply import Admin
from penstock.runtime.kafka import KafkaCluster
from penstock.runtime.kafka.admin import KafkaAdmin
from penstock.runtime.kafka.consumer import KafkaConsumer
from penstock.runtime.memory import MemoryBroker, MemoryConsumer
from penstock.runtime.ports import Cluster, Committed, Output, Record
from penstock.runtime.ports import Consumer as Member
from penstock.testing.admin import MemoryAdmin

_numbers = itertools.count(int(time.time()) % 100_000)
_CLIENT: dict[str, str | int | float | bool] = {
    "metadata.recovery.strategy": "none", "allow.auto.create.topics": False, "log_level": 0
}  # fmt: skip
_PATIENCE = 60.0


class Ticker:
    """A clock that moves when somebody sleeps; real time passes only as much as other threads need to get on."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        time.sleep(min(seconds, 0.0005))


class World(Protocol):
    """What a test may do to a broker from outside; `name` makes names of the test's own."""

    cluster: Cluster
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def name(self, suffix: str) -> str:
        """A topic, group or transactional id that no other test uses."""

    def create_topic(self, name: str, partitions: int) -> None:
        """Make a topic, and wait until it can be used."""

    def append(self, outputs: Sequence[Output]) -> None:
        """Write records outside any transaction, as an upstream system does."""

    def place_group(self, group: str, topic: str, offsets: Mapping[int, Committed]) -> None:
        """Set an empty group's offsets, as `penstock apply` does."""

    def committed(self, group: str, topic: str) -> dict[int, Committed]:
        """A group's offsets as an outsider sees them."""

    def visible(self, topic: str) -> list[Record]:
        """All that a read_committed consumer sees of a topic now, by partition and offset."""

    def records(self, topic: str) -> list[Record]:
        """The same once no transaction is open there: a marker may be written a moment after its commit returned."""

    def impatient(self) -> Cluster:
        """A cluster whose members and transactions are given up soon."""

    def give_up(self, member: Member) -> None:
        """Let the group give a silent member up, which does not know it yet."""

    def trim(self, topic: str, partition: int, offset: int) -> None:
        """Delete the records below an offset, as retention does."""

    def grow(self, topic: str, partitions: int) -> None:
        """Give a topic more partitions."""

    def recreate(self, topic: str, partitions: int) -> None:
        """Delete a topic and make another one of the same name."""

    def deafen(self, member: Member, topic: str, partition: int) -> None:
        """Let a member's client forget a partition that it has, and say nothing."""

    def slotted(self) -> Cluster:
        """A cluster whose members have a place of their own in the group (KIP-345)."""

    def displace(self, member: Member, group: str, topic: str) -> None:
        """Take that place away, and leave."""

    def admin(self) -> Admin:
        """What `penstock apply` is given."""


class MemoryWorld:
    """Implements World in this process."""

    def __init__(self) -> None:
        ticker = Ticker()
        self.clock: Callable[[], float] = ticker
        self.sleep: Callable[[float], None] = ticker.sleep
        self.broker = MemoryBroker(ticker)
        self._admin = MemoryAdmin(self.broker)
        self.cluster: Cluster = self.broker

    def name(self, suffix: str) -> str:
        """See World."""
        return f"t.{suffix}"

    def create_topic(self, name: str, partitions: int) -> None:
        """See World."""
        self.broker.create(name, partitions)

    def append(self, outputs: Sequence[Output]) -> None:
        """See World."""
        for output in outputs:
            self.broker.append(output)

    def place_group(self, group: str, topic: str, offsets: Mapping[int, Committed]) -> None:
        """See World."""
        self.broker.offsets.update({(group, topic, p): place for p, place in offsets.items()})

    def committed(self, group: str, topic: str) -> dict[int, Committed]:
        """See World."""
        found = self.broker.offsets.items()
        return {p: place for (g, t, p), place in found if (g, t) == (group, topic)}

    def records(self, topic: str) -> list[Record]:
        """See World."""
        return self.visible(topic)

    def visible(self, topic: str) -> list[Record]:
        """See World."""
        logs = self.broker.topics[topic]
        ends = [self.broker.stable(topic, p) for p in range(len(logs))]
        return [record for p, end in enumerate(ends) for record in self.broker.visible(topic, p, 0, end)]

    def impatient(self) -> Cluster:
        """See World."""
        return self.broker

    def give_up(self, member: Member) -> None:
        """See World."""
        assert isinstance(member, MemoryConsumer)
        self.broker.expire(member)

    def trim(self, topic: str, partition: int, offset: int) -> None:
        """See World."""
        self.broker.trim(topic, partition, offset)

    def grow(self, topic: str, partitions: int) -> None:
        """See World."""
        logs = self.broker.topics[topic]
        logs += [[] for _ in range(partitions - len(logs))]

    def recreate(self, topic: str, partitions: int) -> None:
        """See World."""
        self.broker.delete(topic)
        self.broker.create(topic, partitions)

    def deafen(self, member: Member, topic: str, partition: int) -> None:
        """See World."""
        del topic
        assert isinstance(member, MemoryConsumer)
        del member._positions[partition]

    def slotted(self) -> Cluster:
        """See World."""
        return self.broker

    def displace(self, member: Member, group: str, topic: str) -> None:
        """See World."""
        del group, topic
        assert isinstance(member, MemoryConsumer)
        self.broker.displace(member)

    def admin(self) -> Admin:
        """See World."""
        return self._admin


class KafkaWorld:
    """Implements World on a real broker, through clients of its own."""

    def __init__(self, bootstrap: str) -> None:
        self.clock: Callable[[], float] = time.time
        self.sleep: Callable[[float], None] = time.sleep
        self.bootstrap = bootstrap
        self.cluster: Cluster = KafkaCluster({"bootstrap.servers": bootstrap})
        self._admin = AdminClient({"bootstrap.servers": bootstrap, **_CLIENT})
        self._producer: Producer | None = None
        self._prefix = f"t{next(_numbers)}"

    def name(self, suffix: str) -> str:
        """See World."""
        return f"{self._prefix}.{suffix}"

    def create_topic(self, name: str, partitions: int) -> None:
        """See World."""
        for future in self._admin.create_topics([NewTopic(name, partitions, 1)]).values():
            future.result(_PATIENCE)
        self._await_topic(name, partitions)

    def _await_topic(self, name: str, partitions: int) -> None:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            found = self._admin.list_topics(timeout=_PATIENCE).topics.get(name)
            if found and len(found.partitions) == partitions and all(p.leader >= 0 for p in found.partitions.values()):
                return
            time.sleep(0.05)

    def append(self, outputs: Sequence[Output]) -> None:
        """See World."""
        if self._producer is None:
            self._producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5, **_CLIENT})
        for output in outputs:
            self._producer.produce(
                output.topic, output.value, output.key, output.partition, headers=list(output.headers or ())
            )
            self._producer.poll(0)
        assert self._producer.flush(_PATIENCE) == 0

    def place_group(self, group: str, topic: str, offsets: Mapping[int, Committed]) -> None:
        """See World."""
        places = [TopicPartition(topic, p, place.offset, place.metadata) for p, place in offsets.items()]
        asked = [ConsumerGroupTopicPartitions(group, places)]
        until = time.monotonic() + _PATIENCE
        while True:  # a young broker's coordinator answers nobody for a moment, and the client does not ask again
            try:
                answer = self._admin.alter_consumer_group_offsets(asked, request_timeout=2.0)[group].result(_PATIENCE)
                if failed := [place.error for place in answer.topic_partitions if place.error is not None]:
                    raise KafkaException(failed[0])
            except KafkaException:
                assert time.monotonic() < until, f"the offsets of {group} cannot be set"
            else:
                return

    def committed(self, group: str, topic: str) -> dict[int, Committed]:
        """See World."""
        asked = [ConsumerGroupTopicPartitions(group)]
        answer = self._admin.list_consumer_group_offsets(asked, require_stable=True)[group].result(_PATIENCE)
        return {
            place.partition: Committed(place.offset, (place.metadata or "").rstrip("\0"))
            for place in answer.topic_partitions
            if place.topic == topic
        }

    def records(self, topic: str) -> list[Record]:
        """See World."""
        until = time.monotonic() + _PATIENCE
        while len({self._ends(topic, level) for level in IsolationLevel}) > 1:
            assert time.monotonic() < until, "a transaction stays open"
            time.sleep(0.01)
        return self.visible(topic)

    def visible(self, topic: str) -> list[Record]:
        """See World."""
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": "outsider", "enable.auto.commit": False,
             "isolation.level": "read_committed", "auto.offset.reset": "error", "enable.partition.eof": True,
             "fetch.wait.max.ms": 10, **_CLIENT}
        )  # fmt: skip
        try:
            return sorted(_all_of(consumer, topic), key=lambda record: record[1:3])
        finally:
            consumer.close()

    def _ends(self, topic: str, level: IsolationLevel) -> tuple[int, ...]:
        count = len(self._admin.list_topics(topic, timeout=_PATIENCE).topics[topic].partitions)
        asked = {TopicPartition(topic, p): OffsetSpec.latest() for p in range(count)}  # type: ignore[no-untyped-call]  # the client's own gap
        answers = self._admin.list_offsets(asked, isolation_level=level)
        return tuple(answer.result(_PATIENCE).offset for answer in answers.values())

    def impatient(self) -> Cluster:
        """See World."""
        quick = {"session.timeout.ms": "6000", "max.poll.interval.ms": "6000", "heartbeat.interval.ms": "500",
                 "transaction.timeout.ms": "1000"}  # fmt: skip
        return KafkaCluster({"bootstrap.servers": self.bootstrap, **quick})

    def give_up(self, member: Member) -> None:
        """See World: the member's own client leaves the group when nobody polls it."""
        del member
        time.sleep(7)

    def trim(self, topic: str, partition: int, offset: int) -> None:
        """See World."""
        for future in self._admin.delete_records([TopicPartition(topic, partition, offset)]).values():
            future.result(_PATIENCE)

    def grow(self, topic: str, partitions: int) -> None:
        """See World."""
        for future in self._admin.create_partitions([NewPartitions(topic, partitions)]).values():
            future.result(_PATIENCE)
        self._await_topic(topic, partitions)

    def recreate(self, topic: str, partitions: int) -> None:
        """See World."""
        for future in self._admin.delete_topics([topic]).values():
            future.result(_PATIENCE)
        self.create_topic(topic, partitions)

    def deafen(self, member: Member, topic: str, partition: int) -> None:
        """See World."""
        assert isinstance(member, KafkaConsumer)
        member._consumer.incremental_unassign([TopicPartition(topic, partition)])

    def slotted(self) -> Cluster:
        """See World."""
        return KafkaCluster({"bootstrap.servers": self.bootstrap}, self.name("slot"))

    def displace(self, member: Member, group: str, topic: str) -> None:
        """See World: somebody comes with the same name, and a static member's going is told to nobody."""
        del member
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": group, "group.instance.id": self.name("slot"),
             "session.timeout.ms": 6000, "partition.assignment.strategy": "cooperative-sticky",
             "enable.auto.commit": False, **_CLIENT}
        )  # fmt: skip
        until = time.monotonic() + _PATIENCE
        consumer.subscribe([topic])
        while not consumer.assignment():
            assert time.monotonic() < until, "the place could not be taken"
            consumer.poll(0.05)
        consumer.close()

    def admin(self) -> Admin:
        """See World."""
        return KafkaAdmin({"bootstrap.servers": self.bootstrap})


def _all_of(consumer: Consumer, topic: str) -> Iterator[Record]:
    count = len(consumer.list_topics(topic, _PATIENCE).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, p, 0) for p in range(count)])
    waiting = set(range(count))
    while waiting:
        batch: list[Any] = consumer.consume(500, 0.05) or consumer.consume(1, _PATIENCE)
        assert batch, f"no answer from the broker for {_PATIENCE} s"
        for message in batch:
            if message.error() is None:
                yield Record(topic, message.partition(), message.offset(), message.key(), message.value(),
                             message.headers() or [], message.timestamp()[1])  # fmt: skip
            else:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                waiting.discard(message.partition())
