"""Writes upstream events: an idempotent producer without transactions, on confluent-kafka."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from penstock.errors import Mistake, Unreached
from penstock.runtime.kafka import settings
from penstock.runtime.kafka.complaints import Complaints

_PATIENCE = 30.0


class KafkaFeed:
    """Sends records keyed as given, to the partition that Java's partitioner would choose.

    `acknowledged` counts what the brokers have (acks=all).
    """

    def __init__(self, connection: Mapping[str, str]) -> None:
        self.acknowledged = 0
        self._where = connection.get("bootstrap.servers", "?")
        self._failure: KafkaError | None = None
        self._complaints = Complaints()
        heard = {"error_cb": self._complaints, "log_level": 0}  # one voice: an error's, not the client's own lines
        self._producer = Producer({**settings.producer(connection, None), **heard})

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        """Queue a record; waits while the queue is full."""
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                raise self._refused(error.args[0]) from error
            else:
                break
        self._producer.poll(0)
        if self._failure is not None:
            raise self._refused(self._failure)

    def flush(self) -> None:
        """Wait until everything is acknowledged; Unreached E301 when that takes too long."""
        left = self._producer.flush(_PATIENCE)
        if self._failure is not None:
            raise self._refused(self._failure)
        if left:
            raise Unreached(
                "E301", f"no Kafka broker took {left} records at {self._where}",
                why=f"{self._complaints.last} (waited {_PATIENCE:.0f} s)".strip(),
                fix="look at the broker, then send again: what was taken is recognised by its event id",
            )  # fmt: skip

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.acknowledged += 1
        elif self._failure is None:
            self._failure = error

    def _refused(self, error: KafkaError) -> Mistake:
        unknown = error.code() in (KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART)
        fix = "`penstock apply` creates the topics" if unknown else "mend it, then send again"
        return Mistake("E305", "the broker did not take a record", why=f"{error.name()}: {error.str()}", fix=fix)
