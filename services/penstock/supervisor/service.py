"""The service that reads every run event, keeps the open runs, and answers with commands, reviews and statuses."""

from __future__ import annotations

from penstock.contracts.envelope import Envelope
from penstock.contracts.events import of_run
from penstock.contracts.identity import digest, task_id
from penstock.contracts.records import (
    COMMAND,
    REVIEW,
    RUN_EVENT,
    RUN_MEMORY,
    RUN_STATUS,
    Command,
    Dead,
    OpenTask,
    Review,
    Ruling,
    RunEvent,
    RunMemory,
)
from penstock.contracts.topics import SUPERVISOR, Topics
from penstock.errors import Poison
from penstock.runtime.kit import Kit
from penstock.runtime.letters import DeadLetters
from penstock.runtime.ports import Record
from penstock.runtime.service import Done, Keeps, Message, Send, Service, View
from penstock.supervisor.ladder import Ask, End, Fall, Missing, Rung, ask_name, fall_name, next_rung
from penstock.supervisor.transitions import account, begin, close, due, mark, opened, status, terminal, waiting
from penstock.topology.plan import Effect, Output, Plan, Validator

SKEW_MS = 2_000
_TASKS = frozenset({"task_done", "task_dead", "late"})


def build(plan: Plan, step: str, kit: Kit) -> Service:
    """Reads `p.runs`, keeps one memory per open run, answers as the only writer of `p.status` and `p.reviews`."""
    topics = Topics(plan.pipeline)
    desk = _Overseer(plan, kit)
    grace = plan.longest_call_ms + SKEW_MS
    return Service(
        pipeline=plan.pipeline,
        step=step,
        source=topics.runs,
        group=topics.group(SUPERVISOR),
        runs=topics.runs,
        contracts=frozenset({RUN_EVENT}),
        answer=desk.answer,
        bury=desk.bury,
        keeps=Keeps(topics.state(SUPERVISOR), RUN_MEMORY, lambda memory: due(memory, grace), desk.expire),  # type: ignore[arg-type]  # the store holds nothing else
        enveloped=False,
        prompt=True,
    )


class _Overseer:
    def __init__(self, plan: Plan, kit: Kit) -> None:
        self._plan = plan
        self._kit = kit
        self._topics = Topics(plan.pipeline)
        self._letters = DeadLetters(plan.pipeline, SUPERVISOR, self._topics.dead(SUPERVISOR), plan.digest)

    def answer(self, message: Message, view: View) -> Done:
        event: RunEvent = message.value  # type: ignore[assignment]  # decoded under that very contract
        kind = event["kind"]
        memory: RunMemory | None = view.state.get(event["run"])
        if kind == "run_started":
            return self._keep(begin(event), None, view)
        if kind not in _TASKS and kind != "decided":
            return Done()
        if memory is None:
            return Done() if kind == "late" else self._late(event, view.now)
        if kind == "decided":
            return self._decided(memory, event, view)
        after = account(memory, event)
        if kind == "task_dead" and event["dead"] is not None:
            return self._dead(memory, after, event, event["dead"], view)
        return self._keep(after, memory, view)

    def bury(self, record: Record, around: Envelope | None, poison: Poison, now: int) -> Done:
        self._kit.metrics.dead(SUPERVISOR, poison.code)
        return self._letters.bury(record, around, poison, now)

    def expire(self, run: str, view: View) -> Done:
        """Reviews that nobody answered, and runs whose deadline and longest call are over."""
        memory: RunMemory = view.state.get(run)
        over = view.now >= memory["deadline"] + self._plan.longest_call_ms + SKEW_MS
        gone = [t for t in memory["open"] if (t["due"] <= view.now if t["review"] else over)]
        after = mark(close(memory, {task["task"] for task in gone}), "expired")
        in_doubt = [f"{t['step']}:{t['task']}" for t in gone if isinstance(self._plan.steps.get(t["step"]), Effect)]
        after["in_doubt"] = [*after["in_doubt"], *in_doubt]
        sends = [self._closed(task, memory, "expired", view.now) for task in gone if task["review"]]
        return self._keep(after, memory, view, sends)

    def _dead(self, before: RunMemory, memory: RunMemory, event: RunEvent, dead: Dead, view: View) -> Done:
        if event["task"] not in {task["task"] for task in memory["open"]}:
            return self._late(event, view.now)
        rung = self._rung(memory, event)
        match rung:
            case Fall(step):
                after, send = self._fall(memory, event, dead, step)
                return self._keep(after, before, view, [send])
            case Missing(branches):
                return self._miss(before, memory, event, dead, branches, view)
            case Ask(gate):
                return self._ask(before, memory, event, dead, gate, view)
            case End(outcome):
                after = mark(close(memory, {event["task"]}), outcome, dead["reasons"])
                if event["outcome"] == "in_doubt":
                    after["in_doubt"] = [*after["in_doubt"], f"{event['step']}:{event['task']}"]
                return self._keep(after, before, view)

    def _rung(self, memory: RunMemory, event: RunEvent) -> Rung:
        step = self._plan.steps.get(event["step"])
        if step is None or isinstance(step, Output):
            return End("failed")
        return next_rung(step.ladder, event["outcome"], memory["used"], self._plan.reviews.times)

    def _fall(self, memory: RunMemory, event: RunEvent, dead: Dead, step: str) -> tuple[RunMemory, Send]:
        """The fallback fetches the same input by its address."""
        turn = memory["round"] + 1
        task = task_id(memory["run"], step, event["item"], turn)
        command: Command = {"kind": "run", "address": dead["origin"], "branch": "", "review": "", "sha256": "",
                            "reasons": dead["reasons"]}  # fmt: skip
        after = mark(close(memory, {event["task"]}), "succeeded_by_fallback", dead["reasons"])
        after["open"] = [*after["open"], opened({"task": task, "step": step})]
        after["round"], after["used"] = turn, [*after["used"], fall_name(step)]
        return after, self._command(step, command, memory, event, task, turn)

    def _miss(
        self, before: RunMemory, memory: RunMemory, event: RunEvent, dead: Dead,
        branches: tuple[tuple[str, str], ...], view: View,
    ) -> Done:  # fmt: skip
        after = close(memory, {event["task"]})
        sends = []
        for join, branch in branches:
            task = task_id(memory["run"], join, event["item"], 0, branch)
            command: Command = {"kind": "missing", "address": "", "branch": branch, "review": "", "sha256": "",
                                "reasons": dead["reasons"]}  # fmt: skip
            after["open"] = [*after["open"], opened({"task": task, "step": join})]
            sends.append(self._command(join, command, memory, event, task, memory["round"]))
        return self._keep(after, before, view, sends)

    def _ask(self, before: RunMemory, memory: RunMemory, event: RunEvent, dead: Dead, gate: str, view: View) -> Done:
        step = self._plan.steps[event["step"]]
        post = self._plan.steps[gate]
        assert isinstance(post, Validator)  # noqa: S101 - the compiler holds it
        suggestion = dead["suggestion"]
        sha256 = (
            digest(suggestion) if suggestion is not None else event["sha256"] if isinstance(step, Validator) else ""
        )
        identifier = task_id(memory["run"], event["step"], event["task"], 0, "review")
        expires = view.now + self._plan.reviews.expires_ms
        review: Review = {
            "review": identifier, "run": memory["run"], "event": memory["event"], "state": "open",
            "step": event["step"], "gate": gate, "task": event["task"], "item": event["item"], "round": event["round"],
            "letter": dead["letter"], "contract": post.reads, "value": suggestion, "sha256": sha256,
            "reasons": dead["reasons"], "votes": [], "offers": ["approve", "reject"] if sha256 else ["reject"],
            "opened": view.now, "expires": expires, "plan": memory["plan"], "decided_by": "", "decision": "",
        }  # fmt: skip
        asked: OpenTask = {"task": event["task"], "step": event["step"], "review": identifier, "due": expires,
                           "gate": gate, "sha256": sha256, "item": event["item"], "origin": dead["origin"]}  # fmt: skip
        after = close(memory, {event["task"]})
        after["open"] = [*after["open"], asked]
        after["used"] = [*after["used"], ask_name(event["step"])]
        after["reasons"] = [*after["reasons"], *dead["reasons"]]
        ruling: Ruling = {"review": identifier, "decision": "", "verdict": "", "by": ""}
        news = of_run("review_requested", memory["run"], memory["event"], view.now, step=event["step"], ruling=ruling)
        send = Send(self._topics.reviews, identifier.encode(), review, REVIEW)
        return self._keep(after, before, view, [send], news)

    def _decided(self, memory: RunMemory, event: RunEvent, view: View) -> Done:
        """The first decision in the order of the log counts; any later one finds no open review."""
        ruling = event["ruling"]
        task = next((t for t in memory["open"] if ruling is not None and t["review"] == ruling["review"]), None)
        if ruling is None or task is None or task["due"] <= view.now:
            return self._late(event, view.now)
        closed = self._closed(task, memory, "decided", view.now, ruling)
        after = close(memory, {task["task"]})
        if ruling["verdict"] not in ("approve", "edit"):
            return self._keep(mark(after, "rejected"), memory, view, [closed])
        turn = memory["round"] + 1
        again = task_id(memory["run"], task["gate"], task["item"], turn)
        after = mark(after, "resolved_by_human")
        after["open"] = [*after["open"], opened({"task": again, "step": task["gate"]})]
        after["round"], after["deadline"] = turn, view.now + self._plan.limits.deadline_ms
        command: Command = {"kind": "decided", "address": ruling["decision"], "branch": "", "review": task["review"],
                            "sha256": task["sha256"], "reasons": []}  # fmt: skip
        about = RunEvent(**{**event, "item": task["item"], "input": task["origin"]})
        return self._keep(
            after, memory, view, [closed, self._command(task["gate"], command, after, about, again, turn)]
        )

    def _closed(self, task: OpenTask, memory: RunMemory, state: str, now: int, ruling: Ruling | None = None) -> Send:
        """The review's last record: whoever lists what is open must not see it any more."""
        review: Review = {
            "review": task["review"], "run": memory["run"], "event": memory["event"],
            "state": "decided" if state == "decided" else "expired", "step": task["step"], "gate": task["gate"],
            "task": task["task"], "item": task["item"], "round": memory["round"], "letter": "", "contract": "",
            "value": None, "sha256": task["sha256"], "reasons": [], "votes": [], "offers": [], "opened": now,
            "expires": task["due"], "plan": memory["plan"], "decided_by": ruling["by"] if ruling else "",
            "decision": ruling["decision"] if ruling else "",
        }  # fmt: skip
        return Send(self._topics.reviews, task["review"].encode(), review, REVIEW)

    def _keep(
        self, memory: RunMemory, before: RunMemory | None, view: View, sends: list[Send] | None = None,
        news: RunEvent | None = None,
    ) -> Done:  # fmt: skip
        """Keep the run, or end it when nothing is open; say so when from now on it only waits for people."""
        run = memory["run"]
        sends = sends or []
        if not memory["open"]:
            final = terminal(memory)
            view.state.drop(run)
            self._kit.metrics.ended(final)
            record = status(memory, final, view.now)
            ended = of_run("run_ended", run, memory["event"], view.now, step=SUPERVISOR, outcome=final)
            return Done([*sends, Send(self._topics.status, run.encode(), record, RUN_STATUS)], ended)
        view.state.put(run, memory)
        if waiting(memory) and not (before is not None and waiting(before)):
            record = status(memory, "waiting", view.now)
            sends = [*sends, Send(self._topics.status, run.encode(), record, RUN_STATUS)]
        return Done(sends, news)

    def _command(self, step: str, command: Command, memory: RunMemory, event: RunEvent, task: str, turn: int) -> Send:
        origin = command["address"] if command["kind"] == "run" else event["input"]
        around = Envelope(
            memory["run"], memory["event"], task, event["item"], SUPERVISOR, 1, turn, origin, memory["plan"],
            memory["deadline"],
        )  # fmt: skip
        return Send(self._topics.step(step), memory["run"].encode(), command, COMMAND, around)

    def _late(self, event: RunEvent, now: int) -> Done:
        """Something about a run that has ended, or a decision that came second: recorded, and changes nothing."""
        late = of_run("late", event["run"], event["event"], now, step=event["step"], outcome=event["kind"])
        late["task"], late["input"], late["ruling"] = event["task"], event["input"], event["ruling"]
        return Done((), late)
