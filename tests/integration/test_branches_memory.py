"""Runs through rules and fan-outs on the broker in memory: what is large, late, skipped or missing as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from penstock import Reason, Reject
from penstock.assembly.plans import contracts_beside, resolve
from penstock.errors import Mistake
from penstock.testing import Pipeline, cases
from penstock.testing.production import Production
from penstock.topology.compiler import compile_topology
from pipelines import check_order

TOPOLOGIES = Path(__file__).resolve().parents[1] / "branches" / "topology"
LINE = {"id": "o1", "sku": "tea", "price": 4.0, "count": 2, "parts": []}
Made = Callable[..., Pipeline]


@pytest.fixture
def made() -> Iterator[Made]:
    """Makes a pipeline of the shop, with some of its text replaced."""
    with ExitStack() as held:

        def make(name: str, changes: Mapping[str, str] | None = None) -> Pipeline:
            path = TOPOLOGIES / f"{name}.yaml"
            text = path.read_text(encoding="utf-8")
            for old, new in (changes or {}).items():
                assert old in text
                text = text.replace(old, new)
            contracts = contracts_beside(path)
            production = Production(compile_topology(text.encode(), path.name, contracts, resolve), contracts)
            return held.enter_context(Pipeline(production))

        Production.of(TOPOLOGIES / "rules.yaml")  # so that its services are found
        yield make


def order(lines: int = 2, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """An order with so many lines."""
    return {"id": "o1", "country": "DE", "total": 12.0, "lines": [LINE] * lines, **fields}


def test_a_large_fan_out_is_gathered(made: Made) -> None:
    """Four hundred items, in their order, in a record each: the join's own stays small."""
    pipeline = made("lines", {"most: 3": "most: 404", "tasks: 120": "tasks: 5000"})
    pipeline.send(order(404))
    pipeline.settle()

    assert pipeline.ends() == {"o1": "succeeded"}
    (bill,) = pipeline.outputs("bills")
    assert len(bill["lines"]) == len(pipeline.effects("reserve")) == 404
    written = [record for record in pipeline.records("lines.bill.state") if record.value is not None]
    assert max(len(record.value or b"") for record in written) < 500
    check_order(pipeline)


def test_items_that_do_not_come_in_time_are_missing(made: Made) -> None:
    """The wait is over and no line is there, which is less than half; what comes afterwards is late, and ends."""
    pipeline = made("lines", {"    gather: lines": "    gather: lines\n    wait: 20s"})
    pipeline.send(order(2))
    pipeline.stub("price", lambda value, _: {**value, "amount": 8.0}, Reject((Reason("no"),)))
    pipeline.hold("gate")
    pipeline.settle()
    pipeline.wait(30)

    assert pipeline.outputs("bills") == []
    (letter,) = pipeline.events("task_dead", "bill")
    assert letter["dead"] is not None
    assert letter["dead"]["reasons"][0]["code"] == "too_few_items"
    pipeline.resume("gate")
    pipeline.settle()
    assert [event["item"] for event in pipeline.events("late", "bill")] == ["0", "1"]
    assert pipeline.ends() == {"o1": "rejected"}
    check_order(pipeline)


SPLIT = {
    "to: [check, {step: price, each: lines, most: 3}]": "to: [check, {step: fan, when: 'value.total > 10.0'}]",
    "  check: {": """  fan:
    kind: worker
    run: shop.workers:read
    writes: shop.Order
    attempts: {max: 1, timeout: 5s}
    to: [{step: price, each: lines, most: 3}]
  check: {""",
}


def test_a_fan_out_that_is_not_taken_is_skipped(made: Made) -> None:
    """Its list is left out of the join, which goes on with the other branch."""
    pipeline = made("lines", SPLIT)
    pipeline.send(order(2, total=5.0))
    pipeline.settle()

    assert pipeline.ends() == {"o1": "succeeded"}
    assert [(bill["risk"], bill["lines"]) for bill in pipeline.outputs("bills")] == [(0.005, [])]
    check_order(pipeline)


def test_a_fan_out_that_dies_is_missing(made: Made) -> None:
    """As a whole, which is no matter of a share of its items: the merge is a conflict."""
    pipeline = made("lines", SPLIT)
    pipeline.stub("fan", Reject((Reason("torn"),)))
    pipeline.send(order(2))
    pipeline.settle()

    assert pipeline.ends() == {"o1": "rejected"}
    (letter,) = pipeline.events("task_dead", "bill")
    assert letter["dead"] is not None
    assert [reason["code"] for reason in letter["dead"]["reasons"]] == ["branch_missing"]
    check_order(pipeline)


def test_a_gate_that_cannot_tell_the_way_is_dead(made: Made) -> None:
    """The value passed, and no rule could be answered: the reason says which way, and nothing is dropped in silence."""
    rule = "1 / int(value.risk * 10.0 - 2.0) > 0"  # of a risk of 0.2
    pipeline = made("rules", {"to: [file, verdicts]": f"to: [file, {{step: verdicts, when: '{rule}'}}]"})
    pipeline.send(order(0, total=200.0))
    pipeline.settle()

    assert pipeline.ends() == {"o1": "failed"}
    (letter,) = pipeline.events("task_dead", "gate")
    assert letter["dead"] is not None
    assert [reason["code"] for reason in letter["dead"]["reasons"]] == ["bad_condition"]
    assert pipeline.effects() == []
    check_order(pipeline)


def test_effects_of_items_have_keys_of_their_own(made: Made) -> None:
    """Two equal lines are two effects, and a repeat of the event none."""
    pipeline = made("lines")
    pipeline.send(order(2), order(2))
    pipeline.settle()

    assert len(pipeline.effects("reserve")) == 2
    assert len({key for _, key, _ in pipeline.cast.sent}) == 2


@pytest.mark.parametrize(
    ("stub", "code"), [("{to: nowhere}", "E040"), ("{to: [home, nowhere]}", "E040"), ("{answer: {id: a}}", "E023")]
)
def test_a_stub_of_a_router_names_its_successors(tmp_path: Path, stub: str, code: str) -> None:
    """What it could never say is a mistake of the file of cases."""
    path = tmp_path / "meet.test.yaml"
    event = "{id: o1, country: DE, total: 1.0, lines: []}"
    path.write_text(f"event: {event}\ncases:\n  a: {{stubs: {{pick: {stub}}}, expect: {{runs: 1}}}}\n")

    with pytest.raises(Mistake) as caught:
        cases.read(path, Production.of(TOPOLOGIES / "meet.yaml"))

    assert caught.value.code == code
