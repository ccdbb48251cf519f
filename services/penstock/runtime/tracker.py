"""Which records of one partition are complete; owned by the loop's thread, so it has no lock."""

from __future__ import annotations

from penstock.runtime.offsets import NOBODY, Progress, decode, encode
from penstock.runtime.ports import Committed

DEADLY = 3  # process deaths without progress, after which records are dispatched one by one
HOPELESS = DEADLY + 3  # deaths after which that has not helped, and nothing is dispatched any more


class Tracker:
    """Progress of one partition since it was assigned in `epoch`.

    A record is incomplete from `admit` to `complete`. Gaps (markers, aborted records, compaction) need no code:
    what is below `top` and not incomplete is done.
    """

    def __init__(self, epoch: int, committed: Committed) -> None:
        self.epoch = epoch
        self.committed = committed
        self.foreign = False
        base = committed.offset
        progress = decode(base, committed.metadata)
        if progress is None:
            self.foreign, progress = True, Progress(base)
        self._incomplete: dict[int, None] = dict.fromkeys(progress.incomplete)
        self._known = progress.top
        self._top = progress.top
        self._read = base - 1
        self.deaths = progress.deaths
        self.failing = progress.failing
        self.suspects = progress.suspects
        self.convict = progress.suspect
        self._suspect = NOBODY

    def __len__(self) -> int:
        return len(self._incomplete)

    @property
    def span(self) -> int:
        """From the first incomplete offset to the last read."""
        return self._top - next(iter(self._incomplete)) if self._incomplete else 0

    def admit(self, offset: int) -> bool:
        """A record was read; False when an earlier life completed it."""
        if self._read < self._known:
            self._prune(offset)
            if offset < self._known:
                return offset in self._incomplete
        self._top = offset + 1
        self._incomplete[offset] = None
        return True

    def complete(self, offset: int) -> None:
        """Everything that follows from the record is in the next transaction."""
        del self._incomplete[offset]

    def quarantine(self, suspects: int) -> None:
        """The process died of something here: so many records go alone, if they do not do so already."""
        if self.convict != NOBODY or self.deaths >= DEADLY:
            self.suspects = max(self.suspects or suspects, len(self._incomplete), 1)

    def alone(self, offset: int) -> None:
        """A record is about to be dispatched alone: who finds this mark knows what the process died of."""
        self.suspects -= 1
        self._suspect = offset

    def acquit(self) -> None:
        """Nobody died, whatever becomes of what is in hand."""
        self.deaths = 0
        self._suspect = NOBODY

    def forgive(self) -> None:
        """Begin as if nobody ever died here."""
        self.acquit()
        self.suspects, self.convict = 0, NOBODY

    def caught_up(self, position: int) -> bool:
        """The end of the partition was seen at `position`; whether that is news worth a commit."""
        if self._incomplete:
            return False
        self._top = max(self._top, position)
        news = self.committed.offset < self._top or self.deaths > 0
        self.deaths = 0
        return news

    def snapshot(self) -> Committed:
        """What to commit, of one moment: base and metadata fit each other."""
        base = next(iter(self._incomplete), self._top)
        deaths = 0 if base > self.committed.offset else self.deaths
        suspect = self._suspect if self._suspect in self._incomplete else NOBODY
        progress = Progress(
            self._top, tuple(self._incomplete), deaths, failing=self.failing, suspects=self.suspects, suspect=suspect
        )
        snapshot = Committed(base, encode(base, progress))
        if snapshot == self.committed:
            snapshot = Committed(base, encode(base, progress._replace(turn=1)))
        return snapshot

    def settle(self, committed: Committed) -> None:
        """The broker has `committed`."""
        if committed.offset > self.committed.offset:
            self.deaths = 0
        self.committed = committed

    def _prune(self, offset: int) -> None:
        """Incomplete records that retention took before they were read again are nobody's now."""
        for gone in [known for known in self._incomplete if self._read < known < min(offset, self._known)]:
            del self._incomplete[gone]
        self._read = offset
