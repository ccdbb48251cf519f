"""Tries a connection's properties without connecting, so that a wrong one is told before anything begins."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from penstock.runtime.kafka import settings

_MADE = re.compile(r"^Failed to create [a-z ]+: ")
_TRIAL = "penstock-trial"  # a group that is never joined


def refusal(connection: Mapping[str, str]) -> str:
    """Why the client does not take these properties together; empty when it does."""
    quiet = {**connection, "log_level": "0"}
    trials: Sequence[Callable[[], object]] = (
        lambda: AdminClient(settings.admin(quiet)),
        lambda: Consumer(settings.consumer(quiet, _TRIAL, None)).close(),
    )
    for trial in trials:
        try:
            trial()
        except KafkaException as error:
            return _MADE.sub("", error.args[0].str()).strip()
    return ""
