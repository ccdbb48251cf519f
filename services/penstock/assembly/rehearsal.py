"""A gate's own checks, asked about a payload before a person sends it; nothing is written."""

from __future__ import annotations

import asyncio

from penstock.contracts.answers import Reason
from penstock.contracts.context import Context
from penstock.errors import Mistake
from penstock.runtime.kit import Kit
from penstock.topology.plan import Plan, Validator
from penstock.validator.checks import Checks
from penstock.validator.gate import verdict


def refusals(plan: Plan, gate: str, kit: Kit, payload: bytes) -> tuple[Reason, ...]:
    """What the gate would still refuse of a person's payload, waivable checks waived; nothing when it would pass.

    Mistake E317 where a check cannot be asked here.
    """
    step = plan.steps[gate]
    assert isinstance(step, Validator)  # noqa: S101 - a review names its gate
    _, value = kit.codec.decode(payload)
    try:
        checks = Checks(step, kit)
        checks.prepare()
        context = Context(plan.pipeline, gate, deadline=kit.now() + step.attempts.timeout_ms, budget_usd=0.0)
        findings = asyncio.run(checks.ask(value, context, step.attempts.timeout_ms / 1000))
    except Mistake:
        raise
    except Exception as error:
        raise Mistake("E317", f"the checks of {gate} cannot be asked", why=f"{type(error).__name__}: {error}"[:300],
                      fix="run this where the checks can run") from error  # fmt: skip
    judged = verdict(findings, approved=True)
    return () if judged.passed else tuple(reason for reason in judged.reasons if reason.severity == "error")
