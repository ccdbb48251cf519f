"""Reading `expect:`, so that what could never be true is found before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from penstock.contracts.records import State, Terminal
from penstock.testing.payloads import Payloads
from penstock.testing.stubs import REASON
from penstock.topology.document import Items, Node, Table, Word
from penstock.topology.fields import Fields
from penstock.topology.plan import Effect, Output, Plan
from penstock.topology.report import Report, Spot, nearest

STATES = (*get_args(get_args(State)[0]), *get_args(Terminal))
OF_A_RUN = (
    "status",
    "path",
    "never",
    "attempts",
    "cost",
    "fallbacks",
    "reruns",
    "reasons",
    "dead",
    "in_doubt",
    "reviews",
)
OF_ALL = ("effects", "outputs", "runs", "refused", "duplicates", "halted")
_REVIEW = ("step", "gate", "offers", "reasons", "contract")
_MANY = 1_000_000


class ExpectReader:
    """Reads expectations about one plan."""

    def __init__(self, plan: Plan, payloads: Payloads, report: Report) -> None:
        self._plan = plan
        self._payloads = payloads
        self._report = report
        self._steps = tuple(plan.steps)
        self._effects = tuple(name for name, step in plan.steps.items() if isinstance(step, Effect))
        self._outputs = tuple(name for name, step in plan.steps.items() if isinstance(step, Output))

    def read(self, node: Node, where: str) -> Table | None:
        """A sound table of expectations; None with the reasons in the report."""
        before = len(self._report.found)
        if not isinstance(node, Table):
            self._report.add("E025", node.spot, what=where, wanted="a mapping", found="something else",
                             advice="write {status: succeeded}")  # fmt: skip
            return None
        self._table(Fields(node, self._report, where, node.spot, (*OF_A_RUN, *OF_ALL)))
        return node if len(self._report.found) == before else None

    def _table(self, part: Fields) -> None:
        self._of_a_run(part)
        for key in ("refused", "duplicates"):
            part.count(key, 0, _MANY)
        for name in part.names("halted"):
            self._known(name.value, name.spot, self._steps, "halted")
        self._payload_lists(part, "effects", self._effects)
        self._payload_lists(part, "outputs", self._outputs)
        runs = part.node("runs")
        if isinstance(runs, Table):
            for word, below in runs.entries:
                fields = Fields(Table(((word, below),), word.spot), self._report, "runs", word.spot, (word.text,))
                if (run := fields.table_at(word.text, OF_A_RUN)) is not None:
                    self._of_a_run(run)
        else:
            part.count("runs", 0, _MANY)

    def _of_a_run(self, part: Fields) -> None:
        part.choice("status", STATES)
        part.money("cost")
        part.count("fallbacks", 0, _MANY)
        part.count("reruns", 0, _MANY)
        for key in ("path", "never"):
            for name in part.names(key):
                self._known(name.value, name.spot, self._steps, key)
        self._each(part, "in_doubt", lambda node: self._word(node, self._effects, "in_doubt"))
        self._each(part, "reasons", self._reason)
        self._each(part, "reviews", self._review)
        self._by_step(part, "dead", self._codes)
        if isinstance(part.node("attempts"), Table):
            if (table := part.table_at("attempts", self._steps)) is not None:
                for step in table.keys:
                    table.count(step, 0, _MANY)
        else:
            part.count("attempts", 0, _MANY)

    def _by_step(self, part: Fields, key: str, read: Callable[[Node], None]) -> None:
        """A mapping whose keys are steps, or ingress, which has dead letters as well."""
        table = part.table_at(key, ("ingress", *self._steps))
        for _, below in table.table.entries if table else ():
            read(below)

    def _codes(self, node: Node) -> None:
        for one in node.nodes if isinstance(node, Items) else (node,):
            self._word(one, (), "dead")

    def _payload_lists(self, part: Fields, key: str, known: tuple[str, ...]) -> None:
        """What took place: for each name a number, a value or a list of values, each with the fields that matter."""
        table = part.table_at(key, known)
        for word, below in table.table.entries if table else ():
            step = self._plan.steps.get(word.text)
            if not isinstance(step, Effect | Output):
                continue
            if isinstance(below, Word) and table is not None:
                table.count(word.text, 0, _MANY)
                continue
            for one in below.nodes if isinstance(below, Items) else (below,):
                self._payloads.read(one, step.reads, "this")

    def _each(self, part: Fields, key: str, read: Callable[[Node], None]) -> None:
        node = part.node(key)
        for one in node.nodes if isinstance(node, Items) else (node,) if node is not None else ():
            read(one)

    def _reason(self, node: Node) -> None:
        self._word_or(node, "a reason", REASON)

    def _review(self, node: Node) -> None:
        if isinstance(node, Word):
            self._word(node, self._steps, "reviews")
        else:
            self._word_or(node, "a review", _REVIEW)

    def _word_or(self, node: Node, what: str, keys: tuple[str, ...]) -> None:
        if isinstance(node, Table):
            Fields(node, self._report, what, node.spot, keys)
        else:
            self._word(node, (), what)

    def _word(self, node: Node, known: tuple[str, ...], what: str) -> None:
        if not isinstance(node, Word) or not (node.bad or isinstance(node.value, str)):
            self._report.add("E025", node.spot, what=f"an entry of {what}", wanted="a word", found="something else",
                             advice="write one word")  # fmt: skip
        elif known:
            self._known(node.text, node.spot, known, what)

    def _known(self, name: str, spot: Spot, known: tuple[str, ...], where: str) -> None:
        if name not in known:
            self._report.add("E040", spot, where=where, name=name, known=", ".join(known),
                             advice=nearest(name, known, "name one of them"))  # fmt: skip
