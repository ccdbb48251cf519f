"""The door to CEL: what a check finds before any value is seen, and that only a true rule holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.contracts import chains, rules, shapes

ITEM: dict[str, Any] = {
    "type": "record",
    "name": "Item",
    "fields": [{"name": "price", "type": "double"}, {"name": "count", "type": "int"}],
}
ORDER: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "total", "type": "double"},
        {"name": "count", "type": "long"},
        {"name": "paid", "type": "boolean"},
        {"name": "discount", "type": ["null", "double"]},
        {"name": "coupon", "type": ["null", "string"]},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "DONE"]}},
        {"name": "lines", "type": {"type": "array", "items": ITEM}},
        {"name": "gift", "type": ["null", "Item"]},
        {"name": "first", "type": "Item"},
        {"name": "tags", "type": {"type": "map", "values": "string"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "fee", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "either", "type": ["string", "long"]},
    ],
}
VALUE: dict[str, Any] = {
    "id": "o-1", "total": 20.0, "count": 2, "paid": True, "discount": None, "coupon": "X", "state": "OPEN",
    "lines": [{"price": 10.0, "count": 1}, {"price": 5.0, "count": 2}], "gift": None,
    "first": {"price": 10.0, "count": 1},
    "tags": {"a": "b"}, "at": datetime(2026, 1, 1, tzinfo=UTC), "fee": b"", "either": "text",
}  # fmt: skip


@pytest.mark.parametrize(
    "rule",
    [
        "value.total >= 1.0",
        "value.count >= 1",
        "value.paid",
        "!value.paid || value.total > 0.0",
        "value.discount == null || value.discount < 1.0",
        "value.coupon != null && value.coupon.startsWith('X')",
        "value.state in ['OPEN', 'DONE']",
        "value.lines.all(line, line.price > 0.0 && line.count > 0)",
        "value.lines[0].price + value.lines[1].price == 15.0",
        "size(value.lines) == 2",
        "value.gift == null || value.gift.price > 0.0",
        "value.first.price > 1.0",
        "value.tags['a'] == 'b'",
        "double(value.count) < value.total",
        "value.either == 'text'",
        "value.id.matches('^o-[0-9]+$')",
        "value.id != 'value.nothing'",
    ],
)
def test_sound_rules_are_accepted_and_hold(rule: str) -> None:
    """Rules over every kind of field are accepted for the contract, and are true of this value."""
    assert rules.check(rule, ORDER) is None
    assert rules.Rule(rule).holds(VALUE)
    assert rules.Rule(rule).error(VALUE) == ""


@pytest.mark.parametrize(
    ("rule", "column", "says"),
    [
        ("value.totel >= 1.0", 7, "there is no field “totel”"),
        ("value.total > 1.0 && value.first.prize > 1.0", 34, "there is no field “prize”"),
        ("value.lines.all(line, line.prise > 0.0)", 28, "there is no field “prise”"),
        ("value.lines[0].prise > 0.0", 16, "there is no field “prise”"),
        ("value.gift == null || value.gift.prise > 0.0", 34, "there is no field “prise”"),
        ("value.total >= 1", 13, "no matching overload"),
        ("value.discount > 1", 16, "no matching overload"),
        ("value.coupon == 3", 14, "no matching overload"),
        ("value.total >= ", 16, "Syntax error"),
        ("", 1, "Syntax error"),
        ("valeu.total > 1.0", 1, "nothing is called “valeu”"),
        ("value == 3", 1, "nothing is called “value”"),
        ("has(value.discount) && value.paid", 1, "has() is always true"),
        ("value.fee > 1.0", 6, "cannot look at a time, decimal"),
        ("value.at > timestamp('2020-01-01T00:00:00Z')", 6, "cannot look at a time, decimal"),
    ],
)
def test_faults_are_found_before_any_value_is_seen(rule: str, column: int, says: str) -> None:
    """Misspelt fields, mixed types and bad syntax are found with their column, from the contract alone."""
    fault = rules.check(rule, ORDER)

    assert fault is not None
    assert (fault.line, fault.column) == (1, column)
    assert says in fault.message
    assert fault.fix
    assert fault.question


@pytest.mark.parametrize("rule", ["value.total + 1.0", "value.id", "[1, 2]", "value.paid ? 'yes' : 'no'"])
def test_a_rule_must_be_a_question(rule: str) -> None:
    """What does not answer with true or false is no rule."""
    fault = rules.check(rule, ORDER)

    assert fault is not None
    assert not fault.question


def test_whole_numbers_beside_doubles_are_explained() -> None:
    """The fix says how to write the number."""
    fault = rules.check("value.total >= 1", ORDER)

    assert fault is not None
    assert fault.fix == "write 1.0 beside a double and 1 beside a whole number"


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("value.count / 0 > 1", {"count": 3}),
        ("value.tags['z'] == 'b'", {"tags": {"a": "b"}}),
        ("value.lines[9].price > 1.0", {"lines": []}),
        ("value.discount > 1.0", {"discount": None}),
        ("value.total > 1.0", {}),
        ("value.total > 1.0", {"total": "20"}),
        ("value.total > 1.0", {"total": object()}),
        ("int(value.id) > 1", {"id": "x"}),
    ],
)
def test_an_error_is_not_a_yes(rule: str, value: dict[str, Any]) -> None:
    """CEL answers an error with a text, which Python takes for true: it does not hold, and says why."""
    asked = rules.Rule(rule)

    assert asked.holds(value) is False
    assert asked.error(value)


@pytest.mark.parametrize("total", [0.5, float("nan"), float("-inf"), 0.0])
def test_what_is_false_is_false_without_an_error(total: float) -> None:
    """A rule that is simply not true has no error; not-a-number passes no comparison."""
    asked = rules.Rule("value.total > 1.0")

    assert asked.holds({"total": total}) is False
    assert asked.error({"total": total}) == ""


def test_only_the_named_fields_are_looked_at() -> None:
    """What the rule does not name may be anything, even what CEL has no type for, and even beside what it names."""
    at = datetime(2026, 1, 1, tzinfo=UTC)

    assert rules.Rule("value.total > 1.0").holds({"total": 2.0, "at": at})
    assert rules.Rule("value.first.price > 1.0").holds({"first": {"price": 2.0, "at": at}})
    assert rules.Rule("value.lines.all(line, line.price > 1.0)").holds({"lines": [{"price": 2.0, "at": at}]})


def test_a_rule_of_several_lines_has_its_fault_placed() -> None:
    """Line and column count from the beginning of the rule."""
    fault = rules.check("value.total > 1.0 &&\n  value.countt > 1", ORDER)

    assert fault is not None
    assert (fault.line, fault.column, fault.width) == (2, 9, 6)


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("value.a > 1 && value.b.c == 'value.d'", {"a", "b"}),
        ('value.a == "x\\"value.e" || other.value.f', {"a"}),
        ("value . a > 1 // value.g", {"a"}),
        ("r'value.h' == value.i", {"i"}),
        ("true", set()),
    ],
)
def test_fields_are_told_from_texts_and_remarks(rule: str, fields: set[str]) -> None:
    """Only real references count, not what stands in quotes, in a remark or behind another name."""
    assert chains.used(rule) == fields


@pytest.mark.parametrize(
    ("pointer", "lost"),
    [("/total", None), ("/first/price", None), ("/lines/0/price", None), ("/gift/price", None), ("/tags/any", None),
     ("", None), ("/totel", "totel"), ("/first/prise", "prise"), ("/total/more", "more"), ("/lines/0/x", "x")],
)  # fmt: skip
def test_pointers_into_a_contract(pointer: str, lost: str | None) -> None:
    """A JSON pointer leads to a field, an item or a map's value; or the part that leads nowhere is named."""
    assert shapes.points_at(pointer, ORDER, shapes.named_types(ORDER)) == lost


def test_types_are_compared_by_what_they_say_on_the_wire() -> None:
    """Documentation, defaults and needless nesting make no other type; names and order of fields do."""
    other = {**ITEM, "doc": "An item.", "fields": [{**field, "doc": "x"} for field in ITEM["fields"]]}

    assert shapes.same(ITEM, other)
    assert shapes.same({"type": "string"}, "string")
    assert not shapes.same(ITEM, {**ITEM, "fields": ITEM["fields"][::-1]})
    assert not shapes.same("long", {"type": "long", "logicalType": "timestamp-millis"})
