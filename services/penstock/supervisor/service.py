"""The service that reads every run event, keeps the open runs, and answers with commands, reviews and statuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from penstock.contracts.envelope import Envelope
from penstock.contracts.events import of_run
from penstock.contracts.identity import task_id
from penstock.contracts.records import (
    COMMAND,
    REVIEW,
    RUN_EVENT,
    RUN_MEMORY,
    RUN_STATUS,
    Command,
    Dead,
    OpenTask,
    ReasonRecord,
    Review,
    Ruling,
    RunEvent,
    RunMemory,
    Spawned,
    State,
)
from penstock.contracts.topics import SUPERVISOR, Topics
from penstock.errors import Poison
from penstock.runtime.kit import Kit
from penstock.runtime.letters import DeadLetters
from penstock.runtime.ports import Record
from penstock.runtime.service import Done, Keeps, Message, Send, Service, View
from penstock.supervisor import transitions
from penstock.supervisor.ladder import (
    Ask,
    End,
    Fall,
    Forget,
    Missing,
    Rung,
    ask_name,
    done_name,
    fall_name,
    fate,
    next_rung,
    rung_of_the_unawaited,
    unawaited,
)
from penstock.supervisor.questions import asked, closed, question
from penstock.topology.plan import Aggregator, Effect, Output, Plan, Validator

SKEW_MS = 2_000
_TELLING = frozenset({"run_started", "task_done", "task_dead", "late", "decided"})


def build(plan: Plan, step: str, kit: Kit) -> Service:
    """Reads `p.runs`, keeps one memory per open run, answers as the only writer of `p.status` and `p.reviews`."""
    topics = Topics(plan.pipeline)
    desk = _Overseer(plan, kit)
    return Service(
        pipeline=plan.pipeline,
        step=step,
        source=topics.runs,
        group=topics.group(SUPERVISOR),
        runs=topics.runs,
        contracts=frozenset({RUN_EVENT}),
        answer=desk.answer,
        bury=desk.bury,
        keeps=Keeps(topics.state(SUPERVISOR), RUN_MEMORY, desk.due, desk.expire),  # type: ignore[arg-type]  # the store holds nothing else
        enveloped=False,
        prompt=True,
    )


class _Death(NamedTuple):
    """A dead task: the run before it, the run that knows of it, and what is told about it."""

    before: RunMemory
    memory: RunMemory
    event: RunEvent
    dead: Dead
    view: View


class _Overseer:
    def __init__(self, plan: Plan, kit: Kit) -> None:
        self._plan = plan
        self._kit = kit
        self._topics = Topics(plan.pipeline)
        self._letters = DeadLetters(plan.pipeline, SUPERVISOR, self._topics.dead(SUPERVISOR), plan.digest)
        self._after = {name: () if isinstance(step, Effect | Output) else step.to for name, step in plan.steps.items()}
        self._grace = plan.longest_call_ms + SKEW_MS

    def answer(self, message: Message, view: View) -> Done:
        event: RunEvent = message.value  # type: ignore[assignment]  # decoded under that very contract
        kind = event["kind"]
        memory: RunMemory | None = view.state.get(event["run"])
        if kind == "run_started" and memory is None:
            return self._keep(None, transitions.begin(event), view)
        if kind not in _TELLING:
            return Done()
        if memory is None or kind == "run_started":
            return Done() if kind == "late" else self._late(event, view.now)
        if kind == "decided":
            return self._decided(memory, event, view)
        after = self._concluded(transitions.account(memory, event), event)
        if kind == "task_dead" and event["dead"] is not None:
            explained = transitions.explain(after, event["dead"]["reasons"])
            return self._dead(_Death(memory, explained, event, event["dead"], view))
        return self._keep(memory, after, view)

    def bury(self, record: Record, around: Envelope | None, poison: Poison, now: int) -> Done:
        self._kit.metrics.dead(SUPERVISOR, poison.code)
        return self._letters.bury(record, around, poison, now)

    def due(self, memory: RunMemory) -> int:
        """When a run must be looked at though nothing happens."""
        return transitions.due(memory, self._grace)

    def expire(self, run: str, view: View) -> Done:
        """Reviews that nobody answered, and runs whose deadline and longest call are over."""
        memory: RunMemory = view.state.get(run)
        over = view.now >= memory["deadline"] + self._grace
        gone = [task for task in memory["open"] if (task["due"] <= view.now if task["review"] else over)]
        after = transitions.close(memory, {task["task"] for task in gone})
        if any(task["review"] or not self._unawaited(memory, task["step"]) for task in gone):
            after = transitions.mark(after, "expired")
        after = transitions.doubt(after, [_named(task) for task in gone if self._acts(task["step"])])
        sends = [self._review(closed(memory, task, "expired", view.now)) for task in gone if task["review"]]
        return self._keep(memory, after, view, sends)

    def _dead(self, death: _Death) -> Done:
        """The next rung of the ladder, or the end of this part of the run."""
        event, memory = death.event, death.memory
        if not any(task["task"] == event["task"] and not task["review"] for task in memory["open"]):
            return self._late(event, death.view.now)
        match self._rung(memory, event):
            case Fall(step):
                return self._fall(death, step)
            case Missing(branches):
                return self._miss(death, branches)
            case Ask(gate):
                return self._ask(death, gate)
            case Forget():
                return self._keep(death.before, transitions.close(memory, {event["task"]}), death.view)
            case End(outcome):
                after = transitions.mark(transitions.close(memory, {event["task"]}), outcome)
                doubts = [f"{event['step']}:{event['task']}"] if event["outcome"] == "in_doubt" else []
                return self._keep(death.before, transitions.doubt(after, doubts), death.view)

    def _rung(self, memory: RunMemory, event: RunEvent) -> Rung:
        step = self._plan.steps.get(event["step"])
        if step is None or isinstance(step, Output):
            return End("failed")
        if self._unawaited(memory, step.name):
            return rung_of_the_unawaited(step.ladder, self._done(memory))
        return next_rung(step.ladder, fate(event, memory["deadline"]), memory["used"], self._plan.reviews.times)

    def _concluded(self, memory: RunMemory, event: RunEvent) -> RunMemory:
        """Remember a join that has concluded without all of its branches: what they do now is of no account."""
        step = self._plan.steps.get(event["step"])
        done = event["kind"] == "task_done" and isinstance(step, Aggregator) and len(event["ended"]) < len(step.of)
        return transitions.take(memory, done_name(event["step"])) if done else memory

    def _unawaited(self, memory: RunMemory, step: str) -> bool:
        """Whether nothing waits any more for what a step would have written."""
        return unawaited(self._after, step, self._done(memory))

    def _done(self, memory: RunMemory) -> set[str]:
        """The joins that have concluded without all of their branches."""
        return {name for name in self._plan.steps if done_name(name) in memory["used"]}

    def _fall(self, death: _Death, step: str) -> Done:
        """The fallback fetches the same input by its address; a join's judge the letter that holds all votes."""
        before, memory, event, dead, view = death
        item = event["item"]
        task: Spawned = {"task": task_id(memory["run"], step, item, memory["round"] + 1), "step": step, "item": item}
        after = transitions.command(memory, event["task"], task, view.now + self._plan.limits.deadline_ms)
        after = transitions.take(after, fall_name(step))
        judged = isinstance(self._plan.steps[event["step"]], Aggregator)
        if not judged:  # a judge is part of its join's policy
            after = transitions.mark(after, "succeeded_by_fallback")
        order = _order("run", dead["reasons"], address=dead["letter"] if judged else dead["origin"])
        return self._keep(before, after, view, [self._command(after, task, order, item, dead["origin"])])

    def _miss(self, death: _Death, branches: Sequence[tuple[str, str]]) -> Done:
        """The joins behind a dead task hear that nothing comes, and why."""
        before, memory, event, dead, view = death
        item = event["item"]
        tokens: list[tuple[Spawned, str]] = [
            ({"task": task_id(memory["run"], join, item, 0, branch), "step": join, "item": item}, branch)
            for join, branch in branches
        ]
        after = transitions.miss(memory, event["task"], [task for task, _ in tokens])
        sends = [
            self._command(after, task, _order("missing", dead["reasons"], branch=branch), item, event["input"])
            for task, branch in tokens
        ]
        return self._keep(before, after, view, sends)

    def _ask(self, death: _Death, gate: str) -> Done:
        """A person decides about the judged value, or about what the dead step suggested."""
        before, memory, event, dead, view = death
        post = self._plan.steps[gate]
        assert isinstance(post, Validator)  # noqa: S101 - the compiler holds it
        judged = isinstance(self._plan.steps[event["step"]], Validator)
        task = asked(event, dead, gate, view.now + self._plan.reviews.expires_ms, judged=judged)
        after = transitions.take(transitions.ask(memory, task), ask_name(event["step"]))
        ruling: Ruling = {"review": task["review"], "decision": "", "verdict": "", "by": ""}
        told = of_run("review_requested", memory["run"], memory["event"], view.now, step=event["step"], ruling=ruling)
        send = self._review(question(after, task, event, dead, post.reads, view.now))
        return self._keep(before, after, view, [send], told)

    def _decided(self, memory: RunMemory, event: RunEvent, view: View) -> Done:
        """The first decision in the order of the log counts; any later one finds no open review."""
        ruling = event["ruling"]
        task = next((t for t in memory["open"] if ruling is not None and t["review"] == ruling["review"]), None)
        if ruling is None or task is None or not task["review"] or task["due"] <= event["at"]:
            return self._late(event, view.now)
        send = self._review(closed(memory, task, "decided", view.now, ruling))
        match ruling["verdict"]:
            case "approve" | "edit" if task["sha256"]:
                return self._release(memory, task, ruling, view, send)
            case "reject":
                after = transitions.mark(transitions.close(memory, {task["task"]}), "rejected")
                return self._keep(memory, after, view, [send])
            case _:
                return self._late(event, view.now)  # nothing of the kind was on offer

    def _release(self, memory: RunMemory, task: OpenTask, ruling: Ruling, view: View, send: Send) -> Done:
        """The gate fetches the decision where it lies, and lets through what it names."""
        gate: Spawned = {
            "task": task_id(memory["run"], task["gate"], task["item"], memory["round"] + 1), "step": task["gate"],
            "item": task["item"],
        }  # fmt: skip
        after = transitions.command(memory, task["task"], gate, view.now + self._plan.limits.deadline_ms)
        after = transitions.mark(after, "resolved_by_human")
        order = _order("decided", [], address=ruling["decision"], review=task["review"], sha256=task["sha256"])
        return self._keep(
            memory, after, view, [send, self._command(after, gate, order, task["item"], task["origin"])]
        )  # fmt: skip

    def _keep(
        self, before: RunMemory | None, after: RunMemory, view: View, sends: Sequence[Send] = (),
        told: RunEvent | None = None,
    ) -> Done:  # fmt: skip
        """Keep the run, or end it when nothing is open; say so when it begins to wait for people or goes on."""
        run = after["run"]
        if not after["open"]:
            final = transitions.terminal(after)
            view.state.drop(run)
            self._kit.metrics.ended(final)
            ended = of_run("run_ended", run, after["event"], view.now, step=SUPERVISOR, outcome=final)
            return Done([*sends, self._status(after, final, view.now)], ended)
        view.state.put(run, after)
        state = transitions.news(before, after)
        return Done(sends if state is None else [*sends, self._status(after, state, view.now)], told)

    def _status(self, memory: RunMemory, state: State, now: int) -> Send:
        record = transitions.status(memory, state, now)
        return Send(self._topics.status, memory["run"].encode(), record, RUN_STATUS)

    def _review(self, review: Review) -> Send:
        return Send(self._topics.reviews, review["review"].encode(), review, REVIEW)

    def _command(self, memory: RunMemory, task: Spawned, order: Command, item: str, origin: str) -> Send:
        """A command in the run's present round; `origin` is the input that all this is about."""
        around = Envelope(
            memory["run"], memory["event"], task["task"], item, SUPERVISOR, 1, memory["round"], origin,
            memory["plan"], memory["deadline"],
        )  # fmt: skip
        return Send(self._topics.step(task["step"]), memory["run"].encode(), order, COMMAND, around)

    def _acts(self, step: str) -> bool:
        return isinstance(self._plan.steps.get(step), Effect)

    def _late(self, event: RunEvent, now: int) -> Done:
        """Something about a run that has ended, or a decision that came second: recorded, and changes nothing."""
        late = of_run("late", event["run"], event["event"], now, step=event["step"], outcome=event["kind"])
        late["task"], late["input"], late["ruling"] = event["task"], event["input"], event["ruling"]
        return Done((), late)


def _named(task: OpenTask) -> str:
    return f"{task['step']}:{task['task']}"


def _order(
    kind: Literal["run", "missing", "decided"], reasons: list[ReasonRecord], *, address: str = "", branch: str = "",
    review: str = "", sha256: str = "",
) -> Command:  # fmt: skip
    return {"kind": kind, "address": address, "branch": branch, "review": review, "sha256": sha256, "reasons": reasons,
            "count": 0}  # fmt: skip
