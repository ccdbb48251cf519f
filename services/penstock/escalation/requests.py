"""What a person asks of a run: finds where the run lies, and writes the request among its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from penstock.contracts.address import Address
from penstock.contracts.events import of_run
from penstock.contracts.records import RUN_EVENT, RunEvent, RunStatus
from penstock.contracts.topics import Topics
from penstock.errors import Abort, Conflict, Fenced, Mistake, Retriable, TimedOut, Unknown
from penstock.runtime.codec import Codec
from penstock.runtime.ports import Cluster, Log, Output, Record

_WHOLE = 36  # characters of a run's id
_TRIES = 3
_TOLD = 100_000  # records between two words about the progress

Progress = Callable[[int], None]
"""Hears how many events were read so far."""


class Found(NamedTuple):
    """A run: its id, its event, its partition, and what became of it; `state` is empty where nobody has told."""

    run: str
    event: str
    partition: int
    state: str = ""
    why: str = ""


class Requests:
    """Asks something of the runs of one pipeline."""

    def __init__(self, pipeline: str, cluster: Cluster, codec: Codec, clock: Callable[[], float]) -> None:
        self._topics = Topics(pipeline)
        self._cluster = cluster
        self._codec = codec
        self._clock = clock
        self._log: Log = cluster.log()

    def find(self, identifier: str, progress: Progress = lambda _: None) -> Found:
        """A run by its id or an unambiguous beginning of it; Mistake E370 where there is none, or are several.

        The statuses are asked first, which are few; a run of which nothing special was told stands in the events only.
        """
        found = self._told(identifier)
        if len(identifier) < _WHOLE or not found:
            found = {**self._begun(identifier, progress), **found}
        if len(found) != 1 or not identifier:
            what = f"{len(found)} runs begin with {identifier!r}" if found else f"there is no run {identifier!r}"
            raise Mistake(
                "E370", what, fix="a run's id stands in its status and its events, which are kept for 30 days"
            )
        return next(iter(found.values()))

    def cancel(self, found: Found, *, by: str, note: str) -> Address:
        """Ask for its end, and answer where the request lies. Conflict E371 where it has ended, or is ending so."""
        if found.state not in ("", "running", "retrying", "waiting", "ending"):
            raise Conflict("E371", f"run {found.run} has ended as {found.state}", why=found.why,
                           fix="nothing to do: what has ended stays as it is")  # fmt: skip
        if found.state == "ending" and found.why:
            raise Conflict("E371", f"run {found.run} is being cancelled already", why=found.why, fix="wait for its end")
        event = of_run("requested", found.run, found.event, int(self._clock() * 1000), step="desk", outcome="cancel")
        event["request"] = {"kind": "cancel", "by": by, "note": note}
        return self._write(Output(self._topics.runs, found.partition, found.run.encode(), self._encoded(event)))

    def close(self) -> None:
        """Give the reader up."""
        self._log.close()

    def _encoded(self, event: RunEvent) -> bytes:
        return self._codec.encode(RUN_EVENT, event)

    def _told(self, identifier: str) -> dict[str, Found]:
        """Runs of which a status was told: those that wait, wait again, or have ended."""
        found: dict[str, Found] = {}
        for partition in range(self._log.partitions(self._topics.status)):
            for record in self._log.read(self._topics.status, partition):
                if _is(record, identifier):
                    status: RunStatus = self._codec.decode(record.value)[1]  # type: ignore[assignment]  # the topic holds nothing else
                    why = next((r["message"] for r in status["reasons"] if r["code"] == "cancelled"), "")
                    found[status["run"]] = Found(status["run"], status["event"], partition, status["state"], why)
        return found

    def _begun(self, identifier: str, progress: Progress) -> dict[str, Found]:
        """Runs that began, by the events of all."""
        found: dict[str, Found] = {}
        count = 0
        for partition in range(self._log.partitions(self._topics.runs)):
            for record in self._log.read(self._topics.runs, partition):
                count += 1
                if count % _TOLD == 0:
                    progress(count)
                if _is(record, identifier):
                    self._take(record, found)
        return found

    def _take(self, record: Record, found: dict[str, Found]) -> None:
        event: RunEvent = self._codec.decode(record.value)[1]  # type: ignore[assignment]  # the topic holds nothing else
        run = event["run"]
        if event["kind"] == "run_started":
            found.setdefault(run, Found(run, event["event"], record.partition))
        elif event["kind"] == "run_ended" and run in found:
            found[run] = found[run]._replace(state=event["outcome"])

    def _write(self, output: Output) -> Address:
        error: Exception | None = None
        for _ in range(_TRIES):
            producer = self._cluster.producer(f"{self._topics.pipeline}.desk.{(output.key or b'').decode()}")
            try:
                producer.init()
                producer.begin()
                (address,) = producer.place([output])
                producer.commit()
            except (Abort, Retriable, Unknown, Fenced) as failure:
                error = failure
            else:
                return address
            finally:
                producer.close()
        raise TimedOut("E372", "the request could not be written", why=str(error), fix="look at the broker, then again")


def _is(record: Record, identifier: str) -> bool:
    """Whether a record is about a run that begins like this."""
    return record.value is not None and (record.key or b"").startswith(identifier.encode())
