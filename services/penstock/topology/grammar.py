"""The file format: a tree with places becomes a typed draft, every mistake of form noted on the way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penstock.contracts.topics import INGRESS, RESERVED, SUPERVISOR
from penstock.topology import leads, steps, wanted
from penstock.topology.document import Items, Node, Table, Word
from penstock.topology.draft import Draft, IngressDraft, LimitsDraft
from penstock.topology.fields import Fields
from penstock.topology.plan import Reviews
from penstock.topology.report import At, Report, Spot
from penstock.topology.wanted import LIMITS, REMEMBER, REVIEWS, TOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.topology.draft import StepDraft

MAX_STEPS = 10_000
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_SECRET = re.compile(r"(?:.*[-_.])?(?:password|passwd|secret|token|api[-_]?key|credentials?)", re.IGNORECASE)
_SPEAKERS = frozenset({INGRESS, SUPERVISOR})  # an output has a topic of its own kind, `out.NAME`, and no group
_DAY = 24 * 3_600_000
_DOOR = "what comes from outside meets a worker first, before anything is decided"
_YEAR = 365 * _DAY


def draft(root: Node | None, report: Report) -> Draft | None:
    """What the file says, or None where there is too little to look at."""
    if root is None:
        if not report.found:
            report.add("E010", Spot())
        return None
    if not isinstance(root, Table):
        found = "a list" if isinstance(root, Items) else "text"
        report.add("E025", root.spot, what="the file", wanted="a mapping", found=found,
                   advice="begin with `pipeline: NAME`")  # fmt: skip
        return None
    _no_variables(root, report)
    top = Fields(root, report, "the file", root.spot, TOP)
    name = top.text("pipeline", required=True)
    if name is not None:
        _named(name, "pipeline", report)
    description = top.text("description")
    limits, reviews, ingress = _limits(top), _reviews(top), _ingress(top)
    found_steps = _steps(top, name.value if name else "p")
    if not found_steps:
        return None
    return Draft(name.value if name else "", description.value if description else "", limits, reviews, ingress,
                 found_steps)  # fmt: skip


def _limits(top: Fields) -> LimitsDraft | None:
    part = top.table_at("limits", LIMITS, required=True)
    if part is None:
        return None
    deadline = part.duration("deadline", 100, 7 * _DAY, required=True)
    tasks = part.count("tasks", 1, 1_000_000, required=True)
    cost = part.money("cost") or At(0.0, part.keys.get("cost", part.spot))
    return LimitsDraft(deadline, tasks, cost) if deadline and tasks else None


def _reviews(top: Fields) -> Reviews:
    part = top.table_at("reviews", REVIEWS)
    if part is None:
        return Reviews()
    expires, times = part.duration("expires", 1_000, _YEAR), part.count("times", 0, 20)
    default = Reviews()
    return Reviews(expires.value if expires else default.expires_ms, times.value if times else default.times)


def _ingress(top: Fields) -> IngressDraft | None:
    part = top.table_at("ingress", wanted.INGRESS, required=True)
    if part is None:
        return None
    remember = part.table_at("remember", REMEMBER)
    span = remember.duration("for", 1_000, _YEAR) if remember else None
    ids = remember.count("ids", 1, 100_000_000) if remember else None
    return IngressDraft(
        spot=part.spot,
        contract=steps.contract(part, "contract", required=True),
        event_id=part.text("event_id", required=True),
        remember_ms=span.value if span else _DAY,
        remember_ids=ids.value if ids else 2_000_000,
        to=leads.names_only(part, leads.leads(part, required=True), "ingress", _DOOR),
    )


def _steps(top: Fields, pipeline: str) -> dict[str, StepDraft]:
    node = top.table.get("steps")
    if node is None or (isinstance(node, Table) and not node.entries):
        top.report.add("E010", top.keys.get("steps", top.spot))
        return {}
    if not isinstance(node, Table):
        top.table_at("steps", ())
        return {}
    if len(node.entries) > MAX_STEPS:
        top.report.add("E022", top.keys["steps"], count=len(node.entries), most=MAX_STEPS)
        return {}
    found = {}
    for word, below in node.entries:
        _named(At(word.text, word.spot), "step", top.report)
        read = found[word.text] = steps.step(word, below, top.report)
        if word.text in (_SPEAKERS if read.kind == "output" else RESERVED):
            top.report.add("E031", word.spot, name=word.text, pipeline=pipeline)
    return found


def _named(name: At[str], thing: str, report: Report) -> None:
    if _NAME.fullmatch(name.value):
        return
    tamed = re.sub(r"[^a-z0-9]+", "-", name.value.lower()).strip("-")
    advice = f"did you mean “{tamed}”?" if _NAME.fullmatch(tamed) else "choose a short plain name"
    report.add("E030", name.spot, name=name.value, thing=thing, advice=advice)


def _no_variables(root: Table, report: Report) -> None:
    """Refuse what looks like a variable or a secret, wherever it stands but under `deploy`."""
    for key, word in _words(root):
        if "${" in word.text:
            report.add("E037", word.spot, text=word.text)
        elif word.text and isinstance(word.value, str) and _SECRET.fullmatch(key):
            report.add("E036", word.spot, key=key)


def _words(node: Node, key: str = "") -> Iterator[tuple[str, Word]]:
    match node:
        case Word():
            yield key, node
        case Items():
            for below in node.nodes:
                yield from _words(below, key)
        case Table():
            for word, below in node.entries:
                if not (key == "" and word.text == "deploy"):
                    yield from _words(below, word.text)
