"""The dev broker is a real Kafka that keeps its word: ready when it says so, data kept, nobody left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from penstock.errors import Conflict, Mistake, TimedOut
from penstock.provision import ports, process
from penstock.provision.broker import Broker
from penstock.provision.home import Home

QUIET = {"log_level": 0}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker for all tests, some of which stop it."""
    with Broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def broker(shared: Broker) -> Broker:
    """It, running."""
    if not shared.running:
        shared.start()
    return shared


def make_topic(bootstrap: str, name: str) -> None:
    """A topic with one partition."""
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(10)


def send(bootstrap: str, topic: str, value: bytes) -> None:
    """One acknowledged record."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", **QUIET})
    producer.produce(topic, value)
    assert producer.flush(15) == 0


def values(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    """The first records of a topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", **QUIET})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        return [message.value() for message in consumer.consume(count, timeout=15)]
    finally:
        consumer.close()


def penstock(*arguments: str, state: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line with a state directory of the test's own."""
    environment = os.environ | {"XDG_STATE_HOME": str(state)}
    command = [sys.executable, "-m", "penstock", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_records_survive_a_restart_and_a_crash(broker: Broker) -> None:
    """What was acknowledged is there after a stop and after a SIGKILL, at the same address."""
    make_topic(broker.bootstrap, "kept")
    send(broker.bootstrap, "kept", b"before the stop")

    broker.stop()
    broker.start()
    send(broker.bootstrap, "kept", b"before the crash")
    broker.kill()
    broker.start()

    assert values(broker.bootstrap, "kept", 2) == [b"before the stop", b"before the crash"]


def test_ready_means_ready(broker: Broker) -> None:
    """As soon as start returns, a topic can be made and a transaction committed."""
    make_topic(broker.bootstrap, "at-once")
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": "t", **QUIET})
    producer.init_transactions(15)
    producer.begin_transaction()
    producer.produce("at-once", b"x")
    producer.commit_transaction(15)

    assert values(broker.bootstrap, "at-once", 1) == [b"x"]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_both_group_protocols_work(broker: Broker, protocol: str) -> None:
    """A group is formed by the classic protocol and by KIP-848's."""
    topic = f"grouped-{protocol}"
    make_topic(broker.bootstrap, topic)
    send(broker.bootstrap, topic, b"x")
    settings = {"group.id": protocol, "group.protocol": protocol, "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, **settings, **QUIET})
    consumer.subscribe([topic])

    message = consumer.poll(20)

    consumer.close()
    assert message is not None
    assert message.value() == b"x"


def test_a_topic_is_never_made_by_accident(broker: Broker) -> None:
    """Writing to a topic that was not made does not make it."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "message.timeout.ms": 1500, **QUIET})
    producer.produce("accident", b"x")
    producer.flush(5)

    assert (
        "accident" not in AdminClient({"bootstrap.servers": broker.bootstrap, **QUIET}).list_topics(timeout=10).topics
    )


def test_a_paused_broker_lives_and_does_not_answer(broker: Broker) -> None:
    """SIGSTOP silences it, SIGCONT brings it back, and it can be stopped while paused."""
    broker.pause()
    silent = not ports.answers(broker.port, timeout=0.3)
    broker.resume()
    back = ports.answers(broker.port, timeout=5)
    broker.pause()
    broker.stop()

    assert silent
    assert back
    assert not broker.running


def test_it_dies_with_its_owner(tmp_path: Path) -> None:
    """When the process that started it is killed with SIGKILL, the broker does not stay behind."""
    program = """if True:
        import sys, time
        from pathlib import Path
        from penstock.provision.broker import Broker
        broker = Broker(Path(sys.argv[1]))
        broker.start()
        print(broker.pid, flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        jvm = process.of(int(owner.stdout.readline()))
        assert jvm.lives()

        owner.kill()

        assert jvm.ended_within(5)


def test_one_directory_has_one_broker(broker: Broker) -> None:
    """A second broker in the same directory is refused with E207, which names the first."""
    with pytest.raises(Conflict) as caught:
        Broker(broker.home.root, port=ports.pick()).start()

    assert caught.value.code == "E207"
    assert str(broker.pid) in caught.value.why
    assert broker.running


def test_a_taken_port_names_who_has_it(tmp_path: Path) -> None:
    """A port somebody listens on is E206 with the port and its holder, before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Conflict) as caught:
            Broker(tmp_path, port=port).start()

    assert caught.value.code == "E206"
    assert str(port) in caught.value.what
    assert str(os.getpid()) in caught.value.why


def test_a_damaged_data_directory_tells_its_last_words(tmp_path: Path) -> None:
    """A broker that ends while it starts is E210 with the end of its log, and leaves nothing running."""
    home = Home(tmp_path)
    home.data.mkdir()
    (home.data / "meta.properties").write_text("version=1\ncluster.id=x\nnode.id=77\n")

    with pytest.raises(Mistake) as caught:
        Broker(tmp_path).start()

    assert caught.value.code == "E210"
    assert "77" in caught.value.why
    assert home.running() is None


def test_one_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    """After the patience is over the start is E209, exit code 7, and nothing stays behind."""
    with pytest.raises(TimedOut) as caught:
        Broker(tmp_path, patience=0.05).start()

    assert (caught.value.code, caught.value.exit_code) == ("E209", 7)
    assert Home(tmp_path).running() is None


def test_the_terminal_starts_uses_and_stops_it(tmp_path: Path) -> None:
    """start, status, a second start, stop, a second stop and reset: each says what is so, with its exit code."""
    started = penstock("broker", "start", "--port", "0", "--json", state=tmp_path)
    document = json.loads(started.stdout)
    try:
        make_topic(document["bootstrap"], "seen")
        status = penstock("broker", "status", state=tmp_path)
        second = penstock("broker", "start", "--port", "0", state=tmp_path)
        refused = penstock("broker", "reset", "--json", state=tmp_path)
    finally:
        stopped = penstock("broker", "stop", state=tmp_path)
    late = penstock("broker", "stop", state=tmp_path)
    status_after = penstock("broker", "status", "--json", state=tmp_path)
    reset = penstock("broker", "reset", "--yes", state=tmp_path)

    assert (started.returncode, document["kind"], document["state"]) == (0, "Broker", "running")
    assert (status.returncode, document["bootstrap"] in status.stdout) == (0, True)
    assert (second.returncode, "error[E207]" in second.stderr) == (6, True)
    assert (refused.returncode, json.loads(refused.stdout)["code"]) == (5, "E215")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert (late.returncode, "error[E208]" in late.stderr) == (1, True)
    assert (status_after.returncode, json.loads(status_after.stdout)["state"]) == (1, "stopped")
    assert (reset.returncode, (tmp_path / "penstock" / "broker" / "data").exists()) == (0, False)


def test_ctrl_c_after_the_start_does_not_reach_it(tmp_path: Path) -> None:
    """The broker of a terminal is in a session of its own: SIGINT and SIGHUP to the starter's group pass it by."""
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    shell = f'"{sys.executable}" -m penstock broker start --port 0 --json; echo done; read -r _'
    with subprocess.Popen(
        ["/bin/sh", "-c", shell],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as terminal:
        assert terminal.stdout
        document = json.loads(terminal.stdout.readline())
        try:
            assert terminal.stdout.readline() == "done\n"

            os.killpg(terminal.pid, signal.SIGINT)
            os.killpg(terminal.pid, signal.SIGHUP)
            terminal.wait(10)
            time.sleep(0.2)

            assert ports.answers(int(document["bootstrap"].rpartition(":")[2]))
        finally:
            penstock("broker", "stop", state=tmp_path)


def test_ctrl_c_during_the_start_leaves_nothing(tmp_path: Path) -> None:
    """An interrupted start is exit code 130, and its half-started broker is gone."""
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    home = Home(tmp_path / "penstock" / "broker")
    command = [sys.executable, "-m", "penstock", "broker", "start", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as starting:
        until = time.monotonic() + 30
        while not home.running() and time.monotonic() < until:
            time.sleep(0.01)
        jvm = home.running()

        starting.send_signal(signal.SIGINT)
        code = starting.wait(30)

    assert jvm
    assert code == 130
    assert not jvm.process.lives()
