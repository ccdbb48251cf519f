"""Topics and the groups' offsets, as `apply` sets them, on confluent-kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec  # the package's door does not re-export it for type checkers
from confluent_kafka.admin._metadata import ClusterMetadata  # the same
from confluent_kafka.cimpl import NewTopic  # the same

from penstock.errors import Halt, Mistake, Refused, Retriable, Unreached
from penstock.runtime import logs
from penstock.runtime.kafka import configs, groups, settings
from penstock.runtime.kafka.complaints import Complaints
from penstock.runtime.kafka.feed import KafkaFeed
from penstock.runtime.kafka.log import KafkaLog
from penstock.runtime.ports import Committed, Record, TopicSpec

_TIMEOUT = 10.0  # s that one call may take
_FIRST = 1.0  # s for its first try: the client itself does not ask again while a young cluster has no coordinator
_PATIENCE = 60.0  # s; in a young cluster the first group waits for its coordinator, a new topic for its leaders
_PAUSE = 0.25  # s
_ANSWER = 8.0  # s to wait for the first answer of all: is there a broker?
_TURNS = (0.125, 0.25, 0.625)  # of that
_TOO_EARLY = frozenset(
    {KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT, KafkaError._TRANSPORT, KafkaError.NETWORK_EXCEPTION,
     KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR,
     KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART,
     KafkaError.NOT_CONTROLLER, KafkaError._NOENT, KafkaError._WAIT_COORD}
)  # fmt: skip
T = TypeVar("T")


class KafkaAdmin:
    """Implements `provision.apply.Admin`; waits `answer` seconds for a broker to answer at all."""

    def __init__(self, connection: Mapping[str, str], answer: float = _ANSWER) -> None:
        self._where = connection.get("bootstrap.servers", "?")
        self._answer = answer
        self._complaints = Complaints()
        self._connection = connection
        self._client = self._connect()

    def topics(self) -> Mapping[str, int]:
        """Every topic with its number of partitions; Unreached E301 when no broker answers."""
        found = self._metadata().topics
        return {name: len(topic.partitions) for name, topic in found.items()}

    def _metadata(self) -> ClusterMetadata:
        """Ask in turns that get longer: between them Ctrl-C is heard, which the client's own wait is deaf to."""
        for share in _TURNS:
            try:
                return self._client.list_topics(timeout=share * self._answer)
            except KafkaException as error:
                failure = error
        raise self._unreached(failure) from failure

    def create(self, specs: Sequence[TopicSpec], replication: int) -> None:
        """Make topics; one that somebody else made meanwhile is as good."""
        if not specs:
            return
        new = [NewTopic(s.name, s.partitions, replication, config=dict(s.config)) for s in specs]
        try:
            self._patiently(lambda timeout: self._create(new, timeout))
        except KafkaException as error:
            raise self._refused("cannot create the topics", error) from error

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
        return {partition: place.offset for partition, place in self.committed(group, topic, partitions).items()}

    def committed(self, group: str, topic: str, partitions: int) -> Mapping[int, Committed]:
        """The same with its metadata."""
        places = [TopicPartition(topic, partition) for partition in range(partitions)]
        try:
            found = self._patiently(lambda timeout: groups.read(self._connection, group, places, timeout))
        except KafkaException as error:
            raise self._refused(f"cannot read the offsets of group {group}", error) from error
        return {
            place.partition: Committed(place.offset, (place.metadata or "").rstrip("\0"))
            for place in found
            if place.offset >= 0
        }

    def set_offsets(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Commit first offsets for a group without members."""
        places = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        try:
            self._patiently(lambda timeout: groups.write(self._connection, group, places, timeout))
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

    def records(self, topic: str, starts: Mapping[int, int]) -> Iterator[Record]:
        """Every committed record of these partitions from these offsets on."""
        log = KafkaLog(self._connection)
        try:
            for partition, start in starts.items():
                yield from log.read(topic, partition, start)
        except (Retriable, Halt) as error:
            raise Unreached("E302", f"cannot read topic {topic}", why=str(error),
                            fix="look at the broker, then try again") from error  # fmt: skip
        finally:
            log.close()

    def write(self, topic: str, key: bytes, value: bytes) -> None:
        """Write one record; it is acknowledged when this returns."""
        feed = KafkaFeed(self._connection)
        feed.send(topic, key, value)
        feed.flush()

    def _connect(self) -> AdminClient:
        return AdminClient(settings.admin(self._connection), logger=logs.client(), error_cb=self._complaints)

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

    def _unreached(self, error: KafkaException) -> Mistake:
        self._client.poll(0)  # serves the complaints: a wrong password, for one, is only told there
        why = f"{self._complaints.last or error.args[0].str()} (waited {self._answer:g} s)"
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
