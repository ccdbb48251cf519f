"""The diamond as a raw exactly-once loop: A, then B and C, then a join; all in one process.

A consumer for each step, and one shared transaction over whatever they all brought. No events, no supervisor, no
status, no envelope, no restore, no roll-back, no rebalance: it only says how fast the clients can be.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from confluent_kafka import Consumer, Producer

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import raw_clients, workers
from bench.jobs import Job, decode, encode
from bench.raw_clients import Offsets, Taken

_BATCH = 2_000
_QUIET = 200  # empty looks after which it looks less often

Handle = Callable[[Taken], None]


class Join:
    """Puts the two branches of a run together; what is open at the end of a transaction goes to a changelog."""

    def __init__(self, writer: Producer, log: str, target: str) -> None:
        self._writer = writer
        self._log = log
        self._target = target
        self._open: dict[bytes, bytes] = {}
        self._logged: set[bytes] = set()
        self._touched: dict[bytes, int] = {}

    def take(self, message: Taken, *, scored: bool) -> None:
        """One branch has arrived."""
        key, value, partition = message.key(), message.value(), message.partition()
        self._touched[key] = partition
        other = self._open.pop(key, None)
        if other is None:
            self._open[key] = value
            return
        merged = decode(value if scored else other)
        merged["status"] = decode(other if scored else value)["status"]
        merged["final"] = True
        self._writer.produce(self._target, encode(merged), key, partition)

    def flush(self) -> None:
        """Write the changes since the last call."""
        for key, partition in self._touched.items():
            value = self._open.get(key)
            if value is not None:
                self._writer.produce(self._log, value, key, partition)
                self._logged.add(key)
            elif key in self._logged:
                self._writer.produce(self._log, None, key, partition)
                self._logged.discard(key)
        self._touched.clear()


def step(writer: Producer, work: Callable[[Job], Job], target: str, message: Taken) -> None:
    """Decode, work, encode."""
    writer.produce(target, encode(work(decode(message.value()))), message.key(), message.partition())


def wired(bootstrap: str, prefix: str, writer: Producer, join: Join) -> list[tuple[Consumer, Handle]]:
    """A consumer with a group of its own for each step, and what is done with its messages."""

    def reader(name: str, *topics: str) -> Consumer:
        return raw_clients.consumer(bootstrap, f"{prefix}-{name}", *(f"{prefix}-{topic}" for topic in topics))

    def joined(message: Taken) -> None:
        join.take(message, scored=message.topic() == f"{prefix}-b")

    return [
        (reader("A", "in"), partial(step, writer, workers.prepare, f"{prefix}-a")),
        (reader("B", "a"), partial(step, writer, workers.score, f"{prefix}-b")),
        (reader("C", "a"), partial(step, writer, workers.classify, f"{prefix}-c")),
        (reader("J", "b", "c"), joined),
    ]


def turn(writer: Producer, join: Join, readers: list[tuple[Consumer, Handle]]) -> bool:
    """One transaction over what every consumer has ready; false when none has anything."""
    ready = [(reader, handle, reader.consume(_BATCH, 0)) for reader, handle in readers]
    if not any(messages for _, _, messages in ready):
        return False
    writer.begin_transaction()
    shares: dict[Consumer, Offsets] = {}
    for reader, handle, messages in ready:
        for message in raw_clients.checked(messages):
            handle(message)
            shares.setdefault(reader, {})[message.topic(), message.partition()] = message.offset() + 1
    join.flush()
    raw_clients.commit(writer, shares)
    return True


def main() -> None:
    """Move records from PREFIX-in over PREFIX-a, -b and -c to PREFIX-out until SIGTERM."""
    flags = raw_clients.flags(__doc__ or "", "prefix")
    over = raw_clients.until_sigterm()
    writer = raw_clients.producer(flags.bootstrap, flags.prefix)
    join = Join(writer, f"{flags.prefix}-log", f"{flags.prefix}-out")
    readers = wired(flags.bootstrap, flags.prefix, writer, join)
    quiet = 0
    while not over.is_set():
        if turn(writer, join, readers):
            quiet = 0
        else:
            quiet += 1
            time.sleep(0.001 if quiet < _QUIET else 0.005)
    for reader, _ in readers:
        reader.close()


if __name__ == "__main__":
    main()
