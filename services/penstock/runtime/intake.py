"""One hosted service's way in: its consumer, and for each partition the progress, the state and what waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol

from penstock.errors import Halt
from penstock.runtime.codec import Codec
from penstock.runtime.ports import Clock, Cluster, Committed, Log, Output, Record
from penstock.runtime.service import Service, View
from penstock.runtime.state import Store
from penstock.runtime.tracker import DEADLY, Tracker

MOST_INCOMPLETE = 1_000  # a partition; their offsets then fit into the commit's metadata at any span
MOST_SPAN = 100_000
_BATCH = 500
_KEEP_POLLING = 0.4  # s between polls when there is no room, so that rebalances are served


class Owner(Protocol):
    """Who hosts the intake."""

    def release(self, intake: Intake, partitions: Sequence[int]) -> None:
        """Finish and commit what is in flight on partitions that are about to go."""

    def beat(self) -> None:
        """Say that the thread is alive."""


class Intake:
    """Implements `ports.Listener` for one service. Everything happens on the loop's thread."""

    def __init__(self, service: Service, cluster: Cluster, log: Log, codec: Codec, clock: Clock) -> None:
        self.service = service
        self.trackers: dict[int, Tracker] = {}
        self.stores: dict[int, Store] = {}
        self.in_flight = 0
        self.consumed = 0
        self.dropped = 0
        self.forgive = False
        self.joined = False
        self.halted: Halt | None = None
        self._codec = codec
        self._clock = clock
        self._log = log
        self._epochs: dict[int, int] = {}
        self._fresh: set[int] = set()
        self._backlog: dict[int, deque[Record]] = {}
        self._waiting = 0
        self._samples: dict[int, tuple[int, Future[Mapping[int, int]]]] = {}
        self._polled = 0.0
        self._owner: Owner | None = None
        self.consumer = cluster.consumer(service.group, service.source, self)

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
        """Records to be opened now, admitted; polls for more while there is room."""
        room = self._room()
        records = self._from_backlog(room)
        room -= len(records)
        now = self._clock()
        if (room > 0 and self._waiting < _BATCH) or now - self._polled > _KEEP_POLLING:
            self._polled = now
            for record in self.consumer.poll(max(1, min(room, _BATCH)), 0 if records else timeout):
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

    def rebuild(self) -> None:
        """Forget everything uncommitted and begin again from what the group has committed."""
        committed = self.consumer.committed(sorted(self.trackers))
        for partition, offset in self.assigned(committed).items():
            self.consumer.seek(partition, offset)

    def close(self) -> None:
        """Leave the group."""
        self.consumer.close()

    def assigned(self, committed: Mapping[int, Committed]) -> Mapping[int, int]:
        """See `ports.Listener`."""
        self.joined = True
        starts = {}
        for partition, place in sorted(committed.items()):
            if place.offset < 0:
                raise Halt(
                    f"group {self.service.group} has no offset on {self.service.source}[{partition}]; "
                    "`penstock apply` sets a new group's first offsets"
                )
            self._drop(partition)
            tracker = Tracker(self.epoch_of(partition), place)
            self._check_deaths(tracker, partition)
            self._restore(partition)
            self.trackers[partition] = tracker
            self._fresh.add(partition)
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
            self.trackers.pop(partition, None)
            self.stores.pop(partition, None)

    def waiting(self) -> None:
        """See `ports.Listener`."""
        if self._owner is not None:
            self._owner.beat()

    def _room(self) -> int:
        room = 4 * self.service.concurrency - self.in_flight
        return max(room, _BATCH) if self.service.prompt and room > 0 else room

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

    def _read_up_to(self, partition: int, end: int) -> bool:
        return not self._backlog.get(partition) and self.consumer.reached(partition) >= end

    def _drop(self, partition: int) -> None:
        """What was begun on the partition is stale from here on."""
        self._epochs[partition] = self.epoch_of(partition) + 1
        self._waiting -= len(self._backlog.pop(partition, ()))
        self._samples.pop(partition, None)
        self._fresh.discard(partition)

    def _check_deaths(self, tracker: Tracker, partition: int) -> None:
        if self.forgive:
            tracker.deaths = 0
        if tracker.deaths >= DEADLY:
            raise Halt(
                f"{self.service.step} died {tracker.deaths} times in a row on {self.service.source}[{partition}] "
                f"at or after offset {tracker.committed.offset} without finishing one record; "
                "look at the records there, then start it with --forgive-deaths"
            )

    def _restore(self, partition: int) -> None:
        """Read the changelog up to its end; `committed()` has waited for the predecessor's transaction."""
        keeps = self.service.keeps
        if keeps is None:
            self.stores[partition] = _STATELESS
            return
        store = Store(keeps, self._codec, partition)
        for count, record in enumerate(self._log.read(keeps.topic, partition)):
            store.restore(record)
            if count % 10_000 == 0:
                self.waiting()
        self.stores[partition] = store


class _Nothing(Store):
    """The state of a service that keeps none."""

    def __init__(self) -> None:
        """Keep nothing."""

    def __len__(self) -> int:
        return 0

    def put(self, key: str, value: object) -> None:  # noqa: ARG002 - the signature of what it stands for
        """Refuse: the service did not declare any state."""
        raise TypeError(f"a service without `keeps` tried to keep {key}")

    def get(self, key: str) -> None:
        """Nothing."""
        del key

    def flush(self) -> list[Output]:
        """Nothing."""
        return []

    def next_due(self) -> None:
        """Never."""


_STATELESS = _Nothing()
