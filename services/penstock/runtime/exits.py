"""The ways out of one step: all of them, some of them by what the value says, or one for each item of a list."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

from penstock.contracts.envelope import HEADER, Envelope
from penstock.contracts.identity import task_id
from penstock.contracts.records import COMMAND, Command, Spawned
from penstock.contracts.routes import Outlet, Route, Routes
from penstock.contracts.rules import Rule
from penstock.errors import Poison
from penstock.runtime.codec import Codec
from penstock.runtime.forward import forward
from penstock.runtime.ports import Headers
from penstock.runtime.service import SAME, Send

Forwarded = tuple[list[Send], list[Spawned]]


class Exits:
    """Sends what a step answered to the steps that follow, and tells joins what they need not wait for."""

    def __init__(self, routes: Routes, codec: Codec) -> None:
        self._routes = routes
        self._codec = codec
        self._plain = routes.plain
        edges = {_name(leading): leading for leading in routes.edges}
        self._rules = {name: Rule(leading.way.when) for name, leading in edges.items() if leading.way.when}
        self._otherwise = frozenset(name for name, leading in edges.items() if leading.way.otherwise)
        self._always = frozenset(edges) - self._rules.keys() - self._otherwise
        self._each = tuple(leading for leading in edges.values() if leading.way.each)

    def forward(
        self, around: Envelope, address: str, payload: bytes, value: Mapping[str, Any],
        chosen: Collection[str] | None = None,
    ) -> Forwarded:  # fmt: skip
        """Records for the successors, and the tasks they begin; see `forward`. A router has `chosen` its own.

        Poison `bad_condition` for a rule that cannot be answered, `too_many_items` for a longer list than declared.
        """
        if self._plain and chosen is None:
            return forward(self._routes, around, address, payload, value)
        read = self._codec.decode(payload)[1]  # as the next step will see it, defaults filled in
        taken = self._taken(read) if chosen is None else frozenset(chosen)
        sends, spawned = forward(self._whole(taken), around, address, payload, read)
        for leading in self._each:
            self._items(leading, around, address, read, (sends, spawned))
        skipped = (skip.route for skip in self._routes.skips
                   if not skip.by & taken and (not skip.needs or skip.needs & taken))  # fmt: skip
        _put(skipped_branches(self._routes.source, skipped, around, address), (sends, spawned))
        return sends, spawned

    def _taken(self, value: Mapping[str, Any]) -> frozenset[str]:
        """The edges that a value takes: those that always are, and those whose rule holds, or all others."""
        held = {name for name, rule in self._rules.items() if _holds(name, rule, value)}
        return self._always | (held or self._otherwise)

    def _whole(self, taken: frozenset[str]) -> Routes:
        """The edges on which the value goes as it is."""
        steps = tuple(route for route in self._routes.steps if route.step in taken and not route.way.each)
        outlets = tuple(outlet for outlet in self._routes.outlets if outlet.name in taken and not outlet.way.each)
        return Routes(self._routes.source, steps, outlets)

    def _items(
        self, leading: Route | Outlet, around: Envelope, address: str, value: Mapping[str, Any], found: Forwarded
    ) -> None:
        """One record for each item of a list, and their number for whoever gathers them."""
        way, items = leading.way, value[leading.way.each]
        if len(items) > way.most:
            raise Poison("too_many_items", f"{len(items)} items for {_name(leading)}, at most {way.most} are declared",
                         path=f"/{way.each}")  # fmt: skip
        one = Routes(self._routes.source, *_alone(leading))
        for at, item in enumerate(items):
            inside = around._replace(item=f"{around.item}.{at}" if around.item else str(at))
            _put(forward(one, inside, address, self._codec.encode(way.contract, item), item), found)
        gathering = self._routes.counts.get(_name(leading), ())
        _put(_told(self._routes.source, gathering, around, address, _command("count", len(items))), found)


def skipped_branches(source: str, branches: Iterable[Route], around: Envelope, address: str) -> Forwarded:
    """What joins are told of branches that get nothing, because `source` decided so."""
    return _told(source, branches, around, address, _command("skip"))


def _told(source: str, branches: Iterable[Route], around: Envelope, address: str, said: Command) -> Forwarded:
    sends, spawned = list[Send](), list[Spawned]()
    header = around.heir(source, address)
    for route in branches:
        task = task_id(around.run, route.step, around.item, 0, route.branch)
        order: Command = {**said, "branch": route.branch}
        headers: Headers = [(HEADER, header(task))]
        sends.append(Send(route.topic, around.run.encode(), order, COMMAND, None, SAME, headers))
        spawned.append({"task": task, "step": route.step, "item": around.item})
    return sends, spawned


def _command(kind: Literal["skip", "count"], count: int = 0) -> Command:
    return {"kind": kind, "address": "", "branch": "", "review": "", "sha256": "", "reasons": [], "count": count}


def _put(more: Forwarded, found: Forwarded) -> None:
    found[0].extend(more[0])
    found[1].extend(more[1])


def _name(leading: Route | Outlet) -> str:
    return leading.step if isinstance(leading, Route) else leading.name


def _alone(leading: Route | Outlet) -> tuple[tuple[Route, ...], tuple[Outlet, ...]]:
    return ((leading,), ()) if isinstance(leading, Route) else ((), (leading,))


def _holds(name: str, rule: Rule, value: Mapping[str, Any]) -> bool:
    answer = rule.ask(value)
    if isinstance(answer, bool):
        return answer
    raise Poison("bad_condition", f"nobody can tell whether it goes to {name}: {answer}"[:300])
