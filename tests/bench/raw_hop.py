"""One hop as a raw exactly-once loop: decode, add one, encode; a transaction for each batch.

No concurrency, no restore, no roll-back, no rebalance, no events: it only says how fast the clients can be.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import raw_clients
from bench.jobs import decode, encode
from bench.raw_clients import Offsets

_BATCH = 2_000


def main() -> None:
    """Move records from `--in` to `--out` until SIGTERM."""
    flags = raw_clients.flags(__doc__ or "", "group", "in", "out")
    over = raw_clients.until_sigterm()
    source, target = vars(flags)["in"], flags.out
    reader = raw_clients.consumer(flags.bootstrap, flags.group, source)
    writer = raw_clients.producer(flags.bootstrap, flags.group, linger_ms=1)
    while not over.is_set():
        first = reader.poll(0.1)
        if first is None:
            continue
        messages = raw_clients.checked([first, *reader.consume(_BATCH - 1, 0)])
        writer.begin_transaction()
        offsets: Offsets = {}
        for message in messages:
            value = decode(message.value())
            value["amount"] += 1.0
            writer.produce(target, encode(value), message.key(), message.partition())
            offsets[source, message.partition()] = message.offset() + 1
        raw_clients.commit(writer, {reader: offsets})
    reader.close()


if __name__ == "__main__":
    main()
