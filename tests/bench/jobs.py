"""The work that the product and the raw loops both do: a ten-field Avro record of about 240 bytes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from random import Random
from typing import Any

import fastavro

Job = dict[str, Any]

SCHEMA = fastavro.parse_schema(json.loads((Path(__file__).parent / "schemas/avro/bench/Job.avsc").read_bytes()))
MEAN_WAIT = 0.1  # s
_TEXT = (
    "The customer writes that card payments fail abroad since Monday, asks for the limits that apply to them, "
    "and wants to be told by message or by phone when it works again."
)


def job(seq: int, wait: float = 0.0) -> Job:
    """The record with this number."""
    return {
        "id": f"job-{seq:09d}",
        "seq": seq,
        "ts": 1_700_000_000_000 + seq,
        "tenant": f"tenant-{seq % 100:03d}",
        "model": f"small-v{seq % 7}",
        "text": _TEXT,
        "amount": seq * 0.25,
        "score": wait,
        "status": "new",
        "final": False,
    }


def waits(count: int, seed: int) -> list[float]:
    """How many seconds each of `count` slow calls takes: exponential, the same for the same seed."""
    random = Random(seed)  # noqa: S311 - a seed is wanted
    return [random.expovariate(1 / MEAN_WAIT) for _ in range(count)]


def decode(data: bytes) -> Job:
    """The codec of the raw loops."""
    return fastavro.schemaless_reader(io.BytesIO(data), SCHEMA, None)  # type: ignore[return-value]  # it is a record


def encode(value: Job) -> bytes:
    """The same, back."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, SCHEMA, value)
    return out.getvalue()
