"""What happened in a pipeline, in the words in which a case says what it expects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.contracts.records import ReasonRecord, RunEvent, RunStatus
from penstock.contracts.topics import INGRESS
from penstock.testing.pipeline import Pipeline
from penstock.topology.plan import Output

_STEPS = ("task_done", "task_dead")


class Named(dict[str, Any]):
    """A value for which one word may stand: a reason's code, a review's step."""

    def __init__(self, word: str, fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self.word = word


def whole(pipeline: Pipeline) -> dict[str, Any]:
    """Everything: what took place, and every run by its event; of one run alone, its own account beside them."""
    runs = {event: account(pipeline, run, event) for run, event in _runs(pipeline)}
    everything: dict[str, Any] = {
        "effects": pipeline.effects_by_step(),
        "outputs": {n: pipeline.outputs(n) for n, step in pipeline.plan.steps.items() if isinstance(step, Output)},
        "refused": len(pipeline.events("refused", INGRESS)),
        "duplicates": len(pipeline.events("duplicate")),
        "halted": list(pipeline.processor.halted),
        "runs": runs,
    }
    if len(runs) == 1:
        everything |= next(iter(runs.values()))
        everything["dead"] = {**everything["dead"], **_refusals(pipeline)}
    return everything


def account(pipeline: Pipeline, run: str, event: str) -> dict[str, Any]:
    """One run."""
    events = [told for told in pipeline.events() if told["run"] == run]
    status = next((s for s in reversed(pipeline.statuses()) if s["run"] == run), None)
    ran = [told for told in events if told["kind"] in _STEPS]
    path = [told["step"] for told in ordered(events, tuple(pipeline.plan.steps))]
    return {
        "status": status["state"] if status else "running",
        "path": path + _outputs(pipeline, run),
        "attempts": _attempts(ran),
        "cost": sum(told["cost_usd"] for told in ran),
        "fallbacks": status["fallbacks"] if status else 0,
        "reasons": [_reason(reason) for reason in status["reasons"]] if status else [],
        "dead": _dead(ran),
        "in_doubt": _doubts(status),
        "reviews": [Named(r["step"], {**r, "reasons": [_reason(one) for one in r["reasons"]]})
                    for r in pipeline.reviews() if r["event"] == event],
    }  # fmt: skip


def ordered(events: Sequence[RunEvent], steps: tuple[str, ...]) -> list[RunEvent]:
    """The steps that ran, each after what caused it; of those side by side, the one first in the file comes first.

    So a path does not depend on which of two branches happened to be quicker.
    """
    waiting = [(told, _causes(told, events[:at])) for at, told in enumerate(events) if told["kind"] in _STEPS]
    place = {step: at for at, step in enumerate(steps)}
    done: list[RunEvent] = []
    while waiting:
        ready = [told for told, causes in waiting if not any(cause is left for cause in causes for left, _ in waiting)]
        first = min(ready, key=lambda told: place.get(told["step"], -1))
        done.append(first)
        waiting = [(told, causes) for told, causes in waiting if told is not first]
    return done


def _causes(told: RunEvent, before: Sequence[RunEvent]) -> list[RunEvent]:
    """The events that began the tasks which this one ended; a command of the supervisor's follows a death."""
    tasks = {told["task"], *told["ended"]}
    begun = [one for one in before if tasks & {spawned["task"] for spawned in one["spawned"]}]
    known = {spawned["task"] for one in begun for spawned in one["spawned"]}
    commanded = tasks - known
    return [*begun, *([one for one in before if one["kind"] == "task_dead"][-1:] if commanded else [])]


def story(pipeline: Pipeline) -> Iterator[str]:
    """What each run went through, a line each."""
    for run, event in _runs(pipeline):
        events = [told for told in pipeline.events() if told["run"] == run]
        steps = [_told(told) for told in ordered(events, tuple(pipeline.plan.steps))]
        yield f"{event}: {' → '.join([*steps, *_outputs(pipeline, run)]) or 'nothing ran'}"


def _told(told: RunEvent) -> str:
    if told["dead"] is None:
        return told["step"]
    return f"{told['step']} ✗ {', '.join(dict.fromkeys(reason['code'] for reason in told['dead']['reasons']))}"


def _runs(pipeline: Pipeline) -> list[tuple[str, str]]:
    return [(told["run"], told["event"]) for told in pipeline.events("run_started")]


def _outputs(pipeline: Pipeline, run: str) -> list[str]:
    outputs = [name for name, step in pipeline.plan.steps.items() if isinstance(step, Output)]
    mine = ("ce_correlationid", run.encode())
    return [name for name in outputs for r in pipeline.records(pipeline.topics.output(name)) if mine in r.headers]


def _attempts(ran: Sequence[RunEvent]) -> Counter[str]:
    found: Counter[str] = Counter()
    for told in ran:
        found[told["step"]] += told["attempt"]
    return found


def _dead(ran: Sequence[RunEvent]) -> dict[str, list[str]]:
    """Step -> the first reason of each of its dead letters."""
    found: dict[str, list[str]] = {}
    for told in ran:
        if told["dead"] is not None:
            found.setdefault(told["step"], []).append(told["dead"]["reasons"][0]["code"])
    return found


def _refusals(pipeline: Pipeline) -> dict[str, list[str]]:
    told = [one["dead"] for one in pipeline.events("refused", INGRESS)]
    codes = [dead["reasons"][0]["code"] for dead in told if dead is not None]
    return {INGRESS: codes} if codes else {}


def _doubts(status: RunStatus | None) -> list[str]:
    return [doubt.partition(":")[0] for doubt in status["in_doubt"]] if status else []


def _reason(reason: ReasonRecord) -> Named:
    return Named(reason["code"], reason)
