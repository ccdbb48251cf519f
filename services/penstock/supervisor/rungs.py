"""Taking the next rung for a dead task: which one it is, and what is commanded, asked or ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from penstock.contracts.events import of_run
from penstock.contracts.identity import task_id
from penstock.contracts.records import Dead, OpenTask, Ruling, RunEvent, RunMemory, Spawned
from penstock.supervisor import transitions
from penstock.supervisor.ladder import (
    Ask,
    Cause,
    End,
    Fall,
    Forget,
    Missing,
    Rerun,
    Rung,
    before,
    concluded,
    entry,
    fate,
    next_rung,
    retryable,
    rung_of_the_unawaited,
    unawaited,
)
from penstock.supervisor.orders import Change, Orders, order
from penstock.supervisor.questions import asked, question
from penstock.topology.plan import Aggregator, Effect, Ladder, Output, Plan, Router, Validator, Worker


class Death(NamedTuple):
    """A dead task: the run that knows of it, what is told about it, and when."""

    memory: RunMemory
    event: RunEvent
    dead: Dead
    now: int

    @property
    def task(self) -> OpenTask:
        """The task as it is waited for, with where its input lies."""
        event = self.event
        bare = transitions.opened({"task": event["task"], "step": event["step"], "item": event["item"]})
        return {**bare, "origin": self.dead["origin"]}


class Rungs:
    """The ladders of one plan."""

    def __init__(self, plan: Plan, orders: Orders) -> None:
        self._plan = plan
        self._orders = orders
        self._after = {name: () if isinstance(step, Effect | Output) else step.to for name, step in plan.steps.items()}
        self._before = {
            name: before(self._after, name) for name, step in plan.steps.items() if isinstance(step, Aggregator)
        }

    def take(self, death: Death) -> Change:
        """The next rung, or the end of this part of the run."""
        event, memory = death.event, death.memory
        match self._next(death):
            case Rerun(step):
                return self._rerun(death, step)
            case Fall(step):
                return self._fall(death, step)
            case Missing(branches):
                return self._miss(death, branches)
            case Ask(gate):
                return self._ask(death, gate)
            case Forget():
                return Change(transitions.close(memory, {event["task"]}))
            case End(outcome):
                after = transitions.mark(transitions.close(memory, {event["task"]}), outcome)
                doubts = [f"{event['step']}:{event['task']}"] if event["outcome"] == "in_doubt" else []
                return Change(transitions.doubt(after, doubts))

    def unawaited(self, memory: RunMemory, step: str, item: str) -> bool:
        """Whether nothing waits any more for what a step would have written."""
        return unawaited(self._after, step, concluded(memory["used"], item))

    def leads(self, task: OpenTask, join: str, item: str) -> bool:
        """Whether a task is the join's, or of a step before it, for this item or for a part of it."""
        return task["step"] in self._before[join] and f"{task['item']}.".startswith(f"{item}." if item else "")

    def _next(self, death: Death) -> Rung:
        memory, event = death.memory, death.event
        step = self._plan.steps.get(event["step"])
        if step is None or isinstance(step, Output):
            return End("failed")
        item, used = event["item"], memory["used"]
        if self.unawaited(memory, step.name, item):
            return Forget() if memory["ending"] else rung_of_the_unawaited(step.ladder, concluded(used, item))
        cause = Cause(fate(event, memory["deadline"], memory["ending"]), retryable(death.dead), item)
        return next_rung(self._ladder(step, memory, item), cause, used, self._plan.reviews.times)

    def _ladder(self, step: Worker | Router | Validator | Aggregator | Effect, memory: RunMemory, item: str) -> Ladder:
        """A worker that was asked again for the sake of its gate is reviewed where the gate would have been."""
        ladder = step.ladder
        gate = self._plan.steps.get(ladder.gate or "")
        if not (isinstance(step, Worker) and isinstance(gate, Validator) and ladder.rerun and gate.ladder.review):
            return ladder
        asked_again = any(entry(kind, ladder.rerun, item) in memory["used"] for kind in ("rerun", "retry"))
        return replace(ladder, review=True) if asked_again else ladder

    def _rerun(self, death: Death, step: str) -> Change:
        """The judged worker fetches the same input by its address, and knows what was wrong with its answer."""
        memory, event, dead, now = death
        memory = transitions.take(memory, entry("rerun", step, event["item"]))
        run = order("run", dead["reasons"], address=dead["origin"])
        return self._orders.begin(memory, death.task, step, run, now)

    def _fall(self, death: Death, step: str) -> Change:
        """The fallback fetches the same input by its address; a join's judge the letter that holds all votes."""
        memory, event, dead, now = death
        memory = transitions.take(memory, entry("fallback", step, event["item"]))
        judged = isinstance(self._plan.steps[event["step"]], Aggregator)
        run = order("run", dead["reasons"], address=dead["letter"] if judged else dead["origin"])
        return self._orders.begin(memory, death.task, step, run, now)

    def _miss(self, death: Death, branches: Sequence[tuple[str, str]]) -> Change:
        """The joins behind a dead task hear that nothing comes, and why."""
        memory, event, dead, _ = death
        item = event["item"]
        tokens: list[tuple[Spawned, str]] = [
            ({"task": task_id(memory["run"], join, item, 0, branch), "step": join, "item": item}, branch)
            for join, branch in branches
        ]
        after = transitions.miss(memory, event["task"], [task for task, _ in tokens])
        sends = tuple(
            self._orders.command(after, task, order("missing", dead["reasons"], branch=branch), item, event["input"])
            for task, branch in tokens
        )
        return Change(after, sends)

    def _ask(self, death: Death, gate: str) -> Change:
        """A person decides about the judged value, or about what the dead step suggested."""
        memory, event, dead, now = death
        post, step = self._plan.steps[gate], self._plan.steps[event["step"]]
        assert isinstance(post, Validator)  # noqa: S101 - the compiler holds it
        assert not isinstance(step, Output)  # noqa: S101 - nothing is ever dead there
        task = asked(event, dead, gate, now + self._plan.reviews.expires_ms, judged=isinstance(step, Validator))
        after = transitions.take(transitions.ask(memory, task), entry("review", event["step"], event["item"]))
        ruling: Ruling = {"review": task["review"], "decision": "", "verdict": "", "by": "", "note": ""}
        told = of_run("review_requested", memory["run"], memory["event"], now, step=event["step"], ruling=ruling)
        retry = step.ladder.rerun is not None
        review = question(after, task, event, dead, post.reads, now, retry=retry)
        return Change(after, (self._orders.review(review),), told)
