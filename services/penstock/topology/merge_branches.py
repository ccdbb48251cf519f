"""Whether what a merge says about its branches can be: their names, how many must agree, what each weighs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from penstock.topology.report import nearest

if TYPE_CHECKING:
    from penstock.topology.draft import MergeDraft, StepDraft
    from penstock.topology.report import At, Report


def check(step: StepDraft, merge: MergeDraft, report: Report) -> None:
    """Hold the rules of names and numbers of branches."""
    branches = list(dict.fromkeys(name.value for name in step.of))
    _exist(step, _named(merge), branches, report)
    _once("order" if merge.policy == "prefer" else "prefer", merge.order, report)
    _not_so_many(merge, len(branches), report)
    if merge.policy == "quorum":
        _only_one_quorum(merge, len(branches), report)
    if merge.policy == "weighted":
        _weighed(merge, branches, report)


def _named(merge: MergeDraft) -> Iterator[tuple[str, At[str]]]:
    yield from (("order" if merge.policy == "prefer" else "prefer", name) for name in merge.order)
    yield from (("weights", name) for name, _ in merge.weights)


def _exist(step: StepDraft, named: Iterable[tuple[str, At[str]]], branches: list[str], report: Report) -> None:
    known = ", ".join(branches) or "none"
    for key, name in named:
        if name.value not in branches:
            advice = nearest(name.value, branches, f"name one of {known}")
            report.add("E063", name.spot, key=key, name=name.value, step=step.name, known=known, advice=advice)


def _once(key: str, names: Iterable[At[str]], report: Report) -> None:
    seen: set[str] = set()
    for name in names:
        if name.value in seen:
            report.add("E069", name.spot, key=key, name=name.value)
        seen.add(name.value)


def _not_so_many(merge: MergeDraft, branches: int, report: Report) -> None:
    """No more branches can agree, or be there, than there are."""
    for given, doing in ((merge.min_agree, "agree"), (merge.at_least, "be there")):
        if given is not None and given.value > max(branches, 1):
            report.add("E084", given.spot, what=f"{given.value} of {branches} branches cannot {doing}",
                       why="there are not so many", fix=f"write at most {branches}")  # fmt: skip


def _only_one_quorum(merge: MergeDraft, branches: int, report: Report) -> None:
    """A majority is had by one answer at the most, so that whoever is faster changes nothing."""
    majority = branches // 2 + 1
    if merge.min_agree is not None and merge.min_agree.value < majority:
        report.add("E066", merge.min_agree.spot, k=merge.min_agree.value, n=branches, majority=majority)


def _weighed(merge: MergeDraft, branches: list[str], report: Report) -> None:
    if (merge.weights_spot is None) == (merge.weight is None):
        trouble = "neither `weights:` nor `weight:`" if merge.weight is None else "both `weights:` and `weight:`"
        report.add("E064", merge.spot, trouble=trouble)
    weighed = {name.value for name, _ in merge.weights}
    lacking = [name for name in branches if name not in weighed]
    if merge.weights_spot is not None and weighed and lacking:
        report.add("E065", merge.weights_spot, names=", ".join(lacking))
