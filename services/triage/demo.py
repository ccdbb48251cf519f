"""`python -m triage.demo`: a bank's inbox through a real Kafka, and a table of what came of it."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import click
from rich.console import Console

from demos.follow import Follower
from demos.stage import Play, Stage, stage
from penstock.cli import end, progress
from penstock.cli.flags import Flags
from penstock.contracts.topics import INGRESS
from triage.data import SAMPLE, stream, truth
from triage.policy import TOPOLOGY, Alone
from triage.score import Outcome, Score, score, table

EFFECTS = ("acknowledge", "assign")
_SHOWN = 5
_PASSED = ("check-understanding", "passed")


class Effects(TypedDict):
    """What the sinks hold: `duplicates` are effects that a message has twice."""

    sent: int
    duplicates: int


class Result(Score):
    """Everything that `--json` prints."""

    effects: Effects
    events: int
    redeliveries: int
    seconds: float


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path), default=SAMPLE, help="Folder of the data; by default the sample."
)
@click.option("--embeddings", is_flag=True, help="Let worker A read sentence embeddings.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def demo(*, data: Path, embeddings: bool, as_json: bool, debug: bool) -> None:
    """Send the stream in DATA through the triage pipeline on a Kafka of its own, and score what came of it."""
    del debug
    settings = {"data": str(data.resolve()), **({"embeddings": "1"} if embeddings else {})}
    known = truth(data)  # before anything starts, so that a wrong folder is said at once; used for the score alone
    began = time.monotonic()
    with stage(Play(TOPOLOGY, EFFECTS, settings), progress.watcher(), _say) as on:
        follower = Follower(on, len(known), _say)
        lines = (json.dumps(event) for event in follower.held(stream(data)))
        sent = on.send(lines, str(data / "stream.jsonl"))
        _say(f"{sent:,} events sent; {len(known):,} of them are distinct")
        states = follower.states()
        outcomes = _outcomes(on, states)
        result: Result = {
            **score(outcomes, known),
            "effects": _effects(on),
            "events": sent,
            "redeliveries": _redeliveries(on),
            "seconds": round(time.monotonic() - began, 1),
        }
        waiting = _waiting(on)
    if as_json:
        click.echo(json.dumps(result))
    else:
        _show(result, waiting)


def _outcomes(on: Stage, states: dict[str, str]) -> Iterator[Outcome]:
    """One outcome for each event: its status, what was decided, and what worker A alone would have decided."""
    decided = {value["message_id"]: value["intent"] for _, value in on.values(on.topics.output("decisions"))}
    passed = {event["event"] for _, event in on.values(on.topics.runs) if (event["step"], event["outcome"]) == _PASSED}
    alone = Alone()
    first = {
        value["message_id"]: alone.intent(value)
        for _, value in on.values(on.topics.step("check-understanding"))
        if value.get("message_id") in passed
    }
    for event, state in states.items():
        yield Outcome(event, state, decided.get(event), first.get(event))


def _effects(on: Stage) -> Effects:
    lines = [(name, line["effect"]["message_id"]) for name in EFFECTS for line in on.effects(name)]
    return {"sent": len(lines), "duplicates": len(lines) - len(set(lines))}


def _redeliveries(on: Stage) -> int:
    return sum(event["kind"] == "duplicate" and event["step"] == INGRESS for _, event in on.values(on.topics.runs))


def _waiting(on: Stage) -> Counter[str]:
    """Why people are asked, by the first reason of each open review."""
    reviews = {review["review"]: review for _, review in on.values(on.topics.reviews)}
    return Counter(r["reasons"][0]["code"] for r in reviews.values() if r["state"] == "open" and r["reasons"])


def _show(result: Result, waiting: Counter[str]) -> None:
    console = Console(width=80)
    console.print(table(result))
    reasons = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in waiting.most_common(_SHOWN))
    effects = result["effects"]
    if reasons:
        console.print(f"Waiting for a person because: {reasons}.", highlight=False)
    console.print(
        f"{result['events']:,} events came in, {result['redeliveries']:,} of them again: recognised at the door. "
        f"{effects['sent']:,} effects were sent, {effects['duplicates']:,} twice. {result['seconds']:.0f} s in all.",
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
