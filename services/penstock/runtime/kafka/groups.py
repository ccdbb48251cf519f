"""The offsets of a group, read and set by a consumer that does not join it.

The admin client's calls for this abort the process, or crash it, when their time is over while the group's coordinator
is still being looked for: librdkafka 2.16, an assertion in `rd_kafka_enq_once_del_source_return`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaException, TopicPartition

from penstock.runtime import logs
from penstock.runtime.kafka import settings


def read(
    connection: Mapping[str, str], group: str, places: Sequence[TopicPartition], timeout: float
) -> list[TopicPartition]:
    """What a group has committed, in `timeout` seconds. KafkaException when it cannot be known."""
    with _outsider(connection, group) as consumer:
        return _sound(consumer.committed(list(places), timeout=timeout))


def write(connection: Mapping[str, str], group: str, places: Sequence[TopicPartition], timeout: float) -> None:
    """Commit for a group without members. KafkaException when it cannot be done."""
    with _outsider(connection, group) as consumer:
        consumer.committed(list(places), timeout=timeout)  # finds the coordinator, for which a commit waits without end
        _sound(consumer.commit(offsets=list(places), asynchronous=False))


@contextmanager
def _outsider(connection: Mapping[str, str], group: str) -> Iterator[Consumer]:
    own = {"group.id": group, "enable.auto.commit": False, "isolation.level": "read_uncommitted"}
    consumer = Consumer({**settings.admin(connection), **own, "logger": logs.client()})
    try:
        yield consumer
    finally:
        consumer.close()


def _sound(places: Sequence[TopicPartition] | None) -> list[TopicPartition]:
    for place in places or ():
        if place.error is not None:
            raise KafkaException(place.error)
    return list(places or ())
