"""Topics and the groups' offsets, as `apply` sets them, on confluent-kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec  # the package's door does not re-export it for type checkers
from confluent_kafka.cimpl import NewTopic  # the same

from penstock.errors import Mistake, Refused, Unreached
from penstock.runtime import logs
from penstock.runtime.kafka import settings
from penstock.runtime.ports import TopicSpec

_TIMEOUT = 10.0  # s that one call may take
_FIRST = 1.0  # s for its first try: the client itself does not ask again while a young cluster has no coordinator
_PATIENCE = 60.0  # s; in a young cluster the first group waits for its coordinator, a new topic for its leaders
_PAUSE = 0.25  # s
_TOO_EARLY = frozenset(
    {KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT, KafkaError._TRANSPORT, KafkaError.NETWORK_EXCEPTION,
     KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR,
     KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART,
     KafkaError.NOT_CONTROLLER}
)  # fmt: skip
T = TypeVar("T")


class KafkaAdmin:
    """Implements `provision.apply.Admin`."""

    def __init__(self, connection: Mapping[str, str]) -> None:
        self._where = connection.get("bootstrap.servers", "?")
        self._said = ""
        self._connection = connection
        self._client = self._connect()

    def topics(self) -> Mapping[str, int]:
        """Every topic with its number of partitions; Unreached E203 when no broker answers."""
        try:
            found = self._client.list_topics(timeout=_TIMEOUT).topics
        except KafkaException as error:
            raise self._unreached(error) from error
        return {name: len(topic.partitions) for name, topic in found.items()}

    def create(self, specs: Sequence[TopicSpec], replication: int) -> None:
        """Make topics; one that somebody else made meanwhile is as good."""
        if not specs:
            return
        new = [NewTopic(s.name, s.partitions, replication, config=dict(s.config)) for s in specs]
        try:
            self._patiently(lambda timeout: self._create(new, timeout))
        except KafkaException as error:
            raise self._refused("cannot create the topics", error) from error

    def offsets(self, group: str, topic: str, partitions: int) -> Mapping[int, int]:
        """What a group has committed, by partition; nothing where it has not."""
        asked = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, p) for p in range(partitions)])]

        def ask(timeout: float) -> Any:
            return self._client.list_consumer_group_offsets(asked, request_timeout=timeout)[group].result()

        try:
            found = self._patiently(ask)
        except KafkaException as error:
            raise self._refused(f"cannot read the offsets of group {group}", error) from error
        return {place.partition: place.offset for place in found.topic_partitions or () if place.offset >= 0}

    def set_offsets(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Commit first offsets for a group without members."""
        places = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        asked = [ConsumerGroupTopicPartitions(group, places)]

        def ask(timeout: float) -> None:
            answer = self._client.alter_consumer_group_offsets(asked, request_timeout=timeout)[group].result()
            for place in answer.topic_partitions or ():
                if place.error is not None:
                    raise KafkaException(place.error)

        try:
            self._patiently(ask)
        except KafkaException as error:
            raise self._refused(f"cannot set the offsets of group {group}", error) from error

    def ends(self, topic: str, partitions: int, *, first: bool) -> Mapping[int, int]:
        """The first (or the next) offset of each partition."""
        spec = OffsetSpec.earliest() if first else OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the client's own gap
        asked = {TopicPartition(topic, p): spec for p in range(partitions)}

        def ask(timeout: float) -> Mapping[int, int]:
            answers = self._client.list_offsets(
                asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=timeout
            )
            return {place.partition: future.result().offset for place, future in answers.items()}

        try:
            return self._patiently(ask)
        except KafkaException as error:
            raise self._refused(f"cannot read the ends of topic {topic}", error) from error

    def _connect(self) -> AdminClient:
        return AdminClient(settings.admin(self._connection), logger=logs.client(), error_cb=self._hear)

    def _patiently(self, call: Callable[[float], T]) -> T:
        """Ask again while the answer is that it is too early: with a longer timeout, and with a new client.

        One that saw a partition without a leader may never see that it has one now (librdkafka #5430).
        """
        until, timeout = time.monotonic() + _PATIENCE, _FIRST
        while True:
            try:
                return call(timeout)
            except KafkaException as error:
                if error.args[0].code() not in _TOO_EARLY or time.monotonic() > until:
                    raise
                time.sleep(_PAUSE)
                timeout = min(2 * timeout, _TIMEOUT)
                self._client = self._connect()

    def _create(self, new: Sequence[NewTopic], timeout: float) -> None:
        made = self._client.create_topics(list(new), operation_timeout=_TIMEOUT, request_timeout=_TIMEOUT + timeout)
        for future in made.values():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def _hear(self, error: KafkaError) -> None:
        """A wrong password, for one, is only told here; that all are down tells nothing new."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._said = error.str()

    def _unreached(self, error: KafkaException) -> Mistake:
        self._client.poll(0)
        why = self._said or f"{error.args[0].str()} after {_TIMEOUT:.0f} s"
        return Unreached(
            "E301", f"no Kafka broker answers at {self._where}", why=why,
            fix="start one with `penstock broker start`, or name yours with -b HOST:PORT",
        )  # fmt: skip

    def _refused(self, what: str, error: KafkaException) -> Mistake:
        cause = error.args[0]
        denied = "AUTHORIZATION" in cause.name()
        kind = Refused if denied else Unreached
        fix = "grant it to this principal" if denied else "look at the broker, then try again"
        return kind("E302", what, why=f"{cause.name()}: {cause.str()}", fix=fix)
