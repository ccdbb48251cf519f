"""The sink's file after any sequence of sends, crashes and restarts of two executors."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from penstock.effects.sinks import JsonLinesFile

steps = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 1), st.integers(0, 5)),
    st.tuples(st.just("tear"), st.integers(1, 40), st.just(0)),
    st.tuples(st.just("restart"), st.integers(0, 1), st.just(0)),
)


@given(st.lists(steps, max_size=20))
def test_each_key_is_there_once(sequence: list[tuple[str, int, int]]) -> None:
    """Exactly the first send of a key is fresh; every line is whole, save one that was torn last."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "effects.jsonl"
        executors = [JsonLinesFile({"path": str(path)}) for _ in range(2)]
        sent: list[str] = []
        for what, who, number in sequence:
            if what == "send":
                fresh = not executors[who].send({"n": number}, f"k{number}").duplicate
                assert fresh is (f"k{number}" not in sent)
                sent += [f"k{number}"] if fresh else []
            elif what == "tear":
                with path.open("ab") as file:
                    file.write(b'{"key": "torn", "effect": {"n": "half a li'[:who])
            else:
                executors[who] = JsonLinesFile({"path": str(path)})
        executors[0].send({}, "last")

        assert [json.loads(line)["key"] for line in path.read_bytes().splitlines()] == [*sent, "last"]
