"""Outputs that hand over to another pipeline: that there is one, that its door takes what comes, and no circle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from penstock.topology import document, grammar
from penstock.topology.report import At, Report, nearest

if TYPE_CHECKING:
    from penstock.topology.draft import Draft
    from penstock.topology.fit import Speech

Siblings: TypeAlias = Callable[[], Iterable[tuple[str, bytes]]]
"""The topology files of a folder, each with its content; asked only where a file hands over to another pipeline."""


@dataclass(frozen=True, slots=True)
class Door:
    """Another pipeline as far as it can be read: what comes in, and to which pipelines it hands over itself."""

    contract: str
    event_id: str
    into: tuple[str, ...]


def check(draft: Draft, said: Speech, siblings: Siblings, report: Report) -> None:
    """Hold every `into:` of a draft against the file of the pipeline that it names."""
    asking = {name: step.into for name, step in draft.steps.items() if step.into is not None}
    if not asking:
        return
    doors = dict(_doors(siblings))
    ways = {name: door.into for name, door in doors.items()} | {draft.pipeline: tuple(_intos(draft))}
    for name, into in asking.items():
        if (circle := _circle(into.value, draft.pipeline, ways)) is not None:
            report.add("E003", into.spot, circle=" -> ".join((draft.pipeline, *circle)))
        elif into.value not in doors:
            advice = nearest(into.value, doors, "write its file beside this one")
            report.add("E002", into.spot, name=name, into=into.value, known=", ".join(sorted(doors)) or "none",
                       advice=advice)  # fmt: skip
        else:
            _fits(draft, name, said, into, doors[into.value], report)


def _fits(draft: Draft, name: str, said: Speech, into: At[str], door: Door, report: Report) -> None:
    read, key = said.reads.get(name), draft.steps[name].key
    if read is not None and read != door.contract:
        report.add("E039", into.spot, name=name, into=into.value, trouble=f"it is {read}",
                   why=f"what comes in there is {door.contract}",
                   advice=f"let a worker make a {door.contract}")  # fmt: skip
    if key is not None and key.value != door.event_id:
        why, trouble = f"an event is known there by “{door.event_id}”", f"it is keyed by “{key.value}”"
        report.add("E039", key.spot, name=name, into=into.value, trouble=trouble, why=why,
                   advice=f"write `key: {door.event_id}`")  # fmt: skip


def _doors(siblings: Siblings) -> Iterator[tuple[str, Door]]:
    """Every other pipeline whose file can be read; what is wrong with it is told where it is compiled."""
    for file, data in siblings():
        report = Report(file)
        draft = grammar.draft(document.read(data, report), report)
        door = draft.ingress if draft is not None else None
        if draft is not None and door is not None and door.contract is not None and door.event_id is not None:
            yield draft.pipeline, Door(door.contract.value, door.event_id.value, tuple(_intos(draft)))


def _intos(draft: Draft) -> Iterator[str]:
    return (step.into.value for step in draft.steps.values() if step.into is not None)


def _circle(start: str, goal: str, ways: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """The pipelines from one to another, both included; None where there is no way."""
    ahead: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    while ahead:
        path = ahead.pop()
        if path[-1] == goal:
            return path
        if path[-1] not in seen:
            seen.add(path[-1])
            ahead += [(*path, further) for further in ways.get(path[-1], ())]
    return None
