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
from penstock.runtime.kafka import configs, settings
from penstock.runtime.kafka.complaints import Complaints
from penstock.runtime.ports import TopicSpec

_TIMEOUT = 10.0
_PATIENCE = 8.0  # s
_TRIES = 40
_PAUSE = 0.25  # s; leaders and coordinators of new topics and groups take a moment
_SOON = 2.0  # s; the first question about any group makes a young cluster build its offsets topic, and is not answered
_EARLY = frozenset(  # the answers of a cluster that is not done with what it was told; not all are marked retriable
    {KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT, KafkaError.NOT_COORDINATOR,
     KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}
)  # fmt: skip
T = TypeVar("T")


class KafkaAdmin:
    """Implements `provision.apply.Admin`; waits `patience` seconds for an answer to the first question."""

    def __init__(self, connection: Mapping[str, str], patience: float = _PATIENCE) -> None:
        self._where = connection.get("bootstrap.servers", "?")
        self._patience = patience
        self._complaints = Complaints()
        heard = {"error_cb": self._complaints, "log_level": 0}  # one voice: an error's, not the client's own lines
        self._client = AdminClient({**settings.admin(connection), **heard})  # type: ignore[dict-item]  # the stub forgets callbacks

    def topics(self) -> Mapping[str, int]:
        """Every topic with its number of partitions; Unreached E301 when no broker answers."""
        try:
            found = self._client.list_topics(timeout=self._patience).topics
        except KafkaException as error:
            self._client.poll(0)  # serves the complaints
            raise self._unreached(error) from error
        return {name: len(topic.partitions) for name, topic in found.items()}

    def create(self, specs: Sequence[TopicSpec], replication: int) -> None:
        """Make topics; one that somebody else made meanwhile is as good."""
        if not specs:
            return
        new = [NewTopic(s.name, s.partitions, replication, config=dict(s.config)) for s in specs]
        for name, future in self._client.create_topics(new, operation_timeout=_TIMEOUT).items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise self._refused(f"cannot create topic {name}", error) from error

    def configs(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """The settings of topics, the broker's defaults included."""
        try:
            return configs.read(self._client, names)
        except KafkaException as error:
            raise self._refused("cannot read the settings of the topics", error) from error

    def alter(self, name: str, config: Mapping[str, str]) -> None:
        """Set these settings of a topic, and leave its others."""
        try:
            configs.write(self._client, name, config)
        except KafkaException as error:
            raise self._refused(f"cannot set the settings of topic {name}", error) from error

    def offsets(self, group: str, topic: str, partitions: int) -> Mapping[int, int]:
        """What a group has committed, by partition; nothing where it has not."""
        asked = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, p) for p in range(partitions)])]

        def ask() -> Any:
            return self._client.list_consumer_group_offsets(asked, request_timeout=_SOON)[group].result()

        try:
            found = _patiently(ask)
        except KafkaException as error:
            raise self._refused(f"cannot read the offsets of group {group}", error) from error
        return {place.partition: place.offset for place in found.topic_partitions or () if place.offset >= 0}

    def set_offsets(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Commit first offsets for a group without members."""
        places = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        asked = [ConsumerGroupTopicPartitions(group, places)]

        def ask() -> Any:
            return self._client.alter_consumer_group_offsets(asked, request_timeout=_SOON)[group].result()

        try:
            found = _patiently(ask)
        except KafkaException as error:
            raise self._refused(f"cannot set the offsets of group {group}", error) from error
        failed = [place for place in found.topic_partitions or () if place.error is not None]
        if failed:
            raise self._refused(f"cannot set the offsets of group {group}", KafkaException(failed[0].error))

    def ends(self, topic: str, partitions: int, *, first: bool) -> Mapping[int, int]:
        """The first (or the next) offset of each partition."""
        spec = OffsetSpec.earliest() if first else OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the client's own gap
        asked = {TopicPartition(topic, p): spec for p in range(partitions)}

        def ask() -> Mapping[int, int]:
            answers = self._client.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED)
            return {place.partition: future.result().offset for place, future in answers.items()}

        try:
            return _patiently(ask)
        except KafkaException as error:
            raise self._refused(f"cannot read the ends of topic {topic}", error) from error

    def _unreached(self, error: KafkaException) -> Mistake:
        return Unreached(
            "E301", f"no Kafka broker answers at {self._where}",
            why=f"{self._complaints.last or error.args[0].str()} (waited {self._patience:g} s)",
            fix="start one with `penstock broker start`, or name yours with -b HOST:PORT",
        )  # fmt: skip

    def _refused(self, what: str, error: KafkaException) -> Mistake:
        cause = error.args[0]
        denied = "AUTHORIZATION" in cause.name()
        kind = Refused if denied else Unreached
        fix = "grant it to this principal" if denied else "look at the broker, then try again"
        return kind("E302", what, why=f"{cause.name()}: {cause.str()}", fix=fix)


def _patiently(call: Callable[[], T]) -> T:
    """Ask again while the answer is that it is too early."""
    for _ in range(_TRIES - 1):
        try:
            return call()
        except KafkaException as error:
            cause = error.args[0]
            if not cause.retriable() and cause.code() not in _EARLY:
                raise
            time.sleep(_PAUSE)
    return call()
