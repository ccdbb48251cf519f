"""Reading what happens in a case: events, time, people and processes, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, cast

from penstock.assembly.services import all_steps
from penstock.testing.expectations import ExpectReader
from penstock.testing.payloads import Payloads
from penstock.testing.script import Action, Away, Cancel, Decide, Expect, Kill, Send, Wait
from penstock.topology.document import Items, Node, Table, Word
from penstock.topology.fields import Fields
from penstock.topology.plan import Output, Plan, Validator
from penstock.topology.report import At, Report, nearest

_CANCEL = ("event", "by", "note")
_YEAR = 365 * 24 * 3_600_000


class _Who(NamedTuple):
    """About which step and event, who decides, and why."""

    step: str = ""
    event: str = ""
    by: str = "ana"
    note: str = "because"


class ActionReader:
    """Reads the actions of cases; `event` holds the fields that every event has."""

    def __init__(self, plan: Plan, payloads: Payloads, report: Report, event: Mapping[str, Any]) -> None:
        self.event = event
        self._plan = plan
        self._payloads = payloads
        self._report = report
        self._expect = ExpectReader(plan, payloads, report)
        self._readers: Mapping[str, Callable[[Fields, Word, Node], Iterator[Action]]] = {
            "send": lambda _part, _word, node: iter((self.send(node),)),
            "wait": self._wait,
            "approve": self._decide,
            "edit": self._edit,
            "reject": self._decide,
            "retry": self._decide,
            "cancel": self._cancel,
            "kill": self._kill,
            "back": self._back,
            "expect": lambda _part, word, node: self.expect(node, word),
        }

    def then(self, node: Node) -> Iterator[Action]:
        """One entry of `then:`, which is one thing that happens."""
        if isinstance(node, Word) and node.text == "kill":
            yield Kill()
        elif isinstance(node, Table) and len(node.entries) == 1:
            part = Fields(node, self._report, "then", node.spot, self._readers)
            ((word, below),) = node.entries
            if (read := self._readers.get(word.text)) is not None:
                yield from read(part, word, below)
        else:
            wanted = f"one of {', '.join(self._readers)}"
            advice = "write for example `- wait: 2h`, each with a dash of its own"
            self._report.add("E163", node.spot, what="an entry of then", wanted=wanted, advice=advice)

    def send(self, node: Node) -> Send:
        """One event or several, each over what all events have."""
        nodes = node.nodes if isinstance(node, Items) else (node,)
        return Send(tuple(self._event(one) for one in nodes))

    def expect(self, node: Node, word: Word) -> Iterator[Expect]:
        """What is expected by now, where it is sound."""
        if (table := self._expect.read(node, "expect")) is not None:
            yield Expect(table, word.spot)

    def away(self, name: At[str], key: str) -> Iterator[Away]:
        """A step's process goes away or comes back."""
        hosted = all_steps(self._plan)
        if name.value in hosted:
            yield Away(name.value, key == "back")
        else:
            self._report.add("E040", name.spot, where=key, name=name.value, known=", ".join(hosted),
                             advice=nearest(name.value, hosted, "name one of them"))  # fmt: skip

    def _event(self, node: Node) -> dict[str, Any]:
        contract = self._plan.ingress.contract
        before = len(self._report.found)
        event = {**self.event, **self._payloads.read(node, contract, "an event")}
        if len(self._report.found) == before:
            for name in self._payloads.lacking(contract, event, ()):
                self._report.add("E160", node.spot, where="the event", field=name, contract=contract,
                                 why="it would be refused where it is sent")  # fmt: skip
        return event

    def _wait(self, part: Fields, _word: Word, _node: Node) -> Iterator[Action]:
        if (span := part.duration("wait", 1, _YEAR)) is not None:
            yield Wait(span.value / 1000)

    def _kill(self, part: Fields, _word: Word, _node: Node) -> Iterator[Action]:
        part.flag("kill")
        yield Kill()

    def _back(self, part: Fields, _word: Word, _node: Node) -> Iterator[Action]:
        if (name := part.text("back")) is not None:
            yield from self.away(name, "back")

    def _decide(self, part: Fields, word: Word, node: Node) -> Iterator[Action]:
        """A step's name alone, or which step, which event, who and why."""
        verdict = cast("Literal['approve', 'reject', 'retry']", word.text)
        if not isinstance(node, Table):
            if (named := part.text(word.text)) is not None:
                self._asks(named)
                yield Decide(verdict, word.spot, named.value)
        elif (table := part.table_at(word.text, _Who._fields)) is not None:
            yield Decide(verdict, word.spot, *self._who(table))

    def _edit(self, part: Fields, word: Word, _node: Node) -> Iterator[Action]:
        """Which step, and the fields that differ."""
        if (table := part.table_at("edit", (*_Who._fields, "value"))) is None:
            return
        who, node = self._who(table), table.node("value")
        gate = self._gate(who.step)
        if gate is None or node is None:
            known = ", ".join(self._asking()) or "none"
            self._report.add("E165", word.spot, known=known)
            return
        yield Decide("edit", word.spot, *who, self._payloads.read(node, gate.reads, "the edited value"))

    def _who(self, table: Fields) -> _Who:
        given = {key: text for key in _Who._fields if (text := table.text(key)) is not None}
        if "step" in given:
            self._asks(given["step"])
        return _Who(**{key: text.value for key, text in given.items()})

    def _gate(self, name: str) -> Validator | None:
        """The gate through which a decision about a step goes."""
        step = self._plan.steps.get(name)
        gate = None if step is None or isinstance(step, Output) else self._plan.steps.get(step.ladder.gate or "")
        return gate if isinstance(gate, Validator) else None

    def _cancel(self, part: Fields, word: Word, node: Node) -> Iterator[Action]:
        """The run of an event by the event's id, or which event, who and why; the only run where nothing is said."""
        if not isinstance(node, Table):
            named = part.text("cancel") if not (isinstance(node, Word) and node.value is None) else None
            yield Cancel(word.spot, named.value if named else "")
        elif (table := part.table_at("cancel", _CANCEL)) is not None:
            given = {key: text.value for key in _CANCEL if (text := table.text(key)) is not None}
            yield Cancel(word.spot, **given)

    def _asking(self) -> list[str]:
        """The steps that may ask a person; a worker is asked about where its gate lets it try again."""
        steps = [step for step in self._plan.steps.values() if not isinstance(step, Output)]
        asking = {step.name for step in steps if step.ladder.review}
        again = {step.ladder.rerun for step in steps if step.name in asking}
        return [step.name for step in steps if step.name in asking | again]

    def _asks(self, name: At[str]) -> None:
        known = self._asking()
        if name.value not in known:
            self._report.add("E162", name.spot, name=name.value, known=", ".join(known) or "none",
                             advice=nearest(name.value, known, "name one of them"))  # fmt: skip
