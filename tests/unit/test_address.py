"""The address of a record, as text and back."""

from __future__ import annotations

import pytest

from penstock.contracts.address import Address, parse


def test_there_and_back() -> None:
    """`topic[partition]@offset` is read as it was written."""
    address = Address("p.check-reading.dlq", 11, 9_223_372_036_854_775_807)

    assert str(address) == "p.check-reading.dlq[11]@9223372036854775807"
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", "p", "p[0]", "p@1", "p[0]@", "p[]@1", "p[-1]@1", "p[0]@-1", "p[0]@1 ", "p[0]@1\n", "a b[0]@1",
             "[0]@1", "p[0]@1x", "p[a]@1", "x" * 250 + "[0]@1"],
)  # fmt: skip
def test_anything_else_is_none(text: str) -> None:
    """The error says what was found instead."""
    with pytest.raises(ValueError, match="not a record address"):
        parse(text)
