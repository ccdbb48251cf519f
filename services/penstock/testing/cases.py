"""Reading a file of cases beside a topology: all that is wrong with it at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from penstock.assembly.services import all_steps
from penstock.errors import Mistake, Place
from penstock.testing.codes import CODES
from penstock.testing.expectations import ExpectReader
from penstock.testing.payloads import Payloads
from penstock.testing.production import Production
from penstock.testing.script import Action, Away, Case, Decide, Expect, Kill, Script, Send, Wait
from penstock.testing.stubs import Answers, StubReader, Stubs
from penstock.topology import document
from penstock.topology.document import Items, Node, Table, Word
from penstock.topology.fields import Fields
from penstock.topology.plan import Output, Plan
from penstock.topology.report import At, Report, Spot, nearest

_TOP = ("stub", "event", "stubs", "cases")
_CASE = ("about", "stubs", "away", "send", "then", "expect")
_ACTIONS = ("send", "wait", "approve", "reject", "kill", "back", "expect")
_DECISION = ("step", "event", "by", "note")
_YEAR = 365 * 24 * 3_600_000
SUFFIX = ".test.yaml"


class Unusable(Mistake):
    """A file of cases that cannot be read: no case failed, since none could be tried."""

    exit_code = 2


def beside(topology: Path) -> Path:
    """Where the cases of a topology lie: `x.test.yaml` beside `x.yaml`."""
    return topology.with_name(topology.stem + SUFFIX)


def read(path: Path, production: Production) -> Script:
    """Read a file of cases. Raises Unusable: the first mistake, with all others in `others`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unusable("E150", f"cannot read {path}", error.strerror or str(error),
                       "write the cases of a topology x.yaml into x.test.yaml beside it",
                       Place(str(path))) from error  # fmt: skip
    report = Report(str(path), codes=CODES)
    root = document.read(data, report)
    script = _Reader(production, report).script(root) if root is not None or not report.found else None
    if report.found:
        first, *others = sorted(report.found, key=lambda m: (m.place.line, m.place.column) if m.place else (0, 0))
        raise Unusable(first.code, first.what, first.why, first.fix, first.place, tuple(others))
    assert script is not None  # noqa: S101 - a file without a script has a mistake
    return script


class _Reader:
    """Reads one file."""

    def __init__(self, production: Production, report: Report) -> None:
        self._plan: Plan = production.plan
        self._report = report
        self._payloads = Payloads(production.contracts, report)
        self._stubs = StubReader(production, self._payloads, report)
        self._expect = ExpectReader(production.plan, self._payloads, report)
        self._event: dict[str, Any] = {}

    def script(self, root: Node | None) -> Script | None:
        """The whole file; None where there is too little to look at."""
        if not isinstance(root, Table):
            self._report.add("E151", root.spot if root else Spot())
            return None
        top = Fields(root, self._report, "the file", root.spot, _TOP)
        stub = top.choice("stub", ("all",))
        if (event := top.node("event")) is not None:
            self._event = self._payloads.read(event, self._plan.ingress.contract, "the event")
        usual, answers = self._stubbed(top, {})
        return Script(self._report.place, stub is not None, tuple(self._cases(top, usual, answers)))

    def _cases(self, top: Fields, usual: Stubs, answers: Answers) -> Iterator[Case]:
        node = top.table.get("cases")
        if node is None and top.unknown:
            return  # a misspelt key was reported
        if not isinstance(node, Table) or not node.entries:
            self._report.add("E151", top.keys.get("cases", top.spot))
            return
        for word, below in node.entries:
            around = Fields(Table(((word, below),), word.spot), self._report, "cases", word.spot, (word.text,))
            if (part := around.table_at(word.text, _CASE)) is not None:
                yield self._case(word, part, usual, answers)

    def _case(self, word: Word, part: Fields, usual: Stubs, answers: Answers) -> Case:
        part.text("about")
        stubs, _ = self._stubbed(part, answers)
        actions = list(self._actions(word, part))
        if not part.unknown and not _expects(part):
            self._report.add("E152", word.spot, name=word.text)
        return Case(word.text, word.spot, {**usual, **stubs}, tuple(actions))

    def _stubbed(self, part: Fields, usual: Answers) -> tuple[Stubs, Answers]:
        node = part.node("stubs")
        if isinstance(node, Table):
            return self._stubs.read(Fields(node, self._report, "stubs", node.spot, _words(node)), usual)
        part.table_at("stubs", ())
        return {}, {}

    def _actions(self, word: Word, part: Fields) -> Iterator[Action]:
        for name in part.names("away"):
            yield from self._away(name, "away")
        if (node := part.node("send")) is not None:
            yield self._send(node)
        elif self._event:
            yield self._send(Table((), part.spot))
        elif not part.unknown:
            self._report.add("E153", word.spot, name=word.text)
        then = part.items("then")
        for below in then.nodes if then else ():
            yield from self._action(below)
        if (node := part.node("expect")) is not None and (table := self._expect.read(node, "expect")) is not None:
            yield Expect(table, part.keys["expect"])

    def _action(self, node: Node) -> Iterator[Action]:
        if isinstance(node, Word) and node.text == "kill":
            yield Kill()
            return
        if not isinstance(node, Table) or len(node.entries) != 1:
            advice = "write for example `- wait: 2h`, each with a dash of its own"
            self._report.add("E163", node.spot, what="an entry of then", wanted=f"one of {', '.join(_ACTIONS)}",
                             advice=advice)  # fmt: skip
            return
        part = Fields(node, self._report, "then", node.spot, _ACTIONS)
        ((word, below),) = node.entries
        match word.text:
            case "send":
                yield self._send(below)
            case "wait":
                if (span := part.duration("wait", 1, _YEAR)) is not None:
                    yield Wait(span.value / 1000)
            case "approve" | "reject":
                yield self._decide(word, below, part)
            case "kill":
                part.flag("kill")
                yield Kill()
            case "back":
                if (name := part.text("back")) is not None:
                    yield from self._away(name, "back")
            case "expect":
                if (table := self._expect.read(below, "expect")) is not None:
                    yield Expect(table, word.spot)

    def _away(self, name: At[str], key: str) -> Iterator[Away]:
        hosted = all_steps(self._plan)
        if name.value in hosted:
            yield Away(name.value, key == "back")
        else:
            self._report.add("E040", name.spot, where=key, name=name.value, known=", ".join(hosted),
                             advice=nearest(name.value, hosted, "name one of them"))  # fmt: skip

    def _send(self, node: Node) -> Send:
        """One event or several, each over what all events have."""
        nodes = node.nodes if isinstance(node, Items) else (node,)
        return Send(tuple(self._sent(one) for one in nodes))

    def _sent(self, node: Node) -> dict[str, Any]:
        contract = self._plan.ingress.contract
        before = len(self._report.found)
        event = {**self._event, **self._payloads.read(node, contract, "an event")}
        if len(self._report.found) == before:
            for name in self._payloads.lacking(contract, event, ()):
                self._report.add("E160", node.spot, where="the event", field=name, contract=contract,
                                 why="it would be refused where it is sent")  # fmt: skip
        return event

    def _decide(self, word: Word, node: Node, part: Fields) -> Decide:
        """A step's name alone, or which step, which event, who and why."""
        if isinstance(node, Word):
            named = part.text(word.text)
            if named is not None:
                self._asks(named.value, node)
            return Decide(word.text, word.spot, named.value if named else "")
        table = part.table_at(word.text, _DECISION)
        if table is None:
            return Decide(word.text, word.spot)
        given = {key: text.value for key in _DECISION if (text := table.text(key)) is not None}
        if "step" in given and (step := table.table.get("step")) is not None:
            self._asks(given["step"], step)
        return Decide(word.text, word.spot, **given)

    def _asks(self, name: str, node: Node) -> None:
        known = [s.name for s in self._plan.steps.values() if not isinstance(s, Output) and s.ladder.review]
        if name not in known:
            self._report.add("E162", node.spot, name=name, known=", ".join(known) or "none",
                             advice=nearest(name, known, "name one of them"))  # fmt: skip


def _expects(part: Fields) -> bool:
    """Whether a case expects anything, sound or not."""
    then = part.table.get("then")
    tables = [part.table, *(one for one in (then.nodes if isinstance(then, Items) else ()) if isinstance(one, Table))]
    found = [node for table in tables if (node := table.get("expect")) is not None]
    return any(not isinstance(node, Table) or node.entries for node in found)


def _words(table: Table) -> tuple[str, ...]:
    return tuple(word.text for word, _ in table.entries)
