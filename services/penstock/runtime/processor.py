"""The loop that moves everything: poll, decode, hand to handlers, encode, commit; one thread, many services."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.contracts import envelope
from penstock.contracts.envelope import Envelope
from penstock.contracts.records import RunEvent
from penstock.errors import Halt, Poison
from penstock.runtime import bulletin, events, halts
from penstock.runtime.alarm import Alarm
from penstock.runtime.bulletin import Bulletin
from penstock.runtime.codec import Codec
from penstock.runtime.inquest import Inquest
from penstock.runtime.intake import Intake
from penstock.runtime.kit import Kit, Tell
from penstock.runtime.lanes import Finished, Lanes, Ticket
from penstock.runtime.parking import Parking
from penstock.runtime.ports import Clock, Cluster, Log, Output, Record
from penstock.runtime.service import SAME, Done, Later, Message, Send, Service, View, envelope_of
from penstock.runtime.transactions import Transactions
from penstock.runtime.watchdog import Heart

_IDLE = 0.05  # s to wait for a record when nothing is going on
_BUSY = 0.001  # s between looks when several services or running jobs want attention
_AHEAD = 250  # records after which the client gets what came of them, to send it while the next are worked on
_DRAIN = 2.0  # s that a rebalance waits for running jobs
_PAUSE = 0.2  # s between calls to a broker that is away
_SETTLED = 1.0  # s of silence after which a caught-up partition's offset is moved behind the markers


class Processor:
    """Hosts services. `run` is called on the thread that then owns every client."""

    def __init__(  # noqa: PLR0913 - the one place where everything meets
        self,
        services: Sequence[Service],
        cluster: Cluster,
        codec: Codec,
        *,
        transactional_id: str,
        clock: Clock,
        sleep: Callable[[float], None],
        heart: Heart | None = None,
        interval: float = 0.02,
        forgive_deaths: bool = False,
        forgive_failures: bool = False,
        on_halt: Callable[[Service, Halt], None] | None = None,
        tell: Tell = Kit.tell,
        lanes: Lanes | None = None,
        look: float = bulletin.EVERY,
    ) -> None:
        self._heart = heart or Heart(clock)
        self.halted: dict[str, Halt] = {}
        self._halting: list[tuple[Intake, Halt]] = []
        self._clock = clock
        self._sleep = sleep
        self._interval = interval
        self._codec = codec
        self._encode_event = events.writer(codec)
        self._on_halt = on_halt
        self._inquest = Inquest(tell)
        self._log: Log = cluster.log()
        self.lanes = lanes or Lanes()
        self.parking = Parking(clock)
        followed = dict.fromkeys(follows for service in services for follows in service.follows)
        self._bulletins = [Bulletin(follows, self._log, clock, look) for follows in followed]
        self.intakes = [Intake(service, cluster, self._log, codec, clock) for service in services]
        for intake in self.intakes:
            intake.attach(self)
            intake.forgive = forgive_deaths
            intake.forgive_failures = forgive_failures
        self.transactions = Transactions(
            cluster, transactional_id, clock=clock, sleep=sleep, beat=self.beat, event=self._event_output,
            partitions=self._log.partitions,
        )  # fmt: skip
        self._last_commit = self._last_news = clock()

    def run(self, stopping: Callable[[], bool], drain: float = 20.0) -> None:
        """Go on until `stopping`, then finish what is in flight for at most `drain` seconds, commit and leave."""
        while not stopping() and self.intakes:
            if not self.turn():
                self._rest()
        self._stop(drain)

    def turn(self) -> bool:
        """One look at everything; whether there was anything to do."""
        self.beat()
        news = sum(board.look() for board in self._bulletins) > 0
        if not all(board.whole for board in self._bulletins):
            return news
        suspicious = next((intake for intake in self.intakes if intake.quarantine), None)
        if suspicious is None:
            self._answer_again(news=news)
        for intake in list(self.intakes):
            try:
                news |= self._advance(intake) if suspicious is None else self._isolate(intake, suspicious)
            except Halt as halt:
                self._halt(intake, halt)
        news |= self._collect()
        while self._halting:
            self._halt(*self._halting.pop())
        now = self._clock()
        if news:
            self._last_news = now
        elif now - self._last_news > _SETTLED:
            self._tidy()
        due = not news or self.transactions.full or now - self._last_commit >= self._interval
        if self.transactions and (due or self.transactions.begun):
            self._commit()
        return news

    def beat(self) -> None:
        """Say that the thread is alive; the watchdog looks at it."""
        self._heart.beat()

    def wait(self) -> None:
        """See `intake.Owner`."""
        self.beat()
        self._sleep(_PAUSE)

    def release(self, intake: Intake, partitions: Sequence[int]) -> None:
        """See `intake.Owner`."""
        until = self._clock() + _DRAIN
        trackers = {p: intake.trackers[p] for p in partitions if p in intake.trackers}
        while any(len(t) > self.parking.held(intake, p) for p, t in trackers.items()) and self._clock() < until:
            self.beat()
            self._collect()
            self._sleep(_BUSY)
        for partition, tracker in trackers.items():
            tracker.acquit()
            self.transactions.share(intake, partition)
        self._commit()

    def _advance(self, intake: Intake) -> bool:
        alone = len(self.intakes) == 1
        timeout = _IDLE if alone and not self.transactions and not intake.in_flight else 0
        self._count_deaths(intake)
        records = intake.take(timeout)
        began = self._clock()
        now = int(began * 1000)
        tickets: list[Ticket] = []
        for number, record in enumerate(records, 1):
            self._open(intake, record, now, tickets)
            if alone and number % _AHEAD == 0:
                self.transactions.send_ahead()
        intake.pace(len(records), self._clock() - began)
        if tickets:
            intake.in_flight += len(tickets)
            self.lanes.submit(tickets, intake.service.concurrency)
        return self._fire(intake, now) or bool(records)

    def _answer_again(self, *, news: bool) -> None:
        """Open once more what nobody could answer, before what came after it."""
        for intake, record in self.parking.take(news=news):
            try:
                self._submit(intake, record, int(self._clock() * 1000))
            except Halt as halt:
                self._halt(intake, halt)

    def _isolate(self, intake: Intake, suspicious: Intake) -> bool:
        """One record of a quarantine, and nothing else of the whole process meanwhile; no timer fires either."""
        self._count_deaths(intake)
        alone = len(self.intakes) == 1 and not intake.in_flight
        news = intake.hold(_IDLE if alone else 0)
        if any(other.in_flight for other in self.intakes):
            return news
        for partition in intake.freed(int(self._clock() * 1000)):
            self.transactions.share(intake, partition)
            news = True
        record = intake.next_suspect() if intake is suspicious else None
        if record is None:
            return news
        tracker, epoch = intake.trackers[record.partition], intake.epoch_of(record.partition)
        intake.alone(record)
        self.transactions.share(intake, record.partition)
        self._commit()  # who dies of it finds the mark
        if epoch != intake.epoch_of(record.partition):
            return True
        now = int(self._clock() * 1000)
        if record.offset == tracker.convict:
            self._finish(intake, record, *self._inquest.convict(intake.service, record, now))
        else:
            self._submit(intake, record, now)
        return True

    def _submit(self, intake: Intake, record: Record, now: int) -> None:
        """Open one record by itself."""
        tickets: list[Ticket] = []
        self._open(intake, record, now, tickets)
        intake.in_flight += len(tickets)
        if tickets:
            self.lanes.submit(tickets, intake.service.concurrency)

    def _count_deaths(self, intake: Intake) -> None:
        """Before anything of a new partition is opened, and with nothing in hand: the commit may change our share."""
        if touched := self._inquest.count(intake, self.intakes):
            for owner, partition in touched:
                self.transactions.share(owner, partition)
            self._commit()

    def _open(self, intake: Intake, record: Record, now: int, tickets: list[Ticket]) -> None:
        service = intake.service
        around: Envelope | None = None
        try:
            if service.enveloped:
                around = envelope_of(record)
            contract, value = self._codec.decode(record.value)
            if contract not in service.contracts:
                raise Poison("wrong_contract", f"{contract} is not what {service.step} takes")
            message = Message(record, around, contract, value)
            answer = service.answer(message, View(intake.stores[record.partition], now, record.partition))
        except Poison as poison:
            answer = service.bury(record, around, poison, now)
        if isinstance(answer, Later):
            over = self.parking.put(intake, record, answer)
            if over is None:
                return
            answer = service.bury(record, around, over, now)
        if isinstance(answer, Done):
            self._finish(intake, record, around, answer)
            return
        ticket = Ticket(intake, record, around, intake.epoch_of(record.partition), answer)
        if answer.claim:
            intake.in_flight += 1
            self.transactions.share(intake, record.partition).claims.append(ticket)
        else:
            tickets.append(ticket)

    def _collect(self) -> bool:
        """Take what the lanes have finished."""
        finished = self.lanes.finished
        news = bool(finished)
        while finished:
            ticket = finished[0].ticket
            try:
                self._conclude(finished.popleft())
            except Halt as halt:  # for the end of the turn: this may be the middle of a poll
                ticket.owner.halted = halt
                self._halting.append((ticket.owner, halt))
        return news

    def _conclude(self, finished: Finished) -> None:
        ticket = finished.ticket
        intake, record = ticket.owner, ticket.record
        intake.in_flight -= 1
        if ticket.epoch != intake.epoch_of(record.partition) or intake.halted:
            intake.dropped += 1
            return
        now = int(self._clock() * 1000)
        if isinstance(finished.error, Poison):
            done = intake.service.bury(record, ticket.envelope, finished.error, now)
        elif finished.error is not None:
            raise finished.error
        elif isinstance(finished.result, Done):
            done = finished.result
        else:
            assert finished.result is not None  # noqa: S101 - a job without an error has a result
            done = finished.result(intake.view(record.partition, now))
        self._finish(intake, record, ticket.envelope, done)

    def _finish(self, intake: Intake, record: Record, around: Envelope | None, done: Done) -> None:
        """Put all that follows from a record into the next transaction, its completion included."""
        try:
            outputs = self._encode(done, intake.service.runs, record.partition)
        except Poison as poison:
            done = intake.service.bury(record, around, poison, int(self._clock() * 1000))
            outputs = self._encode(done, intake.service.runs, record.partition)
        if (alarm := intake.alarm) is not None:
            if done.failed:
                self._alarmed(intake, alarm, record, done)
            elif done.failed is False:
                alarm.tasks += 1
                if alarm.row:
                    self._acquit(intake, alarm)
        self._add(intake, record.partition, done, outputs)
        intake.trackers[record.partition].complete(record.offset)

    def _alarmed(self, intake: Intake, alarm: Alarm, record: Record, done: Done) -> None:
        """A task failed. Halt where that was one too many: it is not done then, and the next life begins with it."""
        told = alarm.failed()
        if not told:
            return
        for partition in intake.mark(failing=True):
            self.transactions.share(intake, partition)
        raise halts.failures(intake.service.step, told, str(record.address), done.why)

    def _acquit(self, intake: Intake, alarm: Alarm) -> None:
        """A task went well, after some that did not."""
        alarm.well()
        for partition in intake.mark(failing=False):
            self.transactions.share(intake, partition)

    def _add(self, intake: Intake, partition: int, done: Done, outputs: list[Output]) -> None:
        share = self.transactions.share(intake, partition)
        share.outputs += outputs
        if done.letter is not None and done.event is not None:
            share.letters.append((done.letter, done.event))
        self.transactions.records += 1
        for output in outputs:
            self.transactions.bytes += len(output.value or b"")

    def _encode(self, done: Done, runs: str, partition: int) -> list[Output]:
        outputs = [self._output(send, partition) for send in done.sends]
        if done.event is not None and done.letter is None:
            outputs.append(self._event_output(done.event, runs, partition))
        return outputs

    def _output(self, send: Send, partition: int) -> Output:
        value = send.value if not send.contract else self._codec.encode(send.contract, send.value)
        headers = send.headers
        if send.envelope is not None:
            headers = [(envelope.HEADER, send.envelope.header()), *(headers or ())]
        return Output(send.topic, partition if send.partition == SAME else send.partition, send.key, value, headers)

    def _event_output(self, event: RunEvent, runs: str, partition: int) -> Output:
        return Output(runs, partition, event["run"].encode(), self._encode_event(event))

    def _fire(self, intake: Intake, now: int) -> bool:
        """Let timers fire whose time has come and whose partition is read up to its end."""
        keeps = intake.service.keeps
        if keeps is None or keeps.expire is None:
            return False
        fired = False
        for partition, until in list(intake.due(now)):
            view = intake.view(partition, now)
            for key in list(intake.stores[partition].pop_due(until)):
                done = keeps.expire(key, view)
                self._add(intake, partition, done, self._encode(done, intake.service.runs, partition))
                fired = True
        return fired

    def _tidy(self) -> None:
        """After a while of silence, move the offsets of caught-up partitions behind the transaction markers."""
        self._last_news = self._clock()
        for intake in self.intakes:
            for partition in intake.idle():
                self.transactions.share(intake, partition)

    def _commit(self) -> None:
        claims = self.transactions.commit()
        self._last_commit = self._clock()
        for ticket in claims:
            self.lanes.submit([ticket], ticket.owner.service.concurrency)

    def _rest(self) -> None:
        if len(self.intakes) > 1 or any(intake.in_flight for intake in self.intakes):
            quiet = self._clock() - self._last_news
            self._sleep(_BUSY if quiet < 1 else 5 * _BUSY)

    def _halt(self, intake: Intake, halt: Halt) -> None:
        """This service stops and says so; the others of the process go on. What it finished before is committed."""
        if intake not in self.intakes:
            return  # it gave two reasons in one turn
        there = halt.code not in halts.TOPIC_GONE
        if there and any(tracker.failing or tracker.suspects for tracker in intake.trackers.values()):
            for partition, tracker in intake.trackers.items():
                tracker.acquit()
                self.transactions.share(intake, partition)
            self._commit()
        intake.halted = halt
        self.halted[intake.service.step] = halt
        self.intakes.remove(intake)
        intake.close()
        if self._on_halt is not None:
            self._on_halt(intake.service, halt)

    def _stop(self, drain: float) -> None:
        until = self._clock() + drain
        while any(intake.in_flight for intake in self.intakes) and self._clock() < until:
            self.beat()
            self._collect()
            if self.transactions:
                self._commit()
            self._sleep(_BUSY)
        for intake in self.intakes:
            self.release(intake, list(intake.trackers))  # still a member: a client that closes answers nothing
            intake.close()
        self.lanes.close()
        self.transactions.close()
        self._log.close()
