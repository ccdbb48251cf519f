"""Makes a cluster match a plan: its topics, and the first offsets of its groups; adds, never deletes or shrinks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from penstock.contracts.topics import INGRESS, SUPERVISOR, Topics
from penstock.errors import Refused
from penstock.runtime.ports import TopicSpec
from penstock.topology.plan import Aggregator, Effect, Output, Plan

_DAY_MS = 86_400_000
_WEEK = 7 * _DAY_MS
_KEPT = "retention.ms"
_FOR_EVER = "-1"
_LOSES = {  # why a setting matters
    "cleanup.policy": "state that is deleted by age is forgotten, and events that are compacted are lost",
    _KEPT: "records would be gone before they are needed: dead letters outlive what they came from and every review",
    "message.timestamp.type": "times that senders choose can delete records early, or keep them for ever",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was done."""

    kind: Literal["topic", "group", "config"]
    name: str
    detail: str

    @property
    def sign(self) -> str:
        """`+` for what is new, `~` for what is different now."""
        return "~" if self.kind == "config" else "+"


class Admin(Protocol):
    """What is asked of a cluster."""

    def topics(self) -> Mapping[str, int]:
        """Every topic with its number of partitions."""

    def configs(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """The settings of topics, the broker's defaults included."""

    def alter(self, name: str, config: Mapping[str, str]) -> None:
        """Set these settings of a topic, and leave its others."""

    def create(self, specs: Sequence[TopicSpec], replication: int) -> None:
        """Make topics."""

    def offsets(self, group: str, topic: str, partitions: int) -> Mapping[int, int]:
        """What a group has committed, by partition."""

    def set_offsets(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Commit first offsets."""

    def ends(self, topic: str, partitions: int, *, first: bool) -> Mapping[int, int]:
        """The first (or the next) offset of each partition."""


def topics_of(plan: Plan, partitions: int) -> list[TopicSpec]:
    """Every topic of a plan. Dead letters outlive what they came from, events outlive both."""
    names = Topics(plan.pipeline)
    found = [
        TopicSpec(names.intake, partitions, _deleted(_WEEK, internal=False)),
        TopicSpec(names.runs, partitions, _deleted(30 * _DAY_MS)),
        TopicSpec(names.status, partitions, _COMPACTED),
        TopicSpec(names.reviews, partitions, _COMPACTED),
        TopicSpec(names.decisions, partitions, _deleted(90 * _DAY_MS)),
        TopicSpec(names.control, partitions, _COMPACTED),
        TopicSpec(names.plans, 1, _COMPACTED),
    ]
    for name in (INGRESS, SUPERVISOR):
        found += [
            TopicSpec(names.dead(name), partitions, _deleted(_dead_ms(plan))),
            TopicSpec(names.state(name), partitions, _COMPACTED),
        ]
    for name, step in plan.steps.items():
        if isinstance(step, Output) and step.into:
            continue  # it is the other pipeline's own
        if isinstance(step, Output):
            found.append(TopicSpec(names.output(name), partitions, _deleted(_WEEK, internal=False)))
            continue
        found.append(TopicSpec(names.step(name), partitions, _deleted(_WEEK)))
        found.append(TopicSpec(names.dead(name), partitions, _deleted(_dead_ms(plan))))
        if isinstance(step, Aggregator | Effect):
            found.append(TopicSpec(names.state(name), partitions, _COMPACTED))
    return found


def groups_of(plan: Plan) -> dict[str, str]:
    """Every consumer group of a plan, with the topic it reads."""
    names = Topics(plan.pipeline)
    steps = [INGRESS, SUPERVISOR, *(n for n, step in plan.steps.items() if not isinstance(step, Output))]
    return {names.group(name): names.step(name) for name in steps}


def one_number(plan: Plan) -> list[str]:
    """The topics that have the same number of partitions: a run keeps its number in all of them.

    The outputs are read by others and written by key, and the plans have one partition.
    """
    names = Topics(plan.pipeline)
    apart = {names.plans, *(names.output(name) for name, step in plan.steps.items() if isinstance(step, Output))}
    return [topic.name for topic in topics_of(plan, 1) if topic.name not in apart]


def apply(
    plan: Plan, admin: Admin, partitions: int, replication: int, *, from_end: bool = False, alter: bool = False
) -> list[Change]:
    """Create what is missing and answer what was done; nothing when all is there already.

    Refused before anything is done: E304 where a topic has another number of partitions, E307 where its settings
    would lose records, unless they may be altered.
    """
    there = admin.topics()
    wanted = topics_of(plan, partitions)
    _check_partitions(plan, partitions, there)
    wrong = _differences([topic for topic in wanted if topic.name in there], admin)
    if wrong and not alter:
        raise _different(wrong)
    missing = [topic for topic in wanted if topic.name not in there]
    admin.create(missing, replication)
    changes = [Change("topic", topic.name, _describe(topic)) for topic in missing]
    for difference in wrong:
        admin.alter(difference.topic, {difference.setting: difference.wanted})
        changes.append(Change("config", difference.topic, str(difference)))
    return changes + _first_offsets(plan, admin, partitions, from_end=from_end)


def _first_offsets(plan: Plan, admin: Admin, partitions: int, *, from_end: bool) -> list[Change]:
    changes = []
    intake = Topics(plan.pipeline).intake
    for group, topic in groups_of(plan).items():
        known = admin.offsets(group, topic, partitions)
        fresh = [p for p in range(partitions) if p not in known]
        if fresh:
            first = not (from_end and topic == intake)
            ends = admin.ends(topic, partitions, first=first)
            admin.set_offsets(group, topic, {p: ends[p] for p in fresh})
            changes.append(Change("group", group, f"reads {topic} from its {'beginning' if first else 'end'}"))
    return changes


def _check_partitions(plan: Plan, partitions: int, there: Mapping[str, int]) -> None:
    wrong = [name for name in one_number(plan) if there.get(name, partitions) != partitions]
    if not wrong:
        return
    counts = {there[name] for name in one_number(plan) if name in there}
    fix = (
        f"apply with --partitions {there[wrong[0]]}" if len(counts) == 1
        else "make the pipeline's topics anew: partitions cannot be taken back"
    )  # fmt: skip
    first, *others = (
        Refused("E304", f"topic {name} has {there[name]} partition{'s' * (there[name] != 1)}, not {partitions}",
                why="a run keeps one partition number in all its topics, so that its events have one order",
                fix=fix)
        for name in (wrong[:1] if len(counts) == 1 else wrong)
    )  # fmt: skip
    first.others = tuple(others)
    raise first


@dataclass(frozen=True, slots=True)
class _Difference:
    """A setting of a topic that would lose records, or the order of their times."""

    topic: str
    setting: str
    found: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.setting} {_spelled(self.setting, self.found)} → {_spelled(self.setting, self.wanted)}"


def _differences(topics: Sequence[TopicSpec], admin: Admin) -> list[_Difference]:
    """Where a topic is not as it should be; one that keeps records for longer is as good."""
    found = admin.configs([topic.name for topic in topics]) if topics else {}
    return [
        _Difference(topic.name, name, found[topic.name].get(name, ""), value)
        for topic in topics
        for name, value in topic.config.items()
        if not _as_good(name, found[topic.name].get(name, ""), value)
    ]


def _as_good(name: str, found: str, wanted: str) -> bool:
    if name == _KEPT:
        return found == _FOR_EVER or (found.isdigit() and int(found) >= int(wanted))
    return found == wanted


def _different(wrong: Sequence[_Difference]) -> Refused:
    first, *others = (
        Refused("E307", f"topic {one.topic} has {one.setting}={one.found}, not {one.wanted}", _LOSES[one.setting],
                "apply with --alter, or set it with the cluster's own tools")
        for one in wrong
    )  # fmt: skip
    first.others = tuple(others)
    return first


def _dead_ms(plan: Plan) -> int:
    """At least twice what the source keeps, and longer than a person may take."""
    return max(2 * _WEEK, plan.reviews.expires_ms + _WEEK)


def _deleted(retention_ms: int, *, internal: bool = True) -> dict[str, str]:
    config = {"cleanup.policy": "delete", _KEPT: str(retention_ms)}
    return {**config, "message.timestamp.type": "LogAppendTime"} if internal else config


def _describe(topic: TopicSpec) -> str:
    kept = topic.config.get(_KEPT)
    days = f"kept {_spelled(_KEPT, kept)}" if kept else "compacted"
    return f"{topic.partitions} partition{'s' if topic.partitions > 1 else ''}, {days}"


def _spelled(setting: str, value: str) -> str:
    whole_days = setting == _KEPT and value.isdigit() and int(value) >= _DAY_MS
    return f"{int(value) // _DAY_MS} d" if whole_days else value


_COMPACTED = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}
