"""The pipeline's messages as models, field for field the contracts in schemas/avro/triage."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """What all of them share: frozen, and no field that the contract does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MessageReceived(Message):
    """A customer's message as it came in, personal data and all."""

    message_id: str
    customer_id: str
    channel: str
    received_at: datetime
    text: str


class Understanding(Message):
    """What worker A made of a message; the text is masked.

    `intent` is None where the message is no business of the bank. `confidence` is the probability of being right.
    `assurance` is the share that was right, in cross-validation, among all messages at least this clear to A alone.
    """

    message_id: str
    customer_id: str
    text: str
    intent: str | None
    confidence: float
    margin: float
    similarity: float
    assurance: float
    model: str


class SecondOpinion(Message):
    """What worker B made of the same text.

    `assurance` is the share that was right, in cross-validation, among all messages on which both agreed and which
    were at least this clear to the two together; 0 where they differ.
    """

    message_id: str
    intent: str | None
    confidence: float
    assurance: float
    model: str


class Decision(Message):
    """What the votes came to: the intent, the queue it goes to, how many agreed and how sure that is."""

    message_id: str
    customer_id: str
    intent: str | None
    queue: str
    agreement: int
    confidence: float
    assurance: float
