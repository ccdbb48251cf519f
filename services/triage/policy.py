"""The pipeline's policy in plain Python, read from its topology: what becomes of a message when nothing goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isclass
from pathlib import Path
from typing import Any

from penstock import Conflict, Context, Merged, Reason, Reject, Vote
from penstock.assembly.plans import compile_file, resolve
from penstock.contracts.rules import Rule
from penstock.topology.plan import Check, Validator
from triage.contracts import Decision, MessageReceived, Understanding
from triage.merge import decide
from triage.workers import OfferSecondOpinion, Understand, UnderstandSimply

TOPOLOGY = Path(__file__).resolve().parents[2] / "topology" / "triage.yaml"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of one message: its intent and no reasons where it is automated, else why a person is asked.

    `alone` is the intent that the same policy settles on without the vote, on worker A's word and assurance only.
    """

    intent: str | None
    reasons: tuple[str, ...]
    alone: str | None


class Policy:
    """Worker A or its stand-in, the gate, worker B, the vote and the last gate, one after the other."""

    def __init__(self, settings: Mapping[str, Any], *, simply: bool = False, topology: Path = TOPOLOGY) -> None:
        plan = compile_file(topology)
        self.first = UnderstandSimply(settings) if simply else Understand(settings)
        self._gate = Gate(plan.steps["check-understanding"], Understanding, settings)
        self._second = OfferSecondOpinion(settings)
        self._last = Gate(plan.steps["check-decision"], Decision, settings)
        self._alone = Alone(topology)

    def judge(self, message: MessageReceived, ctx: Context) -> Judgement:
        """What becomes of one message."""
        understanding = self.first(message, ctx)
        refused = self._gate.refuses(understanding.model_dump(), ctx)
        if refused:
            return Judgement(None, refused, None)
        alone = self._alone.intent(understanding.model_dump())
        opinion = self._second(understanding, ctx)
        if isinstance(opinion, Reject):
            return Judgement(None, tuple(reason.code for reason in opinion.reasons), alone)
        votes = (Vote("check-understanding", understanding.model_dump()), Vote("second-opinion", opinion.model_dump()))
        if understanding.intent != opinion.intent:
            return Judgement(None, ("split_vote",), alone)
        refused = self._last.refuses(merged(votes), ctx)
        return Judgement(None if refused else understanding.intent, refused, alone)


class Alone:
    """What the same policy settles on without the second opinion: the last gate, asked about worker A's word alone."""

    def __init__(self, topology: Path = TOPOLOGY) -> None:
        self._last = Gate(compile_file(topology).steps["check-decision"], Decision, {})

    def intent(self, understanding: dict[str, Any]) -> str | None:
        """The intent it would pass; None where a person would be asked."""
        vote = Vote("check-understanding", understanding)  # as if a second voice had repeated the first
        refused = self._last.refuses(merged((vote, vote)), Context())
        intent: str | None = understanding["intent"]
        return None if refused else intent


class Gate:
    """The checks of one validator, its rules and its Python alike."""

    def __init__(self, step: object, model: type[Understanding | Decision], settings: Mapping[str, Any]) -> None:
        assert isinstance(step, Validator)  # noqa: S101 - the topology is ours
        self._model = model
        self._rules = [(check.code, Rule(check.rule)) for check in step.checks if check.rule is not None]
        self._calls = [_call(check, settings) for check in step.checks if check.run is not None]

    def refuses(self, value: dict[str, Any], ctx: Context) -> tuple[str, ...]:
        """The codes of everything that is wrong with a value."""
        found = [reason.code for call in self._calls for reason in call(self._model(**value), ctx)]
        return (*found, *(code for code, rule in self._rules if not rule.holds(value)))


def _call(check: Check, settings: Mapping[str, Any]) -> Callable[[Any, Context], Iterable[Reason]]:
    found: Any = resolve(check.run or "")
    takes_settings = isclass(found)
    asked: Callable[[Any, Context], Iterable[Reason]] = (
        found({**check.settings, **settings}) if takes_settings else found
    )
    return asked


def merged(votes: Sequence[Vote]) -> dict[str, Any]:
    """The decision's fields, where the votes agree."""
    made = decide(votes, Merged(votes[0].value))
    assert not isinstance(made, Conflict)  # noqa: S101 - a merge that agreed stays one
    value: dict[str, Any] = made.value
    return value
