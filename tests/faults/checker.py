"""Says what a run did wrong, from what it left in Kafka and in the sink file, each kind of fault under its own name.

It shares no code with the product. What should have happened comes from an oracle that computes the trivial workers'
answers anew. A run that is already named for a fault is not named again for what merely follows from it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple, TypeAlias

from faults.history import Entry, History, Line
from faults.wire import Value, effect_key

NAMES = {
    "lost": "an accepted event without a final status, or a step's output, dead letter or event that is missing",
    "duplicate": "an event with two runs, a step with two outputs for one run, or a task that began or ended twice",
    "double_effect": "an idempotency key that the sink applied twice",
    "second_status": "a run whose final status was followed by another",
    "ungated_effect": "an effect, asked for or applied, that no event of its gate names by its SHA-256",
    "wrong_status": "a run that ended in another status than it should",
    "wrong_content": "an output or an effect that is not what the workers compute",
    "effect_missing": "a run that succeeded without its effect",
    "late_effect": "an effect that was confirmed after its run was over",
    "unexpected": "a record that nothing asked for",
    "strayed": "a record of a run on another partition than the run's own",
    "stuck": "an open transaction, records nobody read, or a task left open by a finished run",
    "torn": "a line of the sink file that is not whole",
}


class Expected(NamedTuple):
    """What one event should lead to.

    `outputs` has the value of every edge by (writer, topic without the pipeline's name), `dead` the steps that write
    a dead letter, `effect` what the sink should be asked for, or None.
    """

    status: str
    outputs: Mapping[tuple[str, str], Value]
    dead: tuple[str, ...]
    effect: Value | None


Oracle: TypeAlias = Callable[[str, Value], Expected]


@dataclass(frozen=True)
class Shape:
    """The topology's names: every step with an input topic of its own, among them one gate and one effect."""

    pipeline: str
    steps: tuple[str, ...]
    gate: str
    effect: str
    event_id: str

    @property
    def groups(self) -> dict[str, str]:
        """Which topic, without the pipeline's name, each consumer group reads."""
        own = {step: step for step in self.steps}
        return {
            f"{self.pipeline}.{step}": topic for step, topic in {**own, "ingress": "in", "supervisor": "runs"}.items()
        }


class Finding(NamedTuple):
    """One fault: its name, the run, event or partition it is about, and what was seen."""

    name: str
    about: str
    detail: str


@dataclass(frozen=True)
class Verdict:
    """All findings, and how much was looked at to come to them."""

    findings: tuple[Finding, ...]
    statuses: Mapping[str, int]
    records: int
    effects: int
    repeats: int
    late: int

    @property
    def names(self) -> set[str]:
        """The kinds of fault that were found."""
        return {finding.name for finding in self.findings}


def check(history: History, sent: Mapping[str, Value], shape: Shape, oracle: Oracle) -> Verdict:
    """Compare what was left with what the sent events (id → body, each accepted by the broker) should have led to."""
    checker = _Checker(history, sent, shape, oracle)
    findings = tuple(checker.findings())
    return Verdict(
        findings,
        Counter(entry.value["state"] for entry in checker.of("status") if entry.value.get("terminal")),
        sum(map(len, history.entries.values())),
        len(history.sink),
        checker.repeats,
        sum(1 for entry in checker.of("runs") if entry.value.get("kind") == "late"),
    )


@dataclass
class _Run:
    """All records about one run, in the order of the log."""

    event: str = ""
    partition: int = -1
    starts: int = 0
    story: list[Entry] = field(default_factory=list)
    statuses: list[Entry] = field(default_factory=list)
    outputs: dict[tuple[str, str], list[Entry]] = field(default_factory=lambda: defaultdict(list))
    letters: Counter[str] = field(default_factory=Counter)


class _Checker:
    def __init__(self, history: History, sent: Mapping[str, Value], shape: Shape, oracle: Oracle) -> None:
        self._history, self._sent, self._shape, self._oracle = history, sent, shape, oracle
        self._runs: dict[str, _Run] = defaultdict(_Run)
        self._by_event: dict[str, list[str]] = defaultdict(list)
        self._applied: dict[str, list[Line]] = defaultdict(list)
        self._copies = Counter(entry.value.get(shape.event_id, "") for entry in self.of("in"))
        self._repeats = Counter(e.value["event"] for e in self.of("runs") if e.value.get("kind") == "duplicate")
        self._gather()

    def of(self, name: str) -> tuple[Entry, ...]:
        return self._history.entries.get(f"{self._shape.pipeline}.{name}", ())

    @property
    def repeats(self) -> int:
        """How many redeliveries were recognised as such."""
        return self._repeats.total()

    def findings(self) -> Iterator[Finding]:
        yield from self._settled()
        for event, body in self._sent.items():
            yield from self._event(event, self._oracle(event, body))
        yield from self._strangers()

    def _gather(self) -> None:
        for entry in self.of("runs"):
            if entry.value.get("kind") != "duplicate":
                self._runs[entry.value.get("run", "")].story.append(entry)
        for name, run in self._runs.items():
            starts = [entry for entry in run.story if entry.value.get("kind") == "run_started"]
            run.starts = len(starts)
            if starts:
                run.event, run.partition = starts[0].value["event"], starts[0].partition
                self._by_event[run.event].append(name)
        for entry in self.of("status"):
            self._runs[entry.value.get("run", "")].statuses.append(entry)
        for topic, entries in self._history.entries.items():
            for entry in entries:
                self._sort(topic.removeprefix(f"{self._shape.pipeline}."), entry)
        for line in self._history.sink:
            self._applied[line.key].append(line)

    def _sort(self, topic: str, entry: Entry) -> None:
        if topic.endswith(".dlq"):
            self._runs[entry.run].letters[topic.removesuffix(".dlq")] += 1
        elif topic in self._shape.steps or topic.startswith("out."):
            self._runs[entry.run].outputs[entry.writer, topic].append(entry)

    def _settled(self) -> Iterator[Finding]:
        for (topic, partition), (stable, high) in self._history.ends.items():
            if stable != high:
                yield Finding("stuck", f"{topic}[{partition}]", f"transaction open since offset {stable} of {high}")
        for group, read in self._shape.groups.items():
            topic, places = f"{self._shape.pipeline}.{read}", self._history.committed.get(group, {})
            behind = [
                e for e in self._history.entries.get(topic, ()) if e.offset >= places.get((topic, e.partition), 0)
            ]
            if behind:
                yield Finding("stuck", group, f"{len(behind)} records of {topic} unread, first {_place(behind[0])}")
        for number in self._history.torn:
            yield Finding("torn", f"line {number}", "not a whole JSON object")

    def _event(self, event: str, expected: Expected) -> Iterator[Finding]:
        names = self._by_event.get(event, [])
        applied = self._applied.pop(effect_key(self._shape.pipeline, event, self._shape.effect), [])
        if not names:
            name, of = (
                ("ungated_effect", "its effect was applied") if applied else ("lost", "no run was started for it")
            )
            yield Finding(name, event, of)
        elif len(names) > 1 or self._runs[names[0]].starts > 1:
            yield Finding("duplicate", event, f"started {sum(self._runs[name].starts for name in names)} times")
        else:
            run = self._runs[names[0]]
            found = [*self._status(run, expected), *self._outputs(run, expected), *self._effect(run, applied, expected)]
            rest = found or [*self._tasks(run), *self._redelivered(event)]
            yield from (finding._replace(about=f"{event} run {names[0]}") for finding in rest)

    def _redelivered(self, event: str) -> Iterator[Finding]:
        """Each further copy of an event is recognised once."""
        copies, repeats = self._copies[event], self._repeats[event]
        if copies != repeats + 1:
            name = "lost" if copies > repeats else "duplicate"
            yield Finding(name, "", f"{copies} copies came in, {repeats} were recognised as repeats")

    def _status(self, run: _Run, expected: Expected) -> Iterator[Finding]:
        states = [entry.value["state"] for entry in run.statuses]
        final = [index for index, entry in enumerate(run.statuses) if entry.value["terminal"]]
        if not final:
            yield Finding("lost", "", f"no final status, only {states}")
        elif final[0] != len(states) - 1:
            yield Finding("second_status", "", f"{states[final[0]]} was followed by {states[final[0] + 1 :]}")
        elif states[-1] != expected.status:
            why = [reason["code"] for reason in run.statuses[-1].value["reasons"]]
            yield Finding("wrong_status", "", f"{states[-1]} {why}, expected {expected.status}")

    def _outputs(self, run: _Run, expected: Expected) -> Iterator[Finding]:
        for (writer, topic), value in expected.outputs.items():
            entries = run.outputs.get((writer, topic), [])
            if not entries:
                yield Finding("lost", "", f"nothing from {writer} on {topic}")
            elif len(entries) > 1:
                yield Finding("duplicate", "", f"{len(entries)} records from {writer}: {_places(entries)}")
            elif entries[0].value != value:
                yield Finding("wrong_content", "", f"{_place(entries[0])}: {entries[0].value}, expected {value}")
            elif entries[0].partition != run.partition and not topic.startswith("out."):
                yield Finding("strayed", "", f"{_place(entries[0])}, expected partition {run.partition}")
        for (writer, topic), entries in run.outputs.items():
            if (writer, topic) not in expected.outputs and topic != self._shape.effect:
                yield Finding("unexpected", "", f"from {writer}: {_places(entries)}")
        for step in {*run.letters, *expected.dead}:
            found, wanted = run.letters[step], expected.dead.count(step)
            if found != wanted:
                name = "lost" if found < wanted else "duplicate" if wanted else "unexpected"
                yield Finding(name, "", f"{found} dead letters of {step}, expected {wanted}")

    def _effect(self, run: _Run, applied: list[Line], expected: Expected) -> Iterator[Finding]:
        passed = {entry.value["sha256"] for entry in run.story if self._is_pass(entry)}
        asked = [entry for (_, topic), found in run.outputs.items() if topic == self._shape.effect for entry in found]
        ungated = [entry for entry in asked if sha256(entry.raw).hexdigest() not in passed]
        if ungated or (applied and not passed):
            yield Finding("ungated_effect", "", f"asked {_places(ungated)}, passed {sorted(passed)}, {applied}")
            return
        if asked and (self._shape.gate, self._shape.effect) not in expected.outputs:
            yield Finding("unexpected", "", f"effect asked for: {_places(asked)}")
        if len(applied) > 1:
            yield Finding("double_effect", "", f"lines {[line.number for line in applied]}")
        if expected.effect is not None and asked and not applied:
            yield Finding("effect_missing", "", f"no line in the sink file; {_places(asked)}")
        for line in applied:
            if line.effect != expected.effect:
                yield Finding("wrong_content", "", f"line {line.number}: {line.effect}, expected {expected.effect}")

    def _is_pass(self, entry: Entry) -> bool:
        return bool(entry.value["kind"] == "task_done" and entry.value["step"] == self._shape.gate)

    def _tasks(self, run: _Run) -> Iterator[Finding]:
        """The bookkeeping of a run that looks right from outside: each task began once and ended once, in time."""
        ended = Counter(task for entry in run.story for task in entry.value["ended"])
        begun = Counter(part["task"] for entry in run.story for part in entry.value["spawned"])
        dead = Counter(entry.value["task"] for entry in run.story if entry.value["kind"] == "task_dead")
        if twice := [task for count in (ended, begun, dead) for task, times in count.items() if times > 1]:
            yield Finding("duplicate", "", f"tasks that began or ended twice: {twice}")
        if left := begun.keys() - ended.keys() - dead.keys():
            yield Finding("stuck", "", f"finished with open tasks {sorted(left)}")
        if strange := (ended.keys() | dead.keys()) - begun.keys():
            yield Finding("unexpected", "", f"tasks ended that nobody began: {sorted(strange)}")
        kinds = [entry.value["kind"] for entry in run.story]
        over = kinds.index("run_ended") if "run_ended" in kinds else len(kinds)
        for entry in run.story[over + 1 :]:
            name = "late_effect" if entry.value["step"] == self._shape.effect else "unexpected"
            yield Finding(name, "", f"{_place(entry)}: {entry.value['kind']} after the run's end")

    def _strangers(self) -> Iterator[Finding]:
        for name, run in self._runs.items():
            if run.event not in self._sent:
                seen = [*run.story, *run.statuses, *(entry for found in run.outputs.values() for entry in found)]
                yield Finding("unexpected", name or "no run", f"a run of no sent event: {_places(seen[:5])}")
        for key, lines in self._applied.items():
            yield Finding("ungated_effect", key, f"lines {[line.number for line in lines]} belong to no run")


def _place(entry: Entry) -> str:
    return f"{entry.topic}[{entry.partition}]@{entry.offset}"


def _places(entries: Iterable[Entry]) -> str:
    return ", ".join(map(_place, entries)) or "none"
