"""`python -m advisories.demo`: security advisories through a real Kafka, and a table of what came of them."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from advisories.document import NotCsaf, parse
from advisories.past import SAMPLE
from advisories.score import Score, score, table, told
from demos.follow import Follower
from demos.stage import Play, Stage, stage
from penstock.cli import end, progress
from penstock.cli.flags import Flags
from penstock.errors import Mistake, Place

TOPOLOGY = Path(__file__).resolve().parents[2] / "topology" / "advisories.yaml"
_GATE = "check-prose"


class Result(Score):
    """Everything that `--json` prints; `bytes` are those of the documents, `filed` the effects, `seconds` in all."""

    bytes: int
    filed: int
    seconds: float
    under_way: float


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path), default=SAMPLE, help="Folder of CSAF documents; by default the sample."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def demo(*, data: Path, as_json: bool, debug: bool) -> None:
    """Send every advisory in DATA through the advisories pipeline on a Kafka of its own, by reference."""
    del debug
    events = list(_events(data))
    settings = {"data": str(data.resolve())}
    began = time.monotonic()
    with stage(Play(TOPOLOGY, ("file",), settings, str(data.resolve())), progress.watcher(), _say) as on:
        ready = time.monotonic()
        follower = Follower(on, len(events), _say)
        on.send((json.dumps(event) for event in follower.held(events)), str(data))
        _say(f"{len(events):,} advisories sent")
        states = follower.states()
        now = time.monotonic()
        assessed = (value for _, value in on.values(on.topics.step(_GATE)) if "assessments" in value)
        result: Result = {
            **score(states, assessed, _reviews(on)),
            "bytes": sum(event["document"]["size"] for event in events),
            "filed": len(on.effects("file")),
            "seconds": round(now - began, 1),
            "under_way": round(now - ready, 1),
        }
    if as_json:
        click.echo(json.dumps({**result, "contradictions": [one._asdict() for one in result["contradictions"]]}))
    else:
        _show(result)


def _events(folder: Path) -> Iterator[dict[str, Any]]:
    """One event a document: its id, and where it lies. Mistake T002 for a folder without documents, or a broken one."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise Mistake("T002", f"there is no document in {folder}", "every *.json in it is taken for one",
                      "give a folder of CSAF documents", Place(str(folder)))  # fmt: skip
    for path in paths:
        data = path.read_bytes()
        try:
            advisory = parse(data).advisory_id
        except NotCsaf as error:
            raise Mistake("T002", f"{path.name} is no CSAF document", str(error), "take it out of the folder",
                          Place(str(path))) from error  # fmt: skip
        ref = {"uri": path.name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data),
               "media_type": "application/json"}  # fmt: skip
        yield {"advisory_id": advisory, "document": ref}


def _reviews(on: Stage) -> list[dict[str, Any]]:
    """The reviews that are open."""
    last = {review["review"]: review for _, review in on.values(on.topics.reviews)}
    return [review for review in last.values() if review["state"] == "open"]


def _show(result: Result) -> None:
    console = Console(width=80)
    console.print(table(result))
    for one in result["contradictions"]:
        console.print(told(one), highlight=False)
    console.print(
        f"{result['bytes'] / 1e6:.1f} MB of documents went by reference. {result['filed']:,} advisories were filed. "
        f"{result['under_way']:.0f} s from the first event to the last end, {result['seconds']:.0f} s in all.",
        highlight=False,
    )


def _say(text: str) -> None:
    click.echo(text, err=True)


def main() -> int:
    """Run it; a mistake is told as `penstock` tells it."""
    flags = Flags(json="--json" in sys.argv, debug="--debug" in sys.argv)
    return end.of(lambda: demo.main(standalone_mode=False), flags)


if __name__ == "__main__":
    sys.exit(main())
