"""One pipeline's desk, as the commands of `penstock review` need it: its plan, its reviews and their values."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock.assembly.plans import compile_file, contracts_beside
from penstock.cli import cluster
from penstock.contracts.records import Claim, Review
from penstock.contracts.schemas import Schemas
from penstock.contracts.topics import Topics
from penstock.escalation.desk import find, holder
from penstock.escalation.forms import shown
from penstock.escalation.inbox import Inbox
from penstock.runtime.codec import Codec
from penstock.runtime.kafka import KafkaCluster
from penstock.topology.plan import Plan


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a person sits."""

    plan: Plan
    kafka: KafkaCluster
    contracts: Schemas
    codec: Codec
    inbox: Inbox

    def review(self, identifier: str) -> Review:
        """The newest record of a review; Mistake E310 when there is none."""
        return find(self.inbox.reviews(), identifier)

    def holders(self) -> dict[str, Claim]:
        """Who holds which review now."""
        held = {name: holder(entries, now()) for name, entries in self.inbox.entries().items()}
        return {name: claim for name, claim in held.items() if claim is not None}

    def value(self, payload: bytes | None) -> Any:  # noqa: ANN401 - any payload
        """A payload as plain JSON; None where there is none."""
        return shown(self.codec.decode(payload)[1]) if payload else None

    def row(self, review: Review, payload: bytes | None, held: Claim | None) -> dict[str, Any]:
        """A review with all that a program needs, times in ISO 8601."""
        return {
            **review,
            "value": self.value(payload if payload is not None else review["value"]),
            "votes": [dict(vote) for vote in review["votes"]],
            "opened": moment(review["opened"]),
            "expires": moment(review["expires"]),
            "held_by": held["by"] if held else "",
            "held_until": moment(held["until"]) if held else "",
        }


def desk(file: Path, connection: Mapping[str, str]) -> Desk:
    """The desk of a topology file; Unreached E301 or Mistake E306 where it cannot be reached or was never applied."""
    plan, contracts = compile_file(file), contracts_beside(file)
    topics, codec = Topics(plan.pipeline), Codec(contracts)
    cluster.prepared(connection, topics.reviews, topics.decisions, topics.runs)
    kafka = KafkaCluster(connection)
    return Desk(plan, kafka, contracts, codec, Inbox(plan.pipeline, kafka, codec, time.time))


def now() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


def moment(ms: int) -> str:
    """A time in ISO 8601, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def printed(value: Any) -> str:  # noqa: ANN401 - any payload as JSON
    """JSON for a person."""
    return json.dumps(value, indent=2, ensure_ascii=False)
