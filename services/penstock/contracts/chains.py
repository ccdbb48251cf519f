"""Finding in a rule's text which fields of the value it names, so that a misspelt one is found before it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from penstock.contracts.shapes import AvroType, fields, item, plain

_TOKEN = re.compile(
    r"""(?P<text>[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))"""
    r"""|(?P<remark>//[^\n]*)|(?P<number>\d[\w.]*)|(?P<name>[A-Za-z_]\w*)|(?P<space>\s+)|(?P<sign>.)""",
    re.DOTALL,
)
_MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a rule: a name or a sign, and where it begins in the text (0-based)."""

    text: str
    start: int
    is_name: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """A field that a rule names and the contract lacks; `known` are the fields there are."""

    name: str
    start: int
    known: Mapping[str, AvroType]


def used(rule: str) -> frozenset[str]:
    """The fields of `value` that a rule names first: all that an evaluation needs to be given."""
    tokens = _tokens(rule)
    return frozenset(
        tokens[at + 2].text
        for at, token in enumerate(tokens[:-2])
        if token.text == "value" and _begins(tokens, at) and tokens[at + 1].text == "."
    )


def calls(rule: str, function: str) -> int | None:
    """Where a rule calls a global function of this name for the first time, or None."""
    tokens = _tokens(rule)
    found = (
        t.start
        for at, t in enumerate(tokens[:-1])
        if t.text == function and t.is_name and _begins(tokens, at) and tokens[at + 1].text == "("
    )
    return next(found, None)


def missing(rule: str, schema: AvroType, named: Mapping[str, AvroType]) -> Missing | None:
    """The first field a rule names that the contract does not have, also inside `items.all(i, i.field ...)`."""
    tokens = _tokens(rule)
    bound: dict[str, AvroType] = {"value": schema}
    for at, token in enumerate(tokens):
        if token.text in bound and token.is_name and _begins(tokens, at):
            fault = _follow(tokens, at + 1, bound, token.text, named)
            if fault is not None:
                return fault
    return None


def _tokens(rule: str) -> list[Token]:
    kept = (found for found in _TOKEN.finditer(rule) if found.lastgroup in {"name", "sign"})
    return [Token(found[0], found.start(), found.lastgroup == "name") for found in kept]


def _begins(tokens: list[Token], at: int) -> bool:
    return at == 0 or tokens[at - 1].text != "."


def _follow(
    tokens: list[Token], at: int, bound: dict[str, AvroType], root: str, named: Mapping[str, AvroType]
) -> Missing | None:
    """Walk one chain `root.a[0].b` from its root; a macro on the way binds its variable to the items' type."""
    kind: AvroType | None = bound[root]
    while kind is not None and at + 1 < len(tokens):
        kind = plain(kind, named)[0]
        if tokens[at].text == "[":
            kind, at = item(kind), _closing(tokens, at)
            continue
        if tokens[at].text != ".":
            return None
        name = tokens[at + 1]
        if at + 2 < len(tokens) and tokens[at + 2].text == "(":
            if name.text in _MACROS and at + 4 < len(tokens) and tokens[at + 4].text == ",":
                _bind(bound, tokens[at + 3].text, item(kind))
            return None
        known = fields(kind)
        if known is not None and name.text not in known:
            return Missing(name.text, name.start, known)
        kind, at = known[name.text] if known is not None else item(kind), at + 2
    return None


def _bind(bound: dict[str, AvroType], name: str, kind: AvroType | None) -> None:
    if name in bound and bound[name] != kind:
        del bound[name]  # one name for two types: not worth a guess
    elif kind is not None:
        bound[name] = kind


def _closing(tokens: list[Token], at: int) -> int:
    depth = 0
    for index in range(at, len(tokens)):
        depth += {"[": 1, "]": -1}.get(tokens[index].text, 0)
        if depth == 0:
            return index + 1
    return len(tokens)


def place(rule: str, start: int) -> tuple[int, int]:
    """Line and column (1-based) of an offset in a rule's text."""
    before = rule[:start]
    return before.count("\n") + 1, start - (before.rfind("\n") + 1) + 1
