"""`python -m triage.offline`: the pipeline's policy over a stream without Kafka, and its score."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from penstock import Context
from penstock.errors import Mistake
from triage.contracts import MessageReceived
from triage.data import SAMPLE, stream, truth
from triage.policy import Policy
from triage.score import Outcome, score, table


@dataclass(frozen=True, slots=True)
class Timing:
    """How long it took: to learn, and for each message."""

    learning: float
    each_ms: float


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path), default=SAMPLE, help="Folder of the data; by default the sample."
)
@click.option("--embeddings", is_flag=True, help="Let worker A read sentence embeddings.")
@click.option("--simply", is_flag=True, help="As if worker A were dead: its fallback reads every message.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(*, data: Path, embeddings: bool, simply: bool, as_json: bool) -> None:
    """Run the policy over the stream in DATA and score it."""
    try:
        outcomes, timing = run(data, embeddings=embeddings, simply=simply)
        result = score(outcomes, truth(data))
    except Mistake as mistake:
        place = f"  {mistake.place}\n" if mistake.place else ""
        click.echo(f"{mistake.code} {mistake.what}\n{place}  {mistake.why}\n  fix: {mistake.fix}", err=True)
        sys.exit(mistake.exit_code)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if as_json:
        click.echo(json.dumps({**result, "learning_seconds": round(timing.learning, 1),
                               "milliseconds_each": round(timing.each_ms, 2), "megabytes": round(memory)}))  # fmt: skip
        return
    Console(width=80).print(table(result))
    click.echo(f"learned in {timing.learning:.1f} s, {timing.each_ms:.1f} ms a message, {memory:.0f} MB at most")


def run(data: Path, *, embeddings: bool = False, simply: bool = False) -> tuple[list[Outcome], Timing]:
    """Judge every distinct message of the stream, in order."""
    started = time.perf_counter()
    policy = Policy({"data": str(data), "embeddings": embeddings}, simply=simply)
    learned = time.perf_counter()
    outcomes = list(_judged(data, policy, "succeeded_by_fallback" if simply else "succeeded"))
    each = (time.perf_counter() - learned) / max(1, len(outcomes))
    return outcomes, Timing(learned - started, each * 1000)


def _judged(data: Path, policy: Policy, automated: str) -> Iterator[Outcome]:
    seen: set[str] = set()
    for event in stream(data):
        message = MessageReceived(**event)
        if message.message_id in seen:
            continue
        seen.add(message.message_id)
        judged = policy.judge(message, Context(key=message.message_id))
        yield Outcome(message.message_id, "waiting" if judged.reasons else automated, judged.intent, judged.alone)


if __name__ == "__main__":
    main()
