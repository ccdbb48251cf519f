"""From a plan and a kit to services: the one place that knows all rooms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches

from penstock.aggregator import service as aggregators
from penstock.assembly.by_plan import by_plan
from penstock.assembly.published import Plans
from penstock.contracts.topics import INGRESS, SUPERVISOR
from penstock.effects import service as effect_hands
from penstock.errors import Misuse
from penstock.ingress import service as doors
from penstock.runtime.kit import Kit
from penstock.runtime.service import Service
from penstock.supervisor import service as overseers
from penstock.topology.plan import Output, Plan
from penstock.validator import service as gates
from penstock.worker import service as benches

_ROOMS: Mapping[str, Callable[[Plan, str, Kit], Service]] = {
    "worker": benches.build,
    "router": benches.build,
    "validator": gates.build,
    "aggregator": aggregators.build,
    "effect": effect_hands.build,
}


def all_steps(plan: Plan) -> tuple[str, ...]:
    """Every step that needs a process, in the order in which records meet them."""
    own = tuple(name for name, step in plan.steps.items() if not isinstance(step, Output))
    return (INGRESS, *own, SUPERVISOR)


def services(plan: Plan, names: tuple[str, ...], kit: Kit) -> list[Service]:
    """Services for these steps, under this plan and all before it. Misuse E330 for a step that is not in the plan."""
    known = all_steps(plan)
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean “{near[0]}”?" if near else f"steps are: {', '.join(known)}"
            raise Misuse("E330", f"{plan.pipeline} has no step “{name}” to run", fix=hint)
    plans = Plans(plan, kit.codec)
    return [_service(plans, name, kit) for name in names]


def _service(plans: Plans, name: str, kit: Kit) -> Service:
    """A run begins under today's plan; what goes on goes on under the plan that it began with."""
    if name == INGRESS:
        return replace(doors.build(plans.own, name, kit), follows=(plans.follows,))  # for contracts of older events
    build = overseers.build if name == SUPERVISOR else _ROOMS[plans.own.steps[name].kind]
    return by_plan(plans, name, kit, build)
