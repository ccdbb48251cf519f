"""Reading the keys of one mapping by their types, with a mistake for each one that is unknown, missing or wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from penstock.topology import scalars
from penstock.topology.document import Items, Node, Table, Word
from penstock.topology.report import At, Report, Spot, near, nearest
from penstock.topology.wanted import NESTED, WANTED

if TYPE_CHECKING:
    from collections.abc import Iterable

_HANDLER = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


class Fields:
    """One mapping: `where` names it to a person, `spot` is where something missing is reported."""

    def __init__(self, table: Table, report: Report, where: str, spot: Spot, known: Iterable[str]) -> None:
        self.table, self.report, self.where, self.spot = table, report, where, spot
        self.known = tuple(known)
        self.keys = {word.text: word.spot for word, _ in table.entries}
        self.unknown = tuple(word.text for word, _ in table.entries if word.text not in self.known)
        self._meant = {meant for word, _ in table.entries if (meant := self._unknown(word))}

    def missing(self, key: str) -> None:
        """Report a key that has to be there, unless a misspelt one stands for it."""
        if key not in self._meant:
            why, example = WANTED[key]
            self.report.add("E024", self.spot, where=self.where, key=key, why=why, example=example)

    def node(self, key: str, *, required: bool = False) -> Node | None:
        """What stands under a key."""
        node = self.table.get(key)
        if node is None and required:
            self.missing(key)
        return node

    def text(self, key: str, *, required: bool = False) -> At[str] | None:
        """A text."""
        word = self._word(key, "text", required=required)
        if word is None:
            return None
        if isinstance(word.value, str):
            return At(word.value, word.spot)
        advice = f'put it in quotes: "{word.text}"' if word.text else "write it, or remove the key"
        self._wrong(key, word, "text", advice)
        return None

    def count(self, key: str, low: int, high: int, *, required: bool = False) -> At[int] | None:
        """A whole number from `low` to `high`."""
        word = self._word(key, "a whole number", required=required)
        if word is None:
            return None
        if not isinstance(word.value, int) or isinstance(word.value, bool):
            bare = isinstance(scalars.value(word.text), int)
            self._wrong(key, word, "a whole number", "remove the quotes" if bare else "write for example 3")
            return None
        return self._within(key, At(word.value, word.spot), low, high, word.text)

    def number(self, key: str, low: float, high: float, *, required: bool = False) -> float | None:
        """A number from `low` to `high`."""
        word = self._word(key, "a number", required=required)
        if word is None:
            return None
        if not isinstance(word.value, int | float) or isinstance(word.value, bool):
            bare = isinstance(scalars.value(word.text), int | float)
            self._wrong(key, word, "a number", "remove the quotes" if bare else "write for example 0.5")
            return None
        if low <= word.value <= high:
            return float(word.value)
        self.report.add("E028", word.spot, what=key, text=word.text, low=f"{low:g}", high=f"{high:,.15g}")
        return None

    def flag(self, key: str) -> At[bool] | None:
        """Either true or false."""
        word = self._word(key, "true or false", required=False)
        if word is None or isinstance(word.value, bool):
            return At(bool(word.value), word.spot) if word else None
        self._wrong(key, word, "true or false", "write true or false")
        return None

    def duration(self, key: str, low: int, high: int, *, required: bool = False) -> At[int] | None:
        """A duration in milliseconds, from `low` to `high`."""
        word = self._word(key, "a duration", required=required)
        return self.duration_of(key, word, low, high) if word else None

    def duration_of(self, key: str, word: Word, low: int, high: int) -> At[int] | None:
        """The duration that a word spells."""
        read = scalars.duration(word.text)
        if read is None:
            self.report.add("E026", word.spot, text=word.text)
            return None
        return self._within(key, At(read, word.spot), low, high, word.text, spell=True)

    def money(self, key: str) -> At[float] | None:
        """An amount in dollars."""
        word = self._word(key, "an amount of money", required=False)
        if word is None:
            return None
        read = scalars.money(word.text)
        if read is None:
            self.report.add("E027", word.spot, text=word.text)
            return None
        return At(read, word.spot)

    def choice(self, key: str, choices: Iterable[str], *, required: bool = False) -> At[str] | None:
        """One of some words."""
        given = self.text(key, required=required)
        known = tuple(choices)
        if given is None or given.value in known:
            return given
        advice = nearest(given.value, known, f"choose one of {', '.join(known)}")
        self.report.add("E033", given.spot, what=key, text=given.value, known=", ".join(known), advice=advice)
        return None

    def table_at(self, key: str, known: Iterable[str], *, required: bool = False) -> Fields | None:
        """A mapping under a key."""
        node = self.node(key, required=required)
        if node is None:
            return None
        if isinstance(node, Table):
            return Fields(node, self.report, f"{self.where}, {key}", self.keys[key], known)
        self._wrong(key, node, "a mapping", f"write `{key}: {{...}}`")
        return None

    def items(self, key: str, *, required: bool = False) -> Items | None:
        """A list under a key."""
        node = self.node(key, required=required)
        if node is None or isinstance(node, Items):
            return node
        advice = f"write [{node.text}]" if isinstance(node, Word) and node.text else "write it as a list: [...]"
        self._wrong(key, node, "a list", advice)
        return None

    def names(self, key: str, *, required: bool = False, thing: str = "a step's name") -> tuple[At[str], ...]:
        """A list of names, of steps where nothing else is said."""
        given = self.items(key, required=required)
        found = (self.name(key, node, thing) for node in (given.nodes if given else ()))
        return tuple(name for name in found if name is not None)

    def name(self, key: str, node: Node, thing: str) -> At[str] | None:
        """An entry of a list of names."""
        if isinstance(node, Word):
            if not node.bad and isinstance(node.value, str):
                return At(node.value, node.spot)
            if not node.bad:
                self._wrong(f"an entry of {key}", node, thing, f'put it in quotes: "{node.text}"')
            return None
        self._wrong(f"an entry of {key}", node, thing, "name one of them")
        return None

    def handler(self, key: str, *, required: bool = False) -> At[str] | None:
        """Where a callable is found: module:attribute."""
        given = self.text(key, required=required)
        if given is None or _HANDLER.fullmatch(given.value):
            return given
        module, dot, name = given.value.rpartition(".")
        meant = f"{module}:{name}"
        sound = dot and _HANDLER.fullmatch(meant)
        advice = f"did you mean “{meant}”?" if sound else "write for example orders.workers:Read"
        self.report.add("E035", given.spot, text=given.value, advice=advice)
        return None

    def settings(self, key: str) -> dict[str, Any]:
        """A free mapping for a handler, as plain values."""
        node = self.node(key)
        if node is None:
            return {}
        if isinstance(node, Table):
            return {word.text: plain(below) for word, below in node.entries}
        self._wrong(key, node, "a mapping", f"write `{key}: {{...}}`")
        return {}

    def _word(self, key: str, wanted: str, *, required: bool) -> Word | None:
        node = self.node(key, required=required)
        if node is None or (isinstance(node, Word) and node.bad):
            return None
        if isinstance(node, Word):
            return node
        self._wrong(key, node, wanted, f"write {wanted}")
        return None

    def _within(self, key: str, at: At[int], low: int, high: int, text: str, *, spell: bool = False) -> At[int] | None:
        if low <= at.value <= high:
            return at
        shown = (scalars.spell(low), scalars.spell(high)) if spell else (f"{low:,}", f"{high:,}")
        self.report.add("E028", at.spot, what=key, text=text, low=shown[0], high=shown[1])
        return None

    def _wrong(self, key: str, node: Node, wanted: str, advice: str) -> None:
        found = "a list" if isinstance(node, Items) else "a mapping" if isinstance(node, Table) else _spoken(node)
        self.report.add("E025", node.spot, what=f"“{key}”" if " " not in key else key, wanted=wanted, found=found,
                        advice=advice)  # fmt: skip

    def _unknown(self, word: Word) -> str:
        """Report a key that has no meaning here; the known key that was meant, if one comes close."""
        if word.text in self.known:
            return ""
        meant = near(word.text, self.known)
        self.report.add("E023", word.spot, key=word.text, where=self.where, known=", ".join(self.known),
                        advice=f"did you mean “{meant}”?" if meant else self._elsewhere(word.text))  # fmt: skip
        return meant

    def _elsewhere(self, key: str) -> str:
        """Advice about a key that belongs one level deeper."""
        inside = near(key, [known for known, part in NESTED.items() if part in self.known])
        return f"did you mean `{NESTED[inside]}: {{{inside}: ...}}`?" if inside else "remove it"


def plain(node: Node) -> Any:  # noqa: ANN401 - a handler's settings may be anything
    """A subtree as plain values."""
    match node:
        case Word():
            return node.value
        case Items():
            return [plain(below) for below in node.nodes]
        case Table():
            return {word.text: plain(below) for word, below in node.entries}


def _spoken(word: Word) -> str:
    found = scalars.name_of(word.value)
    return f"{found} ({word.text})" if word.text else found
