"""Reads a collection of messages: labelled rows, texts out of scope, the stream, and, for scoring only, the truth."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from penstock.errors import Mistake, Place

SAMPLE = Path(__file__).parent / "sample"
_FEWEST = 5  # labelled rows an intent needs at least, so that cross-validation sees it on both sides
_EVENT = ("message_id", "customer_id", "channel", "received_at", "text")


@dataclass(frozen=True, slots=True)
class Collection:
    """What models may learn from: labelled texts, their intents side by side, and texts that have no intent."""

    texts: tuple[str, ...]
    intents: tuple[str, ...]
    outside: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Every intent once, sorted."""
        return tuple(sorted(set(self.intents)))


def collection(folder: Path) -> Collection:
    """Read `train.csv` (text, category) and the texts out of scope, which may lie beside the folder."""
    rows = list(_labelled(folder / "train.csv"))
    counts = {intent: 0 for _, intent in rows}
    for _, intent in rows:
        counts[intent] += 1
    rare = [intent for intent, count in counts.items() if count < _FEWEST]
    if rare or len(counts) < 2:  # noqa: PLR2004 - one intent alone leaves nothing to decide
        _wrong(
            folder / "train.csv",
            f"too few labelled rows: {', '.join(rare) or 'a single intent'}",
            f"a model needs at least 2 intents and {_FEWEST} rows of each",
            "add rows, or remove the intent",
        )
    return Collection(tuple(text for text, _ in rows), tuple(intent for _, intent in rows), tuple(_outside(folder)))


def stream(folder: Path) -> Iterator[dict[str, Any]]:
    """The events of `stream.jsonl` in their order, redeliveries included."""
    for place, event in _lines(folder / "stream.jsonl"):
        missing = [name for name in _EVENT if name not in event]
        if missing:
            _wrong(
                place, f"an event without {', '.join(missing)}", "every event has the same five fields", "complete it"
            )
        yield {name: event[name] for name in _EVENT}


def truth(folder: Path) -> dict[str, str | None]:
    """The right intent of every message, None where there is none. For scoring after the run and nothing else."""
    return {line["message_id"]: line["intent"] for _, line in _lines(folder / "truth.jsonl")}


def _labelled(path: Path) -> Iterator[tuple[str, str]]:
    with _opened(path).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if not {"text", "category"} <= set(reader.fieldnames or ()):
            found = ", ".join(reader.fieldnames or ()) or "nothing"
            _wrong(Place(str(path), 1, 1), "the columns text and category are missing", f"found: {found}", "rename")
        for row in reader:
            if not (row["text"] and row["category"]):
                _wrong(Place(str(path), reader.line_num, 1), "a row without text or category", "", "complete it")
            yield row["text"], row["category"]


def _outside(folder: Path) -> Iterator[str]:
    beside = folder.resolve().parent / "clinc_oos" / "oos_dev.jsonl"
    for path in (folder / "oos.jsonl", beside):
        if path.is_file():
            yield from (line["text"] for _, line in _lines(path))
            return
    _wrong(
        folder / "oos.jsonl",
        "there are no texts out of scope",
        "without them nothing learns what is no business of the bank",
        f"put one JSON object with `text` a line there, or into {beside}",
    )


def _lines(path: Path) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    with _opened(path).open("rb") as file:
        for number, raw in enumerate(file, start=1):
            place = Place(str(path), number, 1)
            try:
                line = json.loads(raw)
            except ValueError as error:
                _wrong(place, "a line is not JSON", str(error), "write one JSON object a line")
            if not isinstance(line, dict):
                _wrong(
                    place, "a line is not a JSON object", f"it is a {type(line).__name__}", "write one object a line"
                )
            yield place, line


def _opened(path: Path) -> Path:
    if not path.is_file():
        names = "train.csv, stream.jsonl, truth.jsonl"
        _wrong(path, f"there is no {path.name}", f"a data folder holds {names}", "give the folder that holds them")
    return path


def _wrong(where: Path | Place, what: str, why: str, fix: str) -> NoReturn:
    place = where if isinstance(where, Place) else Place(str(where))
    raise Mistake("T001", what, why=why, fix=fix, place=place)
