"""Reading a file of cases beside a topology: all that is wrong with it at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from penstock.assembly.plans import content
from penstock.errors import Misuse, Place
from penstock.testing.actions import ActionReader
from penstock.testing.codes import CODES
from penstock.testing.payloads import Payloads
from penstock.testing.production import Production
from penstock.testing.script import Action, Case, Script
from penstock.testing.stubs import Answers, StubReader, Stubs
from penstock.topology import document
from penstock.topology.document import Items, Node, Table, Word
from penstock.topology.fields import Fields
from penstock.topology.report import Report, Spot

_TOP = ("stub", "event", "stubs", "cases")
_CASE = ("about", "stubs", "away", "send", "then", "expect")
SUFFIX = ".test.yaml"


def beside(topology: Path) -> Path:
    """Where the cases of a topology lie: `x.test.yaml` beside `x.yaml`."""
    return topology.with_name(topology.stem + SUFFIX)


def read(path: Path, production: Production) -> Script:
    """Read a file of cases. Raises Misuse: the first mistake, with all others in `others`."""
    try:
        data = content(path, document.MAX_BYTES)
    except OSError as error:
        raise Misuse("E150", f"cannot read {path}", error.strerror or str(error),
                       "write the cases of a topology x.yaml into x.test.yaml beside it",
                       Place(str(path))) from error  # fmt: skip
    report = Report(str(path), codes=CODES)
    root = document.read(data, report)
    script = _Reader(production, report).script(root) if root is not None or not report.found else None
    if report.found:
        first, *others = sorted(report.found, key=lambda m: (m.place.line, m.place.column) if m.place else (0, 0))
        raise Misuse(first.code, first.what, first.why, first.fix, first.place, tuple(others))
    assert script is not None  # noqa: S101 - a file without a script has a mistake
    return script


class _Reader:
    """Reads one file."""

    def __init__(self, production: Production, report: Report) -> None:
        self._plan = production.plan
        self._report = report
        self._payloads = Payloads(production.contracts, report)
        self._stubs = StubReader(production, self._payloads, report)

    def script(self, root: Node | None) -> Script | None:
        """The whole file; None where there is too little to look at."""
        if not isinstance(root, Table):
            self._report.add("E151", root.spot if root else Spot())
            return None
        top = Fields(root, self._report, "the file", root.spot, _TOP)
        stub, node = top.choice("stub", ("all",)), top.node("event")
        event = self._payloads.read(node, self._plan.ingress.contract, "the event") if node is not None else {}
        happens = ActionReader(self._plan, self._payloads, self._report, event)
        usual, answers = self._stubbed(top, {})
        cases = [
            Case(
                word.text, word.spot, {**usual, **self._stubbed(part, answers)[0]}, tuple(_actions(word, part, happens))
            )
            for word, part in self._cases(top)
        ]
        return Script(self._report.place, stub is not None, tuple(cases))

    def _cases(self, top: Fields) -> Iterator[tuple[Word, Fields]]:
        node = top.table.get("cases")
        if node is None and top.unknown:
            return  # a misspelt key was reported
        if not isinstance(node, Table) or not node.entries:
            self._report.add("E151", top.keys.get("cases", top.spot))
            return
        for word, below in node.entries:
            around = Fields(Table(((word, below),), word.spot), self._report, "cases", word.spot, (word.text,))
            if (part := around.table_at(word.text, _CASE)) is not None:
                part.text("about")
                if not part.unknown and not _expects(part):
                    self._report.add("E152", word.spot, name=word.text)
                yield word, part

    def _stubbed(self, part: Fields, usual: Answers) -> tuple[Stubs, Answers]:
        node = part.node("stubs")
        if isinstance(node, Table):
            known = (word.text for word, _ in node.entries)  # an unknown name is judged with the plan in hand
            return self._stubs.read(Fields(node, self._report, "stubs", node.spot, known), usual)
        part.table_at("stubs", ())
        return {}, {}


def _actions(word: Word, part: Fields, happens: ActionReader) -> Iterator[Action]:
    """All that happens in one case, in its order."""
    for name in part.names("away"):
        yield from happens.away(name, "away")
    if (node := part.node("send")) is not None:
        yield happens.send(node)
    elif happens.event:
        yield happens.send(Table((), part.spot))
    elif not part.unknown:
        part.report.add("E153", word.spot, name=word.text)
    then = part.items("then")
    for below in then.nodes if then else ():
        yield from happens.then(below)
    for key, node in part.table.entries:
        if key.text == "expect":
            yield from happens.expect(node, key)


def _expects(part: Fields) -> bool:
    """Whether a case expects anything, sound or not."""
    then = part.table.get("then")
    tables = [part.table, *(one for one in (then.nodes if isinstance(then, Items) else ()) if isinstance(one, Table))]
    found = [node for table in tables if (node := table.get("expect")) is not None]
    return any(not isinstance(node, Table) or node.entries for node in found)
