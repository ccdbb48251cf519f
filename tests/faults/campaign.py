"""Which faults strike, when and whom: at random moments, while between 20 and 80 % of the work is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from faults.crew import Crew, Member
from faults.traffic import Feeder, Flow, Watch
from penstock.provision.broker import Broker

EARLIEST, LATEST = 0.2, 0.8  # share of the runs that are over when a fault strikes
_BEGIN, _HOLD = 0.22, 0.77  # the feeder stays inside with a margin
_RATE = 200.0  # events/s while faults strike: each fault gets a burst of its own, and strikes while it passes through
_PASSING = 1.0  # s that a burst takes, at least
_IN_HAND = 0.06  # s that a victim has its work in hand before it is killed
_MISSED = 5.0  # s after which a burst that does not reach the victim is not waited for
_UNDER_WAY = 5  # runs that are not over when the broker goes
_WEIGHT = {"kill": 1, "broker SIGTERM": 3, "broker SIGKILL": 3, "SIGSTOP": 6}  # share of the traffic each kind gets
_AT_ONCE = 0.15  # of the faults strike while the pipeline has not yet recovered from the one before
_TOPICS = {"ingress": "kill.in", "supervisor": "kill.runs"}  # the others read one of their own name
_SESSION = 12.0  # s after which a silent member is put out of its group
_PATIENCE = 90.0


class Strike(NamedTuple):
    """A fault that struck: `member` is the process, or None for the broker; `until` when it was undone (ms)."""

    kind: str
    member: Member | None
    at: int
    until: int
    done: float
    detail: str = ""


@dataclass
class Campaign:
    """Carries the faults out and writes down what it did."""

    crew: Crew
    broker: Broker
    feeder: Feeder
    watch: Watch
    flow: Flow
    random: Random
    kills: int
    strikes: list[Strike] = field(default_factory=list)

    def run(self) -> None:
        """Feed a fifth of the events, strike, and return when all faults are over; the feeder is held below 80 %."""
        total = len(self.feeder.bodies)
        self.feeder.limit = int(total * _BEGIN)
        self.feeder.start()
        if not self.watch.wait(self.feeder.limit, _PATIENCE):
            raise TimeoutError(
                f"{len(self.watch.over)} of {total} runs are over before any fault\n{self.crew.report()}"
            )
        self.feeder.rate = _RATE
        order = self._order()
        each = (int(total * _HOLD) - self.feeder.limit) / sum(map(_WEIGHT.__getitem__, order))
        for kind in order:
            if kind == "kill":
                self._kill(int(each))
            else:
                self._calm()
                self._traffic(int(each * _WEIGHT[kind]))
                {"broker SIGTERM": self._restart, "broker SIGKILL": self._crash, "SIGSTOP": self._freeze}[kind]()
            self._recover()

    def _order(self) -> list[str]:
        """Kills, and between them the broker's restart, later a freeze and its crash."""
        order = ["kill"] * self.kills
        for share, kind in ((0.85, "broker SIGKILL"), (0.55, "SIGSTOP"), (0.25, "broker SIGTERM")):
            order.insert(int(self.kills * (share + self.random.uniform(-0.1, 0.1))), kind)
        return order

    def _calm(self) -> None:
        """Wait until everybody works and nothing is left over from earlier faults."""
        everybody = self.crew.members
        self._until(lambda: len(self.crew.ready()) == len(everybody()), "everybody to be ready")
        self._until(lambda: len(self.watch.over) >= self.feeder.sent, "the pipeline")

    def _traffic(self, events: int) -> None:
        """Let a burst of events in, and wait for a random moment of its way through the pipeline."""
        begun = self.feeder.sent
        self.feeder.limit += events
        self._until(lambda: self.feeder.sent > begun, "the feeder")
        time.sleep(self.random.uniform(0.0, _PASSING))

    def _recover(self) -> None:
        """Mostly wait until runs end again."""
        if self.random.random() >= _AT_ONCE:
            enough = min(len(self.watch.over) + 3, self.feeder.limit)
            self._until(lambda: len(self.watch.over) >= enough, "the pipeline")

    def _kill(self, events: int) -> None:
        """Let a burst in, and kill somebody in the middle of the share of it that comes to them."""
        member = self._somebody()
        topic = _TOPICS.get(member.step, f"kill.{member.step}")
        wanted = self.flow.counts[topic] + self.random.randint(1, max(1, events // 2))
        self.feeder.limit += events
        until = time.monotonic() + _MISSED
        while self.flow.counts[topic] < wanted and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(self.random.uniform(_IN_HAND, 2 * _IN_HAND))
        self._note("kill", member, self.crew.kill(member))

    def _restart(self) -> None:
        self._under_way()
        at, old = _now(), self.broker.pid
        self.broker.stop()
        time.sleep(self.random.uniform(0.0, 2.0))
        self.broker.start()
        self._note("broker SIGTERM", None, at, f"pid {old} to {self.broker.pid}")

    def _crash(self) -> None:
        self._under_way()
        at, old = _now(), self.broker.pid
        self.broker.kill()
        self.broker.start()
        self._note("broker SIGKILL", None, at, f"pid {old} to {self.broker.pid}")

    def _under_way(self) -> None:
        """Let in more, should the burst have passed already."""
        while self.feeder.sent - len(self.watch.over) < _UNDER_WAY:
            self.feeder.limit += 1
            time.sleep(0.01)

    def _freeze(self) -> None:
        """Stop a step's process past its session; another takes over, and then the first one wakes up."""
        member = self._somebody()
        successor = Member(member.step, 1)
        with self.crew.frozen(member) as at:
            self.crew.start(successor)
            time.sleep(_SESSION + 1.0)
            self._until(lambda: successor in self.crew.ready(), f"{successor} to take over")
            time.sleep(1.0)
        self._note("SIGSTOP", member, at, f"{(_now() - at) / 1000:.0f} s, {successor.step}.{successor.slot} took over")

    def _somebody(self) -> Member:
        least = self.random.uniform(0.2, 1.0)
        self._until(lambda: bool(self.crew.ready(least)), "anybody")
        return self.random.choice(sorted(self.crew.ready(least)))

    def _until(self, condition: Callable[[], bool], whom: str) -> None:
        until = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > until:
                raise TimeoutError(f"waited {_PATIENCE:.0f} s for {whom}\n{self.crew.report()}")
            time.sleep(0.01)

    def _note(self, kind: str, member: Member | None, at: int, detail: str = "") -> None:
        done = len(self.watch.over) / len(self.feeder.bodies)
        self.strikes.append(Strike(kind, member, at, _now(), done, detail))


def _now() -> int:
    return int(time.time() * 1000)
