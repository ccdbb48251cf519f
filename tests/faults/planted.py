"""A small, correct history, written by hand through plain Kafka transactions, for one fault to be planted in it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b, sha256
from itertools import groupby
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from faults import drawing
from faults.checker import Expected, Shape
from faults.wire import Contracts, Value, Wrapping, effect_key, header, of_the_house

PARTITIONS = 2
_PATIENCE = 60.0  # s
NOW = 1_700_000_000_000  # ms, in the past: no clock is needed to write a story


@dataclass(frozen=True)
class Note:
    """One record to be written by `writer`; `topic` without the pipeline's name, `value` under `contract`."""

    event: str
    writer: str
    topic: str
    contract: str
    value: Value
    partition: int
    visible: bool = True


@dataclass
class Story:
    """What is written: records in their order, and the lines of the sink file."""

    shape: Shape
    sent: dict[str, Value]
    notes: list[Note] = field(default_factory=list)
    sink: list[Value] = field(default_factory=list)
    unread: str = ""

    def find(self, event: str, writer: str, topic: str) -> Note:
        """The one record of an event from a writer on a topic."""
        (found,) = [n for n in self.notes if (n.event, n.writer, n.topic) == (event, writer, topic)]
        return found

    def drop(self, *notes: Note) -> None:
        """Leave records out."""
        self.notes = [note for note in self.notes if all(note is not gone for gone in notes)]

    def change(self, note: Note, **fields: object) -> None:
        """Write another value in one record's place."""
        self.notes = [replace(n, value={**n.value, **fields}) if n is note else n for n in self.notes]

    def line(self, event: str) -> Value:
        """The sink's line of an event."""
        (found,) = [line for line in self.sink if line["effect"]["id"] == event]
        return found


def run_of(event: str) -> str:
    """A run id; any name does."""
    return f"run-of-{event}"


def task(event: str, step: str, branch: str = "") -> str:
    """A task id."""
    return blake2b(f"{event}/{step}/{branch}".encode(), digest_size=8).hexdigest()


def story(pipeline: str, sent: dict[str, Value]) -> Story:
    """What the topology should leave behind for these events, the first of which came a second time."""
    told = Story(replace(drawing.SHAPE, pipeline=pipeline), sent)
    for index, (event, body) in enumerate(sent.items()):
        _tell(told, event, body, index % PARTITIONS)
    again = told.find(next(iter(sent)), "upstream", "in")
    repeat = _event(again.event, "duplicate", "ingress", (), ()) | {"task": ""}
    told.notes += [again, Note(again.event, "repeat", "runs", "penstock.RunEvent", repeat, again.partition)]
    return told


def _tell(told: Story, event: str, body: Value, partition: int) -> None:
    what = drawing.expected(event, body)
    passed = sha256(of_the_house().encode("diagram.Result", what.outputs["decide", "gate"])).hexdigest()

    def say(kind: str, step: str, ended: Sequence[str], spawned: Sequence[tuple[str, str]], **more: object) -> None:
        value = _event(event, kind, step, ended, spawned) | more
        told.notes.append(Note(event, step, "runs", "penstock.RunEvent", value, partition))

    def send(step: str) -> None:
        for (writer, topic), value in what.outputs.items():
            if writer == step:
                contract = drawing.BRANCHES[writer] if topic == "decide" else drawing.CONTRACTS[topic]
                told.notes.append(Note(event, writer, topic, contract, value, partition))

    a, check, b, gate, record = (task(event, step) for step in ("a", "check", "b", "gate", "record"))
    left, right = task(event, "decide", "check"), task(event, "decide", "b")
    told.notes.append(Note(event, "upstream", "in", "diagram.Job", body, partition))
    send("ingress")
    say("run_started", "ingress", (), [(a, "a")], task="")
    send("a")
    say("task_done", "a", [a], [(check, "check"), (b, "b")])
    send("check")
    say("task_done", "check", [check], [(left, "decide")])
    send("b")
    say("task_done", "b", [b], [(right, "decide")])
    send("decide")
    say("task_done", "decide", [left, right], [(gate, "gate")])
    send("gate")
    if what.effect is None:
        value = what.outputs["decide", "gate"]
        told.notes.append(Note(event, "decide", "gate.dlq", "diagram.Result", value, partition))
        say("task_dead", "gate", (), ())
    else:
        say("task_done", "gate", [gate], [(record, "record")], sha256=passed)
        key = effect_key(told.shape.pipeline, event, told.shape.effect)
        told.sink.append({"key": key, "effect": what.effect})
        say("task_done", "record", [record], ())
    say("run_ended", "supervisor", (), (), task="", outcome=what.status)
    told.notes.append(_status(event, what, partition))


def _event(event: str, kind: str, step: str, ended: Sequence[str], spawned: Sequence[tuple[str, str]]) -> Value:
    parts = [{"task": name, "step": to, "item": ""} for name, to in spawned]
    return {
        "kind": kind, "run": run_of(event), "event": event, "step": step, "task": task(event, step), "item": "",
        "round": 0, "attempt": 1, "at": NOW, "deadline": NOW + 60_000, "plan": "0" * 16, "input": "",
        "ended": list(ended), "spawned": parts, "cost_usd": 0.0, "outcome": "", "sha256": "", "version": "",
        "dead": None, "ruling": None,
    }  # fmt: skip


def _status(event: str, what: Expected, partition: int) -> Note:
    value = {
        "run": run_of(event), "event": event, "state": what.status, "terminal": True, "started": NOW, "at": NOW,
        "plan": "0" * 16, "tasks": 7, "attempts": 7, "cost_usd": 0.0, "fallbacks": 0, "reviews": 0, "review": "",
        "in_doubt": [], "reasons": [],
    }  # fmt: skip
    return Note(event, "supervisor", "status", "penstock.RunStatus", value, partition)


def write(told: Story, bootstrap: str, sink: Path) -> None:
    """Create the topics, write every record in a transaction of its writer, and say that each group has read it all."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    shape, contracts = told.shape, of_the_house()
    names = [*shape.steps, "in", "runs", "status", "gate.dlq", "out.results"]
    for done in admin.create_topics([NewTopic(f"{shape.pipeline}.{n}", PARTITIONS, 1) for n in names]).values():
        done.result()
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": shape.pipeline, "linger.ms": 0,
                         "log_level": 0})  # fmt: skip
    producer.init_transactions(_PATIENCE)
    for _, notes in groupby(told.notes, lambda note: (note.event, note.writer, note.visible)):
        _transaction(producer, list(notes), shape.pipeline, contracts)
    text = "".join(json.dumps(line) + "\n" for line in told.sink)
    sink.write_text(text, encoding="utf-8")
    for group, topic in shape.groups.items():
        read = 0 if topic == told.unread else 10_000
        places = [TopicPartition(f"{shape.pipeline}.{topic}", p, read) for p in range(PARTITIONS)]
        _place(admin, ConsumerGroupTopicPartitions(group, places))


def _place(admin: AdminClient, asked: ConsumerGroupTopicPartitions) -> None:
    """Commit a group's offsets; a young broker needs to be asked again, and says so of each partition."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            answer = admin.alter_consumer_group_offsets([asked], request_timeout=2.0)[asked.group_id].result()
        except KafkaException:
            assert time.monotonic() < until, "the offsets cannot be set"
            continue
        if all(place.error is None for place in answer.topic_partitions):
            return
        assert time.monotonic() < until, "the offsets cannot be set"
        time.sleep(0.2)


def _transaction(producer: Producer, notes: list[Note], pipeline: str, contracts: Contracts) -> None:
    producer.begin_transaction()
    for note in notes:
        value, key = contracts.encode(note.contract, note.value), run_of(note.event).encode()
        producer.produce(f"{pipeline}.{note.topic}", value, key, note.partition, headers=_headers(note))
    if notes[0].visible:
        producer.commit_transaction(_PATIENCE)
    else:
        producer.flush(10)


def _headers(note: Note) -> list[tuple[str, str | bytes | None]]:
    if note.topic.startswith("out."):
        return [("ce_correlationid", run_of(note.event).encode()), ("ce_source", f"/x/{note.writer}".encode())]
    if note.topic in ("in", "runs", "status"):
        return []
    around = Wrapping(run_of(note.event), note.event, task(note.event, note.topic), "", note.writer, 1, 0, "x[0]@0",
                      "0" * 16, NOW)  # fmt: skip
    return [("penstock", header(around))]
