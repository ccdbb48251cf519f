"""What a service keeps for one partition: a dictionary whose changes go to a compacted changelog."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from penstock.runtime.codec import Codec
from penstock.runtime.ports import Output, Record
from penstock.runtime.service import Keeps

_BEAT_EVERY = 10_000  # records of a changelog


class Store:
    """State of one partition, implementing `service.State`.

    What is kept and dropped again between two commits never reaches the changelog. Keys are text.
    """

    def __init__(self, keeps: Keeps, codec: Codec, partition: int) -> None:
        self._keeps = keeps
        self._partition = partition
        self._encode: Callable[[Mapping[str, Any]], bytes] = codec.encoder(keeps.contract)
        self._decode = codec.decode
        self._values: dict[str, Any] = {}
        self._dirty: dict[str, None] = {}
        self._logged: set[str] = set()
        self._timers: list[tuple[int, str]] = []
        self._dues: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> Any:
        """The value under a key, or None."""
        value = self._values.get(key)
        return self._decode(value)[1] if value is not None and self._keeps.packed else value

    def put(self, key: str, value: Any) -> None:
        """Keep a value until it is dropped."""
        self._place(key, self._encode(value) if self._keeps.packed else value)
        self._touch(key)
        self._schedule(key, value)

    def drop(self, key: str) -> None:
        """Forget a key."""
        if self._values.pop(key, None) is not None:
            self._touch(key)
            self._dues.pop(key, None)

    def oldest(self) -> Iterator[str]:
        """Keys, first the one that was put longest ago: the order that a compacted changelog has too."""
        return iter(self._values)

    def restore(self, record: Record) -> None:
        """Take one record of the changelog, in its order; Poison when it is not ours."""
        key = (record.key or b"").decode()
        if record.value is None:
            self._values.pop(key, None)
            self._dues.pop(key, None)
            self._logged.discard(key)
            return
        value = self._decode(record.value)[1]
        self._place(key, record.value if self._keeps.packed else value)
        self._logged.add(key)
        self._schedule(key, value)

    def flush(self) -> list[Output]:
        """The changes since the last call, as records of the changelog."""
        outputs = []
        for key in self._dirty:
            value = self._values.get(key)
            if value is not None:
                data = value if self._keeps.packed else self._encode(value)
                self._logged.add(key)
            elif key in self._logged:
                data = None
                self._logged.discard(key)
            else:
                continue
            outputs.append(Output(self._keeps.topic, self._partition, key.encode(), data))
        self._dirty.clear()
        return outputs

    def next_due(self) -> int | None:
        """When the next timer is due, in ms since the epoch."""
        while self._timers:
            due, key = self._timers[0]
            if self._dues.get(key) == due:
                return due
            heapq.heappop(self._timers)
        return None

    def pop_due(self, now: int) -> Iterator[str]:
        """Keys whose time has come; each is named once, and again when it is put with another time."""
        while (due := self.next_due()) is not None and due <= now:
            key = heapq.heappop(self._timers)[1]
            del self._dues[key]
            yield key

    def _place(self, key: str, value: Any) -> None:
        self._values.pop(key, None)
        self._values[key] = value

    def _touch(self, key: str) -> None:
        self._dirty.pop(key, None)
        self._dirty[key] = None

    def _schedule(self, key: str, value: Mapping[str, Any]) -> None:
        if self._keeps.due is None:
            return
        due = self._keeps.due(value)
        if due == self._dues.get(key):
            return
        if due is None:
            del self._dues[key]
        else:
            self._dues[key] = due
            heapq.heappush(self._timers, (due, key))


def restored(
    keeps: Keeps, codec: Codec, partition: int, changelog: Iterable[Record], beat: Callable[[], None]
) -> Store:  # fmt: skip
    """The state that a changelog tells; `beat` is called now and then, for it may be long."""
    store = Store(keeps, codec, partition)
    for count, record in enumerate(changelog):
        store.restore(record)
        if count % _BEAT_EVERY == 0:
            beat()
    return store


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


STATELESS = _Nothing()
