"""The runs for which no effect may be claimed any more, as the supervisor says in `p.control`."""

from __future__ import annotations

from penstock.contracts.records import CONTROL
from penstock.errors import Poison
from penstock.runtime.codec import Codec
from penstock.runtime.ports import Record


class Stops:
    """Follows the topic. The newest record under a run's id counts, and a tombstone forgets it."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._runs: set[str] = set()

    def __contains__(self, run: str) -> bool:
        return run in self._runs

    def hear(self, record: Record) -> None:
        """Take one record, in its order."""
        run = (record.key or b"").decode(errors="replace")
        if record.value is not None and self._stops(record.value):
            self._runs.add(run)
        else:
            self._runs.discard(run)

    def _stops(self, value: bytes) -> bool:
        """What cannot be read stops too: nothing is claimed for a run of which nobody knows what was said."""
        try:
            contract, control = self._codec.decode(value)
        except Poison:
            return True
        return contract != CONTROL or control["kind"] == "stop"
