"""Which team takes which intent."""

from __future__ import annotations

from typing import Final

# The first word that occurs in an intent's name decides, so the order matters: a stolen card is a matter of security.
_TEAMS: Final = (
    ("security", ("lost", "stolen", "compromised", "unknown", "not_recognised", "fraud", "blocked", "passcode")),
    ("lending", ("overdraft", "mortgage", "loan")),
    ("currency", ("exchange", "currency", "fiat", "abroad", "travel", "country")),
    ("cards", ("card", "pin", "atm", "cash", "contactless", "visa", "apple_pay")),
    (
        "payments",
        ("transfer", "payment", "debit", "standing", "top", "balance", "charge", "refund", "receiving", "fee"),
    ),
    ("accounts", ("account", "identity", "details", "address", "login", "statement", "age", "funds")),
)
ELSEWHERE: Final = "service-desk"


def queue_of(intent: str | None) -> str:
    """The team's queue; the service desk's where no team's words occur."""
    name = (intent or "").lower()
    return next((team for team, words in _TEAMS if any(word in name for word in words)), ELSEWHERE)
