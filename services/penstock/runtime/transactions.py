"""What is finished, and its way into the log: outputs, state and offsets of all services in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from penstock.contracts.records import RunEvent
from penstock.errors import Abort, Fatal, Fenced, PenstockError, Retriable, Unknown
from penstock.runtime import halts
from penstock.runtime.intake import FENCED_AGAIN_WITHIN, Intake
from penstock.runtime.lanes import Ticket
from penstock.runtime.ports import Clock, Cluster, Committed, Output, Producer

MOST_RECORDS = 2_000
MOST_BYTES = 8_000_000
_ABORTS_IN_A_ROW = 5
_TOPIC_TRIES, _TOPIC_PAUSE = 20, 0.5  # s between them; a new topic's leaders take a moment
_PAUSE = 0.2  # s between attempts to reach a broker that is away


@dataclass
class Share:
    """One partition's part of the next transaction; kept, encoded, until a transaction with it is committed.

    The first `sent` outputs are with the client already.
    """

    epoch: int
    outputs: list[Output] = field(default_factory=list)
    sent: int = 0
    letters: list[tuple[Output, RunEvent]] = field(default_factory=list)
    claims: list[Ticket] = field(default_factory=list)
    attempted: Committed | None = None


class Transactions:
    """The one producer of a process.

    After an abort the same encoded outputs go into the next transaction: no handler runs again. After a result nobody
    knows the producer is thrown away (the client has neither KIP-588 nor the second part of KIP-890), and the group's
    committed offsets tell whether the transaction took place.
    """

    def __init__(  # noqa: PLR0913 - the loop's own tools, each for one thing
        self,
        cluster: Cluster,
        transactional_id: str,
        *,
        clock: Clock,
        sleep: Callable[[float], None],
        beat: Callable[[], None],
        event: Callable[[RunEvent, str, int], Output],
        partitions: Callable[[str], int],
    ) -> None:
        self.committed = 0
        self.aborted = 0
        self.unknown = 0
        self.records = 0
        self.bytes = 0
        self.begun = False
        self._trouble: Abort | Unknown | Fenced | None = None
        self._cluster = cluster
        self._id = transactional_id
        self._clock = clock
        self._sleep = sleep
        self._beat = beat
        self._event = event
        self._partitions = partitions
        self._shares: dict[tuple[Intake, int], Share] = {}
        self._aborts = 0
        self._fenced = -FENCED_AGAIN_WITHIN
        self._producer: Producer = self._renew()

    def __bool__(self) -> bool:
        return bool(self._shares)

    @property
    def full(self) -> bool:
        """Whether to commit at once, however young the transaction is."""
        return self.records >= MOST_RECORDS or self.bytes >= MOST_BYTES

    def share(self, intake: Intake, partition: int) -> Share:
        """The part of a partition; asking for it makes its offset part of the next transaction, moved or not."""
        key = (intake, partition)
        share = self._shares.get(key)
        epoch = intake.epoch_of(partition)
        if share is not None and share.epoch != epoch:
            self._discard(key)
            share = None
        if share is None:
            share = self._shares[key] = Share(epoch)
        return share

    def send_ahead(self) -> None:
        """Give the client what waits, so that it travels while the next records are worked on.

        It begins the transaction: `commit` must come before the next poll, in which partitions may go.
        """
        if self._trouble is None:
            try:
                self._send(self._shares.values())
            except (Abort, Unknown, Fenced) as error:
                self._trouble = error  # for `commit`, where the same outputs are sent again

    def commit(self) -> list[Ticket]:
        """Write everything that waits; answers the claims that are now committed and may start.

        What belongs to a group that moves on stays for later. Fatal when another process uses our id.
        """
        self._drop_stale()
        self._flush_state()
        parts = dict(self._shares)
        while parts:
            self._beat()
            try:
                self._write(parts)
            except Abort as error:
                if not error.rebalance:
                    self._seek_topics(parts)
                parts = self._after_abort(error, parts)
            except (Unknown, Fenced) as error:
                self._after_unknown(error)
                done = self._took_place(parts)
                self._drop_stale()
                parts = {key: share for key, share in parts.items() if self._shares.get(key) is share}
                if done:
                    return self._settle(parts)
            else:
                return self._settle(parts)
        return []

    def close(self) -> None:
        """Give the producer up."""
        self._producer.close()

    def _drop_stale(self) -> None:
        for (intake, partition), share in list(self._shares.items()):
            if share.epoch != intake.epoch_of(partition):
                self._discard((intake, partition))

    def _discard(self, key: tuple[Intake, int]) -> None:
        """The partition went to somebody else, who does it again."""
        share = self._shares.pop(key)
        if self.begun:
            self._take_back()
        key[0].dropped += len(share.outputs)
        key[0].in_flight -= len(share.claims)

    def _flush_state(self) -> None:
        for (intake, partition), share in self._shares.items():
            if intake.service.keeps is not None:
                share.outputs += intake.stores[partition].flush()

    def _write(self, parts: dict[tuple[Intake, int], Share]) -> None:
        if (trouble := self._trouble) is not None:
            self._trouble = None
            raise trouble
        producer = self._producer
        self._send(parts.values())
        self._write_letters(parts)
        by_intake: dict[Intake, dict[int, Committed]] = {}
        for (intake, partition), share in parts.items():
            share.attempted = intake.trackers[partition].snapshot()
            by_intake.setdefault(intake, {})[partition] = share.attempted
        for intake, offsets in by_intake.items():
            try:
                producer.send_offsets(intake.service.source, offsets, intake.consumer.member())
            except Abort as error:
                if error.rebalance:
                    raise _Moved(str(error), intake) from error
                raise
        producer.commit()

    def _send(self, shares: Iterable[Share]) -> None:
        if not self.begun:
            self._producer.begin()
            self.begun = True
        produce = self._producer.produce
        for share in shares:
            for output in share.outputs[share.sent :]:
                produce(output)
            share.sent = len(share.outputs)

    def _write_letters(self, parts: dict[tuple[Intake, int], Share]) -> None:
        """Dead letters first; the events that name where they lie after them, in the same transaction."""
        letters = [
            (letter, event, intake.service.runs, partition)
            for (intake, partition), share in parts.items()
            for letter, event in share.letters
        ]
        if not letters:
            return
        places = self._producer.place([letter for letter, *_ in letters])
        for place, (_, event, runs, partition) in zip(places, letters, strict=True):
            dead = event["dead"]
            if dead is not None:
                event["dead"] = {**dead, "letter": str(place)}
            self._producer.produce(self._event(event, runs, partition))

    def _after_abort(self, error: Abort, parts: dict[tuple[Intake, int], Share]) -> dict[tuple[Intake, int], Share]:
        """Abort, and say what to try again."""
        self.aborted += 1
        self._aborts += 0 if error.rebalance else 1
        self._over()
        try:
            self._producer.abort()
            if self._aborts >= _ABORTS_IN_A_ROW:
                raise Unknown(f"{self._aborts} aborts in a row: {error}")
        except (Abort, Unknown, Fenced, Retriable) as worse:
            self._after_unknown(worse)
        if isinstance(error, _Moved):
            return {key: share for key, share in parts.items() if key[0] is not error.intake}
        return parts

    def _take_back(self) -> None:
        """What was sent ahead is not all ours any more."""
        self._over()
        try:
            self._producer.abort()
        except (Abort, Unknown, Fenced, Retriable) as error:
            self._after_unknown(error)

    def _over(self) -> None:
        """No transaction is open: everything that waits is sent with the next."""
        self.begun = False
        self._trouble = None
        for share in self._shares.values():
            share.sent = 0

    def _seek_topics(self, parts: dict[tuple[Intake, int], Share]) -> None:
        """Halt where a topic to be written to stays away: the client only says that messages have timed out."""
        names = {output.topic for share in parts.values() for output in share.outputs}
        missing: list[str] = []
        for _ in range(_TOPIC_TRIES):
            try:
                missing = sorted(name for name in names if not self._partitions(name))
            except Retriable:
                return
            if not missing:
                return
            self._beat()
            self._sleep(_TOPIC_PAUSE)
        raise halts.missing_output(missing[0])

    def _after_unknown(self, error: PenstockError) -> None:
        self.unknown += 1
        self._over()
        self._aborts = 0
        if isinstance(error, Fenced):
            now = self._clock()
            if now - self._fenced < FENCED_AGAIN_WITHIN:
                raise Fatal(f"another process uses the transactional id {self._id}: {error}") from error
            self._fenced = now
        self._producer.close()
        self._producer = self._renew()

    def _renew(self) -> Producer:
        """A producer with our id; its `init` settles whatever the last one left open. Waits for the broker."""
        while True:
            producer = self._cluster.producer(self._id)
            try:
                self._beat()
                producer.init()
            except (Retriable, Abort, Unknown):
                producer.close()
                self._sleep(_PAUSE)
            else:
                return producer

    def _took_place(self, parts: dict[tuple[Intake, int], Share]) -> bool:
        """Whether the transaction with the unknown result was committed; where that cannot be told, begin again."""
        by_intake: dict[Intake, list[int]] = {}
        for intake, partition in parts:
            by_intake.setdefault(intake, []).append(partition)
        answers = set()
        for intake, partitions in list(by_intake.items()):
            try:
                committed = intake.committed(partitions)
            except Fenced as error:  # its share is somebody else's now, or read again
                intake.rejoin(error)
                del by_intake[intake]
                continue
            for partition, found in committed.items():
                share, tracker = parts[intake, partition], intake.trackers[partition]
                answers.add("new" if found == share.attempted else "old" if found == tracker.committed else "other")
        if answers == {"new"}:
            return True
        if answers != {"old"}:
            for intake in by_intake:
                intake.rebuild()
        return False

    def _settle(self, parts: dict[tuple[Intake, int], Share]) -> list[Ticket]:
        claims: list[Ticket] = []
        for key, share in parts.items():
            intake, partition = key
            if share.attempted is not None:
                intake.trackers[partition].settle(share.attempted)
            intake.begin(partition)
            claims += share.claims
            del self._shares[key]
        self._over()
        self.committed += 1
        self._aborts = self.records = self.bytes = 0
        return claims


class _Moved(Abort):
    """One service's group moved on; the others' share can go again at once."""

    def __init__(self, message: str, intake: Intake) -> None:
        super().__init__(message, rebalance=True)
        self.intake = intake
