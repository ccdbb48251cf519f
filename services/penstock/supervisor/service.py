"""The service that reads every run event, keeps the open runs, and answers with commands, reviews and statuses."""

from __future__ import annotations

from penstock.contracts.envelope import Envelope
from penstock.contracts.events import of_run
from penstock.contracts.records import RUN_EVENT, RUN_MEMORY, OpenTask, RunEvent, RunMemory, State
from penstock.contracts.topics import SUPERVISOR, Topics
from penstock.errors import Poison
from penstock.runtime.kit import Kit
from penstock.runtime.letters import DeadLetters
from penstock.runtime.ports import Record
from penstock.runtime.service import Done, Keeps, Message, Send, Service, View
from penstock.supervisor import transitions
from penstock.supervisor.ladder import entry
from penstock.supervisor.orders import Change, Orders
from penstock.supervisor.people import People
from penstock.supervisor.questions import closed
from penstock.supervisor.rungs import Death, Rungs
from penstock.topology.plan import Aggregator, Effect, Plan, Router, Validator, Worker

SKEW_MS = 2_000
_TELLING = frozenset({"run_started", "task_done", "task_dead", "task_waiting", "late", "decided", "requested"})


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


class _Overseer:
    def __init__(self, plan: Plan, kit: Kit) -> None:
        topics = Topics(plan.pipeline)
        self._plan = plan
        self._kit = kit
        self._letters = DeadLetters(plan.pipeline, SUPERVISOR, topics.dead(SUPERVISOR), plan.digest)
        self._orders = Orders(topics, plan.limits.deadline_ms)
        self._rungs = Rungs(plan, self._orders)
        self._people = People(plan, self._orders)
        self._joins = frozenset(name for name, step in plan.steps.items() if isinstance(step, Aggregator))
        self._acts = frozenset(name for name, step in plan.steps.items() if isinstance(step, Effect))
        self._grace = plan.longest_call_ms + SKEW_MS

    def answer(self, message: Message, view: View) -> Done:
        event: RunEvent = message.value  # type: ignore[assignment]  # decoded under that very contract
        kind = event["kind"]
        memory: RunMemory | None = view.state.get(event["run"])
        if kind == "run_started" and memory is None:
            return self._keep(None, Change(transitions.begin(event)), view)
        if kind not in _TELLING:
            return Done()
        if memory is None or kind == "run_started":
            return Done() if kind == "late" else self._late(event, view.now)
        if kind in ("decided", "requested"):
            return self._asked_for(memory, event, view)
        return self._told(memory, event, view)

    def _told(self, memory: RunMemory, event: RunEvent, view: View) -> Done:
        """A step tells of a task: it is done, dead, or waits for its next attempt."""
        after = self._concluded(transitions.account(memory, event), event)
        if event["dead"] is None:
            return self._keep(memory, Change(self._stood_in(after, event), self._overtaken(memory, event, view)), view)
        after = transitions.explain(after, event["dead"]["reasons"])
        if not any(task["task"] == event["task"] and not task["review"] for task in after["open"]):
            return self._late(event, view.now)
        if event["kind"] == "task_waiting":
            return self._keep(memory, self._waiting(transitions.wait(after, event), view.now), view)
        return self._keep(memory, self._rungs.take(Death(after, event, event["dead"], view.now)), view)

    def bury(self, record: Record, around: Envelope | None, poison: Poison, now: int) -> Done:
        self._kit.metrics.dead(SUPERVISOR, poison.code)
        return self._letters.bury(record, around, poison, now)

    def due(self, memory: RunMemory) -> int:
        """When a run must be looked at though nothing happens."""
        return transitions.due(memory, self._grace)

    def expire(self, run: str, view: View) -> Done:
        """Reviews that nobody answered, attempts that may begin, runs whose deadline, or longest call, is over."""
        memory: RunMemory = view.state.get(run)
        now = view.now
        over = now >= memory["deadline"] + self._grace
        gone = [task for task in memory["open"] if (task["due"] <= now if task["review"] else over)]
        after = self._gone(memory, gone)
        after = transitions.doubt(after, [_named(task) for task in gone if task["step"] in self._acts])
        sends = [self._orders.review(closed(memory, task, "expired", now)) for task in gone if task["review"]]
        asks = any(task["review"] for task in memory["open"])
        if now >= memory["deadline"] and not asks and not memory["ending"]:
            idle = [task for task in after["open"] if task["address"]]
            after = transitions.end(self._gone(after, idle), "expired")
        change = self._waiting(after, now)
        return self._keep(memory, change._replace(sends=(*sends, *change.sends)), view)

    def _gone(self, memory: RunMemory, tasks: list[OpenTask]) -> RunMemory:
        """These tasks are waited for no longer; the run has expired, but for those that nothing waits for."""
        after = transitions.close(memory, {task["task"] for task in tasks})
        lost = any(
            task["review"] or not self._rungs.unawaited(memory, task["step"], task["item"]) for task in tasks
        )  # fmt: skip
        return transitions.mark(after, "expired") if lost else after

    def _asked_for(self, memory: RunMemory, event: RunEvent, view: View) -> Done:
        """A person has decided, or wants the run to end."""
        ask = self._people.decided if event["kind"] == "decided" else self._people.requested
        change = ask(memory, event, view.now)
        return self._late(event, view.now) if change is None else self._keep(memory, change, view)

    def _waiting(self, memory: RunMemory, now: int) -> Change:
        """Attempts whose time has come are commanded; in a run that ends, those that wait are over."""
        waits = [task for task in memory["open"] if task["address"]]
        if memory["ending"]:
            return Change(self._gone(memory, waits) if memory["ending"] == "expired" else _closed(memory, waits))
        sends: tuple[Send, ...] = ()
        for task in waits:
            if task["due"] <= now:
                memory, more, _ = self._orders.again(memory, task)
                sends += more
        return Change(memory, sends)

    def _concluded(self, memory: RunMemory, event: RunEvent) -> RunMemory:
        """Remember a join that has concluded while somebody works for it: what they do now is of no account."""
        if event["kind"] != "task_done" or event["step"] not in self._joins:
            return memory
        early = any(self._rungs.leads(task, event["step"], event["item"]) for task in memory["open"])
        return transitions.take(memory, entry("concluded", event["step"], event["item"])) if early else memory

    def _stood_in(self, memory: RunMemory, event: RunEvent) -> RunMemory:
        """A fallback has done what is still waited for; a judge is part of its join's policy."""
        step = self._plan.steps.get(event["step"])
        acts = isinstance(step, Worker) and step.acts_for is not None and step.acts_for not in self._joins
        if not acts or event["kind"] != "task_done" or self._rungs.unawaited(memory, event["step"], event["item"]):
            return memory
        return transitions.mark(memory, "succeeded_by_fallback")

    def _overtaken(self, memory: RunMemory, event: RunEvent, view: View) -> tuple[Send, ...]:
        """A repeat of a message went well after all: whoever was asked about it need not answer."""
        asked = [task for task in memory["open"] if task["review"] and task["task"] in event["ended"]]
        return tuple(self._orders.review(closed(memory, task, "withdrawn", view.now)) for task in asked)

    def _keep(self, before: RunMemory | None, change: Change, view: View) -> Done:
        """Keep the run, or end it when nothing is open; say so when it begins to wait, goes on, or is about to end."""
        after, sends, told = change
        run, now = after["run"], view.now
        stopped = before is not None and before["ending"]
        if not after["open"]:
            final = transitions.terminal(after)
            view.state.drop(run)
            self._kit.metrics.ended(final)
            ended = of_run("run_ended", run, after["event"], now, step=SUPERVISOR, outcome=final)
            forget = (self._orders.forget(run),) if stopped and self._acts else ()
            return Done([*sends, *forget, self._status(after, final, now)], ended)
        view.state.put(run, after)
        if after["ending"] and not stopped and self._acts:
            sends = (*sends, self._orders.stop(run, after["ending"], now))
        state = transitions.news(before, after)
        return Done(sends if state is None else [*sends, self._status(after, state, now)], told)

    def _status(self, memory: RunMemory, state: State, now: int) -> Send:
        awaited = transitions.next_attempt(memory)
        step = self._plan.steps.get(awaited["step"]) if awaited else None
        allowed = step.attempts.max if isinstance(step, Worker | Router | Validator) else 0
        return self._orders.status(transitions.status(memory, state, now, allowed))

    def _late(self, event: RunEvent, now: int) -> Done:
        """Something about a run that has ended, or a decision that came second: recorded, and changes nothing."""
        late = of_run("late", event["run"], event["event"], now, step=event["step"], outcome=event["kind"])
        late["task"], late["input"], late["ruling"] = event["task"], event["input"], event["ruling"]
        if (request := event.get("request")) is not None:
            late["request"] = request
        return Done((), late)


def _named(task: OpenTask) -> str:
    return f"{task['step']}:{task['task']}"


def _closed(memory: RunMemory, tasks: list[OpenTask]) -> RunMemory:
    return transitions.close(memory, {task["task"] for task in tasks})
