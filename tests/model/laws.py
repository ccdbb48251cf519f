"""What must hold of every run, whatever befell it: read from the log alone, and from what the actors saw."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator

from model.drama import Played
from penstock.contracts.envelope import HEADER, parse
from penstock.contracts.records import RunEvent
from penstock.topology.bound import terms
from penstock.topology.plan import Aggregator, Output, Validator, Worker

_EPSILON = 1e-9


def broken(played: Played) -> list[str]:
    """Every law that does not hold, in words; empty when all do."""
    return [*_ends(played), *_bounds(played), *_effects(played), *_rests(played), *_statuses(played)]


def _ends(played: Played) -> Iterator[str]:
    """Each event one run, each run one end."""
    pipeline = played.pipeline
    started = [event["event"] for event in pipeline.events("run_started")]
    for event in played.events:
        if started.count(event) != 1:
            yield f"{event} began {started.count(event)} runs"
    runs = {event["run"] for event in pipeline.events("run_started")}
    told = Counter(event["run"] for event in pipeline.events("run_ended"))
    final = Counter(status["run"] for status in pipeline.statuses() if status["terminal"])
    for run in runs:
        if told[run] != 1 or final[run] != 1:
            yield f"run {run} ended {told[run]} times and has {final[run]} terminal statuses"
    for run in set(told) | set(final):
        if run not in runs:
            yield f"run {run} ended and never began"
    yield from _after_the_end(played)


def _after_the_end(played: Played) -> Iterator[str]:
    """After its terminal status a run has no other."""
    ended: set[str] = set()
    for status in played.pipeline.statuses():
        if status["run"] in ended:
            yield f"run {status['run']} is {status['state']} after its end"
        if status["terminal"]:
            ended.add(status["run"])


def _bounds(played: Played) -> Iterator[str]:
    """What a run took is within what the compiler said; what was done again after a death is aside."""
    if "copy" in played.befell:
        return
    yield from _shares(played)
    yield from _rungs(played)
    bound = played.pipeline.plan.bound
    for run, took in took_by_run(played).items():
        if took > bound.tasks:
            yield f"run {run} took {took} tasks, the bound is {bound.tasks}"
    if not played.calm:
        return
    yield from _accounts(played)
    for run, spent in played.spent.items():
        if spent > bound.cost_usd + _EPSILON:
            yield f"run {run} spent {spent}, the bound is {bound.cost_usd}"
    calls = Counter[str]()
    for (_, run), count in played.calls.items():
        calls[run] += count
    for run, count in calls.items():
        if count > bound.tasks and "busy" not in played.befell:
            yield f"run {run} made {count} calls, the bound is {bound.tasks}"


def _shares(played: Played) -> Iterator[str]:
    """Each step is within its own share of the bound, and what people may add to it."""
    shares = {term.step: term.tasks for term in terms(played.pipeline.plan)}
    took = Counter[tuple[str, str]]()
    for event in _work(played):
        took[event["run"], event["step"]] += event["attempt"]
    for (run, step), count in took.items():
        if count > shares[step] + shares.get("reviews", 0):
            yield f"{step} took {count} tasks of run {run}, its share is {shares[step]}"


def _rungs(played: Played) -> Iterator[str]:
    """A step acts once for an item, and once more for each re-run, fallback and decision; a stand-in acts once."""
    plan = played.pipeline.plan
    again = {s.ladder.rerun: s.ladder.reruns for s in plan.steps.values() if isinstance(s, Validator)}
    acted: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for event in _work(played):
        acted[event["run"], event["step"], event["item"]].add(event["task"])
    for (run, name, item), tasks in acted.items():
        step, most = plan.steps[name], 1 + plan.reviews.times
        if isinstance(step, Worker):
            most = 1 if step.acts_for is not None else most + again.get(name, 0)
        elif isinstance(step, Validator):
            most += step.ladder.reruns + (step.ladder.fallback is not None)
        if len(tasks) > most:
            yield f"{name} did {len(tasks)} tasks for {item or 'the whole'} of run {run}, {most} are allowed"


def _accounts(played: Played) -> Iterator[str]:
    """The last status adds up what the events tell, as far as they came before the end."""
    took = Counter[str]()
    for event in played.pipeline.events():
        if event["kind"] == "run_ended":
            final = next(s for s in played.pipeline.statuses() if s["terminal"] and s["run"] == event["run"])
            if final["attempts"] != took[event["run"]]:
                yield f"run {event['run']} accounts for {final['attempts']} of {took[event['run']]} attempts"
        else:
            took[event["run"]] += event["attempt"]


def _work(played: Played) -> Iterator[RunEvent]:
    """The events about tasks."""
    return (e for e in played.pipeline.events() if e["kind"] in {"task_done", "task_dead", "task_waiting"})


def took_by_run(played: Played) -> dict[str, int]:
    """Run -> attempts that its events tell of."""
    took = Counter[str]()
    for event in _work(played):
        took[event["run"]] += event["attempt"]
    return took


def _effects(played: Played) -> Iterator[str]:
    """Each effect once, of bytes that a gate has passed, and before the end of its run."""
    pipeline = played.pipeline
    yield from (f"{key} was sent again though it was recorded" for key in played.needless)
    keys = Counter(key for _, key, *_ in (played.sent if played.calm else pipeline.cast.sent))
    for key, count in keys.items():
        if count > 1:
            yield f"effect {key} took place {count} times"
    passed = {
        (event["run"], event["step"], event["sha256"])
        for event in pipeline.events("task_done")
        if event["outcome"] in {"passed", "approved"}
    }
    for name, step in pipeline.plan.steps.items():
        if step.kind != "effect":
            continue
        for record in pipeline.records(pipeline.topics.step(name)):
            around = parse(dict(record.headers)[HEADER])  # type: ignore[arg-type]  # our own header is bytes
            sha256 = hashlib.sha256(record.value or b"").hexdigest()
            if (around.run, around.source, sha256) not in passed:
                yield f"{record.address} came to {name} without a gate's event"
    yield from _effects_in_time(played)


def _effects_in_time(played: Played) -> Iterator[str]:
    """No effect is sent after its run has ended, unless somebody copied a record into the middle of the pipeline."""
    pipeline = played.pipeline
    if "copy" in played.befell:
        return
    ended = {event["run"]: event["at"] for event in pipeline.events("run_ended")}
    keys = {
        entry["receipt"]["key"]: entry["run"]
        for name, step in pipeline.plan.steps.items()
        if step.kind == "effect"
        for entry in pipeline.kept(name).values()
        if entry["receipt"] is not None
    }
    for name, key, _, at in played.sent:
        run = keys.get(key)
        if run is not None and at * 1000 > ended[run] + 1:
            yield f"{name} sent {key} {at - ended[run] / 1000:.1f} s after the end of run {run}"


def _rests(played: Played) -> Iterator[str]:
    """Nothing is kept of what has ended."""
    pipeline = played.pipeline
    for run in pipeline.kept("supervisor"):
        yield f"the supervisor still keeps run {run}"
    for review in pipeline.reviews():
        yield f"review {review['review']} still waits"
    for name, step in pipeline.plan.steps.items():
        if step.kind == "aggregator":
            for key, state in pipeline.kept(name).items():
                if not state["closed"]:
                    yield f"{name} still waits for {key}"


def _statuses(played: Played) -> Iterator[str]:
    """A status says what the log shows."""
    if "copy" in played.befell:
        return  # what was dead may have come to life again
    for status in played.pipeline.statuses():
        if status["terminal"]:
            events = [event for event in played.pipeline.events() if event["run"] == status["run"]]
            if trouble := _untrue(played, status["state"], events):
                yield f"run {status['run']} {trouble}"


def _untrue(played: Played, state: str, events: list[RunEvent]) -> str:
    """What is wrong about a status, by the events of its run."""
    steps = played.pipeline.plan.steps
    died = {event["step"] for event in events if event["kind"] == "task_dead"}
    acted = {event["step"] for event in events if event["kind"] == "task_done"}
    decided = {event["outcome"] for event in events if event["kind"] == "decided"}
    stand_ins = {name for name, step in steps.items() if isinstance(step, Worker) and step.acts_for is not None}
    match state:
        case "succeeded" if stray := [name for name in sorted(died) if not _harmless(played, name)]:
            return f"succeeded though {', '.join(stray)} died"
        case "resolved_by_human" if not decided & {"approve", "edit", "retry"}:
            return "was resolved by nobody"
        case "succeeded_by_fallback" if not acted & stand_ins:
            return "succeeded by a fallback that did nothing"
        case "failed" | "rejected" if not died and not decided:
            return f"is {state} though nothing died"
        case "cancelled" if not any(event["kind"] == "requested" for event in events):
            return "was cancelled by nobody"
        case _:
            return ""


def _harmless(played: Played, name: str) -> bool:
    """Whether a step's death may cost nothing.

    It is asked again, a join does without it or does not wait for it any more, or a judge decides.
    """
    steps = played.pipeline.plan.steps
    step = steps[name]
    joins = [join for join in steps.values() if isinstance(join, Aggregator)]
    early = any(join.wait_ms is not None or join.merge.policy in {"first", "quorum"} for join in joins)
    assert not isinstance(step, Output)
    again = isinstance(step, Validator) and step.ladder.reruns > 0
    return early or again or isinstance(step, Aggregator) or bool(step.ladder.missing)
