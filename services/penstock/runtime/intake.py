"""One hosted service's way in: its consumer, and for each partition the progress, the state and what waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol, TypeVar

from penstock.errors import Fatal, Fenced, Halt, Retriable
from penstock.runtime import halts
from penstock.runtime.alarm import Alarm
from penstock.runtime.codec import Codec
from penstock.runtime.offsets import NOBODY
from penstock.runtime.ports import Clock, Cluster, Committed, Consumer, Log, Record
from penstock.runtime.sentry import Sentry
from penstock.runtime.service import Service, View
from penstock.runtime.state import STATELESS, Store, restored
from penstock.runtime.tracker import HOPELESS, Tracker

MOST_INCOMPLETE = 1_000  # a partition; their offsets then fit into the commit's metadata at any span
MOST_SPAN = 100_000
_BATCH = 2_000  # as many as a transaction takes
_FEW = 50
_TURN = 0.1  # s that opening what one poll brought may take
_KEEP_POLLING = 0.4  # s between polls when there is no room, so that rebalances are served
FENCED_AGAIN_WITHIN = 60.0  # s after which somebody else with our id is an accident and not a rival
T = TypeVar("T")


class Owner(Protocol):
    """Who hosts the intake."""

    def release(self, intake: Intake, partitions: Sequence[int]) -> None:
        """Finish and commit what is in flight on partitions that are about to go."""

    def beat(self) -> None:
        """Say that the thread is alive."""

    def wait(self) -> None:
        """Wait a moment for a broker that is away."""


class Intake:
    """Implements `ports.Listener` for one service. Everything happens on the loop's thread."""

    def __init__(self, service: Service, cluster: Cluster, log: Log, codec: Codec, clock: Clock) -> None:
        self.service = service
        self.trackers: dict[int, Tracker] = {}
        self.stores: dict[int, Store] = {}
        self.in_flight = 0
        self.consumed = 0
        self.dropped = 0
        self._alone: dict[int, int] = {}
        self.quarantine: dict[int, Future[Mapping[int, int]]] = {}
        self.forgive = False
        self.forgive_failures = False
        self.alarm = None if service.halting is None else Alarm(service.halting)
        self.joined = False
        self.halted: Halt | None = None
        self._codec = codec
        self._clock = clock
        self._log = log
        self._epochs: dict[int, int] = {}
        self._fresh: set[int] = set()
        self._backlog: dict[int, deque[Record]] = {}
        self._waiting = 0
        self._batch = 500
        self._samples: dict[int, tuple[int, Future[Mapping[int, int]]]] = {}
        self._polled = 0.0
        self._owner: Owner | None = None
        self._found_deaths: dict[int, int] = {}
        self._left: dict[int, tuple[Committed, int]] = {}
        self._sentry = Sentry(log, service.group, service.source)
        self._stale = False
        self._fenced = -FENCED_AGAIN_WITHIN
        self._cluster = cluster
        self.consumer = self._join()

    def attach(self, owner: Owner) -> None:
        """Name the host, before the first poll."""
        self._owner = owner

    def epoch_of(self, partition: int) -> int:
        """Changes whenever the partition comes or goes; what was begun in another epoch is dropped."""
        return self._epochs.get(partition, 0)

    def view(self, partition: int, now: int) -> View:
        """What a decision on this partition may look at."""
        return View(self.stores[partition], now, partition)

    def take(self, timeout: float) -> list[Record]:
        """Records to be opened now, admitted. The poll comes first, with nothing in hand: partitions may go in it."""
        arrived = self._poll(timeout)
        room = self._room()
        records = self._from_backlog(room)
        room -= len(records)
        for record in arrived:
            tracker = self.trackers.get(record.partition)
            if tracker is None:
                continue
            queue = self._backlog.get(record.partition)
            if queue or room <= 0 or record.partition in self._fresh or self._full(tracker):
                self._backlog.setdefault(record.partition, deque()).append(record)
                self._waiting += 1
            elif tracker.admit(record.offset):
                room -= 1
                records.append(record)
        self.consumed += len(records)
        return records

    def hold(self, timeout: float) -> bool:
        """Poll, to serve the group and to have what comes next, and open nothing; whether anything came."""
        hungry = any(not self._backlog.get(partition) for partition in self.quarantine)
        arrived = self._poll(timeout if hungry else 0, _FEW if hungry else 0)
        for record in arrived:
            if record.partition in self.trackers:
                self._backlog.setdefault(record.partition, deque()).append(record)
                self._waiting += 1
        return bool(arrived)

    def freed(self, now: int) -> list[int]:
        """Partitions whose quarantine is over; called with nothing in hand.

        Whatever was in hand when the process died has been out alone, and whatever came since cannot have been. So
        nobody died of this partition, unless it has a timer that is due: those go off again only now.
        """
        over = [p for p in self.quarantine if p not in self._fresh and self._over(p)]
        for partition in over:
            tracker, due = self.trackers[partition], self.stores[partition].next_due()
            tracker.suspects = 0
            del self.quarantine[partition]
            if due is None or due > now:
                tracker.acquit()
        return over

    def next_suspect(self) -> Record | None:
        """The next record that has to go alone; None when it is not there yet, or none is."""
        for partition in self.quarantine:
            queue = self._backlog.get(partition, ())
            while queue and partition not in self._fresh:
                record = queue.popleft()
                self._waiting -= 1
                if self.trackers[partition].admit(record.offset):
                    self.consumed += 1
                    return record
        return None

    def alone(self, record: Record) -> None:
        """A suspect is about to be dispatched: say so in the next commit."""
        self.trackers[record.partition].alone(record.offset)
        self._alone[record.partition] = record.offset

    def pace(self, count: int, seconds: float) -> None:
        """Opening `count` records took so long: the next polls bring what is opened in a tenth of a second."""
        if count >= _FEW:
            self._batch = max(_FEW, min(_BATCH, int(count * _TURN / max(seconds, 0.001))))

    def fresh(self) -> list[int]:
        """Partitions that were just assigned: their death counter is committed before anything is dispatched."""
        return list(self._fresh)

    def begin(self, partition: int) -> None:
        """The death counter of a fresh partition is committed."""
        self._fresh.discard(partition)

    def due(self, now: int) -> Iterator[tuple[int, int]]:
        """Partitions with timers that may fire now, and the time up to which.

        A timer fires only once the partition is read up to the end it had at or after the due time: after a long
        pause the awaited answers lie unread.
        """
        for partition, store in self.stores.items():
            due = store.next_due()
            if due is None or due > now or partition in self._fresh:
                continue
            if partition not in self._samples:
                self._samples[partition] = now, self._log.high_watermarks(self.service.source, [partition])
            sampled, future = self._samples[partition]
            if not future.done():
                continue
            if future.exception() is not None:
                del self._samples[partition]
            elif self._read_up_to(partition, future.result()[partition]):
                del self._samples[partition]
                yield partition, sampled

    def idle(self) -> list[int]:
        """Partitions whose end was seen with nothing left to do, where a commit would say something new."""
        return [
            partition
            for partition, tracker in self.trackers.items()
            if partition not in self._fresh
            and not self._backlog.get(partition)
            and tracker.caught_up(self.consumer.reached(partition))
        ]

    def mark(self, *, failing: bool) -> list[int]:
        """Let the next commits say whether the step has halted over failed tasks; answers where that is news."""
        changed = [partition for partition, tracker in self.trackers.items() if tracker.failing != failing]
        for partition in changed:
            self.trackers[partition].failing = failing
        return changed

    def committed(self, partitions: Sequence[int]) -> dict[int, Committed]:
        """What the group has committed, waiting for a broker that is away. Fenced when the member is lost."""
        return self._patiently(lambda: dict(self.consumer.committed(partitions)))

    def rebuild(self) -> None:
        """Forget everything uncommitted; the next poll joins anew, and begins from what the group has committed.

        Not in place: whoever else committed on our partitions may own them, and Kafka takes commits of any partition
        from any member. Nor at once: this may be called from inside a poll.
        """
        self.lost(list(self.trackers))
        self._stale = True

    def rejoin(self, error: Fenced) -> None:
        """The client cannot go on as the member it was: the same. Fatal when that happens again soon."""
        now = self._clock()
        if now - self._fenced < FENCED_AGAIN_WITHIN:
            raise Fatal(f"another process has this one's place in {self.service.group}: {error}") from error
        self._fenced = now
        self.rebuild()

    def close(self) -> None:
        """Leave the group; whoever wants to commit before does so first."""
        self._owner = None
        self.consumer.close()

    def assigned(self, committed: Mapping[int, Committed]) -> Mapping[int, int]:
        """See `ports.Listener`."""
        self.joined = True
        self._sentry.soon()
        starts = {}
        for partition, place in sorted(committed.items()):
            if place.offset < 0:
                raise self._without_offset(partition, committed)
            self._adopt(partition, place)
            starts[partition] = place.offset
        return starts

    def revoked(self, partitions: Sequence[int]) -> None:
        """See `ports.Listener`."""
        if self._owner is not None and not self.halted:
            self._owner.release(self, partitions)
        self.lost(partitions)

    def lost(self, partitions: Sequence[int]) -> None:
        """See `ports.Listener`."""
        for partition in partitions:
            self._drop(partition)
            self.stores.pop(partition, None)
            if (tracker := self.trackers.pop(partition, None)) is not None:
                self._left[partition] = tracker.committed, self._found_deaths[partition]

    def waiting(self) -> None:
        """See `ports.Listener`."""
        if self._owner is not None:
            self._owner.beat()

    def _poll(self, timeout: float, least: int = 0) -> list[Record]:
        """Ask for as much as there is room for behind what waits already; now and then for one, to serve the group."""
        ready = self._ready() if self._waiting else 0
        wanted = max(least, min(self._room() - ready, self._batch) if self._waiting < self._batch else 0)
        now = self._clock()
        if wanted <= 0 and now - self._polled <= _KEEP_POLLING:
            return []
        self._polled = now
        if self._stale or self._sentry.deaf(now, self.consumer, [p for p in self.trackers if not self._backlog.get(p)]):
            self._renew()
        try:
            arrived = self.consumer.poll(max(1, wanted), timeout if least or not ready else 0)
        except Fenced as error:
            self.rejoin(error)
            return []
        except Halt as halt:
            if (cause := self._sentry.cause()) is not None:
                raise cause from halt
            raise
        self._sentry.heard(max(1, wanted), len(arrived))
        return arrived

    def _ready(self) -> int:
        """How many records of the backlog may be opened now."""
        return sum(
            len(queue)
            for partition, queue in self._backlog.items()
            if partition not in self._fresh and not self._full(self.trackers[partition])
        )

    def _room(self) -> int:
        room = 4 * self.service.concurrency - self.in_flight
        return max(room, self._batch) if self.service.prompt and room > 0 else room

    def _full(self, tracker: Tracker) -> bool:
        return len(tracker) >= MOST_INCOMPLETE or tracker.span >= MOST_SPAN

    def _from_backlog(self, room: int) -> list[Record]:
        records: list[Record] = []
        if not self._waiting:
            return records
        for partition, queue in self._backlog.items():
            tracker = self.trackers[partition]
            while queue and len(records) < room and not self._full(tracker) and partition not in self._fresh:
                record = queue.popleft()
                self._waiting -= 1
                if tracker.admit(record.offset):
                    records.append(record)
        return records

    def _over(self, partition: int) -> bool:
        """Whether a quarantine has had all its records, or all that lay there when it began."""
        if not self.trackers[partition].suspects:
            return True
        asked = self.quarantine[partition]
        if not asked.done():
            return False
        if asked.exception() is not None:
            self.quarantine[partition] = self._log.stable_ends(self.service.source, [partition])
            return False
        return self._read_up_to(partition, asked.result()[partition])

    def _read_up_to(self, partition: int, end: int) -> bool:
        return not self._backlog.get(partition) and self.consumer.reached(partition) >= end

    def _drop(self, partition: int) -> None:
        """What was begun on the partition is stale from here on."""
        self._epochs[partition] = self.epoch_of(partition) + 1
        self._waiting -= len(self._backlog.pop(partition, ()))
        self._samples.pop(partition, None)
        self.quarantine.pop(partition, None)
        self._fresh.discard(partition)

    def _adopt(self, partition: int, place: Committed) -> None:
        """Begin at a committed place; where it is the very one that we left, it counts our own life, which goes on."""
        self._drop(partition)
        tracker = Tracker(self.epoch_of(partition), place)
        left, found = self._left.pop(partition, (None, 0))
        if place == left:
            tracker.deaths = min(tracker.deaths, found)
        if place == left or tracker.convict == self._alone.pop(partition, None):
            tracker.convict = NOBODY
        if self.forgive:
            tracker.forgive()
        if self.forgive_failures or self.alarm is None:
            tracker.failing = False
        elif tracker.failing:
            self.alarm.prove()
        self._suspect(tracker, partition)
        self._restore(partition)
        self._found_deaths[partition] = tracker.deaths
        self.trackers[partition] = tracker
        self._fresh.add(partition)

    def _without_offset(self, partition: int, committed: Mapping[int, Committed]) -> Halt:
        """A group that has its place on other partitions was there before this one was added."""
        group, topic = self.service.group, self.service.source
        known = self.trackers or any(place.offset >= 0 for place in committed.values())
        return halts.more_partitions(group, topic, partition) if known else halts.no_offset(group, topic, partition)

    def _suspect(self, tracker: Tracker, partition: int) -> None:
        """After too many deaths here, whatever may have been in hand goes alone; Halt where that did not help."""
        if tracker.deaths >= HOPELESS:
            place = tracker.committed.offset
            raise halts.deaths(self.service.step, self.service.source, partition, place, tracker.deaths)
        tracker.quarantine(_BATCH if self.service.prompt else 4 * self.service.concurrency)
        if tracker.suspects:
            self.quarantine[partition] = self._log.stable_ends(self.service.source, [partition])

    def _restore(self, partition: int) -> None:
        """Read the changelog up to its end; `committed()` has waited for the predecessor's transaction."""
        keeps = self.service.keeps
        if keeps is None:
            self.stores[partition] = STATELESS
            return
        self.stores[partition] = self._patiently(
            lambda: restored(keeps, self._codec, partition, self._log.read(keeps.topic, partition), self.waiting)
        )

    def _renew(self) -> None:
        """Leave with the share uncommitted, and come back as a new member."""
        self._stale = False
        self.lost(list(self.trackers))
        self.consumer.close()
        self.consumer = self._join()
        self._sentry.soon()

    def _join(self) -> Consumer:
        return self._cluster.consumer(self.service.group, self.service.source, self)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """A broker that is away comes back, and nothing can be done before it does."""
        while True:
            try:
                return ask()
            except Retriable:
                self.waiting()
