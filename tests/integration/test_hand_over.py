"""A pipeline whose output is the door of another one: what it writes is an event there like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from penstock.contracts.envelope import HEADER
from penstock.provision.apply import topics_of
from penstock.testing import Pipeline
from penstock.topology.routes import handed_over

TOPOLOGIES = Path(__file__).resolve().parents[1] / "branches" / "topology"


Staged = Callable[[str], Pipeline]


@pytest.fixture
def stage() -> Iterator[Staged]:
    """Makes a pipeline of the shop, on a broker of its own."""
    with ExitStack() as held:

        def made(name: str) -> Pipeline:
            return held.enter_context(Pipeline(TOPOLOGIES / f"{name}.yaml"))

        yield made


def test_what_is_handed_over_begins_a_run_there(stage: Staged) -> None:
    """Keyed by the event id and without any header of ours, as `penstock send` writes it; once more is a repeat."""
    first, second = stage("intake"), stage("rules")
    first.send({"id": "o1", "country": "DE", "total": 200.0, "lines": []})
    first.settle()
    (record,) = first.records("rules.in")

    for _ in range(2):
        second.put(record.value, key=record.key, headers=record.headers)
    second.settle()

    assert record.key == b"o1"
    assert not [name for name, _ in record.headers if name.startswith(HEADER)]
    assert first.ends() == {"o1": "succeeded"}
    assert second.ends() == {"o1": "succeeded"}
    assert [verdict["risk"] for verdict in second.outputs("verdicts")] == [0.2]
    assert len(second.events("duplicate")) == 1


def test_the_door_belongs_to_the_other_pipeline(stage: Staged) -> None:
    """It is made when that one is applied, and is asked for when this one is."""
    plan = stage("intake").plan

    assert handed_over(plan) == ["rules.in"]
    assert not [topic.name for topic in topics_of(plan, 1) if topic.name.startswith(("rules.", "intake.out."))]
