"""What every broker behind the port must do, asked of the one in memory and of a real Kafka."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from contract.worlds import World
from penstock.contracts.address import Address
from penstock.errors import Abort, Fenced, Halt, PenstockError, Poison, Unknown
from penstock.runtime.ports import Committed, Consumer, Output, Producer, Record

START = Committed(0, "")
_PATIENCE = 20.0


@dataclass
class Ear:
    """A listener that writes down what it hears, and reads on from the committed offsets."""

    assigned_now: set[int] = field(default_factory=set)
    heard: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    places: dict[int, Committed] = field(default_factory=dict)
    on_revoked: Callable[[Sequence[int]], None] | None = None

    def assigned(self, committed: Mapping[int, Committed]) -> Mapping[int, int]:
        """See `ports.Listener`."""
        self.heard.append(("assigned", tuple(committed)))
        self.assigned_now |= set(committed)
        self.places.update(committed)
        if missing := [p for p, place in committed.items() if place.offset < 0]:
            raise Halt("E350", f"no offset on {missing}")
        return {p: place.offset for p, place in committed.items()}

    def revoked(self, partitions: Sequence[int]) -> None:
        """See `ports.Listener`."""
        self.heard.append(("revoked", tuple(partitions)))
        if self.on_revoked is not None:
            self.on_revoked(partitions)
        self.assigned_now -= set(partitions)

    def lost(self, partitions: Sequence[int]) -> None:
        """See `ports.Listener`."""
        self.heard.append(("lost", tuple(partitions)))
        self.assigned_now -= set(partitions)

    def waiting(self) -> None:
        """See `ports.Listener`."""


@dataclass
class Scene:
    """One topic with a group placed at its beginning, and what a test needs to look at it."""

    world: World
    topic: str
    group: str

    def producer(self, name: str = "tx") -> Producer:
        """An initialised producer under a transactional id of this test."""
        producer = self.world.cluster.producer(self.world.name(name))
        producer.init()
        return producer

    def output(self, text: str, partition: int = 0, topic: str = "") -> Output:
        """A record to write."""
        return Output(topic or self.topic, partition, b"k", text.encode())

    def write(self, producer: Producer, text: str, *, begin: bool) -> None:
        """One record in one transaction."""
        if begin:
            producer.begin()
        producer.produce(self.output(text))
        producer.commit()

    def take_to(self, producer: Producer, member: Consumer, offset: int) -> None:
        """Commit the open transaction with the group's offset on partition 0."""
        producer.send_offsets(self.topic, {0: Committed(offset, "")}, member.member())
        producer.commit()

    def now(self) -> list[str]:
        """What a read_committed outsider sees at this moment."""
        return [(record.value or b"").decode() for record in self.world.visible(self.topic)]

    def texts(self) -> list[str]:
        """What it sees once no transaction is open."""
        return [(record.value or b"").decode() for record in self.world.records(self.topic)]

    def poll_until(self, done: Callable[[], bool], *members: Consumer) -> list[Record]:
        """Poll all members in turn until `done`, at most for 20 s; answers what they read."""
        found: list[Record] = []
        until = self.world.clock() + _PATIENCE
        while not done():
            assert self.world.clock() < until, "it did not happen in time"
            for member in members:
                found += member.poll(100, 0.02)
            self.world.sleep(0.005)
        return found

    def read(self, member: Consumer, count: int) -> list[Record]:
        """Poll until so many records are read."""
        found: list[Record] = []
        until = self.world.clock() + _PATIENCE
        while len(found) < count and self.world.clock() < until:
            found += member.poll(100, 0.02)
            self.world.sleep(0.005)
        return found


@pytest.fixture
def scene(world: World) -> Scene:
    topic, group = world.name("in"), world.name("group")
    world.create_topic(topic, 4)
    world.place_group(group, topic, dict.fromkeys(range(4), START))
    return Scene(world, topic, group)


def test_commit_makes_visible(scene: Scene) -> None:
    """A transaction's records are seen by nobody before its commit, and by everybody after it."""
    producer = scene.producer()
    producer.begin()
    producer.produce(scene.output("a"))
    producer.place([scene.output("b", 1)])

    before = scene.now()
    producer.commit()

    assert before == []
    assert scene.texts() == ["a", "b"]
    producer.close()


def test_abort_leaves_nothing(scene: Scene) -> None:
    """Aborted records are never seen, and the same producer's next transaction is."""
    producer = scene.producer()
    producer.begin()
    producer.produce(scene.output("aborted"))
    producer.abort()
    producer.begin()
    producer.produce(scene.output("kept"))
    producer.commit()

    assert scene.texts() == ["kept"]
    producer.close()


def test_reading_stops_at_an_open_transaction(scene: Scene) -> None:
    """What lies behind an open transaction is not read before that is settled, committed as it may be."""
    slow, quick = scene.producer("slow"), scene.producer("quick")
    slow.begin()
    slow.place([scene.output("first")])
    quick.begin()
    quick.produce(scene.output("second"))
    quick.commit()

    before = scene.now()
    slow.commit()

    assert before == []
    assert scene.texts() == ["first", "second"]
    slow.close()
    quick.close()


def test_init_settles_the_predecessor(scene: Scene) -> None:
    """Taking over a transactional id aborts what its last holder left open."""
    dead = scene.producer()
    dead.begin()
    dead.place([scene.output("left open")])

    heir = scene.producer()
    heir.begin()
    heir.produce(scene.output("heir"))
    heir.commit()

    assert scene.texts() == ["heir"]
    dead.close()
    heir.close()


@pytest.mark.parametrize("opened", [True, False])
def test_a_fenced_producer_writes_nothing(scene: Scene, opened: bool) -> None:  # noqa: FBT001 - a parameter
    """A producer whose id was taken over hears Fenced at the latest when it commits, and nothing of it is seen."""
    old = scene.producer()
    if opened:
        old.begin()
        old.place([scene.output("zombie")])
    new = scene.producer()

    with pytest.raises(Fenced):
        scene.write(old, "zombie", begin=not opened)

    assert scene.texts() == []
    old.close()
    new.close()


def test_too_large_a_record_is_poison(scene: Scene) -> None:
    """A record over the limit is refused when it is produced, and the transaction goes on."""
    producer = scene.producer()
    producer.begin()
    with pytest.raises(Poison) as caught:
        producer.produce(scene.output("x" * 1_100_000))
    producer.produce(scene.output("small"))
    producer.commit()

    assert caught.value.code == "output_too_large"
    assert scene.texts() == ["small"]
    producer.close()


def test_offsets_and_metadata_travel_in_the_transaction(scene: Scene) -> None:
    """4,095 characters of metadata come back to a later member, and to nobody before the commit."""
    text = "Aa0_" * 1_023 + "xyz"
    ear = Ear()
    member = scene.world.cluster.consumer(scene.group, scene.topic, ear)
    scene.poll_until(lambda: len(ear.assigned_now) == 4, member)
    producer = scene.producer()

    producer.begin()
    producer.produce(scene.output("a"))
    producer.send_offsets(scene.topic, {2: Committed(0, text), 3: Committed(0, "")}, member.member())
    producer.commit()

    assert member.committed([2, 3, 0]) == {2: Committed(0, text), 3: Committed(0, ""), 0: START}
    assert scene.world.committed(scene.group, scene.topic)[2] == Committed(0, text)
    member.close()
    producer.close()


def test_aborted_offsets_do_not_move(scene: Scene) -> None:
    """Offsets of an aborted transaction are not the group's."""
    ear = Ear()
    member = scene.world.cluster.consumer(scene.group, scene.topic, ear)
    scene.poll_until(lambda: len(ear.assigned_now) == 4, member)
    producer = scene.producer()

    producer.begin()
    producer.send_offsets(scene.topic, {0: Committed(7, "seven")}, member.member())
    producer.abort()

    assert member.committed([0]) == {0: START}
    member.close()
    producer.close()


def test_a_stale_member_cannot_commit(scene: Scene) -> None:
    """A member that the group gave up gets an abort that says rebalance, also while its client already knows."""
    ear = Ear()
    member = scene.world.impatient().consumer(scene.group, scene.topic, ear)
    scene.poll_until(lambda: len(ear.assigned_now) == 4, member)
    scene.world.give_up(member)
    producer = scene.producer()

    producer.begin()
    producer.produce(scene.output("zombie"))
    with pytest.raises(Abort) as caught:
        scene.take_to(producer, member, 1)
    producer.abort()

    assert caught.value.rebalance
    assert scene.texts() == []
    assert scene.world.committed(scene.group, scene.topic)[0] == START
    scene.poll_until(lambda: ("lost", (0, 1, 2, 3)) in ear.heard and len(ear.assigned_now) == 4, member)
    member.close()
    producer.close()


def test_place_tells_the_true_address(scene: Scene) -> None:
    """The addresses that `place` answers are where the records lie, in the order given, also across partitions."""
    scene.world.append([scene.output("before", p) for p in (0, 0, 1)])
    producer = scene.producer()
    outputs = [scene.output(f"letter {n}", n % 3) for n in range(7)]

    producer.begin()
    producer.produce(scene.output("between", 1))
    places = producer.place(outputs)
    producer.commit()

    found = {record.address: record.value for record in scene.world.records(scene.topic)}
    assert [found[place] for place in places] == [output.value for output in outputs]
    assert len(set(places)) == 7
    producer.close()


def test_fetch_by_address(scene: Scene) -> None:
    """A committed record is found where it lies; an aborted, an open, a later and a nowhere one is None."""
    scene.world.append([scene.output("present")])
    producer, other = scene.producer(), scene.producer("other")
    producer.begin()
    (aborted,) = producer.place([scene.output("aborted")])
    producer.abort()
    other.begin()
    (unsettled,) = other.place([scene.output("open")])
    log = scene.world.cluster.log()

    found = log.fetch(Address(scene.topic, 0, 0))
    assert found is not None
    assert (found.address, found.key, found.value) == (Address(scene.topic, 0, 0), b"k", b"present")
    assert log.fetch(aborted) is None
    assert log.fetch(unsettled) is None
    assert log.fetch(Address(scene.topic, 0, 1_000)) is None
    assert log.fetch(Address(scene.topic, 3, 0)) is None
    assert log.fetch(Address(scene.topic, 99, 0)) is None
    assert log.fetch(Address(scene.world.name("nowhere"), 0, 0)) is None
    assert log.fetch(Address(scene.topic, 0, 0)) == found
    other.abort()
    log.close()
    producer.close()
    other.close()


def test_read_whole_partition(scene: Scene) -> None:
    """`read` gives every committed record of a partition in order, past markers and aborted ones, and then ends."""
    producer = scene.producer()
    for number in range(6):
        producer.begin()
        producer.place([scene.output(str(number)), scene.output("elsewhere", 1)])
        producer.abort() if number % 2 else producer.commit()
    log = scene.world.cluster.log()

    assert [record.value for record in log.read(scene.topic, 0)] == [b"0", b"2", b"4"]
    assert list(log.read(scene.topic, 2)) == []
    assert [record.value for record in log.read(scene.topic, 1)] == [b"elsewhere"] * 3
    log.close()
    producer.close()


def test_read_goes_behind_a_dead_transaction(scene: Scene) -> None:
    """What is committed behind a transaction that a dead producer left open is read too: state must not miss it."""
    dead, alive = scene.world.impatient().producer(scene.world.name("dead")), scene.producer("alive")
    dead.init()
    dead.begin()
    dead.place([scene.output("left open")])
    alive.begin()
    alive.produce(scene.output("committed"))
    alive.commit()
    log = scene.world.cluster.log()

    assert [record.value for record in log.read(scene.topic, 0)] == [b"committed"]
    log.close()
    dead.close()
    alive.close()


def test_read_of_a_missing_topic_halts(scene: Scene) -> None:
    """A changelog that is not there is an error with a name, not an empty state."""
    log = scene.world.cluster.log()

    with pytest.raises(Halt, match="nowhere"):
        list(log.read(scene.world.name("nowhere"), 0))
    log.close()


def test_high_watermarks_count_what_is_open(scene: Scene) -> None:
    """The end of a partition includes records of transactions that nobody may read yet."""
    scene.world.append([scene.output("a"), scene.output("b")])
    producer = scene.producer()
    producer.begin()
    producer.place([scene.output("open")])
    log = scene.world.cluster.log()

    ends = log.high_watermarks(scene.topic, [0, 1]).result(_PATIENCE)

    assert ends == {0: 3, 1: 0}
    producer.abort()
    log.close()
    producer.close()


def test_partitions(scene: Scene) -> None:
    """The log knows how many partitions a topic has, and that a missing one has none."""
    log = scene.world.cluster.log()

    assert (log.partitions(scene.topic), log.partitions(scene.world.name("nowhere"))) == (4, 0)
    log.close()


def test_reached_goes_past_markers(scene: Scene) -> None:
    """With everything read, `reached` is the high watermark: markers and aborted records lie behind it."""
    producer = scene.producer()
    for number in range(4):
        producer.begin()
        producer.place([scene.output(str(number))])
        producer.commit() if number < 2 else producer.abort()
    ear = Ear()
    member = scene.world.cluster.consumer(scene.group, scene.topic, ear)
    log = scene.world.cluster.log()
    end = log.high_watermarks(scene.topic, [0]).result(_PATIENCE)[0]

    scene.poll_until(lambda: member.reached(0) >= end, member)

    assert (member.reached(0), end) == (8, 8)
    producer.begin()
    producer.place([scene.output("open")])
    scene.poll_until(lambda: member.reached(0) >= end, member)
    assert member.reached(0) == 8, "an open transaction is not behind us"
    producer.abort()
    log.close()
    member.close()
    producer.close()


def test_seek_reads_again(scene: Scene) -> None:
    """After `seek` reading goes on from there, and `reached` is unknown until it does."""
    scene.world.append([scene.output(str(n)) for n in range(5)])
    ear = Ear()
    member = scene.world.cluster.consumer(scene.group, scene.topic, ear)
    first = scene.read(member, 5)

    member.seek(0, 2)
    unknown = member.reached(0)
    again = scene.read(member, 3)

    assert [record.offset for record in first] == [0, 1, 2, 3, 4]
    assert (unknown, [record.offset for record in again]) == (-1, [2, 3, 4])
    member.close()


def test_a_second_member_takes_its_part(scene: Scene) -> None:
    """When a member joins the partitions are split, the first keeps the rest unasked, and each has one owner."""
    one, two = Ear(), Ear()
    first = scene.world.cluster.consumer(scene.group, scene.topic, one)
    scene.poll_until(lambda: len(one.assigned_now) == 4, first)
    second = scene.world.cluster.consumer(scene.group, scene.topic, two)

    scene.poll_until(lambda: len(one.assigned_now) == len(two.assigned_now) == 2, first, second)

    assert one.assigned_now | two.assigned_now == {0, 1, 2, 3}
    assert [kind for kind, partitions in one.heard if partitions] == ["assigned", "revoked"]
    assert [kind for kind, partitions in two.heard if partitions] == ["assigned"]
    scene.world.append([scene.output(str(p), p) for p in range(4)])
    assert {r.partition for r in scene.read(first, 2)} == one.assigned_now
    second.close()
    scene.poll_until(lambda: len(one.assigned_now) == 4, first)
    first.close()


def test_a_commit_inside_revoked_counts(scene: Scene) -> None:
    """The last transaction on a partition that goes may be committed while the listener is told so."""
    one, two = Ear(), Ear()
    first = scene.world.cluster.consumer(scene.group, scene.topic, one)
    scene.poll_until(lambda: len(one.assigned_now) == 4, first)
    producer = scene.producer()
    refused: list[PenstockError] = []

    def finish(partitions: Sequence[int]) -> None:
        producer.begin()
        try:
            producer.send_offsets(scene.topic, {p: Committed(0, "bye") for p in partitions}, first.member())
            producer.commit()
        except Abort as error:
            refused.append(error)
            producer.abort()

    one.on_revoked = finish
    second = scene.world.cluster.consumer(scene.group, scene.topic, two)
    scene.poll_until(lambda: len(two.assigned_now) == 2, first, second)

    assert refused == []
    assert {two.places[p] for p in two.assigned_now} == {Committed(0, "bye")}
    one.on_revoked = None
    first.close()
    second.close()
    producer.close()


def test_close_asks_first(scene: Scene) -> None:
    """A member that leaves is told of its partitions while it can still commit."""
    ear = Ear()
    member = scene.world.cluster.consumer(scene.group, scene.topic, ear)
    scene.poll_until(lambda: len(ear.assigned_now) == 4, member)
    producer = scene.producer()

    def finish(partitions: Sequence[int]) -> None:
        producer.begin()
        producer.send_offsets(scene.topic, {p: Committed(0, "bye") for p in partitions}, member.member())
        producer.commit()

    ear.on_revoked = finish
    member.close()

    assert ear.heard[-1] == ("revoked", (0, 1, 2, 3))
    assert set(scene.world.committed(scene.group, scene.topic).values()) == {Committed(0, "bye")}
    producer.close()


def test_a_missing_topic_halts(scene: Scene) -> None:
    """A service whose topic is not there stops and says so."""
    member = scene.world.cluster.consumer(scene.group, scene.world.name("nowhere"), Ear())

    with pytest.raises(Halt):
        scene.poll_until(lambda: False, member)
    member.close()


def test_what_a_listener_raises_comes_out_of_poll(scene: Scene) -> None:
    """A group without an offset: the listener's Halt is what the poll raises."""
    member = scene.world.cluster.consumer(scene.world.name("unplaced"), scene.topic, Ear())

    with pytest.raises(Halt, match="no offset"):
        scene.poll_until(lambda: False, member)
    member.close()


def test_a_transaction_cannot_be_begun_twice(scene: Scene) -> None:
    """A second `begin` is a mistake of the caller that leaves nothing hanging."""
    producer = scene.producer()
    producer.begin()
    producer.place([scene.output("a")])

    with pytest.raises((Unknown, Abort)):
        producer.begin()
    producer.close()
    scene.producer().close()

    assert scene.texts() == []
