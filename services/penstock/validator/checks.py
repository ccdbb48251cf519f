"""The checks of one gate, ready to be asked: CEL rules, and Python callables that may be models themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.contracts.answers import Reason, as_reason
from penstock.contracts.context import Context
from penstock.contracts.rules import Rule
from penstock.errors import Poison
from penstock.runtime.handlers import Handler, useless
from penstock.runtime.kit import Kit
from penstock.runtime.threads import listed, within
from penstock.topology.plan import Check, Validator
from penstock.validator.gate import Finding, unmet


class Checks:
    """Asks all checks of a gate, in their order."""

    def __init__(self, gate: Validator, kit: Kit) -> None:
        self._rules = {id(check): Rule(check.rule) for check in gate.checks if check.rule is not None}
        self._handlers = {id(check): _load(check, gate, kit) for check in gate.checks if check.run is not None}
        self._checks = gate.checks
        self.inline = all(handler.inline for handler in self._handlers.values())

    @property
    def hung(self) -> int:
        """Threads that nobody waits for any more."""
        return sum(handler.hung for handler in set(self._handlers.values()))

    def prepare(self) -> None:
        """Make what the Python checks need."""
        for handler in self._handlers.values():
            handler.prepare()

    def now(self, value: dict[str, Any], ctx: Context) -> list[Finding]:
        """Ask on this very thread; only where every check is a rule or inline."""
        return [Finding(check, self._quick(check, value, ctx)) for check in self._checks]

    async def ask(self, value: dict[str, Any], ctx: Context, seconds: float) -> list[Finding]:
        """Ask, waiting `seconds` at the most for all of them."""
        return await within(seconds, self._each(value, ctx, seconds))

    async def _each(self, value: dict[str, Any], ctx: Context, seconds: float) -> list[Finding]:
        findings = []
        for check in self._checks:
            handler = self._handlers.get(id(check))
            if handler is None or handler.inline:
                findings.append(Finding(check, self._quick(check, value, ctx)))
            else:
                findings.append(Finding(check, _reasons(check, await handler.call(value, ctx, seconds))))
        return findings

    def _quick(self, check: Check, value: dict[str, Any], ctx: Context) -> tuple[Reason, ...]:
        rule = self._rules.get(id(check))
        if rule is None:
            return _reasons(check, self._handlers[id(check)].now(value, ctx))
        if rule.holds(value):
            return ()
        return (unmet(check, rule.text, value, rule.error(value)),)


def _load(check: Check, gate: Validator, kit: Kit) -> Handler:
    path = check.run
    assert path is not None  # noqa: S101 - the caller looked
    return kit.made(gate.name, path, check.settings, lambda run, own: Handler(path, run, own, gate.concurrency))


def _reasons(check: Check, answer: object) -> tuple[Reason, ...]:
    """What a Python check answered: whatever stands in a series is a reason, and only an empty series is none.

    Poison for anything else, and for None too: nothing may pass because somebody forgot to answer.
    """
    if isinstance(answer, Reason):
        return (as_reason(answer),)
    if isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable):
        raise Poison("bad_check", f"{check.run} answered a {useless(answer)}, not reasons")
    return tuple(map(as_reason, listed(answer)))
