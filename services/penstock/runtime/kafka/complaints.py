"""Hears what a client says about its connections, and keeps the last thing that tells a person why."""

from __future__ import annotations

import re

from confluent_kafka import KafkaError

_SAYS_NOTHING = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._MAX_POLL_EXCEEDED})
_OURS = re.compile(r"^(?:[a-z]+://)?\S+/(?:bootstrap|\d+): | \(after \d+ms in state .*\)$")  # as librdkafka writes it


class Complaints:
    """A client's `error_cb`; served when the client is polled."""

    def __init__(self) -> None:
        self.last = ""

    def __call__(self, error: KafkaError) -> None:
        """Keep it, if it says anything."""
        if error.code() not in _SAYS_NOTHING:
            self.last = _OURS.sub("", error.str())
