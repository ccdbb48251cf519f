"""A process that hosts services: threads, signals, health, and an orderly end."""

from __future__ import annotations

import gc
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from penstock.errors import Fatal, Halt, Mistake
from penstock.runtime.codec import Codec
from penstock.runtime.health import Health
from penstock.runtime.logs import Log
from penstock.runtime.metrics import Metrics
from penstock.runtime.ports import Clock, Cluster
from penstock.runtime.processor import Processor
from penstock.runtime.service import Service
from penstock.runtime.watchdog import PATIENCE, Heart, watch

_TICK = 0.2
_SWITCH = 0.001  # s; after each of its calls the client waits so long for the interpreter while handlers are busy
_LOOK = 1.0  # s between looks at what is lacking
_SAY_AGAIN = 30.0  # s after which the same want is told again
_FAREWELL = 5.0  # s that committing and leaving may take when the drain is over


@dataclass(frozen=True, slots=True)
class Hosting:
    """How services are hosted: `unit` and `slot` make the transactional id; times in seconds.

    `lacks` says what has to be there before they can begin; it is asked until it answers with an empty text.
    """

    transactional_id: str
    interval: float = 0.02
    drain: float = 20.0
    forgive_deaths: bool = False
    forgive_failures: bool = False
    health_host: str = "127.0.0.1"
    health_port: int | None = None
    lacks: Callable[[], str] = lambda: ""


class _Mortal(Heart):
    """A heart that ends its loop at the first beat after the time is over: a loop that waits for a broker beats too."""

    def __init__(self, clock: Clock, over: Callable[[], bool]) -> None:
        super().__init__(clock)
        self._over = over

    def beat(self) -> None:
        """Live on, or end."""
        super().beat()
        if self._over():
            raise Fatal("left without an answer from the broker; what was in flight is done again by the next process")


class Host:
    """Runs services until told to stop. One thread owns every client; the main thread has signals and the watchdog."""

    def __init__(
        self,
        services: Sequence[Service],
        cluster: Cluster,
        codec: Codec,
        hosting: Hosting,
        *,
        metrics: Metrics,
        log: Log,
    ) -> None:
        self._services = services
        self._cluster = cluster
        self._codec = codec
        self._hosting = hosting
        self._metrics = metrics
        self._log = log
        self._lacking = "starting"
        self._stop = threading.Event()
        self._leave_by = math.inf
        self._prepared = False
        self._processor: Processor | None = None
        self._failure: BaseException | None = None
        self._heart = _Mortal(time.time, lambda: time.time() > self._leave_by)

    def run(self, ready: Callable[[], None] | None = None) -> None:
        """Host until SIGTERM or SIGINT, or until every service has halted; raises what ended the loop.

        `ready` is called once everything is loaded and the loop turns.
        """
        health = self._health()
        self._metrics.watch(self._sample)
        signal.signal(signal.SIGTERM, self._asked)
        signal.signal(signal.SIGINT, self._asked)
        thread = threading.Thread(target=self._work, name="loop", daemon=True)
        thread.start()
        told = ready is None
        while thread.is_alive() and not (self._stop.is_set() and not self._prepared):
            thread.join(_TICK)
            if self._prepared:  # loading a model may take its time
                watch(self._heart)
            if not told and self._processor is not None and ready is not None:
                told = True
                ready()
        if health is not None:
            health.close()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ask for an orderly end."""
        self._stop.set()

    def _asked(self, number: int, _: FrameType | None) -> None:
        """The first signal drains; a second one ends at once, and what was in flight is done again."""
        if self._stop.is_set():
            self._log.warning("stopping at once", signal=signal.Signals(number).name)
            raise SystemExit(128 + number)
        self._log.info("stopping", signal=signal.Signals(number).name, drain_s=self._hosting.drain)
        begun = self._processor is not None
        self._leave_by = time.time() + _FAREWELL + (self._hosting.drain if begun else 0.0)
        self._stop.set()

    def _work(self) -> None:
        try:
            for service in self._services:
                if service.prepare is not None:
                    service.prepare()
            self._heart.beat()
            self._prepared = True
            gc.freeze()  # what is loaded stays; and records live as long as a transaction, so look for cycles rarely
            gc.set_threshold(20_000, 50, 50)
            sys.setswitchinterval(_SWITCH)
            hosting = self._hosting
            self._await()
            if self._stop.is_set():
                self._log.info("stopped")
                return
            self._processor = Processor(
                self._services, self._cluster, self._codec, transactional_id=hosting.transactional_id, clock=time.time,
                sleep=time.sleep, heart=self._heart, interval=hosting.interval, forgive_deaths=hosting.forgive_deaths,
                forgive_failures=hosting.forgive_failures, on_halt=self._halted,
                tell=self._log.warning,
            )  # fmt: skip
            self._log.info("running", steps=[service.step for service in self._services])
            self._processor.run(self._stop.is_set, hosting.drain)
            if self._processor.halted and not self._stop.is_set():
                raise _halted(self._processor.halted)
            self._log.info("stopped")
        except BaseException as error:  # noqa: BLE001 - the thread's border: the main thread raises it
            self._failure = error
        finally:
            self._cluster.close()

    def _await(self) -> None:
        """Wait for what is lacking, and say so: at once, when it changes, and now and then."""
        told, again = "", 0.0
        while not self._stop.is_set() and (lacking := self._hosting.lacks()):
            self._heart.beat()
            self._lacking = lacking
            if lacking != told or time.time() >= again:
                self._log.warning("waiting", why=lacking)
                told, again = lacking, time.time() + _SAY_AGAIN
            self._stop.wait(_LOOK)
        self._lacking = ""

    def _halted(self, service: Service, halt: Halt) -> None:
        self._log.error("halted", step=service.step, code=halt.code, why=str(halt))

    def _health(self) -> Health | None:
        hosting = self._hosting
        if hosting.health_port is None:
            return None
        return Health(
            hosting.health_host, hosting.health_port, live=self._live, ready=self._ready, metrics=self._metrics.text
        )

    def _live(self) -> Mapping[str, str]:
        age = self._heart.age() if self._prepared else 0.0
        return {"loop": f"has not moved for {age:.0f} s" if age > PATIENCE else ""}

    def _ready(self) -> Mapping[str, str]:
        processor = self._processor
        checks = {"handlers": "" if self._prepared else "loading"}
        if processor is None:
            return {**checks, "loop": self._lacking or "starting"}
        checks.update(
            {intake.service.step: "" if intake.joined else "joining its group" for intake in processor.intakes}
        )
        checks.update({step: f"halted: {halt}" for step, halt in processor.halted.items()})
        return checks

    def _sample(self) -> Iterator[tuple[str, str, str, float]]:
        processor = self._processor
        if processor is None:
            return
        for intake in list(processor.intakes):
            step = intake.service.step
            yield "penstock_records_consumed_total", "Records taken from the step's topic.", step, intake.consumed
            yield "penstock_step_in_flight", "Records whose handlers run or wait for one.", step, intake.in_flight
            parked = processor.parking.count(intake)
            yield "penstock_step_parked", "Records that wait until their plan is known.", step, parked
            yield "penstock_stale_results_total", "Results dropped because the partition moved.", step, intake.dropped
            yield "penstock_partitions_owned", "Partitions this process reads.", step, len(intake.trackers)
            suspects = len(intake.quarantine)
            yield (
                "penstock_partitions_quarantined",
                "Partitions read one by one: the process died there.",
                step,
                suspects,
            )
        for step in processor.halted:
            yield "penstock_step_halted", "1 when the step stopped and waits for somebody.", step, 1
        done = processor.transactions
        yield "penstock_transactions_committed_total", "Transactions committed.", "", done.committed
        yield "penstock_transactions_aborted_total", "Transactions aborted; rebalances abort some.", "", done.aborted
        yield "penstock_transactions_unknown_total", "Transactions whose result had to be looked up.", "", done.unknown


def _halted(halts: Mapping[str, Halt]) -> Mistake:
    """What ends a process whose every step has halted, each with its code and what to do."""
    first, *others = [
        Mistake(halt.code, f"{step} halted: {halt.what}", halt.why, halt.fix) for step, halt in halts.items()
    ]
    first.others = tuple(others)
    return first
