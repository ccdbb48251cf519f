"""Where a step's output goes next: one value per edge, so that nobody needs the plan to send a message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """An edge to a step: its input topic, and the branch it is there when the step is a join."""

    step: str
    topic: str
    branch: str = ""


@dataclass(frozen=True, slots=True)
class Outlet:
    """An edge to an output: its topic, the field that is the business key, and the contract."""

    name: str
    topic: str
    key: str
    contract: str


@dataclass(frozen=True, slots=True)
class Routes:
    """All edges out of a step, which speaks under the name `source` (a fallback under the name it acts for)."""

    source: str
    steps: tuple[Route, ...] = ()
    outlets: tuple[Outlet, ...] = ()
