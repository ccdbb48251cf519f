"""A payload as a person edits it: plain JSON out, the same contract in, and every slip of the pen is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.errors import Mistake
from penstock.escalation.forms import changed, read, shown, typed

SCHEMA: dict[str, Any] = {
    "type": "record", "name": "Letter", "namespace": "p", "fields": [
        {"name": "id", "type": "string"},
        {"name": "sum", "type": "double"},
        {"name": "note", "type": ["null", "string"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "until", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
        {"name": "seal", "type": "bytes"},
        {"name": "lines", "type": {"type": "array", "items": {
            "type": "record", "name": "Line", "fields": [{"name": "sum", "type": "double"}]}}},
        {"name": "more", "type": {"type": "map", "values": "bytes"}},
    ],
}  # fmt: skip
AT = datetime(2027, 1, 15, 8, tzinfo=UTC)
LETTER: dict[str, Any] = {
    "id": "a", "sum": 1.5, "note": None, "at": AT, "until": None, "seal": b"\x00\xff",
    "lines": [{"sum": 1.0}, {"sum": 0.5}], "more": {"x": b"y"},
}  # fmt: skip


def code(caught: pytest.ExceptionInfo[Mistake]) -> str:
    """The code of a mistake."""
    return caught.value.code


def test_what_is_shown_can_be_read_again() -> None:
    """Times and bytes are texts for a person, and themselves again under the contract."""
    plain = shown(LETTER)

    assert (plain["at"], plain["seal"], plain["more"]) == ("2027-01-15T08:00:00+00:00", "\x00ÿ", {"x": "y"})
    assert typed(plain, SCHEMA) == LETTER
    assert typed({**plain, "until": plain["at"]}, SCHEMA)["until"] == AT


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("/sum=12.5", ("sum",), 12.5),
        ("/id=12.5", ("id",), "12.5"),
        ("/id=", ("id",), ""),
        ("/id=a=b", ("id",), "a=b"),
        ("/note=because", ("note",), "because"),
        ('/note="because"', ("note",), "because"),
        ("/lines/1/sum=2", ("lines", 1, "sum"), 2),
        ("/lines=[]", ("lines",), []),
        ("/at=2027-01-16T08:00:00Z", ("at",), "2027-01-16T08:00:00Z"),
    ],
)
def test_one_field_is_set(text: str, path: tuple[Any, ...], value: object) -> None:
    """What is text stays text, never a number by accident; anything else is JSON; all else is as it was."""
    plain = shown(LETTER)
    made = changed(plain, [text])
    found: Any = made
    for part in path:
        found = found[part]

    assert found == value
    assert {name for name in plain if made[name] != plain[name]} == {path[0]}
    assert plain == shown(LETTER)


def test_several_are_set_in_their_order() -> None:
    """The last one counts."""
    assert changed(shown(LETTER), ["/sum=1", "/sum=2", "/id=b"])["sum"] == 2


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("sum=1", "write --set /amount=12.5"),
        ("/sum", "write --set /amount=12.5"),
        ("/smu=1", "did you mean “sum”?"),
        ("/lines/2/sum=1", "`penstock review show` shows the value"),
        ("/lines/x=1", "`penstock review show` shows the value"),
        ("/id/x=1", "`penstock review show` shows the value"),
        ("/sum=plenty", "write for example 12.5, true or null"),
        ("/sum=NaN", "write for example 12.5, true or null"),
    ],
)
def test_a_path_that_leads_nowhere(text: str, fix: str) -> None:
    """Or a value that is none."""
    with pytest.raises(Mistake) as caught:
        changed(shown(LETTER), [text])

    assert (code(caught), caught.value.fix) == ("E318", fix)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        "12",
        '{"nothing": 1}',
        '{"lines": [{"smu": 1}]}',
        '{"at": "soon"}',
        '{"sum": NaN}',
        "[" * 100_000,
    ],
)
def test_what_is_no_such_payload(text: str) -> None:
    """No JSON object, a field that the contract has not at any depth, a time that is none."""
    with pytest.raises(Mistake) as caught:
        read(text, SCHEMA)

    assert code(caught) == "E316"
