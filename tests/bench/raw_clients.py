"""The raw loops' clients: confluent-kafka, set for exactly-once and for speed, and nothing around it."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

_PATIENCE = 30.0  # s
Offsets = dict[tuple[str, int], int]


class Taken(Protocol):
    """A message that is no error: it has a place and a key and a value, which the client's own types leave open."""

    def topic(self) -> str:
        """Where it lies."""

    def partition(self) -> int:
        """Which partition of it."""

    def offset(self) -> int:
        """Its place there."""

    def key(self) -> bytes:
        """Its key."""

    def value(self) -> bytes:
        """Its value."""


def flags(description: str, *names: str) -> argparse.Namespace:
    """The command line: `--bootstrap` and what else the loop has to be told."""
    parser = argparse.ArgumentParser(description=description)
    for name in ("bootstrap", *names):
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


def until_sigterm() -> threading.Event:
    """Set when the loop is to end."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    return over


def consumer(bootstrap: str, group: str, *topics: str) -> Consumer:
    """A member of a group, from the beginning of its topics where the group is new."""
    made = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "queued.min.messages": 20_000,
            "fetch.wait.max.ms": 20,
            "fetch.queue.backoff.ms": 10,
            "session.timeout.ms": 6_000,
        }
    )
    made.subscribe(list(topics))
    return made


def producer(bootstrap: str, transactional_id: str, linger_ms: int = 0) -> Producer:
    """A transactional producer, ready; says so, and from then on its process is measured.

    A millisecond of `linger_ms` makes a loop that only has to be fast a third cheaper.
    """
    made = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": 10_000,
            "linger.ms": linger_ms,
            "retry.backoff.ms": 10,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    made.init_transactions(_PATIENCE)
    print("is running", file=sys.stderr, flush=True)  # noqa: T201 - what whoever started it waits for
    return made


def checked(messages: Sequence[Message]) -> Sequence[Taken]:
    """The messages, none of which is an error."""
    for message in messages:
        error = message.error()
        if error is not None:
            raise KafkaException(error)
    return cast("Sequence[Taken]", messages)


def commit(made: Producer, shares: Mapping[Consumer, Offsets]) -> None:
    """End the transaction with the next offsets of every consumer it read from."""
    for reader, offsets in shares.items():
        places = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        made.send_offsets_to_transaction(places, reader.consumer_group_metadata(), _PATIENCE)
    made.commit_transaction(_PATIENCE)
