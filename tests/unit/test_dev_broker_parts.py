"""Ports, processes and places of the dev broker."""

import os
import signal
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.errors import Mistake, Refused
from penstock.provision import daemon, flags, places, ports, process
from penstock.provision.home import Home, Record


def test_a_taken_port_is_not_free_and_names_its_holder() -> None:
    """A port somebody listens on is taken, and the holder is named with its pid."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert not ports.is_free(port)
        if Path("/proc").exists():
            assert f"(pid {os.getpid()})" in ports.holder(port)
    assert ports.is_free(port)
    assert ports.holder(port) == ""


def test_a_picked_port_is_free_and_below_the_ephemeral_range() -> None:
    """No outgoing connection of this machine can come to sit on a picked port."""
    range_file = Path("/proc/sys/net/ipv4/ip_local_port_range")
    above = int(range_file.read_text().split()[0]) if range_file.exists() else 65_536

    picked = {ports.pick() for _ in range(50)}

    assert all(10_240 <= port < above for port in picked)
    assert len(picked) > 40


def test_something_that_is_not_kafka_does_not_answer() -> None:
    """A server that accepts and says nothing, or something else, is not taken for a broker."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not ports.answers(server.getsockname()[1], timeout=0.1)


def test_a_process_is_not_its_successor() -> None:
    """A later process with the same number does not live under the old mark, and gets no signal."""
    with subprocess.Popen(["/bin/sleep", "30"]) as child:
        real = process.of(child.pid)
        former = replace(real, born=f"{real.born}0")

        former.signal(signal.SIGKILL)

        assert real.lives()
        assert not former.lives()
        assert child.poll() is None
        real.signal(signal.SIGKILL)
        assert real.ended_within(5)


def test_a_zombie_does_not_live() -> None:
    """A process that ended but was not waited for counts as ended."""
    with subprocess.Popen(["/bin/sh", "-c", "exit"]) as child:
        assert process.of(child.pid).ended_within(5)


def test_stop_never_touches_a_recycled_pid(tmp_path: Path) -> None:
    """A record whose pid now belongs to somebody else is a broker that does not run."""
    Home(tmp_path).write(Record(port=1, pid=os.getpid(), born="another boot/1"))

    with pytest.raises(Mistake) as caught:
        daemon.stop(tmp_path)

    assert caught.value.code == "E208"
    assert daemon.status(tmp_path).state == "stopped"


def test_reset_deletes_only_what_a_broker_wrote(tmp_path: Path) -> None:
    """A foreign directory is refused with E214; in a broker's own, foreign files stay."""
    (tmp_path / "data").mkdir()
    (tmp_path / "letter.txt").touch()
    with pytest.raises(Refused) as caught:
        daemon.reset(tmp_path)
    Home(tmp_path).write(Record(port=1, pid=os.getpid(), born="another boot/1"))

    daemon.reset(tmp_path)

    assert caught.value.code == "E214"
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["letter.txt"]


def test_an_unreadable_record_is_no_broker(tmp_path: Path) -> None:
    """A torn record file reads as none."""
    (tmp_path / "broker.json").write_text('{"port": 1')

    assert Home(tmp_path).record() is None


def test_listens_on_this_machine_only() -> None:
    """Every address in the properties is 127.0.0.1, and topics are never made by accident."""
    lines = dict(line.split("=", 1) for line in flags.properties(1111, 2222).splitlines())

    assert {address.rpartition("//")[2] for address in lines["listeners"].split(",")} == {
        "127.0.0.1:1111",
        "127.0.0.1:2222",
    }
    assert lines["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1111"
    assert lines["auto.create.topics.enable"] == "false"


def test_places_follow_xdg(tmp_path: Path) -> None:
    """XDG_CACHE_HOME and XDG_STATE_HOME are honoured when absolute, and ignored when relative as specified."""
    assert places.jars({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "penstock" / "kafka-4.4.0"
    assert places.broker({"XDG_STATE_HOME": str(tmp_path)}) == tmp_path / "penstock" / "broker"
    assert places.broker({"XDG_STATE_HOME": "here"}) == Path.home() / ".local/state/penstock/broker"
