"""Upstream events out of JSON: checked against the ingress contract, encoded, with their key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn

from penstock.errors import Mistake, Place, Poison
from penstock.ingress.admission import event_id
from penstock.runtime.codec import Codec
from penstock.topology.plan import Ingress

_SHOWN = 2_000  # characters of a line that a mistake shows a part of


class Entry(NamedTuple):
    """A record for the ingress topic."""

    key: bytes
    value: bytes
    event: str


def entries(lines: Iterable[str], ingress: Ingress, codec: Codec, source: str) -> Iterator[Entry]:
    """One record for each line of JSON, keyed by the event id; empty lines are passed over.

    Mistake E340 (no JSON), E341 (a field too many or too few) or E342 (no event id), each with the line.
    """
    known = set(codec.fields(ingress.contract))
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _entry(line, ingress, codec, known, Place(source, number, 1, line.rstrip("\r\n")[:_SHOWN]))


def _entry(line: str, ingress: Ingress, codec: Codec, known: set[str], place: Place) -> Entry:
    try:
        value = json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _no_json(error.msg, replace(place, column=error.colno)) from error
    except RecursionError as error:
        raise _no_json("it is nested too deeply", place) from error
    except ValueError as error:
        raise _no_json(str(error).partition(";")[0], place) from error
    if not isinstance(value, dict):
        raise Mistake("E340", "a line is not a JSON object", fix="write {…}, one a line", place=place)
    if unknown := sorted(set(value) - known):
        raise Mistake("E341", f"{ingress.contract} has no field “{unknown[0][:80]}”", place=place,
                      fix=f"its fields are: {', '.join(sorted(known))}")  # fmt: skip
    try:
        identifier = event_id(value, ingress.event_id)
        data = codec.encode(ingress.contract, value)
    except Poison as poison:
        code = "E342" if poison.code == "bad_event_id" else "E341"
        raise Mistake(code, f"a line does not fit {ingress.contract}", why=str(poison), fix="correct the line",
                      place=place) from poison  # fmt: skip
    return Entry(identifier.encode(), data, identifier)


def _no_json(why: str, place: Place) -> Mistake:
    return Mistake("E340", "a line is not JSON", why=why[:200], fix="write one JSON object a line", place=place)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")
