"""Reading one word of a file: YAML 1.2 types, what older readers would take it for, durations, money, counts."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

Scalar: TypeAlias = bool | int | float | str | None

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*(?:_[0-9]+)*)|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_SURPRISES = (
    (re.compile(r"(?:no|off)", re.IGNORECASE), "false"),
    (re.compile(r"(?:yes|on)", re.IGNORECASE), "true"),
    (re.compile(r"[-+]?0o?[0-7_]+|[-+]?0[0-9_]+"), "an octal number"),
    (re.compile(r"[-+]?[0-9]+(?::[0-9]{1,2})+(?:\.[0-9]*)?"), "a number to the base of sixty"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"), "a date"),
    (re.compile(r"[-+]?0b[01_]+"), "a binary number"),
)
_DURATION = re.compile(r"([0-9]{1,12})(ms|s|m|h)")
_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_MONEY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?) USD")
_LONGEST_NUMBER = 30


def surprise(text: str) -> str | None:
    """What an older YAML reader would take this unquoted word for, where it differs from ours."""
    return next((taken for pattern, taken in _SURPRISES if pattern.fullmatch(text)), None)


def value(text: str) -> Scalar:
    """The value of an unquoted word under YAML 1.2, core schema; `2_000_000` is a whole number too."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if len(text) <= _LONGEST_NUMBER and _INT.fullmatch(text):
        return int(text, 16 if text.startswith("0x") else 10)
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", "", 1))
    if len(text) <= _LONGEST_NUMBER and _FLOAT.fullmatch(text):
        return float(text)
    return text


def duration(text: str) -> int | None:
    """Milliseconds of `200ms`, `90s`, `15m` or `24h`; None for anything else."""
    found = _DURATION.fullmatch(text)
    return int(found[1]) * _UNITS[found[2]] if found else None


def money(text: str) -> float | None:
    """Dollars of `0.05 USD`; None for anything else."""
    found = _MONEY.fullmatch(text)
    return float(found[1]) if found else None


def spell(ms: int) -> str:
    """A duration as a person would write it."""
    for unit in ("h", "m", "s"):
        if ms and ms % _UNITS[unit] == 0:
            return f"{ms // _UNITS[unit]}{unit}"
    return f"{ms}ms"


def spoken(ms: int) -> str:
    """A duration to be read, not to be copied: `2m 7s`, `24h 4m`, `34.4s`."""
    hours, rest = divmod(ms, _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    seconds = f"{rest / _UNITS['s']:.1f}".removesuffix(".0")
    parts = (f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{seconds}s" if rest else "")
    return " ".join(part for part in parts if part) or "0s"


def name_of(found: Scalar) -> str:
    """A value's type in words."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "text"}
    return names.get(type(found), "nothing")
