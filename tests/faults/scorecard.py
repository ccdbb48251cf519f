"""What a kill test comes to: which faults left traces, what the checker found, how long recovery took."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median

from faults import evidence
from faults.campaign import EARLIEST, LATEST, Strike
from faults.checker import NAMES, Verdict
from faults.crew import Exit
from faults.evidence import Coordinators
from faults.history import Entry, History

ENOUGH = 20  # kills with evidence
_STUCK, _PATIENCE = 75, 30_000  # the watchdog's exit code, and the ms after which it gives up
_SHARE = 0.95  # of the events must have come to their proper end


class Void(Exception):  # noqa: N818 - it says what the run is
    """The faults did not bite, so the run proves nothing."""


@dataclass(frozen=True)
class Traced:
    """A fault, how long after the first (s), and the traces it left; a kill without any does not count."""

    strike: Strike
    after: float
    traces: tuple[str, ...]
    recovery: float | None

    def __str__(self) -> str:
        whom = f"{self.strike.member.step}.{self.strike.member.slot}" if self.strike.member else ""
        back = f"{self.recovery:5.1f} s" if self.recovery is not None else "      -"
        what = "; ".join((*filter(None, [self.strike.detail]), *self.traces)) or "NO EVIDENCE"
        return f"  {self.after:6.1f} s  {self.strike.done:4.0%}  {self.strike.kind:14} {whom:14} {back}  {what}"


@dataclass(frozen=True)
class Scorecard:
    """One run of the kill test."""

    seed: int
    events: int
    repeats: int
    traced: tuple[Traced, ...]
    exits: tuple[Exit, ...]
    ends: tuple[Exit, ...]
    verdict: Verdict
    seconds: float

    @property
    def counted(self) -> int:
        """Kills with evidence."""
        return sum(1 for t in self.traced if t.strike.kind == "kill" and t.traces)

    def void(self) -> list[str]:
        """Why the run proves nothing; empty when it does."""
        proper = sum(self.verdict.statuses.get(state, 0) for state in ("succeeded", "rejected"))
        bare = [t.strike.kind for t in self.traced if t.strike.kind != "kill" and not t.traces]
        outside = [t.strike.done for t in self.traced if not EARLIEST <= t.strike.done <= LATEST]
        return [
            *([f"only {self.counted} kills with evidence, {ENOUGH} are needed"] if self.counted < ENOUGH else ()),
            *(f"{kind} left no trace" for kind in bare),
            *(f"a fault struck when {share:.0%} was done" for share in outside),
            *([f"only {proper} of {self.events} events came to their proper end"]
              if proper < _SHARE * self.events else ()),
        ]  # fmt: skip

    def odd_ends(self) -> list[str]:
        """Processes that ended otherwise than by a kill, by their watchdog in an outage, or well after SIGTERM."""
        died = [e for e in self.exits if not e.killed and not self._watched(e)]
        return [
            f"{e.member.step}.{e.member.slot} ended with {e.code}" for e in (*died, *self.ends) if e.code or e in died
        ]

    def _watched(self, end: Exit) -> bool:
        """Whether the watchdog ended it because the broker was away for longer than the client can bear."""
        away = [t.strike for t in self.traced if t.strike.member is None]
        return end.code == _STUCK and any(s.at + _PATIENCE < end.at < s.until + _PATIENCE for s in away)

    def __str__(self) -> str:
        kills = [t for t in self.traced if t.strike.kind == "kill"]
        kinds = Counter(_kind(trace) for t in kills for trace in t.traces)
        back = sorted(t.recovery for t in kills if t.recovery is not None)
        names = Counter(finding.name for finding in self.verdict.findings)
        seen = self.verdict
        lines = [
            f"seed {self.seed}   {self.events} events, {self.repeats} of them sent twice   {self.seconds:.0f} s",
            f"statuses    {_counts(self.verdict.statuses)}   late {self.verdict.late}",
            f"seen        {seen.records} records, {seen.effects} effects, {seen.repeats} repeats",
            f"kills       {len(kills)}, with evidence {self.counted}   ({_counts(kinds)})",
            f"recovery    kill to the step's next event: median {median(back):.1f} s, longest {back[-1]:.1f} s"
            if back else "recovery    none measured",
            f"restarts    {len(self.exits)}, of them by the watchdog {sum(map(self._watched, self.exits))}",
            *map(str, self.traced),
            "findings    " + "   ".join(f"{name} {names.get(name, 0)}" for name in NAMES),
            *(f"  {f.name}: {f.about}: {f.detail}" for f in self.verdict.findings[:40]),
            *(f"odd end     {odd}" for odd in self.odd_ends()),
            *(f"VOID        {why}" for why in self.void()),
        ]  # fmt: skip
        return "\n".join(lines)


def trace(strikes: list[Strike], seen: History, coordinators: Coordinators) -> tuple[Traced, ...]:
    """Look for the traces of every fault."""
    return tuple(
        Traced(strike, (strike.at - strikes[0].at) / 1000, *_traces(strike, seen, coordinators)) for strike in strikes
    )


def _traces(strike: Strike, seen: History, coordinators: Coordinators) -> tuple[tuple[str, ...], float | None]:
    events = seen.entries["kill.runs"]
    if strike.member is None:
        pending = _pending(events, seen.entries["kill.status"], strike.at)
        traces = (f"{pending} runs under way",) if pending else ()
        return traces, _next(events, strike.until)
    step = strike.member.step
    mine = tuple(entry for entry in events if entry.value["step"] == step)
    if strike.kind == "SIGSTOP":
        changed = coordinators.regrouped(f"kill.{step}", strike.at + 5_000, strike.until)
        return (changed,) if changed else (), _next(mine, strike.at)
    topic = {"ingress": "kill.in", "supervisor": "kill.runs"}.get(step, f"kill.{step}")
    found = evidence.strike(coordinators, strike.member, seen.entries[topic], strike.at)
    spoke = tuple(entry for entry in events if entry.value["kind"] == "run_ended") if step == "supervisor" else mine
    return tuple(found), _next(spoke, strike.at)


def _next(entries: tuple[Entry, ...], at: int) -> float | None:
    after = [entry.time for entry in entries if entry.time > at + 50]
    return (min(after) - at) / 1000 if after else None


def _pending(events: tuple[Entry, ...], statuses: tuple[Entry, ...], at: int) -> int:
    begun = sum(1 for entry in events if entry.value["kind"] == "run_started" and entry.time <= at)
    return begun - sum(1 for entry in statuses if entry.value["terminal"] and entry.time <= at)


def _kind(found: str) -> str:
    return next((kind for kind in ("aborted transaction", "read again", "generation") if kind in found), found)


def _counts(counts: object) -> str:
    assert isinstance(counts, dict)
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
