"""A cluster whose commits fail as a test says, and which writes down what each transaction was asked to hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.contracts.address import Address
from penstock.errors import Abort, Fenced, Unknown
from penstock.runtime.ports import Cluster, Committed, Consumer, Listener, Log, Output, Producer

Fate = Callable[[Producer], None]


def refused(_: Producer) -> None:
    """The broker wants the transaction aborted."""
    raise Abort("refused")


def answer_lost(producer: Producer) -> None:
    """It is committed, and nobody is told."""
    producer.commit()
    raise Unknown("the answer was lost")


def request_lost(_: Producer) -> None:
    """It is not committed, and nobody is told."""
    raise Unknown("the request was lost")


def fenced(_: Producer) -> None:
    """Somebody else is us now."""
    raise Fenced("taken over")


@dataclass
class Asked:
    """A transaction: what was produced into it, and the offsets that went with it, by group's topic."""

    outputs: list[Output] = field(default_factory=list)
    offsets: dict[str, dict[int, Committed]] = field(default_factory=dict)


@dataclass
class Mishaps:
    """Implements `ports.Cluster` on another one; `fates` befall the next commits, one each."""

    cluster: Cluster
    fates: deque[Fate] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    producers: int = 0

    def consumer(self, group: str, topic: str, listener: Listener) -> Consumer:
        """See the port."""
        return self.cluster.consumer(group, topic, listener)

    def producer(self, transactional_id: str) -> Producer:
        """See the port."""
        self.producers += 1
        return _Watched(self.cluster.producer(transactional_id), self)

    def log(self) -> Log:
        """See the port."""
        return self.cluster.log()

    def close(self) -> None:
        """See the port."""
        self.cluster.close()


class _Watched:
    def __init__(self, producer: Producer, mishaps: Mishaps) -> None:
        self._producer = producer
        self._mishaps = mishaps
        self._asked = Asked()

    def init(self) -> None:
        self._producer.init()

    def begin(self) -> None:
        self._asked = Asked()
        self._mishaps.asked.append(self._asked)
        self._producer.begin()

    def produce(self, output: Output) -> None:
        self._asked.outputs.append(output)
        self._producer.produce(output)

    def place(self, outputs: Sequence[Output]) -> list[Address]:
        self._asked.outputs += outputs
        return self._producer.place(outputs)

    def send_offsets(self, topic: str, offsets: Mapping[int, Committed], member: Any) -> None:  # noqa: ANN401 - as in the port
        self._asked.offsets.setdefault(topic, {}).update(offsets)
        self._producer.send_offsets(topic, offsets, member)

    def commit(self) -> None:
        if self._mishaps.fates:
            self._mishaps.fates.popleft()(self._producer)
        self._producer.commit()

    def abort(self) -> None:
        self._producer.abort()

    def close(self) -> None:
        self._producer.close()
