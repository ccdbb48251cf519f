"""Settings of the client, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.runtime import logs

CALL_TIMEOUT = 15.0  # s; a call that takes longer has no known result. Half of the watchdog's patience.

_COMMON: dict[str, str | int | float | bool] = {
    # With the default a producer that ever sent offsets never returns from send_offsets after a broker restart.
    "metadata.recovery.strategy": "none",
    "reconnect.backoff.max.ms": 1_000,  # back quickly after a restart
    "retry.backoff.ms": 10,  # CONCURRENT_TRANSACTIONS costs 72 ms instead of 636
    "allow.auto.create.topics": False,
    "socket.keepalive.enable": True,
    "log_level": 3,
}

_BROKERS_OWN = ("session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy")  # under KIP-848


def consumer(connection: Mapping[str, str], group: str, instance: str | None) -> dict[str, object]:
    """A member of a group."""
    settings: dict[str, object] = {
        **_COMMON,
        "logger": logs.client(),  # else it writes to the terminal; emitted by its polls, and free while it is silent
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",  # also makes OffsetFetch wait for a predecessor's open transaction
        "auto.offset.reset": "error",  # a lost offset stops the partition and says so
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.partition.eof": True,  # names the position behind markers
        "fetch.queue.backoff.ms": 10,  # back-pressure by not polling: 10 k/s at the default of 1000, 104 k/s at 10
        "fetch.wait.max.ms": 20,
        "queued.min.messages": 2_000,
        "queued.max.messages.kbytes": 16_384,
        "session.timeout.ms": 12_000,
        "heartbeat.interval.ms": 1_000,  # a member learns of a rebalance by it: two rounds took 9 s with 3,000
        "max.poll.interval.ms": 60_000,
        "check.crcs": True,
        "topic.metadata.refresh.interval.ms": 30_000,  # by which a deleted or widened topic is noticed
    }
    if instance is not None:
        settings["group.instance.id"] = instance  # recovery after a kill in 1.2 s instead of 10
    settings |= connection
    if settings.get("group.protocol") == "consumer":
        for name in _BROKERS_OWN:
            settings.pop(name, None)
    return settings


def reader(connection: Mapping[str, str]) -> dict[str, object]:
    """A consumer that joins no group."""
    settings = consumer(connection, "penstock-reader", None)
    settings["queued.min.messages"] = 100_000
    return settings


def single_reader(connection: Mapping[str, str]) -> dict[str, object]:
    """A consumer that wants one record at a time, and not the megabytes behind it."""
    return {
        **consumer(connection, "penstock-reader", None),
        "queued.min.messages": 1,
        "fetch.message.max.bytes": 65_536,
    }


def producer(connection: Mapping[str, str], transactional_id: str | None) -> dict[str, object]:
    """A transactional producer, or an idempotent one when there is no id."""
    settings: dict[str, object] = {
        **_COMMON,
        "logger": logs.client(),
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 0 if transactional_id else 5,
        "partitioner": "murmur2_random",  # as in Java; librdkafka's own puts keys on other partitions
        "queue.buffering.max.messages": 200_000,
        "message.max.bytes": 1_000_000,  # so that oversize fails at produce(), with the transaction intact
    }
    if transactional_id:
        settings["transactional.id"] = transactional_id
        settings["transaction.timeout.ms"] = 10_000
    return {**settings, **connection}


def admin(connection: Mapping[str, str]) -> dict[str, str | int | float | bool]:
    """An admin client; its `logger` is given to it apart."""
    return {**_COMMON, **connection}
