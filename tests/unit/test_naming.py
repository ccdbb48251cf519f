"""The client's errors are named for what happens next."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from penstock.errors import Fatal, Fenced, Halt
from penstock.runtime.kafka.naming import of_consumer


@pytest.mark.parametrize(
    "code",
    [
        KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError.NOT_COORDINATOR,
        KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNSTABLE_OFFSET_COMMIT, KafkaError.ILLEGAL_GENERATION, KafkaError.KAFKA_STORAGE_ERROR,
    ],
)  # fmt: skip
def test_what_the_client_mends_is_passed_over(code: int) -> None:
    """A broker that restarts, a leader that moves or a rebalance ends no process."""
    assert of_consumer(KafkaError(code), "topic") is None


@pytest.mark.parametrize("code", [KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID, KafkaError._FENCED])
def test_a_member_that_cannot_go_on_is_fenced(code: int) -> None:
    """A fatal error of the consumer asks for a new one; the client does not always set its flag."""
    assert isinstance(of_consumer(KafkaError(code), "topic"), Fenced)


@pytest.mark.parametrize("code", [KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC])
def test_a_missing_topic_halts(code: int) -> None:
    """It says what makes one."""
    named = of_consumer(KafkaError(code), "topic")

    assert isinstance(named, Halt)
    assert "penstock apply" in str(named)


def test_a_missing_right_is_fatal_and_named() -> None:
    """Kafka sends it without any flag."""
    named = of_consumer(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED), "topic")

    assert isinstance(named, Fatal)
    assert "not permitted" in str(named)
