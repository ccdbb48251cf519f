"""Personal data: what must never survive the mask, and what must."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from triage.personal import find, is_card, is_iban, mask

BETWEEN = st.sampled_from(["", " ", "-", ".", "\u00a0", " - ", "\u2013"])
AROUND = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)
DATES = st.dates(date(1950, 1, 1), date(2050, 1, 1))
MOMENTS = st.datetimes(datetime(1950, 1, 1), datetime(2050, 1, 1))  # noqa: DTZ001 - as a customer writes them
LETTERS_AND_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def check_digit(digits: str) -> str:
    """The digit that makes a card number valid, worked out by trying all ten."""
    return next(d for d in "0123456789" if luhn(digits + d))


def luhn(number: str) -> bool:
    """Luhn's sum as the patent has it: every second digit from the right doubled, its digits added."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        product = int(digit) * (1 + place % 2)
        total += product // 10 + product % 10
    return total % 10 == 0


def iban(country: str, account: str) -> str:
    """An IBAN with its two check digits (ISO 13616)."""
    value = int("".join(str(int(sign, 36)) for sign in account + country + "00"))
    return f"{country}{98 - value % 97:02d}{account}"


@st.composite
def cards(draw: st.DrawFn) -> str:
    """A valid card number of 13 to 19 digits, in groups as people write them."""
    digits = draw(st.text("0123456789", min_size=12, max_size=18))
    return grouped(digits + check_digit(digits), draw(BETWEEN), draw(st.sampled_from([4, 4, 5, 3, 19])))


@st.composite
def ibans(draw: st.DrawFn) -> str:
    """A valid IBAN in groups, in capitals or not."""
    country = draw(st.sampled_from(["DE", "GB", "NO", "MT", "FR", "XX"]))
    whole = iban(country, draw(st.text(LETTERS_AND_DIGITS, min_size=11, max_size=30)))
    written = grouped(whole, draw(BETWEEN), 4)
    return written.lower() if draw(st.booleans()) else written


def grouped(text: str, between: str, size: int) -> str:
    return between.join(text[at : at + size] for at in range(0, len(text), size))


def bare(text: str) -> str:
    return "".join(sign for sign in text if sign.isalnum()).lower()


@given(cards(), AROUND, AROUND)
@example("4111 1111 1111 1111", "card 12", "12/27")
@example("4111111111111111", "order 77", "and 5.00")
@example("4111-1111-1111-1111", "1 2 3 4 5 6 7 8 9 10", "11 12 13")
def test_no_valid_card_survives(card: str, before: str, after: str) -> None:
    """A valid card number is gone, whatever stands around it and however it is grouped."""
    masked = mask(f"{before} {card} {after}")

    assert bare(card) not in bare(masked)
    assert card not in masked


@given(ibans(), AROUND, AROUND)
@example("GB82 WEST 1234 5698 7654 32", "to", "please, by 5 pm")
@example("GB82 WEST 1234 5698 7654 32", "AB12", "")
@example("NO93 8601 1117 947", "", "and more words that could belong to it")
def test_no_valid_iban_survives(account: str, before: str, after: str) -> None:
    """A valid IBAN is gone, even when words follow that could be more of it."""
    masked = mask(f"{before} {account} {after}")

    assert bare(account) not in bare(masked)


def test_a_card_glued_to_words_is_found() -> None:
    """No space is needed around a card number."""
    assert mask("card4111111111111111exp") == "card[card]exp"


@given(AROUND, cards(), AROUND, ibans())
def test_masking_is_idempotent_and_leaves_nothing(before: str, card: str, between: str, account: str) -> None:
    """What was masked holds no personal data and is not changed by another mask."""
    masked = mask(f"{before} {card} {between} {account}")

    assert find(masked) == []
    assert mask(masked) == masked


@given(
    st.one_of(
        st.decimals(0, 10**9, places=2).map(lambda amount: f"{amount:,} EUR"),
        st.integers(0, 10**9).map(lambda amount: f"£{amount}"),
        DATES.map(lambda day: f"on {day:%d/%m/%Y}"),
        DATES.map(lambda day: f"on {day:%d.%m.%y} at"),
        DATES.map(lambda day: f"on {day:%d-%m-%Y} 10 people"),
        MOMENTS.map(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}"),
        MOMENTS.map(lambda moment: f"at {moment:%H:%M} on the {moment:%d}th"),
        st.integers(0, 10**8).map(lambda number: f"order {number}"),
        st.integers(0, 99).map(lambda share: f"{share}.{share} % of 1,500"),
    )
)
def test_amounts_dates_and_orders_survive(ordinary: str) -> None:
    """Ordinary numbers are left alone: they are what the message is about."""
    text = f"I paid {ordinary} twice"

    assert mask(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "+44 20 7946 0000", "020 7946 0018", "07700 900123", "(020) 7946 0018", "+49 (0)30 1234567", "0049 30 1234567",
        "555-555-0100", "(555) 555-0100", "+1-555-555-0100",
    ],
)  # fmt: skip
def test_phone_numbers_are_masked(text: str) -> None:
    """Phone numbers as people write them are masked."""
    assert mask(f"call {text} please") == "call [phone] please"


@pytest.mark.parametrize("text", ["a.b+c@example.org", "POST@mail.example.co.uk", "o'neil_1@example.museum"])
def test_mail_addresses_are_masked(text: str) -> None:
    """E-mail addresses are masked, and the full stop behind one stays."""
    assert mask(f"write to {text}.") == "write to [e-mail]."


@pytest.mark.parametrize("number", ["4111111111111111", "5555555555554444", "378282246310005", "4012888888881881"])
def test_test_cards_are_cards(number: str) -> None:
    """The card schemes' published test numbers are valid, and no longer so with a digit changed."""
    assert is_card(number)
    assert not is_card(number[:-1] + str((int(number[-1]) + 1) % 10))


def test_published_ibans_are_ibans() -> None:
    """The registry's examples are valid, and no longer so with two digits swapped."""
    assert is_iban("GB82WEST12345698765432")
    assert is_iban("DE89370400440532013000")
    assert not is_iban("DE89370400440532010300")


def test_long_hostile_text_takes_no_time() -> None:
    """Text made to be slow is searched in linear time; the test's own time limit is the claim."""
    for hostile in ("1 " * 20_000, "a@" * 20_000, "GB82 " * 10_000, "+" + "1-" * 20_000, "0" * 40_000):
        mask(hostile)
