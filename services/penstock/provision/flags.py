"""What the dev broker is told: its properties, and its JVM's flags."""

from __future__ import annotations

from pathlib import Path

from penstock.provision.ports import HOST

NODE = 1
FORMAT = "kafka.tools.StorageTool"
SERVE = "kafka.Kafka"

_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": str(NODE),
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    # one node: nothing can be replicated
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # few partitions: the first group and the first transaction wait for all of them
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    # no waiting where there is nobody to wait for
    "group.initial.rebalance.delay.ms": "0",
    # KAFKA-20734: while a partition has no leader, a transaction's markers are skipped: its readers wait for ever, or
    # the producer's next commit makes visible what was aborted. So no stop takes the leaders away first, and what
    # timed out in the meantime is aborted 10 s after a start (the default), when the leaders are certainly back
    "controlled.shutdown.enable": "false",
    # after a stop the broker is let in when its old session is over: 5 s with these, 12 s by default
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": "16777216",
}


def properties(port: int, controller: int) -> str:
    """The text of the properties: listens on 127.0.0.1 only, keeps `data` below the working directory."""
    own = {
        "controller.quorum.voters": f"{NODE}@{HOST}:{controller}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "log.dirs": "data",
    }
    return "".join(f"{name}={value}\n" for name, value in (_PROPERTIES | own).items())


def format_jvm() -> list[str]:
    """Flags for the short run that prepares an empty data directory."""
    return ["-Xmx64m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *_common()]


def serve_jvm(temporary: Path) -> list[str]:
    """Flags for the broker itself; the heap's bound is what keeps its memory the same everywhere."""
    pauses = ["-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]
    return ["-Xms256m", "-Xmx512m", *pauses, "-XX:+ExitOnOutOfMemoryError", f"-Djava.io.tmpdir={temporary}", *_common()]


def _common() -> list[str]:
    log = "-Dorg.slf4j.simpleLogger."
    return [
        "-XX:-UsePerfData",
        "-Djava.awt.headless=true",
        "-Djava.net.preferIPv4Stack=true",
        f"{log}defaultLogLevel=warn",
        f"{log}showDateTime=true",
        f"{log}dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    ]
