"""One kind of mistake, as the catalogues list it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of mistake. `what`, `why` and `fix` are format strings over the words given where it is found."""

    code: str
    what: str
    why: str
    fix: str
