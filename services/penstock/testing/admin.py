"""What `penstock apply` asks of a cluster, asked of the broker in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from penstock.runtime.memory import MemoryBroker
from penstock.runtime.ports import BY_KEY, Committed, Output, Record, TopicSpec


class MemoryAdmin:
    """Implements `provision.apply.Admin`; settings of topics are kept, and change nothing."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._configs: dict[str, dict[str, str]] = {}

    def topics(self) -> Mapping[str, int]:
        """See Admin."""
        return {name: len(partitions) for name, partitions in self._broker.topics.items()}

    def configs(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """See Admin."""
        return {name: self._configs.get(name, {}) for name in names}

    def alter(self, name: str, config: Mapping[str, str]) -> None:
        """See Admin."""
        self._configs.setdefault(name, {}).update(config)

    def create(self, specs: Sequence[TopicSpec], replication: int) -> None:
        """See Admin."""
        del replication
        for spec in specs:
            self._broker.create(spec.name, spec.partitions)
            self._configs[spec.name] = dict(spec.config)

    def offsets(self, group: str, topic: str, partitions: int) -> Mapping[int, int]:
        """See Admin."""
        return {partition: place.offset for partition, place in self.committed(group, topic, partitions).items()}

    def committed(self, group: str, topic: str, partitions: int) -> Mapping[int, Committed]:
        """See Admin."""
        found = {partition: self._broker.offsets.get((group, topic, partition)) for partition in range(partitions)}
        return {partition: place for partition, place in found.items() if place is not None}

    def set_offsets(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """See Admin."""
        self._broker.offsets.update({(group, topic, p): Committed(offset, "") for p, offset in offsets.items()})

    def records(self, topic: str, starts: Mapping[int, int]) -> Iterator[Record]:
        """See Admin."""
        log = self._broker.log()
        return (record for partition, start in starts.items() for record in log.read(topic, partition, start))

    def write(self, topic: str, key: bytes, value: bytes) -> None:
        """See Admin."""
        self._broker.append(Output(topic, BY_KEY, key, value))

    def ends(self, topic: str, partitions: int, *, first: bool) -> Mapping[int, int]:
        """See Admin."""
        low, logs = self._broker.lows, self._broker.topics[topic]
        return {p: low[topic, p] if first else len(logs[p]) for p in range(partitions)}
