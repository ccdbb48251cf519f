"""Which of its successors a router's handler has named."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from penstock.contracts.answers import shown
from penstock.errors import Poison

NAMES = (str, list, tuple, set, frozenset)  # what a router's answer usually is


def chosen(answer: object, to: Collection[str], *, many: bool) -> frozenset[str]:
    """The successors that were named: exactly one, or `many`. Poison `bad_choice` for any other answer."""
    named: list[object]
    if isinstance(answer, str):
        named = [answer]
    elif many and isinstance(answer, NAMES):
        named = list(answer)
    else:
        raise Poison("bad_choice", f"the router answered a {type(answer).__name__}, {_wanted(to, many=many)}")
    strange = [name for name in named if not isinstance(name, str) or name not in to]
    if strange or not named:
        said = shown(strange[0]) if strange else "nothing"
        raise Poison("bad_choice", f"the router answered {said}, {_wanted(to, many=many)}")
    return frozenset(map(str, named))


def _wanted(to: Iterable[str], *, many: bool) -> str:
    return f"not {'some' if many else 'one'} of {', '.join(to)}"[:200]
