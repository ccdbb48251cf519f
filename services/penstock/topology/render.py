"""Drawing a plan: as lines for a terminal of 80 columns, and as Mermaid for a page."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from penstock.contracts.routes import ALWAYS, Way
from penstock.contracts.topics import INGRESS
from penstock.topology import bound, merge_words
from penstock.topology.plan import Aggregator, Effect, Output, Router, Validator, Worker
from penstock.topology.scalars import spell, spoken

if TYPE_CHECKING:
    from penstock.topology.plan import Attempts, Plan, Step

_WIDTH = 80
_NAME_WIDTH = 24
_RULE_WIDTH = 60
_MERMAIDS_OWN = frozenset(
    {"call", "class", "click", "default", "end", "flowchart", "graph", "href", "style", "subgraph"}
)


def page(plan: Plan) -> str:
    """The graph with the contracts on its edges, and the worst case of one run."""
    parts = [f"{plan.pipeline}  {plan.digest}"]
    parts += textwrap.wrap(plan.description, _WIDTH)
    return "\n".join([*parts, "", *tree(plan), "", *worst_case(plan)])


def tree(plan: Plan) -> Iterator[str]:
    """Top down: a step stands below the one that leads to it, and is indented where the path forks."""
    meetings = Counter(target for step in plan.steps.values() for target in after(step))
    ahead = [(INGRESS, "", "", list[str]())]
    while ahead:
        name, first, rest, edge = ahead.pop()
        meetings[name] -= 1
        if meetings[name] > 0:
            yield from _wrapped(f"{first}▷ {name}, below", rest, edge)
            continue
        head, *words = _line(plan, name)
        yield from _wrapped(first + head, rest, [*edge, *words])
        targets = plan.ingress.to
        if name != INGRESS:
            targets = after(plan.steps[name])
            yield from _fallback(plan, plan.steps[name], rest)
        forks = len(targets) > 1
        for at, target in reversed(list(enumerate(targets))):
            last, edge = at == len(targets) - 1, _edge(way(plan, name, target))
            ahead.append((target, rest + "├─ " * (not last) + "└─ " * last, rest + ("   " if last else "│  "), edge)
                         if forks else (target, rest, rest, edge))  # fmt: skip


def worst_case(plan: Plan) -> Iterator[str]:
    """The bound against the limits, with its dominating term, and every step's share."""
    limits, most = plan.limits, plan.bound
    yield "the worst case of one run"
    yield f"  tasks     {most.tasks} (allowed {limits.tasks})"
    yield f"            most: {most.dominated_by}"
    yield f"  messages  {most.messages}"
    yield f"  cost      {bound.dollars(most.cost_usd)} (allowed {bound.dollars(limits.cost_usd)})"
    yield f"  work      {spoken(most.work_ms)} on the longest path (deadline {spell(limits.deadline_ms)})"
    yield f"  time      {spoken(most.wall_ms)}, everything that can be waited for included"
    yield ""
    shares = bound.terms(plan)
    wide = min(_NAME_WIDTH, max(len("step"), *(len(share.step) for share in shares)))
    yield f"  {'step':<{wide}}  tasks  messages        cost  how"
    for share in shares:
        cost = bound.dollars(share.cost_usd) if share.cost_usd else "-"
        figures = f"{share.tasks:>5}  {share.messages:>8}  {cost:>10}"
        yield from _wrapped(f"  {share.step:<{wide}}", "  ", [figures, share.how])


def mermaid(plan: Plan) -> str:
    """The same graph as a Mermaid flowchart, contracts on its edges, fallbacks and re-runs dashed."""
    lines = ["flowchart TD", "  ingress([ingress])"]
    lines += [f"  {_id(name)}{_shape(step)}" for name, step in plan.steps.items()]
    lines += [f"  {INGRESS} -->|{plan.ingress.contract}| {_id(target)}" for target in plan.ingress.to]
    for name, step in plan.steps.items():
        if isinstance(step, Worker) and step.acts_for is not None:
            role = "judge" if isinstance(plan.steps[step.acts_for], Aggregator) else "fallback"
            lines.append(f"  {_id(step.acts_for)} -.->|{role}| {_id(name)}")
        else:
            lines += [f"  {_id(name)} -->|{_label(plan, step, target)}| {_id(target)}" for target in after(step)]
        if isinstance(step, Validator) and step.ladder.reruns and step.ladder.rerun is not None:
            lines.append(f"  {_id(name)} -.->|{_again(step.ladder.reruns)}| {_id(step.ladder.rerun)}")
    return "\n".join(lines) + "\n"


def writes(step: Step) -> str:
    """The contract on the edges out of a step; an end has none."""
    return "" if isinstance(step, Effect | Output) else step.writes


def way(plan: Plan, name: str, target: str) -> Way:
    """On what the edge from one step to another depends."""
    step = plan.steps.get(name)
    return ALWAYS if step is None or isinstance(step, Effect | Output) else step.branching.ways.get(target, ALWAYS)


def _edge(way: Way) -> list[str]:
    """An edge in words, where it is not simply taken."""
    if way.when:
        rule = " ".join(way.when.split())
        return [f"when {rule if len(rule) <= _RULE_WIDTH else rule[: _RULE_WIDTH - 1] + '…'}"]
    if way.each:
        return [f"for each of {way.each}, at most {way.most}"]
    return ["otherwise"] if way.otherwise else []


def _label(plan: Plan, step: Step, target: str) -> str:
    found = way(plan, step.name, target)
    said = [found.contract or writes(step), *_edge(found)]
    return said[0] if len(said) == 1 else '"' + "<br/>".join(said).replace('"', "#quot;") + '"'


def after(step: Step) -> tuple[str, ...]:
    """The steps a step leads to; a fallback leads nowhere of its own."""
    fallback = isinstance(step, Worker) and step.acts_for is not None
    return () if fallback or isinstance(step, Effect | Output) else step.to


def _line(plan: Plan, name: str) -> list[str]:
    """A step in words: what it is, how it is tried, what follows its death, and what it writes."""
    if name == INGRESS:
        known = f"known by {plan.ingress.event_id} for {spell(plan.ingress.remember_ms)}"
        return [INGRESS, known, f"→ {plan.ingress.contract}"]
    step = plan.steps[name]
    words = [name, *_words(step)]
    if not isinstance(step, Output | Effect):
        words += [_again(step.ladder.reruns)] if step.ladder.reruns else []
        words += [f"else {step.ladder.fallback}"] if step.ladder.fallback and isinstance(step, Validator) else []
        words += ["asks people"] if step.ladder.review else []
        words.append(f"→ {step.writes}")
    return words


def _fallback(plan: Plan, step: Step, rest: str) -> Iterator[str]:
    if isinstance(step, Worker | Aggregator) and step.ladder.fallback is not None:
        fallback = plan.steps[step.ladder.fallback]
        yield from _wrapped(f"{rest}  else {fallback.name}", rest, _words(fallback))


def _words(step: Step) -> list[str]:
    match step:
        case Worker():
            paid = [f"≤ {bound.dollars(step.cost_usd)} each"] if step.cost_usd else []
            return ["worker", _tries(step.attempts), *paid]
        case Router():
            paid = [f"≤ {bound.dollars(step.cost_usd)} each"] if step.cost_usd else []
            return ["router to any of these" if step.many else "router to one of these", _tries(step.attempts), *paid]
        case Validator():
            return [f"validator of {step.of}", f"{len(step.checks)} check{'s' * (len(step.checks) != 1)}"]
        case Aggregator():
            wait = [f"waits {spell(step.wait_ms)}"] if step.wait_ms is not None else []
            return [f"aggregator of {', '.join(step.of)}", *merge_words.words(step), *wait]
        case Effect():
            return ["effect", _tries(step.attempts)]
        case Output():
            return [f"output into {step.into}" if step.into else "output", f"keyed by {step.key}"]


def _again(reruns: int) -> str:
    return "asks again" if reruns == 1 else f"asks {reruns} times again"


def _tries(attempts: Attempts) -> str:
    return f"{attempts.max} x {spell(attempts.timeout_ms)}"


def _wrapped(line: str, rest: str, words: list[str]) -> Iterator[str]:
    """Words side by side after what the line begins with, going on below where 80 columns are full."""
    for word in words:
        if len(line) + 2 + len(word) > _WIDTH:
            yield line
            line = f"{rest}    {word}"
        else:
            line += f"  {word}"
    yield line


def _id(name: str) -> str:
    """A step's name, unless Mermaid would take it for a word or an arrow of its own; it is labelled with its name."""
    return f"step_{name.replace('-', '_')}" if name in _MERMAIDS_OWN or "--" in f"{name}-" else name


def _shape(step: Step) -> str:
    left, right = {
        "worker": ("[", "]"),
        "router": ("{", "}"),
        "validator": ("{{", "}}"),
        "aggregator": ("((", "))"),
        "effect": ("[/", "/]"),
        "output": ("[(", ")]"),
    }[step.kind]
    return f'{left}"{step.name}"{right}'
