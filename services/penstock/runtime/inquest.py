"""What a process died of: deaths are counted before anything is dispatched, and what kills is buried unseen."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.contracts.envelope import Envelope
from penstock.errors import Poison
from penstock.runtime.intake import Intake
from penstock.runtime.kit import Tell
from penstock.runtime.offsets import NOBODY
from penstock.runtime.ports import Record
from penstock.runtime.service import Done, Service, envelope_of

Place = tuple[Intake, int]


class Inquest:
    """One process's look at how the one before it ended; `tell` writes a line of the log."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._explained = False

    def count(self, intake: Intake, all_of_them: Sequence[Intake]) -> list[Place]:
        """Count a death on each fresh partition of an intake; answers where a commit has something to say.

        A death that has its culprit is nobody else's, and is taken back from partitions that came before that one.
        """
        fresh = intake.fresh()
        if not fresh:
            return []
        touched = [(intake, partition) for partition in fresh]
        if not self._explained and any(intake.trackers[partition].convict != NOBODY for partition in fresh):
            self._explained = True
            touched += self._take_back(all_of_them)
        for partition in fresh:
            tracker = intake.trackers[partition]
            tracker.deaths = max(tracker.deaths, 1) if self._explained else tracker.deaths + 1
            if tracker.suspects:
                self._tell("quarantine", step=intake.service.step, partition=partition, records=tracker.suspects)
        return touched

    def convict(self, service: Service, record: Record, now: int) -> tuple[Envelope | None, Done]:
        """Bury a record without a look at its value, which may be what kills."""
        try:
            around = envelope_of(record) if service.enveloped else None
        except Poison:
            around = None
        self._tell("killed the process", step=service.step, record=str(record.address))
        poison = Poison("killed_the_process", "the process ended while it worked on nothing but this record")
        return around, service.bury(record, around, poison, now)

    def _take_back(self, intakes: Sequence[Intake]) -> list[Place]:
        touched = []
        for intake in intakes:
            for partition in intake.trackers.keys() - intake.fresh():
                intake.trackers[partition].deaths = max(intake.trackers[partition].deaths - 1, 1)
                touched.append((intake, partition))
        return touched
