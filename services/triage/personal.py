"""Finds and masks personal data: card numbers, IBANs, e-mail addresses and phone numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["card", "iban", "e-mail", "phone"]

_BETWEEN = r"[\s.\-\u2010-\u2015_/]{1,3}"  # what people put between groups of digits
_DIGITS = re.compile(rf"\d+(?:{_BETWEEN}\d+)*")
_IBAN = re.compile(rf"(?<![^\W_])(?=([A-Za-z]{{2}}\d{{2}}(?:(?:{_BETWEEN})?[A-Za-z0-9]){{11,30}}))")
_MAIL = re.compile(r"[^\W_][\w.+%'-]{0,63}@[^\W_][\w.-]{0,250}\.[^\W\d_]{2,24}")
_PHONE = re.compile(
    r"(?<![\w.,+])(?:\+\d{1,3}[ -]?(?:\(0\)[ -]?)?\(?\d(?:\)?[ ./-]?\(?\d){6,12}"  # +44 20 7946 0000
    r"|\(?0\d(?:\)?[ -]?\d){7,12}"  # 020 7946 0000, 0044...
    r"|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})(?![\w])"  # (555) 555-0100
)
_DATE = re.compile(r"\d{1,2}[ .-]\d{1,2}[ .-](?:\d{2}|\d{4})\b")
_CARD_DIGITS = range(13, 20)  # ISO/IEC 7812
_IBAN_SIGNS = range(15, 35)  # ISO 13616: Norway has 15, nobody more than 34


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A piece of personal data: text[start:end]."""

    start: int
    end: int
    kind: Kind


def mask(text: str) -> str:
    """Replace every piece of personal data by its kind in brackets; idempotent."""
    while found := find(text):
        for piece in reversed(found):
            text = f"{text[: piece.start]}[{piece.kind}]{text[piece.end :]}"
    return text


def find(text: str) -> list[Found]:
    """All pieces of personal data, in order. Where two overlap, both go, under the name of the longer."""
    claims = sorted([*_ibans(text), *_cards(text), *_mails(text), *_phones(text)])
    merged: list[Found] = []
    for claim in claims:
        if merged and claim.start < merged[-1].end:
            merged[-1] = _both(merged[-1], claim)
        else:
            merged.append(claim)
    return merged


def is_card(digits: str) -> bool:
    """Whether 13 to 19 digits carry a right check digit (Luhn, ISO/IEC 7812-1 annex B)."""
    if len(digits) not in _CARD_DIGITS:
        return False
    doubled = [int(d) * 2 for d in digits[-2::-2]]
    return (sum(int(d) for d in digits[-1::-2]) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0  # noqa: PLR2004 - the digits of a two-digit number


def is_iban(signs: str) -> bool:
    """Whether letters and digits without spaces form an IBAN (ISO 7064 mod 97-10)."""
    if len(signs) not in _IBAN_SIGNS or not (signs.isascii() and signs[:2].isalpha() and signs[2:4].isdecimal()):
        return False
    return int("".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4])) % 97 == 1


def _both(one: Found, other: Found) -> Found:
    longer = max(one, other, key=lambda found: found.end - found.start)
    return Found(one.start, max(one.end, other.end), longer.kind)


def _cards(text: str) -> Iterator[Found]:
    """Card numbers begin and end with a group of digits, whatever other groups stand around them."""
    for run in _DIGITS.finditer(text):
        groups = [(m.start() + run.start(), m.end() + run.start()) for m in re.finditer(r"\d+", run[0])]
        for first, (start, _) in enumerate(groups):
            digits = ""
            for begin, end in groups[first : first + _CARD_DIGITS.stop]:
                digits += text[begin:end]
                if len(digits) >= _CARD_DIGITS.stop:
                    break
                if is_card(digits):
                    yield Found(start, end, "card")


def _ibans(text: str) -> Iterator[Found]:
    """An IBAN may be followed by words, so every end that is the end of a word is tried."""
    for candidate in _IBAN.finditer(text):
        signs = ""
        for at in range(candidate.start(1), candidate.end(1)):
            signs += text[at] if text[at].isalnum() else ""
            if not text[at + 1 : at + 2].isalnum() and is_iban(signs):
                yield Found(candidate.start(1), at + 1, "iban")


def _mails(text: str) -> Iterator[Found]:
    return (Found(*match.span(), "e-mail") for match in _MAIL.finditer(text))


def _phones(text: str) -> Iterator[Found]:
    return (Found(*match.span(), "phone") for match in _PHONE.finditer(text) if not _DATE.match(match[0]))
