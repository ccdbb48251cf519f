"""Dead letters: the record as it was, key, bytes and headers, and why nobody could process it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from penstock.contracts.answers import Reason
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import ONE, Effort, dead_part, of_run
from penstock.contracts.identity import digest
from penstock.contracts.records import RunEvent, reason_records
from penstock.errors import Poison
from penstock.runtime.codec import Codec
from penstock.runtime.handlers import payload_of
from penstock.runtime.ports import Headers, Output, Record
from penstock.runtime.service import Done

HEADER = "penstock-dead"
_MOST_INLINE = 900_000  # bytes of key, value and headers; more would not fit under the broker's own limit
_MOST_SUGGESTED = 100_000  # bytes; a suggestion travels in an event, beside its reasons
_OWN = 10  # headers that we add


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Writes the dead letters of one step to `topic`."""

    pipeline: str
    step: str
    topic: str
    digest: str
    version: str = ""

    def bury(self, record: Record, around: Envelope | None, poison: Poison, now: int, *, origin: str = "") -> Done:
        """What cannot be processed at all: undecodable, of the wrong contract, too large."""
        return self.dead(record, around, (Reason(poison.code, str(poison), poison.path),), now, origin=origin,
                         failed=True)  # fmt: skip

    def dead(  # noqa: PLR0913 - what a dead letter has to say
        self,
        record: Record,
        around: Envelope | None,
        reasons: tuple[Reason, ...],
        now: int,
        *,
        effort: Effort = ONE,
        origin: str = "",
        judged: bool = False,
        outcome: str = "",
        value: bytes | None = None,
        suggestion: bytes | None = None,
        ended: list[str] | None = None,
        failed: bool | None = False,
    ) -> Done:
        """A task that failed for good; `failed` as in `Done`: a verdict is no failure of the step.

        `origin` is where a fallback finds its input, if not in this very record. `value` replaces the record's own
        where several records were judged together.
        """
        payload = record.value if value is None else value
        headers = self._headers(record, around, reasons, effort.attempts)
        letter = _fitting(Output(self.topic, record.partition, record.key, payload, headers))
        if around is None:
            part = dead_part(reasons)
            event = of_run("refused", "", "", now, step=self.step, address=str(record.address), dead=part)
            return Done((), event, letter, failed)
        event = self._event(record, around, now, effort)
        event["ended"] = ended or []
        event["outcome"] = outcome
        event["sha256"] = digest(payload) if payload and (judged or value is not None) else ""
        event["dead"] = dead_part(reasons, origin=origin or str(record.address), judged=judged, suggestion=suggestion)
        return Done((), event, letter, failed)

    def _event(self, record: Record, around: Envelope, now: int, effort: Effort) -> RunEvent:
        event = of_run("task_dead", around.run, around.event, now, step=self.step, deadline=around.deadline)
        event["plan"] = around.digest
        event["task"], event["item"], event["round"] = around.task, around.item, around.round
        event["attempt"], event["cost_usd"] = effort.attempts, effort.cost_usd
        event["input"], event["version"] = str(record.address), self.version
        return event

    def _headers(self, record: Record, around: Envelope | None, reasons: tuple[Reason, ...], attempts: int) -> Headers:
        """The original ones, ours, and the family that Kafka Connect's users' tools read."""
        first = reason_records(reasons or (Reason("unknown"),))[0]
        why = {
            "version": 1,
            "pipeline": self.pipeline,
            "step": self.step,
            "run": around.run if around else None,
            "attempt": attempts,
            "worker_version": self.version,
            "origin": {"topic": record.topic, "partition": record.partition, "offset": record.offset,
                       "timestamp": record.timestamp},
            "reasons": reason_records(reasons),
        }  # fmt: skip
        connect = {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "connector.name": self.pipeline,
            "task.id": self.step,
            "stage": "TASK_PUT",
            "class.name": f"penstock.{self.step}",
            "exception.class.name": first["code"],
            "exception.message": first["message"],
        }
        return [
            *record.headers,
            (HEADER, json.dumps(why, ensure_ascii=False).encode()),
            *((f"__connect.errors.{name}", str(text).encode()) for name, text in connect.items()),
        ]


def suggested(codec: Codec, contract: str, value: Any) -> tuple[bytes | None, tuple[Reason, ...]]:  # noqa: ANN401 - a handler's
    """A handler's suggestion, encoded; None and a warning when it is not one that could be approved."""
    if value is None:
        return None, ()
    try:
        _, data = payload_of(codec, contract, value)
    except Poison as poison:
        return None, (Reason("no_suggestion", str(poison), severity="warning"),)
    if len(data) > _MOST_SUGGESTED:
        said = f"{len(data)} bytes are too many to suggest, at most {_MOST_SUGGESTED} travel in an event"
        return None, (Reason("no_suggestion", said, severity="warning"),)
    return data, ()


def _fitting(letter: Output) -> Output:
    """The letter, by reference where the record is too large to be written once more beside its reasons."""
    if _size(letter) <= _MOST_INLINE:
        return letter
    by_reference = ("penstock-dead-sha256", digest(letter.value or b"").encode())
    small = letter._replace(value=None, headers=[*(letter.headers or []), by_reference])
    if _size(small) <= _MOST_INLINE:
        return small
    return small._replace(key=None, headers=(small.headers or [])[-_OWN - 1 :])


def _size(output: Output) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in output.headers or ())
    return len(output.key or b"") + len(output.value or b"") + headers
