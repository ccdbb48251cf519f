"""The pipeline's workers: A reads a message, a simpler one acts for it, B gives a second opinion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock import Context, Reason, Reject
from triage.contracts import MessageReceived, SecondOpinion, Understanding
from triage.personal import mask

if TYPE_CHECKING:
    from triage.bench import Bench
    from triage.study import Reading


class Understand:
    """Worker A: masks personal data, then reads the intent of what is left."""

    version = "1"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._reading = _bench(settings).first

    def __call__(self, message: MessageReceived, _ctx: Context) -> Understanding:
        """Read one message."""
        return understand(self._reading, message)


class UnderstandSimply:
    """Acts for worker A with a simpler model; what leaves it is masked as well."""

    version = "1"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._reading = _bench(settings).simple

    def __call__(self, message: MessageReceived, _ctx: Context) -> Understanding:
        """Read one message."""
        return understand(self._reading, message)


class OfferSecondOpinion:
    """Worker B: reads the masked text for itself, then says what it is worth if it came to the same as A."""

    version = "1"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        learned = _bench(settings)
        self._reading = learned.second
        self._pairs = learned.pairs()

    def __call__(self, first: Understanding, _ctx: Context) -> SecondOpinion | Reject:
        """Read one masked text; A's answer has no part in B's."""
        pair = self._pairs.get(first.model)
        if pair is None:
            known = " or ".join(self._pairs)
            return Reject((Reason("unknown_model", "its answers were never measured", "/model", known, first.model),))
        read = self._reading.read(first.text)
        confidence, assurance = read.confidence, 0.0
        if read.intent is not None and read.intent == first.intent:
            confidence, assurance = pair.of(first.confidence, read.confidence)
        return SecondOpinion(
            message_id=first.message_id,
            intent=read.intent,
            confidence=confidence,
            assurance=assurance,
            model=self._reading.name,
        )


def understand(reading: Reading, message: MessageReceived) -> Understanding:
    """Mask a message and read it."""
    text = mask(message.text)
    read = reading.read(text)
    return Understanding(
        message_id=message.message_id,
        customer_id=message.customer_id,
        text=text,
        intent=read.intent,
        confidence=read.confidence,
        margin=read.margin,
        similarity=read.similarity,
        assurance=read.assurance,
        model=reading.name,
    )


def _bench(settings: Mapping[str, Any]) -> Bench:
    from triage.bench import bench  # noqa: PLC0415 - only a process that hosts a model pays for its libraries

    return bench(settings)
