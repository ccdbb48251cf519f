"""Every topic and group name of a pipeline, written once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cleanup = Literal["delete", "compact"]

RESERVED = frozenset(
    {"in", "out", "runs", "status", "reviews", "decisions", "control", "plans", "ingress", "supervisor", "desk", "dev"}
)
INGRESS = "ingress"
SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of one pipeline's topics."""

    pipeline: str

    @property
    def intake(self) -> str:
        """Where upstream systems write."""
        return f"{self.pipeline}.in"

    @property
    def runs(self) -> str:
        """Every event of every run."""
        return f"{self.pipeline}.runs"

    @property
    def status(self) -> str:
        """One record per run."""
        return f"{self.pipeline}.status"

    @property
    def reviews(self) -> str:
        """What waits, or waited, for a person."""
        return f"{self.pipeline}.reviews"

    @property
    def decisions(self) -> str:
        """What people decided."""
        return f"{self.pipeline}.decisions"

    @property
    def control(self) -> str:
        """What the supervisor tells the executors of effects."""
        return f"{self.pipeline}.control"

    @property
    def plans(self) -> str:
        """Every plan that was applied."""
        return f"{self.pipeline}.plans"

    def step(self, name: str) -> str:
        """Input topic of a step."""
        return f"{self.pipeline}.in" if name == INGRESS else self.runs if name == SUPERVISOR else self._of(name)

    def dead(self, name: str) -> str:
        """Dead letters of a step."""
        return f"{self._of(name)}.dlq"

    def state(self, name: str) -> str:
        """Changelog of a step that keeps state."""
        return f"{self._of(name)}.state"

    def output(self, name: str) -> str:
        """An output that downstream systems read."""
        return f"{self.pipeline}.out.{name}"

    def group(self, name: str) -> str:
        """Consumer group of a step."""
        return self._of(name)

    def _of(self, name: str) -> str:
        return f"{self.pipeline}.{name}"
