"""Reading stubs: who is stubbed, with which turns, and whether each turn could ever be given."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from penstock.contracts.answers import Escalate, Reason, Reject, Retry
from penstock.testing.cast import Line
from penstock.testing.lines import filled, hang, merged, taking, torn
from penstock.testing.payloads import Payloads
from penstock.testing.pipeline import Pipeline
from penstock.testing.production import Kind, Production, Role
from penstock.testing.script import Turn
from penstock.topology.document import Items, Node, Table, Word
from penstock.topology.fields import Fields
from penstock.topology.plan import Router, Worker
from penstock.topology.report import Report, nearest

_SAYINGS: Mapping[Kind, tuple[str, ...]] = {
    "worker": ("answer", "raise", "retry", "reject", "escalate"),
    "router": ("to", "raise", "retry", "reject", "escalate"),
    "check": ("raise", "reject"),
    "merge": ("answer", "raise", "reject"),
    "effect": ("raise", "retry", "reject"),
}
_WORDS: Mapping[Kind, tuple[str, ...]] = {
    "worker": ("real", "hang", "die"),
    "router": ("real", "hang", "die"),
    "check": ("pass", "real", "hang", "die"),
    "merge": ("real",),
    "effect": ("sent", "hang", "die", "die-after"),
}
_BESIDE: Mapping[Kind, tuple[str, ...]] = {
    "worker": ("after", "suggest", "takes", "costs"), "router": ("after", "takes", "costs"),
    "check": ("takes",), "merge": (), "effect": ("after", "takes"),
}  # fmt: skip
_SLOWLY: Mapping[Kind, Line] = {"check": [], "effect": None}  # what one says that only takes its time
REASON = ("code", "message", "path", "expected", "actual", "severity", "retryable", "hint")
_DAY = 24 * 3_600_000

Stubs = dict[str, tuple[Turn, ...]]
Answers = dict[str, dict[str, Any]]
"""What each role usually answers, which a case may change in part."""


class StubReader:
    """Reads `stubs:` for one topology."""

    def __init__(self, production: Production, payloads: Payloads, report: Report) -> None:
        self._production = production
        self._payloads = payloads
        self._report = report

    def read(self, part: Fields, usual: Answers) -> tuple[Stubs, Answers]:
        """The turns of every role that is stubbed here, and what those answer that have a single answer."""
        stubs: Stubs = {}
        answers: Answers = {}
        for word, node in part.table.entries:
            for role, below in self._roles(word, node):
                nodes = below.nodes if isinstance(below, Items) else (below,)
                reading = _RoleReader(role, self._production, self._payloads, self._report, usual.get(role.name, {}))
                stubs[role.name] = tuple(reading.turn(one) for one in nodes)
                if reading.answered is not None:
                    answers[role.name] = reading.answered
        return stubs, answers

    def _roles(self, word: Word, node: Node) -> list[tuple[Role, Node]]:
        """A step's own handler, or the checks of a gate."""
        roles = self._production.roles
        if word.text in roles:
            return [(roles[word.text], node)]
        checks = {name.partition("/")[2]: role for name, role in roles.items() if role.step == word.text}
        if not checks:
            self._unknown(word)
            return []
        if not isinstance(node, Table):
            self._report.add("E025", node.spot, what=f"the stub of gate “{word.text}”", wanted="a mapping",
                             found="something else", advice=f"write {{{next(iter(checks))}: pass}}")  # fmt: skip
            return []
        for check, _ in node.entries:
            if check.text not in checks:
                why = f"checks of {word.text} with a `run:` are: {', '.join(checks)}; rules are always asked"
                advice = nearest(check.text, checks, "name one of them")
                self._report.add("E154", check.spot, name=check.text, why=why, advice=advice)
        return [(checks[check.text], below) for check, below in node.entries if check.text in checks]

    def _unknown(self, word: Word) -> None:
        step = self._production.plan.steps.get(word.text)
        known = sorted({role.step for role in self._production.roles.values()})
        own = f"this {step.kind} is all Penstock's own: there is nothing to stand in for; " if step else ""
        why = f"{own}steps with a handler are: {', '.join(known)}"
        self._report.add("E154", word.spot, name=word.text, why=why, advice=nearest(word.text, known, "remove it"))


class _RoleReader:
    """The turns of one role; `usual` are the fields of what it usually answers."""

    def __init__(
        self, role: Role, production: Production, payloads: Payloads, report: Report, usual: Mapping[str, Any]
    ) -> None:
        self._role = role
        self._production = production
        self._payloads = payloads
        self._report = report
        self._usual = usual
        self.answered: dict[str, Any] | None = None

    def turn(self, node: Node) -> Turn:
        """One turn; what is wrong with it is in the report."""
        if isinstance(node, Word):
            return self._word(node)
        sayings, beside = _SAYINGS[self._role.kind], _BESIDE[self._role.kind]
        if not isinstance(node, Table):
            self._neither(node, "a list in a list")
            return _silent
        fields = Fields(node, self._report, f"the stub of “{self._role.name}”", node.spot, (*sayings, *beside))
        said = [key for key in sayings if key in fields.keys]
        if not said and "takes" in fields.keys and self._role.kind in _SLOWLY:
            return self._beside(fields, _SLOWLY[self._role.kind])
        if len(said) != 1:
            if said or not fields.unknown:
                self._neither(node, f"both {said[0]} and {said[1]}" if said else "nothing")
            return _silent
        return self._beside(fields, self._say(said[0], fields))

    def _word(self, word: Word) -> Turn:
        words = _WORDS[self._role.kind]
        if word.bad:
            return _silent
        if word.text not in words:
            self._neither(
                word, f"“{word.text}”", nearest(word.text, (*words, *_SAYINGS[self._role.kind]), "write one of them")
            )
            return _silent
        name = self._role.name
        turns: dict[str, Turn] = {
            "real": lambda pipeline: pipeline.real(name),
            "die": lambda pipeline: pipeline.dies(name),
            "die-after": lambda pipeline: pipeline.dies(name, after=True),
            "hang": lambda _: hang,
            "pass": lambda _: [],
            "sent": lambda _: None,
        }
        return turns[word.text]

    def _neither(self, node: Node, found: str, advice: str = "choose one of them") -> None:
        known = ", ".join((*_SAYINGS[self._role.kind], *_WORDS[self._role.kind]))
        self._report.add("E155", node.spot, where=f"the stub of “{self._role.name}”", found=found, known=known,
                         advice=advice)  # fmt: skip

    def _say(self, key: str, fields: Fields) -> Line:
        match key:
            case "answer":
                return self._answer(fields)
            case "to":
                return self._chosen(fields)
            case "raise":
                text = fields.text("raise")
                return raised(text.value) if text else None
            case "retry":
                return _retry(fields)
            case "escalate":
                return self._escalate(fields)
            case _:
                return self._reject(reasons(fields, key))

    def _answer(self, fields: Fields) -> Line:
        answer = self._payload(fields, "answer")
        self.answered = answer
        names = tuple(self._payloads.fields(self._role.writes))
        return (merged if self._role.kind == "merge" else filled)(answer, names)

    def _reject(self, given: tuple[Reason, ...]) -> Line:
        if self._role.kind == "check":
            return list(given)
        return torn(given) if self._role.kind == "merge" else Reject(given)

    def _chosen(self, fields: Fields) -> Line:
        """The successors that a router names."""
        node = fields.table.get("to")
        several = isinstance(node, Items)
        given = [at for at in (fields.names("to") if several else (fields.text("to"),)) if at]
        step = self._production.plan.steps[self._role.step]
        known = step.to if isinstance(step, Router) else ()
        for name in (name for name in given if name.value not in known):
            advice = nearest(name.value, known, "name one of them")
            self._report.add("E040", name.spot, where=f"the stub of “{self._role.name}”", name=name.value,
                             known=", ".join(known), advice=advice)  # fmt: skip
        names = [name.value for name in given]
        return names if several else next(iter(names), "")

    def _escalate(self, fields: Fields) -> Line:
        given = reasons(fields, "escalate")
        if "suggest" not in fields.keys:
            return Escalate(given)
        suggestion = filled(self._payload(fields, "suggest"), tuple(self._payloads.fields(self._role.writes)))
        return lambda value, ctx: Escalate(given, suggestion(value, ctx))

    def _payload(self, fields: Fields, key: str) -> dict[str, Any]:
        """The fields of an answer: those given here over the usual ones, and all the others out of what is read."""
        node = fields.table.get(key)
        assert node is not None  # noqa: S101 - the caller looked
        role = self._role
        before = len(self._report.found)
        given = {**self._usual, **self._payloads.read(node, role.writes, "the answer")}
        if len(self._report.found) == before:
            for name in self._payloads.lacking(role.writes, given, role.reads):
                self._report.add("E160", node.spot, where="the answer", field=name, contract=role.writes,
                                 why=f"it is not copied: {' and '.join(role.reads)} has no such field")  # fmt: skip
        return given

    def _beside(self, fields: Fields, line: Line) -> Turn:
        """What stands beside the answer: the time and the money it takes."""
        takes = fields.duration("takes", 1, _DAY) if "takes" in fields.keys else None
        costs = fields.money("costs") if "costs" in fields.keys else None
        step = self._production.plan.steps[self._role.step]
        if costs is not None and isinstance(step, Worker | Router) and costs.value > step.cost_usd:
            self._report.add("E161", costs.spot, name=step.name, most=f"{step.cost_usd:g} USD",
                             text=f"{costs.value:g} USD")  # fmt: skip
        if takes is None and costs is None:
            return lambda _: line
        whole = taking(takes.value / 1000 if takes else 0.0, costs.value if costs else 0.0, line)
        return lambda _: whole


def _retry(fields: Fields) -> Retry | None:
    reason, after = fields.text("retry"), fields.duration("after", 0, _DAY)
    return Retry(reason.value, after.value / 1000 if after else None) if reason else None


def reasons(fields: Fields, key: str) -> tuple[Reason, ...]:
    """One reason or several: a code alone, or the fields of a Reason."""
    node = fields.table.get(key)
    nodes = node.nodes if isinstance(node, Items) else (node,) if node is not None else ()
    return tuple(_reason(fields, key, one) for one in nodes)


def _reason(fields: Fields, key: str, node: Node) -> Reason:
    if isinstance(node, Word) and isinstance(node.value, str):
        return Reason(node.text)
    if not isinstance(node, Table):
        fields.report.add("E025", node.spot, what=f"a reason of `{key}`", wanted="a code or a mapping",
                          found="something else", advice="write {code: too-low, path: /score}")  # fmt: skip
        return Reason("unknown")
    part = Fields(node, fields.report, f"a reason of `{key}`", node.spot, REASON)
    given: dict[str, Any] = {name: text.value for name in REASON if name != "retryable" and (text := part.text(name))}
    if (retryable := part.flag("retryable")) is not None:
        given["retryable"] = retryable.value
    if "code" not in part.keys:
        fields.report.add("E160", node.spot, where=f"a reason of `{key}`", field="code", contract="penstock.Reason",
                          why="a verdict is acted on by its code")  # fmt: skip
    return Reason(**{"code": "unknown", **given})


def raised(text: str) -> BaseException:
    """The exception that a text like `OSError: disk full` names; a RuntimeError where it names none of Python's."""
    name, separator, message = text.partition(": ")
    kind = getattr(builtins, name, None)
    if separator and isinstance(kind, type) and issubclass(kind, Exception):
        return kind(message)
    return RuntimeError(text)


def _silent(_: Pipeline) -> Line:
    """Stands for a turn that could not be read; the file is refused anyway."""
    return None
