"""Reading one step of each kind into its draft."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from penstock.topology import leads, merge_form, scalars
from penstock.topology.document import Node, Table, Word
from penstock.topology.draft import KINDS, CheckDraft, Kind, Lead, StepDraft
from penstock.topology.fields import Fields
from penstock.topology.plan import Attempts
from penstock.topology.report import At, Report, Spot
from penstock.topology.wanted import ATTEMPTS, CHECK, ON_REJECT, STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CONTRACT = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*\.[A-Z][A-Za-z0-9_]*")
_HOUR = 3_600_000
LONGEST_IN_MEMORY = 10_000  # ms; what waits longer is commanded again by the supervisor, which no effect listens to


def step(name: Word, node: Node, report: Report) -> StepDraft:
    """One step as written; every mistake of form is noted."""
    before = len(report.found)
    unread = StepDraft(name.text, name.spot, None, {}, broken=True)
    if not isinstance(node, Table):
        around = Fields(Table(((name, node),), name.spot), report, "steps", name.spot, (name.text,))
        around.table_at(name.text, ())
        return unread
    kind = _kind(name, node, report)
    if kind is None:
        return unread
    fields = Fields(node, report, f"step “{name.text}”", name.spot, STEP[kind])
    bare = StepDraft(
        name.text,
        name.spot,
        kind,
        fields.keys,
        to=_successors(name.text, fields, kind),
        to_spot=_spot(fields, "to"),
        of_spot=_spot(fields, "of"),
    )
    read = _READERS[kind](bare, fields)
    return replace(read, broken=len(report.found) > before)


def contract(fields: Fields, key: str, *, required: bool = False) -> At[str] | None:
    """The full name of a contract."""
    given = fields.text(key, required=required)
    if given is not None and not _CONTRACT.fullmatch(given.value):
        fields.report.add("E034", given.spot, text=given.value)
        return None
    return given


def _kind(name: Word, node: Table, report: Report) -> Kind | None:
    everything = [word.text for word, _ in node.entries]  # unknown keys are judged once the kind is known
    given = Fields(node, report, f"step “{name.text}”", name.spot, everything).choice("kind", KINDS, required=True)
    return cast("Kind", given.value) if given else None


def _successors(name: str, fields: Fields, kind: Kind) -> tuple[Lead, ...]:
    if kind in {"effect", "output"}:
        if (spot := fields.keys.get("to")) is not None:
            fields.report.add("E046", spot, kind=kind, name=name)
        return ()
    return leads.leads(fields)


def _worker(bare: StepDraft, fields: Fields) -> StepDraft:
    cost = fields.money("cost")
    return replace(
        bare,
        run=fields.handler("run", required=True),
        reads=contract(fields, "reads"),
        writes=contract(fields, "writes"),
        fallback=fields.text("fallback"),
        review=fields.flag("review"),
        attempts=_attempts(fields),
        cost_usd=cost.value if cost else 0.0,
        concurrency=_concurrency(fields),
        settings=fields.settings("settings"),
    )


def _router(bare: StepDraft, fields: Fields) -> StepDraft:
    cost, many = fields.money("cost"), fields.flag("many")
    return replace(
        bare,
        to=leads.names_only(fields, bare.to, f"router “{bare.name}”", "its handler says where a value goes"),
        run=fields.handler("run", required=True),
        many=bool(many and many.value),
        reads=contract(fields, "reads"),
        attempts=_attempts(fields),
        cost_usd=cost.value if cost else 0.0,
        concurrency=_concurrency(fields),
        settings=fields.settings("settings"),
    )


def _validator(bare: StepDraft, fields: Fields) -> StepDraft:
    on_reject = fields.table_at("on_reject", ON_REJECT)
    return replace(
        bare,
        of=_one(fields.text("of", required=True)),
        checks=tuple(_checks(fields)),
        ask_fallback=on_reject.flag("fallback") if on_reject else None,
        reruns=on_reject.count("reruns", 0, 100) if on_reject else None,
        review=on_reject.flag("review") if on_reject else None,
        attempts=_attempts(fields),
        concurrency=_concurrency(fields),
    )


def _aggregator(bare: StepDraft, fields: Fields) -> StepDraft:
    gather = fields.text("gather")
    merge = merge_form.merge(fields, gathers="gather" in fields.keys)
    return replace(
        bare,
        of=fields.names("of", required=True),
        gather=gather,
        merge=merge,
        fallback=merge.judge if merge else None,
        wait_ms=fields.duration("wait", 1, 7 * 24 * _HOUR),
        writes=contract(fields, "writes", required=True),
        review=fields.flag("review"),
    )


def _effect(bare: StepDraft, fields: Fields) -> StepDraft:
    return replace(
        bare,
        run=fields.handler("run", required=True),
        settings=fields.settings("settings"),
        attempts=_attempts(fields, LONGEST_IN_MEMORY),
        concurrency=_concurrency(fields),
    )


def _output(bare: StepDraft, fields: Fields) -> StepDraft:
    key, into = fields.text("key", required=True), fields.text("into")
    return replace(bare, reads=contract(fields, "contract"), key=key, into=into)


def _attempts(fields: Fields, longest: int = _HOUR) -> Attempts | None:
    part = fields.table_at("attempts", ATTEMPTS)
    if part is None:
        return None
    default = Attempts()
    most, timeout, pauses = part.count("max", 1, 100), part.duration("timeout", 1, _HOUR), part.items("backoff")
    read = [_pause(part, node, longest) for node in (pauses.nodes if pauses else ())]
    backoff = tuple(ms for ms in read if ms is not None)
    return Attempts(
        max=most.value if most else default.max,
        timeout_ms=timeout.value if timeout else default.timeout_ms,
        backoff_ms=backoff if pauses else default.backoff_ms,
    )


def _pause(part: Fields, node: Node, longest: int) -> int | None:
    if not isinstance(node, Word):
        part.report.add("E025", node.spot, what="an entry of backoff", wanted="a duration", found="a list or mapping",
                        advice="write for example [200ms, 2s]")  # fmt: skip
        return None
    if node.bad:
        return None
    found = part.duration_of("backoff", node, 1, _HOUR)
    if found is not None and found.value > longest:
        part.report.add("E094", found.spot, where=part.where, text=node.text, most=scalars.spell(longest))
        return None
    return found.value if found else None


def _concurrency(fields: Fields) -> int:
    given = fields.count("concurrency", 1, 10_000)
    return given.value if given else 16


def _checks(fields: Fields) -> Iterator[CheckDraft]:
    given = fields.items("checks", required=True)
    if given is not None and not given.nodes:
        name = fields.where
        fields.report.add("E083", given.spot, what=f"{name} has no checks", advice="write at least one check")
    for number, node in enumerate(given.nodes if given else (), start=1):
        if isinstance(node, Table):
            part = Fields(node, fields.report, f"{fields.where}, check {number}", node.spot, CHECK)
            yield _check(part)
        else:
            fields.report.add("E025", node.spot, what=f"check {number}", wanted="a mapping", found="something else",
                              advice='write {rule: "...", code: ...} or {run: "module:attr"}')  # fmt: skip


def _check(part: Fields) -> CheckDraft:
    rule, run = part.text("rule"), part.handler("run")
    if ("rule" in part.keys) == ("run" in part.keys):
        trouble = "both a rule and a run" if rule else "neither a rule nor a run"
        part.report.add("E083", part.spot, what=f"{part.where} has {trouble}", advice="give exactly one of them")
    code = part.text("code", required="rule" in part.keys)
    named = run.value.partition(":")[2] if run else ""
    severity, retryable = part.choice("severity", ("warning", "error")), part.flag("retryable")
    return CheckDraft(
        spot=part.spot,
        code=code.value if code else named,
        rule=At(rule.value, _inside(part, "rule")) if rule else None,
        run=run,
        path=part.text("path"),
        hint=_text(part, "hint"),
        waivable=_true(part, "waivable"),
        retryable=retryable.value if retryable else None,
        severity="warning" if severity and severity.value == "warning" else "error",
        settings=part.settings("settings"),
    )


def _inside(part: Fields, key: str) -> Spot:
    """Where the text of a word begins: behind its quote."""
    node = part.table.get(key)
    return node.inner if isinstance(node, Word) else part.spot


def _spot(part: Fields, key: str) -> Spot | None:
    node = part.table.get(key)
    return node.spot if node else None


def _one(given: At[str] | None) -> tuple[At[str], ...]:
    return (given,) if given else ()


def _text(part: Fields, key: str) -> str:
    given = part.text(key)
    return given.value if given else ""


def _true(part: Fields, key: str) -> bool:
    given = part.flag(key)
    return bool(given and given.value)


_READERS: dict[Kind, Callable[[StepDraft, Fields], StepDraft]] = {
    "worker": _worker,
    "router": _router,
    "validator": _validator,
    "aggregator": _aggregator,
    "effect": _effect,
    "output": _output,
}
