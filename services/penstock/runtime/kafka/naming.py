"""The client's errors by what happens next: the one border where they are named."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from penstock.errors import Abort, Fatal, Fenced, PenstockError, Retriable, Unknown
from penstock.runtime import halts

MISSING = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})

_REBALANCE = frozenset(
    {KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS,
     KafkaError.STALE_MEMBER_EPOCH, KafkaError.FENCED_MEMBER_EPOCH}
)  # fmt: skip
_TIMEOUTS = frozenset({KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT, KafkaError._TIMED_OUT_QUEUE})
_DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "reading or writing this topic is not permitted",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "joining this group is not permitted",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "using this transactional id is not permitted",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "this is not permitted on the cluster",
}
_PASSING = frozenset(
    {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._MAX_POLL_EXCEEDED,
     KafkaError._WAIT_COORD, KafkaError._ASSIGNMENT_LOST, KafkaError.NETWORK_EXCEPTION,
     KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR,
     KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.FENCED_LEADER_EPOCH,
     KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.OFFSET_NOT_AVAILABLE, KafkaError.BROKER_NOT_AVAILABLE,
     KafkaError.REPLICA_NOT_AVAILABLE, KafkaError.KAFKA_STORAGE_ERROR, KafkaError.UNSTABLE_OFFSET_COMMIT,
     *_REBALANCE, *_TIMEOUTS}
)  # fmt: skip


def of_producer(error: KafkaException) -> PenstockError:
    """Name what a transactional call raised."""
    cause: KafkaError = error.args[0]
    code, text = cause.code(), f"{cause.name()}: {cause.str()}"
    if code in _DENIED:
        return Fatal(f"{_DENIED[code]} ({text})")
    if code in (KafkaError._FENCED, KafkaError.PRODUCER_FENCED):
        return Fenced(text)
    if cause.fatal():
        return Unknown(text)
    if cause.txn_requires_abort():
        return Abort(text, rebalance=code in _REBALANCE)
    if cause.retriable() and code not in _TIMEOUTS:
        return Retriable(text)
    return Unknown(text)


def of_consumer(cause: KafkaError, topic: str) -> PenstockError | None:
    """Name what a poll of a topic brought instead of a record; None when the client mends it by itself.

    An offset that is out of range is for the reader to name, who knows which one it was.
    """
    code, text = cause.code(), f"{cause.name()}: {cause.str()}"
    if code in _DENIED:
        return Fatal(f"{_DENIED[code]} ({text})")
    if cause.fatal() or code in (KafkaError._FATAL, KafkaError._FENCED, KafkaError.FENCED_INSTANCE_ID):
        return Fenced(text)
    if code in MISSING:
        return halts.missing(topic)
    if code in _PASSING or cause.retriable():
        return None
    return Fatal(text)


def of_committed(error: KafkaException, topic: str) -> PenstockError:
    """Name why a group's places, or the ends of a topic, could not be read."""
    named = of_consumer(error.args[0], topic)
    return Retriable(str(error)) if named is None else named
