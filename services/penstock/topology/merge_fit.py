"""Whether what a merge compares, weighs and hands on is what the contracts of its branches hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.contracts import shapes
from penstock.topology.report import nearest

if TYPE_CHECKING:
    from penstock.topology.contracts import Record
    from penstock.topology.draft import MergeDraft
    from penstock.topology.report import At, Report, Spot

_RULES = {
    "all": "takes each field from the first branch that has it, and a whole branch under its own name",
    "any": "takes each field from the first branch that is there, whichever that is",
    "judge": "hands on the fields of the first branch where all agree",
}
_WINNER = "hands on the fields of the branch that won"


@dataclass(frozen=True, slots=True)
class MergeFitting:
    """Holds one merge against the contracts of its branches, and against the one that the join writes, if known.

    `skipped` are the branches that may be called off, `gathered` names the branch whose items stand under a field.
    """

    merge: MergeDraft
    branches: Mapping[str, Record]
    target: Record | None
    spot: Spot
    report: Report
    skipped: frozenset[str] = frozenset()
    gathered: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Every rule; `spot` is where the join says what it writes."""
        compared = [one for one in self.merge.fields if self._common(one)]
        if self.merge.policy == "mean":
            for one in compared:
                self._mean(one)
        elif self.merge.tolerance is not None and compared and not any(map(self._numeric, compared)):
            kind = shapes.describe(next(iter(self.branches.values())).fields[compared[0].value])
            self.report.add("E068", self.merge.tolerance.spot, field=compared[0].value, kind=kind)
        if self.merge.weight is not None:
            self._weight(self.merge.weight)
        if self.merge.run is None and self.target is not None:
            self._fills(self.target)

    def _common(self, compared: At[str]) -> bool:
        """Whether all branches have the field; of one type, save that a mean takes any numbers."""
        name = compared.value
        lacking = [branch for branch, record in self.branches.items() if name not in record.fields]
        kinds = [record.kind(name)[0] for record in self.branches.values() if name in record.fields]
        if lacking:
            trouble = f"{', '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} no such field"
        elif self.merge.policy != "mean" and any(not shapes.same(kinds[0], kind) for kind in kinds):
            trouble = "its type differs between the branches"
        else:
            return True
        common = set.intersection(*(set(record.fields) for record in self.branches.values()))
        advice = nearest(name, common, f"name one of {', '.join(sorted(common))}" if common else "use policy all")
        self.report.add("E073", compared.spot, field=name, trouble=trouble, advice=advice)
        return False

    def _mean(self, compared: At[str]) -> None:
        """A mean is made of numbers and need not be whole."""
        name, target = compared.value, self.target
        if not self._numeric(compared):
            self._refuse(compared, self._no_number(name), "a mean is made of numbers that are always there")
        elif self.merge.run is None and target and name in target.fields and not target.is_fraction(name):
            trouble = f"it is {shapes.describe(target.fields[name])} in {target.name}"
            self._refuse(compared, trouble, "a mean need not be whole", "make it a double, or round it in a `run:`")

    def _weight(self, weight: At[str]) -> None:
        """Each branch says itself what its voice weighs."""
        lacking = [branch for branch, record in self.branches.items() if weight.value not in record.fields]
        why = "what a voice weighs is a number that is always there"
        if lacking:
            self._refuse(weight, f"{', '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} no such field", why)
        elif not self._numeric(weight):
            self._refuse(weight, self._no_number(weight.value), why)

    def _refuse(self, field: At[str], trouble: str, why: str, advice: str = "") -> None:
        self.report.add("E067", field.spot, policy=self.merge.policy, field=field.value, trouble=trouble, why=why,
                        advice=advice or self._name_a_number())  # fmt: skip

    def _no_number(self, name: str) -> str:
        record = next(record for record in self.branches.values() if not record.is_number(name))
        return f"it is {shapes.describe(record.fields[name])} in {record.name}"

    def _numeric(self, field: At[str]) -> bool:
        return all(record.is_number(field.value) for record in self.branches.values())

    def _name_a_number(self) -> str:
        common = set.intersection(*(set(filter(record.is_number, record.fields)) for record in self.branches.values()))
        return f"name one of {', '.join(sorted(common))}" if common else "give the branches such a field"

    def _fills(self, target: Record) -> None:
        """Without `run:`, the policy alone must fill every field that the join's contract needs."""
        records = list(self.branches.values())
        if self.merge.policy == "all":
            sure = {name: record for name, record in self.branches.items() if name not in self.skipped}
            held = {name.replace("-", "_") for name, record in sure.items() if _holds(target, name, record)}
            held |= {name for name in target.needed if self._first_shares(target, name)}
            held |= {name for name, branch in self.gathered.items() if branch not in self.skipped}
        else:
            held = {name for name in target.needed if all(target.shares(name, record) for record in records)}
        if self.merge.policy == "mean":
            held |= {one.value for one in self.merge.fields}  # judged above, by its type
        if unfilled := [name for name in target.needed if name not in held]:
            fields, policy = ", ".join(f"“{name}”" for name in unfilled), str(self.merge.policy)
            off = ", ".join(f"“{name}”" for name in sorted(self.skipped))
            rule = _RULES.get(policy, _WINNER) + (f"; {off} may be skipped" if off and policy == "all" else "")
            self.report.add("E075", self.spot, field=fields, contract=target.name, policy=policy, rule=rule)

    def _first_shares(self, target: Record, name: str) -> bool:
        """Whether the first branch with a field has it as wanted, and so has each one before that may be skipped."""
        for branch, record in self.branches.items():
            if name in record.fields:
                if not target.shares(name, record):
                    return False
                if branch not in self.skipped:
                    return True
        return False


def _holds(target: Record, branch: str, contract: Record) -> bool:
    """Whether the join's contract has a field of the branch's name for its whole value."""
    name = branch.replace("-", "_")
    if name not in target.fields:
        return False
    kind = target.kind(name)[0]
    full = f"{kind.get('namespace', target.schema['namespace'])}.{kind['name']}" if "name" in kind else ""
    return full == contract.name
