"""Reading the `merge:` of an aggregator into its draft."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from penstock.topology.document import Items, Table, Word
from penstock.topology.draft import MergeDraft
from penstock.topology.fields import Fields
from penstock.topology.plan import MergePolicy, Tie, Tolerance
from penstock.topology.report import At, nearest
from penstock.topology.wanted import MERGE, POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penstock.topology.document import Node

T = TypeVar("T", bound=str)
_TIES: tuple[Tie, ...] = ("review", "reject", "first")
_NEEDED = {
    "field": ("quorum", "vote", "weighted", "mean", "judge"),
    "tie": ("vote", "weighted"),
    "spread": ("mean",),
    "order": ("prefer",),
    "judge": ("judge",),
}
_EVERY = frozenset({"all", "weighted", "mean", "judge"})  # without `missing:` these need every branch
_LARGEST = 1e12
_MOST = 1_000  # branches


def merge(fields: Fields, *, gathers: bool = False) -> MergeDraft | None:
    """The policy, what it compares, and what a tie and a missing branch mean, or a missing item where it `gathers`."""
    part = fields.table_at("merge", MERGE, required=True)
    if part is None:
        return None
    policy = part.choice("policy", POLICIES, required=True)
    name = cast("MergePolicy | None", policy.value if policy else None)
    _only_what_it_takes(part, name, gathers=gathers)
    if gathers and name not in {"all", None}:
        fields.report.add("E061", fields.keys["gather"], key="gather", policy=name, having="all")
    tie, preferred = _tie(part, required=name in _NEEDED["tie"])
    return MergeDraft(
        spot=part.spot,
        policy=name,
        fields=_compared(part, required=name in _NEEDED["field"]),
        min_agree=part.count("min_agree", 1, _MOST),
        tolerance=_tolerance(part, "tolerance"),
        spread=_tolerance(part, "spread", required=name in _NEEDED["spread"]),
        at_least=_at_least(part, name, 0 if gathers else 1),
        share=_share(part) if gathers else 0.0,
        tie=tie,
        order=(*_ranked(part, "order", required=name in _NEEDED["order"]), *preferred),
        weights=tuple(_weights(part)),
        weights_spot=part.keys.get("weights"),
        weight=part.text("weight"),
        threshold=part.number("threshold", 0.0, 1.0),
        judge=part.text("judge", required=name in _NEEDED["judge"]),
        run=part.handler("run"),
    )


def _only_what_it_takes(part: Fields, policy: MergePolicy | None, *, gathers: bool) -> None:
    """Report every key that means something, but not under this policy."""
    if policy is None:
        return
    for key in part.known:
        if key in part.keys and key not in {"policy", "run", *POLICIES[policy], *(("missing",) if gathers else ())}:
            having = ", ".join(name for name, keys in POLICIES.items() if key in keys)
            part.report.add("E061", part.keys[key], key=key, policy=policy, having=having)


def _compared(part: Fields, *, required: bool) -> tuple[At[str], ...]:
    """One field, or a list of them."""
    if isinstance(part.table.get("field"), Items):
        names = part.names("field", thing="a field's name")
        if not names:
            part.missing("field")
        return names
    given = part.text("field", required=required)
    return (given,) if given else ()


def _tolerance(part: Fields, key: str, *, required: bool = False) -> At[Tolerance] | None:
    """A number, which is absolute, or {absolute: ..., relative: ...}."""
    node = part.node(key, required=required)
    if isinstance(node, Table):
        inner = Fields(node, part.report, f"{part.where}, {key}", part.keys[key], ("absolute", "relative"))
        absolute, relative = inner.number("absolute", 0.0, _LARGEST), inner.number("relative", 0.0, 1.0)
        return At(Tolerance(absolute or 0.0, relative or 0.0), node.spot)
    absolute = part.number(key, 0.0, _LARGEST)
    return At(Tolerance(absolute), part.keys[key]) if absolute is not None else None


def _tie(part: Fields, *, required: bool) -> tuple[At[Tie] | None, tuple[At[str], ...]]:
    """One of the words, or {prefer: [...]}."""
    if isinstance(part.table.get("tie"), Table):
        inner = part.table_at("tie", ("prefer",))
        preferred = _ranked(inner, "prefer", required=True) if inner else ()
        return At("prefer", part.keys["tie"]), preferred
    return _word(part, "tie", _TIES, "{prefer: [...]}", required=required), ()


def _at_least(part: Fields, policy: MergePolicy | None, few: int) -> At[int] | None:
    """How many must be there; None for every one of them, `few` where the missing ones are ignored."""
    node = part.table.get("missing")
    if isinstance(node, Table):
        inner = part.table_at("missing", ("at_least",) if few else ("at_least", "share"))
        return inner.count("at_least", 1, _MOST, required="share" not in inner.keys) if inner else None
    word = _word(part, "missing", ("conflict", "ignore"), "{at_least: 2}")
    strict = word.value == "conflict" if word else policy in _EVERY
    return None if strict else At(few, part.keys.get("missing", part.spot))


def _share(part: Fields) -> float:
    """The share of the items that must be there, where that is what is asked."""
    if not isinstance(part.table.get("missing"), Table):
        return 0.0
    inner = part.table_at("missing", ("at_least", "share"))
    return (inner.number("share", 0.0, 1.0) if inner else None) or 0.0


def _ranked(part: Fields, key: str, *, required: bool) -> tuple[At[str], ...]:
    """Branches, the most preferred first; those that are not named come after."""
    given = part.items(key, required=required)
    if given is not None and not given.nodes:
        part.missing(key)
    return part.names(key) if given is not None else ()


def _word(part: Fields, key: str, words: Iterable[T], form: str, *, required: bool = False) -> At[T] | None:
    """One of some words, where a mapping would have been possible too."""
    given = part.text(key, required=required)
    known = tuple(words)
    if given is None or given.value in known:
        return cast("At[T] | None", given)
    choices = ", ".join((*known, form))
    part.report.add("E033", given.spot, what=key, text=given.value, known=choices,
                    advice=nearest(given.value, known, f"choose one of {choices}"))  # fmt: skip
    return None


def _weights(part: Fields) -> Iterable[tuple[At[str], float]]:
    """What each branch's voice weighs; more than nothing."""
    node: Node | None = part.table.get("weights")
    if not isinstance(node, Table):
        part.table_at("weights", ())
        return
    names = [word.text for word, _ in node.entries]
    inner = Fields(node, part.report, f"{part.where}, weights", part.keys["weights"], names)
    for word, _ in node.entries:
        weight = inner.number(word.text, 0.0, _LARGEST)
        if weight == 0.0:
            below = node.get(word.text)
            spot = below.spot if isinstance(below, Word) else word.spot
            part.report.add("E062", spot, name=word.text)
        if weight is not None:
            yield At(word.text, word.spot), weight
