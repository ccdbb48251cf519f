"""Where a step's output goes next: one value per edge, so that nobody needs the plan to send a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Way:
    """On what an edge depends.

    `when` is a rule on the value; `otherwise` stands for all values that no `when` of the same step takes. `each` is a
    list field whose items go one by one, `most` of them at the most, under their own `contract`.
    """

    when: str = ""
    otherwise: bool = False
    each: str = ""
    most: int = 0
    contract: str = ""

    @property
    def conditional(self) -> bool:
        """Whether the edge is taken by some values only."""
        return bool(self.when) or self.otherwise


ALWAYS = Way()


@dataclass(frozen=True, slots=True)
class Route:
    """An edge to a step: its input topic, and the branch it is there when the step is a join."""

    step: str
    topic: str
    branch: str = ""
    way: Way = ALWAYS


@dataclass(frozen=True, slots=True)
class Outlet:
    """An edge to an output: its topic, the field that is the business key, and the contract."""

    name: str
    topic: str
    key: str
    contract: str
    way: Way = ALWAYS


@dataclass(frozen=True, slots=True)
class Skip:
    """A branch of a join that gets nothing where none of the edges to `by` is taken, though one to `needs` is.

    Where `needs` is empty the join goes on anyway.
    """

    route: Route
    by: frozenset[str]
    needs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Routes:
    """All edges out of a step, which speaks under the name `source` (a fallback under the name it acts for).

    `counts` are the joins that gather the items of an edge, by the step that it leads to.
    """

    source: str
    steps: tuple[Route, ...] = ()
    outlets: tuple[Outlet, ...] = ()
    skips: tuple[Skip, ...] = ()
    counts: Mapping[str, tuple[Route, ...]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def plain(self) -> bool:
        """Whether every value takes every edge."""
        return not self.skips and all(leading.way == ALWAYS for leading in self.edges)

    @property
    def edges(self) -> tuple[Route | Outlet, ...]:
        """All edges, to steps and to outputs."""
        return (*self.steps, *self.outlets)
