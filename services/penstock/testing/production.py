"""A topology made ready to be played: every handler's place is taken by a role, and what is loaded is loaded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from penstock.assembly.plans import compile_file, contracts_beside, resolve
from penstock.contracts.schemas import Schemas
from penstock.errors import Mistake
from penstock.runtime.artifacts import IN_MEMORY, Store
from penstock.runtime.codec import Codec
from penstock.runtime.handlers import Handler
from penstock.runtime.kit import settled
from penstock.runtime.metrics import Metrics
from penstock.topology.plan import Aggregator, Check, Effect, Plan, Router, Step, Validator, Worker

Kind: TypeAlias = Literal["worker", "router", "check", "merge", "effect"]
_STAGE = "stage"


@dataclass(frozen=True, slots=True)
class Role:
    """What can be stubbed: a worker, a router, an effect or a merge function by its step, a check as `step/code`.

    `reads` are the contracts of what it is given, `writes` is the contract of what it answers, where it has one.
    """

    name: str
    kind: Kind
    step: str
    run: str
    reads: tuple[str, ...]
    writes: str = ""
    settings: Mapping[str, Any] | None = None


class Production:
    """A plan, its contracts, and the real handlers behind its roles, each made when it is first needed."""

    def __init__(
        self, plan: Plan, contracts: Schemas, settings: Mapping[str, str] | None = None, artifacts: str = IN_MEMORY
    ) -> None:
        self.plan = _staged(plan)
        self.artifacts = Store(artifacts)
        self.contracts = contracts
        self.codec = Codec(contracts)
        self.metrics = Metrics(plan.pipeline)
        self.roles = {role.name: role for role in roles(plan)}
        self._settings = settings or {}
        self._made: dict[str, Handler] = {}

    @classmethod
    def of(
        cls, topology: Path | str, settings: Mapping[str, str] | None = None, artifacts: str = IN_MEMORY
    ) -> Production:
        """Compile a topology file. Raises Mistake."""
        path = Path(topology)
        return cls(compile_file(path), contracts_beside(path), settings, artifacts)

    def real(self, role: Role) -> Handler:
        """The worker or check itself. Mistake E158 when it cannot be made."""
        if role.name not in self._made:
            settings = settled(role.step, role.settings or {}, self._settings)
            try:
                made = Handler(role.run, resolve(role.run), settings, 1)
                made.prepare()
            except Mistake:
                raise
            except Exception as error:
                raise Mistake(
                    "E158", f"{role.run}, which is “{role.name}”, cannot be made", f"{type(error).__name__}: {error}",
                    f"mend it, or stub “{role.name}”",
                ) from error  # fmt: skip
            self._made[role.name] = made
        return self._made[role.name]

    def merge(self, role: Role) -> Callable[..., Any]:
        """The merge function itself."""
        found: Callable[..., Any] = resolve(role.run)  # type: ignore[assignment]  # the compiler has called it fit
        return found


def roles(plan: Plan) -> Iterator[Role]:
    """Everything in a plan that is not Penstock's own."""
    for name, step in plan.steps.items():
        match step:
            case Worker():
                yield Role(name, "worker", name, step.run, (step.reads,), step.writes, step.settings)
            case Router():
                yield Role(name, "router", name, step.run, (step.reads,), "", step.settings)
            case Effect():
                yield Role(name, "effect", name, step.run, (step.reads,), "", step.settings)
            case Aggregator() if step.merge.run is not None:
                yield Role(name, "merge", name, step.merge.run, tuple(step.reads.values()), step.writes)
            case Validator():
                for check in step.checks:
                    if check.run is not None:
                        yield Role(f"{name}/{check.code}", "check", name, check.run, (step.reads,), "", check.settings)
            case _:
                pass


def name_of(path: str) -> str:
    """The role's name in the path of a handler of a staged plan."""
    return path.removeprefix(f"{_STAGE}:")


def _staged(plan: Plan) -> Plan:
    """The same plan, under the same digest, with a role in each handler's place: two steps may name one handler."""
    return replace(plan, steps={name: _with_roles(step) for name, step in plan.steps.items()})


def _with_roles(step: Step) -> Step:
    match step:
        case Worker() | Router() | Effect():
            return replace(step, run=f"{_STAGE}:{step.name}")
        case Aggregator() if step.merge.run is not None:
            return replace(step, merge=replace(step.merge, run=f"{_STAGE}:{step.name}"))
        case Validator():
            return replace(step, checks=tuple(_played(step.name, check) for check in step.checks))
        case _:
            return step


def _played(gate: str, check: Check) -> Check:
    return check if check.run is None else replace(check, run=f"{_STAGE}:{gate}/{check.code}")
