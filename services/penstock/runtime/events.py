"""Run events to bytes, as fastavro would write them at three times the price; one is written for every task."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import NotRequired, get_args, get_origin, get_type_hints

from penstock.contracts.records import RUN_EVENT, EventKind, RunEvent
from penstock.runtime.codec import Codec

_double = Struct("<d").pack
_END = b"\x00"  # of an array
_NOTHING = b"\x00" * 6  # no `dead`, no `ruling`, no votes; not due, never tried, nothing requested


def writer(codec: Codec) -> Callable[[RunEvent], bytes]:
    """Encodes run events; those that carry a death, a ruling or what few have to tell by the codec itself."""
    head, complete = codec.head(RUN_EVENT), codec.encoder(RUN_EVENT)
    kinds = {kind: head + _number(place) for place, kind in enumerate(get_args(EventKind))}
    plain = sum(get_origin(hint) is not NotRequired for hint in get_type_hints(RunEvent, include_extras=True).values())

    def write(event: RunEvent) -> bytes:
        if event["dead"] is not None or event["ruling"] is not None or len(event) > plain:
            return complete(event)
        parts = [
            kinds[event["kind"]], _text(event["run"]), _text(event["event"]), _word(event["step"]),
            _text(event["task"]), _text(event["item"]), _number(event["round"]), _number(event["attempt"]),
            _number(event["at"]), _number(event["deadline"]), _word(event["plan"]), _text(event["input"]),
        ]  # fmt: skip
        if ended := event["ended"]:
            parts.append(_number(len(ended)))
            parts += map(_text, ended)
        parts.append(_END)
        if spawned := event["spawned"]:
            parts.append(_number(len(spawned)))
            for task in spawned:
                parts += (_text(task["task"]), _word(task["step"]), _text(task["item"]))
        parts += (
            _END, _double(event["cost_usd"]), _word(event["outcome"]), _text(event["sha256"]), _word(event["version"]),
            _NOTHING,
        )  # fmt: skip
        return b"".join(parts)

    return write


@lru_cache(4_096)
def _number(value: int) -> bytes:
    """An Avro int or long: zigzag, then seven bits a byte. Times repeat within a batch, lengths always."""
    rest = value << 1 ^ value >> 63
    out = bytearray()
    while rest > 127:  # noqa: PLR2004 - seven bits a byte
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _text(value: str) -> bytes:
    data = value.encode()
    return _number(len(data)) + data


_word = lru_cache(1_024)(_text)  # what is the same in many events
