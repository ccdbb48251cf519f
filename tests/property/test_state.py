"""A step's state is the same after a restore, whatever was kept and dropped, its changelog compacted or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.contracts.records import EVENT_MEMORY, EventMemory
from penstock.runtime.codec import Codec
from penstock.runtime.ports import Record
from penstock.runtime.service import Keeps
from penstock.runtime.state import Store
from pipelines import contracts

CODEC = Codec(contracts())
keys = st.sampled_from(["a", "b", "c", "d"])
turns = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, st.integers(0, 50)),
        st.tuples(st.just("drop"), keys, st.just(0)),
        st.tuples(st.just("flush"), st.just(""), st.just(0)),
        st.tuples(st.just("fire"), st.just(""), st.integers(0, 50)),
    ),
    max_size=40,
)


def fresh(*, packed: bool) -> Store:
    """A store whose values are due when they say."""
    keeps = Keeps("p.s.state", EVENT_MEMORY, due=lambda value: value["at"] or None, packed=packed)
    return Store(keeps, CODEC, 0)


def restored(log: list[Record], *, packed: bool) -> Store:
    """A store that read this changelog."""
    store = fresh(packed=packed)
    for record in log:
        store.restore(record)
    return store


def compacted(log: list[Record]) -> list[Record]:
    """The last record of each key, and the tombstones gone."""
    last = {record.key: record.offset for record in log}
    return [record for record in log if last[record.key] == record.offset and record.value is not None]


def content(store: Store) -> tuple[list[str], list[object], int | None]:
    """All that can be asked of it."""
    names = list(store.oldest())
    return names, [store.get(name) for name in names], store.next_due()


@pytest.mark.parametrize("packed", [False, True])
@given(turns=turns)
def test_a_restore_brings_everything_back(turns: list[tuple[str, str, int]], packed: bool) -> None:  # noqa: FBT001 - a table
    """Values, their order and their timers."""
    store, log = fresh(packed=packed), list[Record]()

    def flush() -> None:
        for output in store.flush():
            log.append(Record(output.topic, 0, len(log), output.key, output.value, [], 0))

    for what, key, number in turns:
        if what == "put":
            store.put(key, EventMemory(sha256=b"x", run=key, at=number))
        elif what == "drop":
            store.drop(key)
        elif what == "fire":
            for name in list(store.pop_due(number)):
                store.drop(name)
        else:
            flush()
    flush()

    assert content(restored(log, packed=packed)) == content(store)
    assert content(restored(compacted(log), packed=packed)) == content(store)
    assert store.flush() == []
