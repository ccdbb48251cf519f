"""Makes a cluster match a plan: its topics, and the first offsets of its groups; adds, never deletes or shrinks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.contracts.topics import INGRESS, SUPERVISOR, Topics
from penstock.errors import Refused
from penstock.runtime.ports import TopicSpec
from penstock.topology.plan import Aggregator, Effect, Output, Plan

_DAY_MS = 86_400_000
_WEEK = 7 * _DAY_MS


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was, or has to be, done."""

    kind: str
    name: str
    detail: str


class Admin(Protocol):
    """What is asked of a cluster."""

    def topics(self) -> Mapping[str, int]:
        """Every topic with its number of partitions."""

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
        TopicSpec(names.plans, 1, _COMPACTED),
    ]
    for name in (INGRESS, SUPERVISOR):
        found += [
            TopicSpec(names.dead(name), partitions, _deleted(_dead_ms(plan))),
            TopicSpec(names.state(name), partitions, _COMPACTED),
        ]
    for name, step in plan.steps.items():
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


def apply(plan: Plan, admin: Admin, partitions: int, replication: int, *, from_end: bool = False) -> list[Change]:
    """Create what is missing and answer what was done; nothing when all is there already.

    Refused E304 where a topic has another number of partitions: a run keeps its partition number in every topic.
    """
    there = admin.topics()
    wanted = topics_of(plan, partitions)
    _check_partitions(wanted, there)
    missing = [topic for topic in wanted if topic.name not in there]
    admin.create(missing, replication)
    changes = [Change("topic", topic.name, _describe(topic)) for topic in missing]
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


def _check_partitions(wanted: Sequence[TopicSpec], there: Mapping[str, int]) -> None:
    wrong = [topic for topic in wanted if topic.name in there and there[topic.name] != topic.partitions]
    if wrong:
        topic = wrong[0]
        raise Refused(
            "E304", f"topic {topic.name} has {there[topic.name]} partitions, not {topic.partitions}",
            why="a run keeps one partition number in every topic of its pipeline, so that its events have one order",
            fix=f"apply with --partitions {there[topic.name]}, or forward the old topic into a new one",
        )  # fmt: skip


def _dead_ms(plan: Plan) -> int:
    """At least twice what the source keeps, and longer than a person may take."""
    return max(2 * _WEEK, plan.reviews.expires_ms + _WEEK)


def _deleted(retention_ms: int, *, internal: bool = True) -> dict[str, str]:
    config = {"cleanup.policy": "delete", "retention.ms": str(retention_ms)}
    return {**config, "message.timestamp.type": "LogAppendTime"} if internal else config


def _describe(topic: TopicSpec) -> str:
    kept = topic.config.get("retention.ms")
    days = f"kept {int(kept) // _DAY_MS} d" if kept else "compacted"
    return f"{topic.partitions} partition{'s' if topic.partitions > 1 else ''}, {days}"


_COMPACTED = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}
