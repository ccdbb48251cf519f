"""Whether what a step writes is what the next one reads, and whether fields, keys, rules and merges fit contracts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from penstock.contracts import rules, shapes
from penstock.contracts.records import MERGE_CONFLICT
from penstock.contracts.topics import INGRESS
from penstock.topology.contracts import Record, prepared
from penstock.topology.merge_fit import MergeFitting
from penstock.topology.report import At, Report, Spot, nearest

if TYPE_CHECKING:
    from penstock.topology.branching import Branches
    from penstock.topology.contracts import Contracts
    from penstock.topology.draft import CheckDraft, Draft, StepDraft

PASSING = ("validator", "router")  # they pass on what they read, byte for byte
_TEXTS = frozenset({"string"})
_KEYS = frozenset({"string", "int", "long"})


@dataclass(frozen=True, slots=True)
class Speech:
    """The contract each step reads and writes; an aggregator reads one from each branch. Unknown ones are left out.

    `items` are those of the lists that go item by item, by the edge.
    """

    items: dict[tuple[str, str], str] = field(default_factory=dict)
    reads: dict[str, str] = field(default_factory=dict)
    writes: dict[str, str] = field(default_factory=dict)
    branches: dict[str, dict[str, str]] = field(default_factory=dict)


class Fitting:
    """Checks a draft against the contracts it names."""

    def __init__(self, draft: Draft, branches: Branches, contracts: Contracts, report: Report) -> None:
        self.draft, self.branches, self.graph, self.report = draft, branches, branches.graph, report
        self.known = contracts.by_name
        self.said = Speech()

        @cache
        def record(name: str) -> Record:
            return prepared(contracts, name)

        self.record = record

    def check(self) -> Speech:
        """Hold every rule of contracts; the contracts of all edges, as far as they are known."""
        self._ingress()
        for name, step in self.draft.steps.items():
            for given in (step.reads, step.writes):
                if given is not None:
                    self._exists(given)
            if name in self.graph.acts_for and step.writes:
                self._same(name, "writes", step.writes, self.graph.acts_for[name])
        for name in self.graph.order:
            self._step(self.draft.steps[name])
        for name, main in self.graph.acts_for.items():
            self._fallback(self.draft.steps[name], main)
        return self.said

    def _exists(self, given: At[str]) -> bool:
        if given.value in self.known:
            return True
        ours = [name for name in self.known if not name.startswith("penstock.")]
        path = f"write schemas/avro/{given.value.replace('.', '/')}.avsc"
        self.report.add("E070", given.spot, name=given.value, known=", ".join(sorted(ours)) or "none",
                        advice=nearest(given.value, ours, path))  # fmt: skip
        return False

    def _ingress(self) -> None:
        ingress = self.draft.ingress
        if ingress is None or ingress.contract is None or not self._exists(ingress.contract):
            return
        self.said.writes[INGRESS] = ingress.contract.value
        if ingress.event_id is not None:
            self._field("E072", ingress.event_id, ingress.contract.value, _TEXTS)

    def _step(self, step: StepDraft) -> None:
        if step.kind == "aggregator":
            self._join(step)
        elif step.kind is not None:
            self._reads(step)
        if step.kind in PASSING and (read := self.said.reads.get(step.name)):
            self.said.writes[step.name] = read
            for one in step.checks:
                self._check(one, self.record(read))
        elif step.writes is not None and step.writes.value in self.known:
            self.said.writes[step.name] = step.writes.value
        if step.kind == "output" and step.key is not None and (read := self.said.reads.get(step.name)):
            self._field("E074", step.key, read, _KEYS)
        if written := self.said.writes.get(step.name):
            self._leads(step, self.record(written))

    def _reads(self, step: StepDraft) -> None:
        """What comes on every edge into a step, which is the same on all of them."""
        for edge in self.graph.into[step.name]:
            source = edge.source
            written = self.said.items.get((source, step.name)) if edge.way.each else self.said.writes.get(source)
            read = self.said.reads.setdefault(step.name, written) if written else None
            if read != written and written:
                self._mismatch(step.name, "reads", At(read or "", edge.spot), source, written)
            elif step.reads is not None and step.reads.value in self.known and written not in {None, step.reads.value}:
                self._mismatch(step.name, "reads", step.reads, source, written or "")

    def _leads(self, step: StepDraft, record: Record) -> None:
        """What the edges out of a step ask of its value."""
        for lead in step.to:
            if lead.when is not None:
                self._rule(lead.when, record)
            if lead.each is not None and (held := self._list(step, lead.each, record)):
                self.said.items[step.name, lead.value] = held

    def _list(self, step: StepDraft, each: At[str], record: Record) -> str:
        """The contract of a list's items; nothing, with the reason in the report, where they cannot go one by one."""
        why, name = "each item goes on as a record under a contract of its own", each.value
        lists = [one for one in record.fields if record.items(one) in self.known]
        advice = nearest(name, lists, f"name one of {', '.join(lists)}" if lists else f"give {record.name} such a list")
        if name not in record.fields:
            trouble = f"{record.name} has no such field"
        elif not (held := record.items(name)):
            trouble = f"it is {shapes.describe(record.fields[name])} in {record.name}"
        elif held not in self.known:
            trouble, advice = f"{held} has no file of its own", f"write schemas/avro/{held.replace('.', '/')}.avsc"
        else:
            return held
        self.report.add("E089", each.spot, name=step.name, field=name, trouble=trouble, why=why, advice=advice)
        return ""

    def _fallback(self, step: StepDraft, main: str) -> None:
        if self.draft.steps[main].kind == "aggregator":
            self._judge(step, main)
            return
        for said, verb, given in ((self.said.reads, "reads", step.reads), (self.said.writes, "writes", None)):
            if main in said:
                said[step.name] = said[main]
                if given is not None and given.value in self.known and given.value != said[main]:
                    self._mismatch(step.name, verb, given, main, said[main])

    def _judge(self, step: StepDraft, join: str) -> None:
        """A join's judge is asked with the record of its conflict, and answers in the join's place."""
        self.said.reads[step.name] = MERGE_CONFLICT
        if join in self.said.writes:
            self.said.writes[step.name] = self.said.writes[join]
        if step.reads is not None and step.reads.value in self.known and step.reads.value != MERGE_CONFLICT:
            self.report.add("E085", step.reads.spot, name=step.name, found=step.reads.value, expected=MERGE_CONFLICT)

    def _same(self, name: str, verb: str, given: At[str], main: str) -> None:
        written = self.draft.steps[main].writes
        if written is not None and given.value in self.known and written.value != given.value:
            self._mismatch(name, verb, given, main, written.value)

    def _mismatch(self, name: str, verb: str, given: At[str], source: str, expected: str) -> None:
        told = "ingress" if source == INGRESS else f"“{source}”"
        self.report.add("E071", given.spot, name=name, verb=verb, found=given.value, source=told, expected=expected)

    def _field(self, code: str, given: At[str], contract: str, kinds: frozenset[str]) -> None:
        """A field that has to be there, never null, and of a plain type."""
        record = self.record(contract)
        if given.value not in record.fields:
            advice = nearest(given.value, record.fields, f"name one of {', '.join(record.fields)}")
            trouble = f"is not a field of {contract}"
        else:
            kind, nullable = record.kind(given.value)
            base = kind.get("type") if isinstance(kind, dict) else kind
            if base in kinds and not nullable:
                return
            fitting = [name for name in record.fields if record.kind(name)[0] in kinds and not record.kind(name)[1]]
            advice = f"name one of {', '.join(fitting)}" if fitting else f"give {contract} such a field"
            trouble = f"is {shapes.describe(record.fields[given.value])} in {contract}"
        self.report.add(code, given.spot, field=given.value, trouble=trouble, contract=contract, advice=advice)

    def _check(self, one: CheckDraft, record: Record) -> None:
        if one.rule is not None:
            self._rule(one.rule, record)
        if one.path is not None and one.path.value:
            self._path(one.path, record)

    def _rule(self, rule: At[str], record: Record) -> None:
        if (fault := rules.check(rule.value, record.schema)) is not None:
            code = "E076" if fault.question else "E077"
            spot = _inside(rule, fault)
            self.report.add(code, spot, contract=record.name, problem=fault.message, advice=fault.fix)

    def _path(self, path: At[str], record: Record) -> None:
        part = shapes.points_at(path.value, record.schema, record.named) if path.value.startswith("/") else path.value
        if part is not None:
            trouble = f"“{part}” is not there" if path.value.startswith("/") else "it does not begin with /"
            advice = nearest(part, record.fields, "write for example /" + next(iter(record.fields), "field"))
            self.report.add("E078", path.spot, path=path.value, contract=record.name, trouble=trouble, advice=advice)

    def _join(self, step: StepDraft) -> None:
        said = {of.value: self.said.writes[of.value] for of in step.of if of.value in self.said.writes}
        self.said.branches[step.name] = said
        into = self.graph.into[step.name]
        gathered = [edge.source for edge in self.branches.inside(step.name)]
        misled = any(edge.way.each or edge.source not in said for edge in into) or len(gathered) != bool(step.gather)
        if step.merge is None or len(said) < len(step.of) or misled:
            return
        known = step.writes is not None and step.writes.value in self.known
        target = self.record(step.writes.value) if step.writes is not None and known else None
        if step.gather is not None and target is not None:
            self._gathered(step.gather, said[gathered[0]], target)
        MergeFitting(
            merge=step.merge,
            branches={branch: self.record(name) for branch, name in said.items() if branch not in gathered},
            skipped=frozenset(branch for join, branch in self.branches.skipped if join == step.name),
            gathered={step.gather.value: gathered[0]} if step.gather is not None and gathered else {},
            target=target,
            spot=step.writes.spot if step.writes is not None else step.spot,
            report=self.report,
        ).check()

    def _gathered(self, gather: At[str], held: str, target: Record) -> None:
        """The list under which a join puts the items' values."""
        name = gather.value
        lists = [one for one in target.fields if target.items(one) == held]
        if name in lists:
            return
        trouble = f"it is {shapes.describe(target.fields[name])}" if name in target.fields else "there is no such field"
        advice = f"name one of {', '.join(lists)}" if lists else f"give {target.name} a list of {held}"
        self.report.add("E097", gather.spot, field=name, trouble=f"{trouble} in {target.name}",
                        why=f"each item brings a {held}", advice=nearest(name, lists, advice))  # fmt: skip


def _inside(rule: At[str], fault: rules.Fault) -> Spot:
    """The place in the file of a place in a rule; exact where the rule stands on one line without escapes."""
    spot = rule.spot
    if fault.line > 1 or "\n" in rule.value or spot.width != len(rule.value) or not fault.question:
        return spot
    return Spot(spot.line, spot.column + fault.column - 1, fault.width)
