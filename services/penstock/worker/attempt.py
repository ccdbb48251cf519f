"""What a worker is asked to do with one message: its own input, or another's by address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from penstock.contracts.address import Address, parse
from penstock.contracts.answers import Reason
from penstock.contracts.context import Context
from penstock.contracts.envelope import Envelope
from penstock.contracts.records import COMMAND, Command, reason_of
from penstock.errors import Poison


@dataclass(frozen=True, slots=True)
class Work:
    """Run the handler on this value."""

    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fetch:
    """Run the handler on the record at this address, knowing why it is asked."""

    address: Address
    feedback: tuple[Reason, ...]


Order: TypeAlias = Work | Fetch


def order(contract: str, value: dict[str, Any]) -> Order:
    """Read a message: the worker's contract, or a command of the supervisor."""
    if contract != COMMAND:
        return Work(value)
    return commanded(value)


def commanded(value: dict[str, Any]) -> Fetch:
    """What a command says; Poison when it is not one for a worker."""
    command: Command = value  # type: ignore[assignment]  # decoded under that very contract
    if command["kind"] != "run":
        raise Poison("wrong_command", f"a worker cannot do {command['kind']!r}")
    try:
        address = parse(command["address"])
    except ValueError as error:
        raise Poison("wrong_command", str(error)) from error
    return Fetch(address, tuple(map(reason_of, command["reasons"])))


def context(pipeline: str, step: str, around: Envelope, budget_usd: float, feedback: tuple[Reason, ...]) -> Context:
    """The context of the next attempt: the first one, unless the task had to wait."""
    return Context(
        pipeline, step, around.run, around.event, around.item, around.attempt, around.deadline, feedback, budget_usd
    )
