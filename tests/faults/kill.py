"""The kill test: each step a process, at least twenty SIGKILLs, two broker restarts, a zombie, and then the checker.

`python tests/faults/kill.py --events 3000 --kills 24 --seed 7` runs it once and prints the scorecard.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults import drawing, evidence, history
from faults.campaign import Campaign
from faults.checker import check
from faults.crew import Crew, Member
from faults.scorecard import Scorecard, trace
from faults.traffic import Feeder, Flow, Watch, events
from penstock.provision.broker import Broker

EVENTS, KILLS = 3_000, 32
_PATIENCE = 150.0  # s after the last fault in which every run must be over


def run(directory: Path, seed: int, count: int = EVENTS, kills: int = KILLS) -> Scorecard:
    """One run; topology, logs, data and sink file stay in `directory`."""
    began, random = time.monotonic(), Random(seed)  # noqa: S311 - a seed is wanted
    bodies = events(count, random)
    with Broker(directory / "broker") as broker:
        crew = Crew(broker.bootstrap, directory / "project")
        feeder, watch = Feeder(broker.bootstrap, bodies, random), Watch(broker.bootstrap)
        flow = Flow(broker.bootstrap, tuple(f"kill.{topic}" for topic in drawing.SHAPE.groups.values()))
        campaign = Campaign(crew, broker, feeder, watch, flow, Random(seed + 1), kills)  # noqa: S311 - the same
        try:
            crew.apply()
            for step in ("supervisor", *reversed(drawing.SHAPE.steps), "ingress"):
                crew.start(Member(step, 0))
            crew.wait_ready(60)
            watch.start()
            flow.start()
            _strike(campaign)
            if not watch.wait(count, _PATIENCE):
                print(f"{len(watch.over)} of {count} runs are over after {_PATIENCE:.0f} s\n{crew.report()}")  # noqa: T201 - a report
        finally:
            watch.stop()
            flow.stop()
            ends = crew.end()
        seen = history.read(broker.bootstrap, "kill", list(drawing.SHAPE.groups), crew.sink)
        verdict = check(seen, bodies, drawing.SHAPE, drawing.expected)
        traced = trace(campaign.strikes, seen, evidence.read(broker.bootstrap))
        spent = time.monotonic() - began
        return Scorecard(seed, count, feeder.repeats, traced, tuple(crew.exits), tuple(ends), verdict, spent)


def _strike(campaign: Campaign) -> None:
    """What hangs is reported, and what it left is checked all the same."""
    try:
        campaign.run()
    except TimeoutError as error:
        print(f"the faults came to an early end: {error}")  # noqa: T201 - a report
    campaign.feeder.finish(_PATIENCE)


def main() -> int:
    """Run it once; 0 when nothing was found and the run is not void."""
    flags = argparse.ArgumentParser(description="Kill every step of a pipeline at random, and check what is left.")
    flags.add_argument("--events", type=int, default=EVENTS)
    flags.add_argument("--kills", type=int, default=KILLS)
    flags.add_argument("--seed", type=int, default=int(time.time()))
    chosen = flags.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="kill-"))
    print(f"seed {chosen.seed}, logs in {directory / 'project' / 'logs'}", flush=True)  # noqa: T201 - a command's output
    card = run(directory, chosen.seed, chosen.events, chosen.kills)
    print(card)  # noqa: T201 - the same
    return 1 if card.verdict.findings or card.void() or card.odd_ends() else 0


if __name__ == "__main__":
    sys.exit(main())
