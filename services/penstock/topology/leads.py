"""Reading a `to:`: names of steps, and edges that are taken by some values only or once for each item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.topology.document import Table, Word
from penstock.topology.draft import Lead
from penstock.topology.fields import Fields
from penstock.topology.plan import MOST_ITEMS
from penstock.topology.report import At, Spot
from penstock.topology.wanted import EDGE

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = ("when", "otherwise", "each")


def leads(fields: Fields, *, required: bool = False) -> tuple[Lead, ...]:
    """The edges out of a step, in the file's order."""
    return tuple(_leads(fields, required=required))


def names_only(fields: Fields, found: tuple[Lead, ...], who: str, why: str) -> tuple[Lead, ...]:
    """The edges of one who cannot choose by rules; every other edge than a name is reported."""
    for lead in found:
        if not lead.plain:
            fields.report.add("E088", lead.spot, who=who, why=why, name=lead.value)
    return tuple(Lead(lead.step) for lead in found)


def _leads(fields: Fields, *, required: bool) -> Iterator[Lead]:
    given = fields.items("to", required=required)
    for node in given.nodes if given else ():
        if isinstance(node, Table):
            part = Fields(node, fields.report, f"{fields.where}, an edge", node.spot, EDGE)
            if (lead := _lead(part)) is not None:
                yield lead
        elif (name := fields.name("to", node, "a step's name")) is not None:
            yield Lead(name)


def _lead(part: Fields) -> Lead | None:
    name, when, each = part.text("step", required=True), part.text("when"), part.text("each")
    otherwise = part.flag("otherwise")
    most = part.count("most", 1, MOST_ITEMS, required=each is not None)
    if name is None:
        return None
    given = [key for key in _KINDS if key in part.keys]
    if len(given) > 1:
        _refuse(part, given[1], name, f"has both `{given[0]}:` and `{given[1]}:`", f"remove `{given[1]}:`")
    if "most" in part.keys and "each" not in part.keys:
        _refuse(part, "most", name, "has `most:` without `each:`", "remove `most:`, or name a list with `each:`")
    return Lead(
        step=name,
        when=At(when.value, _inner(part)) if when else None,
        otherwise=bool(otherwise and otherwise.value),
        each=each if most else None,
        most=most.value if most else 0,
    )


def _refuse(part: Fields, key: str, name: At[str], trouble: str, advice: str) -> None:
    part.report.add("E032", part.keys[key], name=name.value, trouble=trouble, advice=advice)


def _inner(part: Fields) -> Spot:
    """Where the text of the rule begins: behind its quote."""
    node = part.table.get("when")
    return node.inner if isinstance(node, Word) else part.spot
