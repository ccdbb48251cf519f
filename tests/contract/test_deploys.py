"""What is under way when another plan is deployed ends as its own plan says, on both brokers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from contract.deploys import Deploys
from contract.worlds import World
from penstock import Reason, Reject
from penstock.assembly.by_plan import PATIENCE
from penstock.contracts.envelope import HEADER, Envelope
from penstock.contracts.records import CONTROL, Control
from penstock.errors import Refused
from penstock.runtime.codec import Codec
from penstock.runtime.ports import Output
from pipelines import Cast, contracts, scored

FIRST = """
limits: {deadline: 10m, tasks: 20, cost: 0 USD}
ingress: {contract: diagram.Job, event_id: id, to: [read, second, third]}
steps:
  read: {kind: worker, run: "cast:read", writes: diagram.Second, attempts: {max: 1, timeout: 2m}, to: [decide]}
  second: {kind: worker, run: "cast:second", writes: diagram.Second, to: [decide]}
  third: {kind: worker, run: "cast:third", writes: diagram.Second, to: [decide]}
  decide:
    kind: aggregator
    of: [read, second, third]
    merge: {policy: vote, field: label, min_agree: 2, tie: reject}
    writes: diagram.Second
    to: [decisions]
  decisions: {kind: output, key: id}
"""

SECOND = """
limits: {deadline: 10m, tasks: 20, cost: 0 USD}
ingress: {contract: diagram.Job, event_id: id, to: [read, second, third]}
steps:
  read: {kind: worker, run: "cast:read", writes: diagram.Second, attempts: {max: 1, timeout: 2m}, to: [polish]}
  polish: {kind: worker, run: "cast:polish", writes: diagram.Second, to: [decide]}
  second: {kind: worker, run: "cast:second", writes: diagram.Second, to: [notes]}
  third: {kind: worker, run: "cast:third", writes: diagram.Second, to: [decide]}
  decide:
    kind: aggregator
    of: [polish, third]
    merge: {policy: vote, field: label, min_agree: 2, tie: reject}
    writes: diagram.Second
    to: [decisions]
  decisions: {kind: output, key: id}
  notes: {kind: output, key: id}
"""

ACTS = """
limits: {deadline: 10m, tasks: 20, cost: 0 USD}
ingress: {contract: diagram.Job, event_id: id, to: [read]}
steps:
  read: {kind: worker, run: "cast:read", writes: diagram.Second, to: [check]}
  check: {kind: validator, of: read, checks: [{rule: "value.score >= 0.0", code: low}], to: [file]}
  file: {kind: effect, run: "cast:sink_file"}
"""


FALLS = """
limits: {deadline: 10m, tasks: 20, cost: 0 USD}
ingress: {contract: diagram.Job, event_id: id, to: [read]}
steps:
  read: {kind: worker, run: "cast:read", writes: diagram.Second, attempts: {max: 1, timeout: 2m}, to: [decisions]}
  decisions: {kind: output, key: id}
"""

SAFER = """
limits: {deadline: 10m, tasks: 20, cost: 0 USD}
ingress: {contract: diagram.Job, event_id: id, to: [read]}
steps:
  read:
    kind: worker
    run: "cast:read"
    writes: diagram.Second
    attempts: {max: 1, timeout: 2m}
    fallback: simply
    to: [decisions]
  simply: {kind: worker, run: "cast:third"}
  decisions: {kind: output, key: id}
"""


class Slow(Cast):
    """Actors that agree; `read` answers nobody for as long as it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.held = True
        for name in ("second", "third", "polish"):
            self.usually(name, scored)
        self.usually("read", self._read)

    async def _read(self, value: dict[str, Any], _: object) -> dict[str, Any]:
        while self.held:  # noqa: ASYNC110 - the test, on another thread, lets go
            await asyncio.sleep(0.001)
        return scored(value)


@pytest.fixture
def cast() -> Slow:
    """The actors of a test."""
    return Slow()


@pytest.fixture
def deploys(world: World, cast: Slow) -> Iterator[Deploys]:
    """A pipeline, whose processes are stopped in the end."""
    made = Deploys(world, cast)
    yield made
    cast.held = False
    made.stop()


def jobs(first: int, last: int) -> list[dict[str, Any]]:
    """Events by their numbers."""
    return [{"id": f"e{number:03}", "number": 0.9} for number in range(first, last)]


def ids(first: int, last: int) -> list[str]:
    """Their ids."""
    return [job["id"] for job in jobs(first, last)]


def check_both(deploys: Deploys, first: str, second: str) -> None:
    """Twenty runs ended as the first plan says, twenty as the second, and nothing is lost or mixed up."""
    ends = deploys.ends()
    assert sorted(status["event"] for status in ends) == ids(0, 40)
    assert {status["state"] for status in ends} == {"succeeded"}
    plans = {status["event"]: status["plan"] for status in ends}
    assert plans == {**dict.fromkeys(ids(0, 20), first), **dict.fromkeys(ids(20, 40), second)}
    assert deploys.outputs("decisions") == ids(0, 40)
    assert deploys.outputs("notes") == ids(20, 40)
    assert sorted(event["event"] for event in deploys.events("task_done", "polish")) == ids(20, 40)
    merged = deploys.events("task_done", "decide")
    voices = {event["event"]: tuple(vote["branch"] for vote in event.get("votes", [])) for event in merged}
    assert voices == {
        **dict.fromkeys(ids(0, 20), ("read", "second", "third")), **dict.fromkeys(ids(20, 40), ("polish", "third"))
    }  # fmt: skip
    assert deploys.events("task_dead") == deploys.events("late") == []


def test_what_is_under_way_ends_as_its_plan_says(deploys: Deploys, cast: Slow) -> None:
    """A step is added, a branch leaves a join, a step has another successor, while a slow worker has 20 events."""
    first, second = deploys.compiled(FIRST), deploys.compiled(SECOND)
    deploys.apply(first)
    deploys.start(first)
    deploys.send(first, jobs(0, 20))
    deploys.drive(lambda: len(deploys.events("task_done", "third")) == len(deploys.events("task_done", "second")) == 20)
    deploys.stop()

    applied = deploys.apply(second)
    deploys.start(second)
    deploys.send(second, jobs(20, 40))
    cast.held = False
    deploys.drive(lambda: len(deploys.ends()) >= 40)

    assert applied.in_flight == {first.digest: 20}
    assert [change.name for change in applied.changes if change.kind == "plan"] == [second.digest]
    check_both(deploys, first.digest, second.digest)


def test_old_and_new_processes_serve_both_plans(deploys: Deploys, cast: Slow) -> None:
    """While a deployment rolls, processes of the old one meet messages of the new one, which they learn of."""
    first, second = deploys.compiled(FIRST), deploys.compiled(SECOND)
    deploys.apply(first)
    deploys.start(first, "ingress", "third")
    deploys.start(first, "read", "second", "decide", "supervisor", slot=1)
    deploys.send(first, jobs(0, 20))
    deploys.drive(lambda: len(deploys.events("task_done", "third")) == 20)
    new = deploys.running.pop(0)
    new.run(lambda: True, 0.0)

    deploys.apply(second)
    deploys.start(second, "ingress", "polish", "third", slot=2)
    deploys.send(second, jobs(20, 40))
    cast.held = False
    deploys.drive(lambda: len(deploys.ends()) >= 40)

    check_both(deploys, first.digest, second.digest)


def test_the_ladder_is_the_plans_own(deploys: Deploys, cast: Slow) -> None:
    """What dies under a plan without a fallback ends, though the plan of today has one."""
    first, second = deploys.compiled(FALLS), deploys.compiled(SAFER)
    deploys.apply(first)
    deploys.start(first)
    deploys.send(first, jobs(0, 3))
    deploys.drive(lambda: len(kept_runs(deploys)) == 3)
    deploys.stop()

    cast.usually("read", Reject((Reason("no"),)))
    deploys.apply(second)
    deploys.start(second)
    deploys.send(second, jobs(3, 6))
    deploys.drive(lambda: len(deploys.ends()) >= 6)

    states = {status["event"]: status["state"] for status in deploys.ends()}
    assert states == {**dict.fromkeys(ids(0, 3), "rejected"), **dict.fromkeys(ids(3, 6), "succeeded_by_fallback")}


def test_a_step_with_work_left_stays(deploys: Deploys, cast: Slow) -> None:
    """E308 says how many records are left, and how many runs may still come; once all is done the step may go."""
    first, second = deploys.compiled(FIRST), deploys.compiled(SECOND)
    deploys.apply(second)
    deploys.start(second, "ingress", "read", "second", "third", "decide", "supervisor")
    cast.held = False
    deploys.send(second, jobs(0, 5))
    deploys.drive(lambda: len(deploys.events("task_done", "read")) == 5 == len(kept_runs(deploys)))

    with pytest.raises(Refused) as caught:
        deploys.apply(first)
    deploys.start(second, "polish", slot=1)
    deploys.drive(lambda: len(deploys.ends()) == 5)
    deploys.stop()
    applied = deploys.apply(first)

    assert caught.value.code == "E308"
    assert caught.value.what == "step polish has work left, and the plan leaves it out"
    assert caught.value.why == "5 of its records are not done, and 5 runs in flight may still come to it"
    assert applied.in_flight == {}
    assert first.digest in {change.name for change in applied.changes}


def kept_runs(deploys: Deploys) -> set[str]:
    """The runs that the supervisor knows of."""
    return {memory["run"] for memory in deploys.values(deploys.topics.state("supervisor"))}


def strange(deploys: Deploys, digest: str, event: str) -> Output:
    """A message for `read` of a run under a plan of this digest."""
    around = Envelope(f"run-{event}", event, f"task-{event}", "", "ingress", 1, 0, "p.in[0]@0", digest, 1 << 45)
    value = Codec(contracts()).encode("diagram.Job", {"id": event, "number": 0.9})
    return Output(deploys.topics.step("read"), 0, around.run.encode(), value, [(HEADER, around.header())])


def test_a_message_of_an_unknown_plan_waits_and_is_buried(deploys: Deploys, cast: Slow) -> None:
    """The ones behind it go on; after a while it is a dead letter that says why."""
    plan = deploys.compiled(FIRST)
    deploys.apply(plan)
    cast.held = False
    deploys.world.append([strange(deploys, "feedfeedfeedfeed", "lost")])
    deploys.start(plan)
    deploys.send(plan, jobs(0, 20))
    deploys.drive(lambda: len(deploys.ends()) == 20)
    before = deploys.events("task_dead")

    deploys.shift = PATIENCE + 1
    deploys.drive(lambda: bool(deploys.events("task_dead")))

    (event,) = deploys.events("task_dead")
    assert before == []
    assert event["dead"] is not None
    assert [(reason["code"], reason["message"]) for reason in event["dead"]["reasons"]] == [
        ("unknown_plan", "plan feedfeedfeedfeed was never applied")
    ]
    assert len(deploys.world.visible(deploys.topics.dead("read"))) == 1


def test_a_plan_that_comes_while_a_message_waits(deploys: Deploys, cast: Slow) -> None:
    """It is looked for again and again, and the message is answered as that plan says."""
    first, second = deploys.compiled(FIRST), deploys.compiled(SECOND)
    deploys.apply(first)
    cast.held = False
    deploys.start(first)
    deploys.world.append([strange(deploys, second.digest, "early")])
    deploys.send(first, jobs(0, 20))
    deploys.drive(lambda: len(deploys.ends()) == 20)
    before = [event["event"] for event in deploys.events("task_done", "read")]

    deploys.apply(second)
    deploys.drive(lambda: len(deploys.events("task_done", "read")) == 21)

    (done,) = [event for event in deploys.events("task_done", "read") if event["event"] == "early"]
    assert sorted(before) == ids(0, 20)
    assert [task["step"] for task in done["spawned"]] == ["polish"]


def control(deploys: Deploys, run: str, *, stop: bool) -> None:
    """What the supervisor writes; a tombstone when the run has ended."""
    said = Control(run=run, kind="stop", at=0, reason="because")
    value = Codec(contracts()).encode(CONTROL, said) if stop else None
    deploys.world.append([Output(deploys.topics.control, 1, run.encode(), value)])


def test_a_stopped_run_claims_no_effect(deploys: Deploys, cast: Slow) -> None:
    """What was said before a process began, or while it runs, counts; a run that is forgotten is not stopped."""
    plan = deploys.compiled(ACTS)
    deploys.apply(plan)
    cast.held = False
    deploys.start(plan, "ingress", "read", "check", "supervisor")
    deploys.send(plan, jobs(0, 3))
    deploys.drive(lambda: len(deploys.events("task_done", "check")) == 3)
    runs = {event["event"]: event["run"] for event in deploys.events("run_started")}
    control(deploys, runs["e000"], stop=True)
    control(deploys, runs["e001"], stop=True)
    control(deploys, runs["e001"], stop=False)

    deploys.start(plan, "file", slot=1)
    deploys.drive(lambda: len(deploys.ends()) == 3)

    assert {status["event"]: status["state"] for status in deploys.ends()} == {
        "e000": "expired", "e001": "succeeded", "e002": "succeeded"
    }  # fmt: skip
    assert sorted(effect["id"] for _, _, effect in cast.sent) == ["e001", "e002"]
    (dead,) = deploys.events("task_dead", "file")
    assert dead["dead"] is not None
    assert [reason["code"] for reason in dead["dead"]["reasons"]] == ["stopped"]


def test_a_stop_is_heard_while_the_executor_runs(deploys: Deploys, cast: Slow) -> None:
    """Half a second later nothing is claimed any more."""
    plan = deploys.compiled(ACTS)
    deploys.apply(plan)
    deploys.start(plan)
    deploys.send(plan, jobs(0, 1))
    deploys.drive(lambda: bool(deploys.events("run_started")))
    control(deploys, deploys.events("run_started")[0]["run"], stop=True)
    said = deploys.clock()
    deploys.drive(lambda: deploys.clock() > said + 2)

    cast.held = False
    deploys.drive(lambda: len(deploys.ends()) == 1)

    assert [status["state"] for status in deploys.ends()] == ["expired"]
    assert cast.sent == []
