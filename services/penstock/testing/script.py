"""What a file of cases says, once it is read: cases, stubs, what happens, and what is expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from penstock.errors import Place
from penstock.testing.cast import Line
from penstock.testing.pipeline import Pipeline
from penstock.topology.document import Table
from penstock.topology.report import Spot

Turn: TypeAlias = Callable[[Pipeline], Line]
"""One turn of a stub, made for the pipeline that it plays in."""


@dataclass(frozen=True, slots=True)
class Send:
    """Events come in."""

    events: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Decide:
    """A person decides; of the reviews that wait, about one of this step and this event where they are named.

    An edit brings the fields of `value` in the place of those that were judged.
    """

    verdict: Literal["approve", "edit", "reject", "retry"]
    spot: Spot
    step: str = ""
    event: str = ""
    by: str = "ana"
    note: str = "because"
    value: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancel:
    """A person cancels a run: that of this event where one is named."""

    spot: Spot
    event: str = ""
    by: str = "ana"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Kill:
    """The process dies between two records, and comes again."""


@dataclass(frozen=True, slots=True)
class Away:
    """A step's process is away, or back again."""

    step: str
    back: bool


@dataclass(frozen=True, slots=True)
class Expect:
    """How things should stand by now; every key was found fit when the file was read."""

    table: Table
    spot: Spot


Action: TypeAlias = Send | Wait | Decide | Cancel | Kill | Away | Expect


@dataclass(frozen=True, slots=True)
class Case:
    """One story: what is stubbed and what happens, expectations among it."""

    name: str
    spot: Spot
    stubs: Mapping[str, tuple[Turn, ...]]
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """A whole file."""

    place: Callable[[Spot], Place]
    stub_all: bool
    cases: tuple[Case, ...] = field(default=())
