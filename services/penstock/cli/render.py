"""Shows a mistake to a person, or to a program."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import click

from penstock.errors import Mistake, Place

_WIDTH = 100


def error(mistake: Mistake, *, as_json: bool) -> None:
    """Print it with all that was found beside it: text on stderr, or one JSON document on stdout."""
    if as_json:
        click.echo(json.dumps(document(mistake), ensure_ascii=False))
        return
    tell(text(mistake), err=True)


def tell(words: str, *, err: bool = False) -> None:
    """Say something in colour, where it goes to a terminal whose owner wants it."""
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    click.echo(words, err=err, color=False if plain else None)


def document(mistake: Mistake) -> dict[str, object]:
    """The mistake as a JSON document."""
    return {"kind": "Error", "version": 1, **_fields(mistake), "others": [_fields(other) for other in mistake.others]}


def text(mistake: Mistake) -> str:
    """The mistake as a person reads it, with its place if it has one; those beside it follow after an empty line."""
    found = (mistake, *mistake.others)
    parts = ["\n".join(_lines(one)) for one in found]
    if len(found) > 1:
        parts.append(click.style(f"{len(found)} errors", bold=True))
    return "\n\n".join(parts)


def _fields(mistake: Mistake) -> dict[str, object]:
    return {
        "code": mistake.code,
        "what": mistake.what,
        "where": _where(mistake.place),
        "why": mistake.why,
        "fix": mistake.fix,
    }


def _where(place: Place | None) -> dict[str, object] | None:
    if place is None:
        return None
    return {"file": place.file} | ({"line": place.line, "column": place.column} if place.line else {})


def _lines(mistake: Mistake) -> Iterator[str]:
    yield click.style(f"error[{mistake.code}]", fg="red", bold=True) + click.style(
        f": {shown(mistake.what)}", bold=True
    )
    if mistake.place and mistake.place.line:
        yield from _snippet(mistake.place)
        yield from _field("  = why:  ", mistake.why)
        yield from _field("  = fix:  ", mistake.fix)
    else:
        yield from _field("  where: ", str(mistake.place or ""))
        yield from _field("  why:   ", mistake.why)
        yield from _field("  fix:   ", mistake.fix)


def _snippet(place: Place) -> Iterator[str]:
    """The line of the file with a mark under the place, in the form compilers have taught."""
    number = f"{place.line:>2}"
    margin = click.style(" " * len(number) + " |", fg="blue")
    yield f"{' ' * len(number)}{click.style('-->', fg='blue')} {shown(str(place))}"
    if not place.source:
        return
    start = max(0, place.column - _WIDTH // 2) if len(place.source) > _WIDTH else 0
    source = place.source.rstrip("\n")[start : start + _WIDTH]
    before = place.column - 1 - start
    marks = "^" * max(1, min(place.width, len(source) - before))
    yield margin
    yield f"{click.style(f'{number} |', fg='blue')} {shown(source)}"
    yield f"{margin} {' ' * before}{click.style(marks, fg='red', bold=True)}"
    yield margin


def _field(label: str, value: str) -> Iterator[str]:
    """A labelled value whose further lines stand under its first; nothing for an empty one."""
    for index, line in enumerate(value.splitlines()):
        yield f"{click.style(label, fg='blue') if index == 0 else ' ' * len(label)}{shown(line)}"


def shown(line: str) -> str:
    """The words of a file, without what could move the terminal's cursor."""
    return "".join(char if char.isprintable() else " " for char in line)
