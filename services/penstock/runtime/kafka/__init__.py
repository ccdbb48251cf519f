"""Kafka behind the port: the only room that imports confluent_kafka, and nothing of it leaves."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.runtime.kafka.consumer import KafkaConsumer
from penstock.runtime.kafka.log import KafkaLog
from penstock.runtime.kafka.producer import KafkaProducer
from penstock.runtime.ports import Listener

__all__ = ["KafkaCluster"]


class KafkaCluster:
    """Implements `ports.Cluster` on a connection: `bootstrap.servers` and what security needs.

    `instance` is the slot's name for static membership (KIP-345, classic protocol), or None.
    """

    def __init__(self, connection: Mapping[str, str], instance: str | None = None) -> None:
        self._connection = dict(connection)
        self._instance = instance
        self._logs: list[KafkaLog] = []

    def consumer(self, group: str, topic: str, listener: Listener) -> KafkaConsumer:
        """A member of `group`, subscribed to `topic`."""
        return KafkaConsumer(self._connection, group, topic, listener, self._instance)

    def producer(self, transactional_id: str) -> KafkaProducer:
        """A producer; `init` it before use."""
        return KafkaProducer(self._connection, transactional_id)

    def log(self) -> KafkaLog:
        """A reader."""
        log = KafkaLog(self._connection)
        self._logs.append(log)
        return log

    def close(self) -> None:
        """Close the readers that are still open: a client that outlives its broker complains."""
        while self._logs:
            self._logs.pop().close()
