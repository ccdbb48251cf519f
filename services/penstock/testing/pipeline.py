"""A topology file as a test has it: its real handlers or stubs in their place, and effects that stay here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.contracts.identity import effect_key
from penstock.errors import Mistake
from penstock.runtime.artifacts import IN_MEMORY
from penstock.testing.cast import Cast, Line
from penstock.testing.lines import dying, filled, merged
from penstock.testing.production import Production, Role, name_of
from penstock.testing.stage import Stage
from penstock.topology.plan import Effect
from penstock.topology.report import nearest


class Unanswered(Exception):  # noqa: N818 - named for what it says
    """A worker or check was reached for which nobody wrote an answer, where `stub_all` forbids to load it."""


class Pipeline(Stage):
    """A pipeline that a test sends events to.

    Workers, checks and merge functions are the real ones unless `stub` puts lines in their place; with `stub_all` a
    worker or check is never loaded. Effects are never carried out: they are kept, and a stub may let them fail.
    `artifacts` is where large things lie; by default they are kept in memory.
    """

    def __init__(
        self, topology: Path | str | Production, *, stub_all: bool = False, partitions: int = 1,
        settings: Mapping[str, str] | None = None, artifacts: Path | str = IN_MEMORY,
    ) -> None:  # fmt: skip
        production = topology if isinstance(topology, Production) else Production.of(topology, settings, str(artifacts))
        self.production = production
        self.cast = Cast()
        self.unanswered: list[str] = []
        for role in production.roles.values():
            self._usual(role, stub_all=stub_all)
        super().__init__(
            production.plan, production.codec, self._actor, partitions=partitions, metrics=production.metrics,
            artifacts=production.artifacts,
        )  # fmt: skip

    def stub(self, name: str, *turns: Line, event: str = "") -> None:
        """Put lines in the place of a handler, one a turn for each event, of which the last repeats.

        `name` is a step's, or `gate/code` for a check. A line is an exception to raise, a Retry, Reject or Escalate, a
        function to call, or the answer: fields that it leaves out are copied from what the worker read. With `event`
        the lines are for that event id alone. Mistake E159 for a name that is no handler's.
        """
        role = self._role(name)
        lines = [self._line(role, turn) for turn in turns]
        if not event:
            self.cast.usually(name, *lines)
        else:
            key = effect_key(self.plan.pipeline, event, role.step, "") if role.kind == "effect" else event
            self.cast.told(name, key, *lines)

    def real(self, name: str) -> Line:
        """A line: the real handler is asked, also under `stub_all`."""
        role = self._role(name)
        if role.kind == "merge":
            return self.production.merge(role)
        return lambda value, ctx: self.production.real(role).now(value, ctx)

    def dies(self, name: str, *, after: bool = False) -> Line:
        """A line: the process dies in the middle of the call; `after` an effect took place, before that is known."""

        def send(effect: dict[str, Any], key: str) -> None:
            self.cast.sends(name, key, effect)

        return dying(self.die, send if after else None)

    def effects(self, name: str = "") -> list[dict[str, Any]]:
        """What took place, in its order: of one effect, or of all."""
        return [effect for role, _, effect in self.cast.sent if name in {"", role}]

    def effects_by_step(self) -> dict[str, list[dict[str, Any]]]:
        """The same for each effect of the plan."""
        return {name: self.effects(name) for name, step in self.plan.steps.items() if isinstance(step, Effect)}

    def _role(self, name: str) -> Role:
        known = self.production.roles
        if name not in known:
            advice = nearest(name, known, f"there are: {', '.join(known)}")
            raise Mistake("E159", f"{self.production.plan.pipeline} has no handler “{name}”", fix=advice)
        return known[name]

    def _line(self, role: Role, turn: Line) -> Line:
        if not isinstance(turn, Mapping) or not role.writes:
            return turn
        fields = self.codec.fields(role.writes)
        return merged(turn, fields) if role.kind == "merge" else filled(turn, fields)

    def _usual(self, role: Role, *, stub_all: bool) -> None:
        """What a role does when nobody stubs it."""
        if role.kind == "merge":
            self.cast.usually(role.name, self.real(role.name))
        elif role.kind != "effect":
            self.cast.usually(role.name, self._forbidden(role) if stub_all else self.real(role.name))

    def _forbidden(self, role: Role) -> Line:
        def act(*_: object) -> None:
            self.unanswered.append(role.name)
            raise Unanswered(f"no stub answers for {role.name}")

        return act

    def _actor(self, path: str) -> Any:  # noqa: ANN401 - a function or a class
        """What stands behind a handler's path in a staged plan."""
        role = self.production.roles[name_of(path)]
        match role.kind:
            case "effect":
                return self.cast.sink(role.name)
            case "merge":
                return lambda votes, concluded: self.cast.answer(role.name, "", votes, concluded)
            case _:
                return self.cast.actor(role.name)
