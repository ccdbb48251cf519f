"""`penstock apply` on a real broker: twice is once, and what differs is refused or set right."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.assembly.plans import compile_file, contracts_beside
from penstock.errors import Refused, Unreached
from penstock.provision import apply as provision
from penstock.provision.apply import Change, groups_of, topics_of
from penstock.provision.broker import Broker
from penstock.runtime.kafka.admin import KafkaAdmin
from penstock.topology.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = 3
FILE = ROOT / "topology" / "diagram.yaml"


def apply(plan: Plan, admin: KafkaAdmin, partitions: int, *, alter: bool = False) -> list[Change]:
    """What was done."""
    return provision.apply(plan, admin, partitions, 1, contracts=contracts_beside(FILE), alter=alter).changes


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The drawing."""
    return compile_file(FILE)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker for these tests alone: the drawing's topics belong to them."""
    with Broker(tmp_path_factory.mktemp("apply")) as running:
        yield running


@pytest.fixture
def admin(broker: Broker) -> KafkaAdmin:
    """What is asked."""
    return KafkaAdmin({"bootstrap.servers": broker.bootstrap})


def test_everything_is_made_as_planned(plan: Plan, admin: KafkaAdmin) -> None:
    """Topics have their partitions, cleanup, retention and times, and each group its first offset on each partition."""
    apply(plan, admin, PARTITIONS)

    there = admin.topics()
    configs = admin.configs([topic.name for topic in topics_of(plan, PARTITIONS)])
    for topic in topics_of(plan, PARTITIONS):
        assert there[topic.name] == topic.partitions
        assert {name: configs[topic.name][name] for name in topic.config} == topic.config
    internal = [
        topic for topic in topics_of(plan, PARTITIONS) if ".out." not in topic.name and topic.name[-3:] != ".in"
    ]
    assert {configs[topic.name]["message.timestamp.type"] for topic in internal} == {"LogAppendTime"}
    for group, source in groups_of(plan).items():
        assert admin.offsets(group, source, PARTITIONS) == dict.fromkeys(range(PARTITIONS), 0)


def test_a_second_time_changes_nothing(plan: Plan, admin: KafkaAdmin) -> None:
    """What is there already is left alone."""
    apply(plan, admin, PARTITIONS)

    assert apply(plan, admin, PARTITIONS) == []


def test_what_would_lose_records_is_refused_or_set_right(plan: Plan, admin: KafkaAdmin) -> None:
    """A wrong cleanup or a short retention is E307, all at once, nothing done; `alter` sets it right, and no more."""
    apply(plan, admin, PARTITIONS)
    admin.alter("diagram.decide.state", {"cleanup.policy": "delete"})
    admin.alter("diagram.a", {"retention.ms": "60000"})
    admin.alter("diagram.b", {"retention.ms": "-1"})

    with pytest.raises(Refused) as caught:
        apply(plan, admin, PARTITIONS)
    changes = apply(plan, admin, PARTITIONS, alter=True)

    found = (caught.value, *caught.value.others)
    assert [(one.code, one.what.split()[1]) for one in found] == [
        ("E307", "diagram.a"),
        ("E307", "diagram.decide.state"),
    ]
    assert [(change.sign, change.name) for change in changes] == [("~", "diagram.a"), ("~", "diagram.decide.state")]
    assert admin.configs(["diagram.b"])["diagram.b"]["retention.ms"] == "-1"
    assert apply(plan, admin, PARTITIONS) == []


def test_another_number_of_partitions_is_refused(plan: Plan, admin: KafkaAdmin) -> None:
    """E304 names the topic and both numbers, and what to do: the number they have."""
    apply(plan, admin, PARTITIONS)

    with pytest.raises(Refused) as caught:
        apply(plan, admin, PARTITIONS + 1)

    assert caught.value.code == "E304"
    assert "diagram.in has 3 partitions, not 4" in caught.value.what
    assert "--partitions 3" in caught.value.fix


def test_an_output_may_have_its_own_number(plan: Plan, admin: KafkaAdmin) -> None:
    """Outputs are written by key and read by others: one that was there before keeps its partitions."""
    own = replace(plan, pipeline="own")
    (output,) = (topic for topic in topics_of(own, 7) if topic.name == "own.out.results")
    admin.create([output], 1)

    changes = apply(own, admin, PARTITIONS)

    assert "own.out.results" not in {change.name for change in changes}
    assert apply(own, admin, PARTITIONS) == []
    assert admin.topics()["own.out.results"] == 7


IMPATIENT = """
import sys
from confluent_kafka import KafkaException, TopicPartition
from penstock.runtime.kafka import groups
for number in range(100):
    places = [TopicPartition("nowhere", 0)]
    try:
        groups.read({"bootstrap.servers": sys.argv[1]}, f"g{number}", places, 0.003 * (1 + number % 7))
    except KafkaException:
        print("over")
"""


def test_time_that_is_over_ends_a_call_and_not_the_process(broker: Broker) -> None:
    """While a group's coordinator is looked for, as in a young cluster: the admin client's own call aborts it all."""
    command = [sys.executable, "-c", IMPATIENT, broker.bootstrap]
    done = subprocess.run(command, env=dict(os.environ, PYTHONPATH=str(ROOT / "services")), capture_output=True,
                          text=True, timeout=60, check=False)  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert "over" in done.stdout


def test_no_broker_is_said_with_its_reason() -> None:
    """E301, exit code 4, after the time that was given, with the client's own reason and no noise around it."""
    with pytest.raises(Unreached) as caught:
        KafkaAdmin({"bootstrap.servers": "127.0.0.1:1"}, 0.5).topics()

    assert (caught.value.code, caught.value.exit_code) == ("E301", 4)
    assert caught.value.why == "Connect to ipv4#127.0.0.1:1 failed: Connection refused (waited 0.5 s)"
