"""Reads everything a run left behind: all topics of the pipeline as a read_committed consumer sees them, and the sink.

Only Kafka and the file are looked at; the product is neither asked nor imported.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec  # the package's front door does not name it for type checkers

from faults.wire import HEADER, Contracts, Value, of_the_house, wrapping

Place: TypeAlias = tuple[str, int]
T = TypeVar("T")
_CLIENT: dict[str, str | int | float | bool] = {"metadata.recovery.strategy": "none", "reconnect.backoff.max.ms": 1000}
_READER: dict[str, str | int | float | bool] = {
    **_CLIENT, "group.id": "checker", "enable.auto.commit": False, "isolation.level": "read_committed",
    "auto.offset.reset": "error", "enable.partition.eof": True, "fetch.wait.max.ms": 20,
}  # fmt: skip
_PATIENCE = 30.0  # s without a single record before the broker is held for dead


class Entry(NamedTuple):
    """One visible record: its place, the broker's time (ms), who wrote it for which run, and what it says."""

    topic: str
    partition: int
    offset: int
    time: int
    key: str
    run: str
    writer: str
    raw: bytes
    contract: str
    value: Value


class Line(NamedTuple):
    """One line of the sink file: the idempotency key, and what was done under it."""

    number: int
    key: str
    effect: Value


@dataclass(frozen=True)
class History:
    """`ends` is (last stable offset, high watermark) of each partition, `committed` each group's places."""

    entries: Mapping[str, tuple[Entry, ...]]
    ends: Mapping[Place, tuple[int, int]]
    committed: Mapping[str, Mapping[Place, int]] = field(default_factory=dict)
    sink: tuple[Line, ...] = ()
    torn: tuple[int, ...] = ()


def read(bootstrap: str, pipeline: str, groups: Sequence[str], sink: Path, settle: float = 60.0) -> History:
    """Wait at most `settle` s until no transaction is open, and read it all."""
    admin = AdminClient({"bootstrap.servers": bootstrap, **_CLIENT})
    places = _places(admin, f"{pipeline}.")
    until = time.monotonic() + settle
    while True:
        ends = _ends(admin, places)
        if all(stable == high for stable, high in ends.values()) or time.monotonic() >= until:
            break
        time.sleep(0.2)
    lines, torn = sink_lines(sink)
    committed = _committed(admin, groups)
    return History(_entries(bootstrap, ends), ends, committed, lines, torn)


def sink_lines(sink: Path) -> tuple[tuple[Line, ...], tuple[int, ...]]:
    """The file's lines, and the numbers of those that are no JSON object."""
    lines, torn = [], []
    for number, text in enumerate(sink.read_bytes().split(b"\n") if sink.exists() else (), start=1):
        if not text:
            continue
        try:
            line: dict[str, Any] = json.loads(text)
            lines.append(Line(number, line["key"], line["effect"]))
        except (ValueError, KeyError, TypeError):
            torn.append(number)
    return tuple(lines), tuple(torn)


def _places(admin: AdminClient, prefix: str) -> list[Place]:
    topics = admin.list_topics(timeout=_PATIENCE).topics
    return [(name, p) for name, found in topics.items() if name.startswith(prefix) for p in found.partitions]


def _ends(admin: AdminClient, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
    def ask(level: IsolationLevel) -> dict[Place, int]:
        asked = {TopicPartition(*place): OffsetSpec.latest() for place in places}  # type: ignore[no-untyped-call]  # the client's own gap
        answers = admin.list_offsets(asked, isolation_level=level)
        return {(place.topic, place.partition): answer.result().offset for place, answer in answers.items()}

    stable = _patiently(lambda: ask(IsolationLevel.READ_COMMITTED))
    high = _patiently(lambda: ask(IsolationLevel.READ_UNCOMMITTED))
    return {place: (stable[place], high[place]) for place in places}


def _committed(admin: AdminClient, groups: Sequence[str]) -> dict[str, dict[Place, int]]:
    def ask() -> dict[str, dict[Place, int]]:
        answers = {g: admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(g)])[g] for g in groups}
        return {
            group: {(place.topic, place.partition): place.offset for place in answer.result().topic_partitions}
            for group, answer in answers.items()
        }

    return _patiently(ask)


def _patiently(ask: Callable[[], T]) -> T:
    """A broker that has just come back cannot answer everything yet."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def _entries(bootstrap: str, ends: Mapping[Place, tuple[int, int]]) -> dict[str, tuple[Entry, ...]]:
    contracts = of_the_house()
    found: dict[str, list[Entry]] = {topic: [] for topic, _ in ends}
    for message in _messages(bootstrap, [place for place, (stable, _) in ends.items() if stable > 0]):
        if message.value() is not None:
            found[message.topic()].append(_entry(message, contracts))
    return {topic: tuple(sorted(entries, key=lambda e: (e.partition, e.offset))) for topic, entries in found.items()}


def _entry(message: Any, contracts: Contracts) -> Entry:  # noqa: ANN401 - a message of the client
    """Dead letters may be anything, so what cannot be decoded is kept with an empty contract."""
    raw = message.value()
    headers = dict(message.headers() or ())
    run, writer = _origin(headers)
    try:
        contract, value = contracts.decode(raw)
    except Exception:  # noqa: BLE001 - bytes of any kind, and the decoder has no error of its own
        contract, value = "", {}
    key = (message.key() or b"").decode(errors="replace")
    return Entry(message.topic(), message.partition(), message.offset(), message.timestamp()[1], key, run, writer, raw,
                 contract, value)  # fmt: skip


def _origin(headers: Mapping[str, bytes]) -> tuple[str, str]:
    """Run and writer: from the `penstock` header inside a pipeline, from CloudEvents 1.0 attributes on its outputs."""
    if HEADER in headers:
        around = wrapping(headers[HEADER])
        return around.run, around.writer
    source = headers.get("ce_source", b"").decode()
    return headers.get("ce_correlationid", b"").decode(), source.rpartition("/")[2]


def _messages(bootstrap: str, places: Sequence[Place]) -> list[Any]:
    """Every committed record of some partitions, up to their last stable offsets."""
    consumer = Consumer({"bootstrap.servers": bootstrap, **_READER})
    waiting, messages = set(places), []
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in places])
    try:
        while waiting:
            batch = consumer.consume(1000, 0.02) or consumer.consume(1, _PATIENCE)
            if not batch:
                raise TimeoutError(f"no answer from the broker for {_PATIENCE:.0f} s, unread: {sorted(waiting)}")
            for message in batch:
                error = message.error()
                if error is None:
                    messages.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    waiting.discard((message.topic() or "", message.partition() or 0))
                elif not error.retriable():
                    raise RuntimeError(f"{message.topic()}[{message.partition()}]: {error}")
    finally:
        consumer.close()
    return messages
