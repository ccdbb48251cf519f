"""`penstock test`: a topology's cases, on the broker in memory and a clock that is moved by hand."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

import click

from penstock.cli import render
from penstock.cli.flags import Flags, read_settings
from penstock.errors import Misuse, Place
from penstock.testing import cases
from penstock.testing.compare import Difference
from penstock.testing.play import Result, play
from penstock.testing.production import Production
from penstock.testing.script import Case, Script
from penstock.topology.report import nearest


@click.command(short_help="Try a topology file against its cases.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-k", "names", metavar="NAME", multiple=True, help="Only cases with NAME in their name; may be repeated.")
@click.option(
    "--set", "settings", metavar="[STEP:]KEY=VALUE", multiple=True, help="A setting for real handlers; may be repeated."
)
@click.option(
    "--artifacts",
    metavar="FOLDER|URL",
    default="memory:///",
    show_default=True,
    help="Where real handlers find large things, and leave them.",
)
@click.pass_obj
def test(flags: Flags, file: Path, names: tuple[str, ...], settings: tuple[str, ...], artifacts: str) -> None:
    """Play the cases in x.test.yaml beside FILE, which is x.yaml; exit code 1 when one fails.

    Nothing is sent anywhere: the broker is in memory, effects are kept, time passes only where a case says so. What no
    stub stands for runs for real.
    """
    began = time.perf_counter()
    production = Production.of(_topology(file), read_settings(settings), artifacts)
    path = cases.beside(_topology(file))
    script = cases.read(path, production)
    chosen = _chosen(script, names, path)
    results = []
    for result in _uninterrupted(play(script, production, chosen)):
        results.append(result)
        if not flags.json:
            render.tell("\n".join(_lines(result, script)))
    seconds = time.perf_counter() - began
    click.echo(
        json.dumps(document(results, script, path), ensure_ascii=False) if flags.json else _sum(results, seconds)
    )
    if not all(result.passed for result in results):
        raise click.exceptions.Exit(1)


def _topology(file: Path) -> Path:
    """The topology, also where its file of cases was named."""
    return file.with_name(file.name.removesuffix(cases.SUFFIX) + ".yaml") if file.name.endswith(cases.SUFFIX) else file


def _chosen(script: Script, names: Sequence[str], path: Path) -> list[Case]:
    for name in names:
        if not any(name.lower() in case.name.lower() for case in script.cases):
            fix = nearest(name, [case.name for case in script.cases], "`penstock test` without -k names them all")
            raise Misuse("E164", f"no case has “{name}” in its name", fix=fix, place=Place(str(path)))
    return [case for case in script.cases if not names or any(name.lower() in case.name.lower() for name in names)]


def _uninterrupted(results: Iterator[Result]) -> Iterator[Result]:
    """Results until Ctrl-C: noted, since a handler at work takes what is raised in it for a failure of its own."""
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        for result in results:
            if pressed:
                raise KeyboardInterrupt
            yield result
    finally:
        signal.signal(signal.SIGINT, before)


def _lines(result: Result, script: Script) -> Iterator[str]:
    if result.passed:
        yield f"{click.style('✓', fg='green')} {result.case.name}"
        return
    yield f"{click.style('✗', fg='red')} {click.style(result.case.name, bold=True)}"
    for found in result.differences:
        yield f"  {found.path or 'the pipeline'}  {click.style(str(script.place(found.spot)), fg='blue')}"
        yield f"    expected  {click.style(render.shown(found.expected), fg='green')}"
        yield f"    actual    {click.style(render.shown(found.actual), fg='red')}"
    for line in result.story:
        yield f"  what ran  {render.shown(line)}"


def _sum(results: Sequence[Result], seconds: float) -> str:
    failed = sum(not result.passed for result in results)
    count = f"{len(results)} case{'s' * (len(results) != 1)}"
    return f"{f'{failed} of {count} failed' if failed else f'{count} passed'} in {seconds:.2f} s"


def document(results: Sequence[Result], script: Script, path: Path) -> dict[str, object]:
    """All results as one JSON document."""
    return {
        "kind": "TestReport",
        "version": 1,
        "file": str(path),
        "passed": sum(result.passed for result in results),
        "failed": sum(not result.passed for result in results),
        "cases": [
            {
                "name": result.case.name,
                "passed": result.passed,
                "where": _where(script.place(result.case.spot)),
                "differences": [_difference(found, script) for found in result.differences],
                "ran": list(result.story),
            }
            for result in results
        ],
    }


def _difference(found: Difference, script: Script) -> dict[str, object]:
    return {
        "path": found.path,
        "expected": found.expected,
        "actual": found.actual,
        "where": _where(script.place(found.spot)),
    }


def _where(place: Place) -> dict[str, object]:
    return {"file": place.file, "line": place.line, "column": place.column}
