"""What a model's scores are worth: probabilities and shares, measured by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from triage.reading import Floats


@dataclass(frozen=True, eq=False)
class Odds:
    """Log-odds of being right, linear in a few numbers (Platt 1999)."""

    weights: NDArray[np.float64]
    bias: float

    @classmethod
    def measured(cls, evidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Odds:
        """Fit on what cross-validation saw; one right and one wrong average case are added, so that both occur."""
        mean, spread = evidence.mean(0), evidence.std(0) + 1e-9
        standard = np.vstack([(evidence - mean) / spread, np.zeros((2, evidence.shape[1]))])
        model = LogisticRegression().fit(standard, np.hstack([right, [True, False]]))
        weights = model.coef_[0] / spread
        return cls(weights, float(model.intercept_[0] - weights @ mean))

    def of(self, evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of each row of evidence."""
        odds: NDArray[np.float64] = evidence @ self.weights + self.bias
        return odds


@dataclass(frozen=True, eq=False)
class Assurance:
    """How right all cases are that are at least as clear as a given one.

    One minus the q-value of Storey (2002), with one error added to what was seen: so it is never 1, and little data
    gives little assurance. A gate that asks for 0.985 lets through as much as it can at 1.5 % errors.
    """

    clearness: NDArray[np.float64]
    shares: NDArray[np.float64]

    @classmethod
    def measured(cls, clearness: NDArray[np.float64], right: NDArray[np.bool_]) -> Assurance:
        """From the cases of cross-validation; those that should not have been answered at all count as wrong."""
        order = np.argsort(-clearness, kind="stable")
        seen = np.cumsum(right[order]) / (np.arange(len(order)) + 2)
        best = np.maximum.accumulate(seen[::-1])
        return cls(clearness[order][::-1], best)

    def of(self, clearness: float) -> float:
        """The share for one case; 0 where nothing was seen."""
        if not len(self.shares):
            return 0.0
        at = int(np.searchsorted(self.clearness, clearness, side="left"))
        return float(self.shares[min(at, len(self.shares) - 1)])


def top_two(scores: Floats) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The best label of each row, and the evidence for it: its score and its lead over the next."""
    best = scores.argmax(1)
    ordered = np.partition(scores, -2, axis=1)[:, -2:].astype(np.float64)
    return best, np.column_stack([ordered[:, 1], ordered[:, 1] - ordered[:, 0]])


def probability(log_odds: float) -> float:
    """As a number between 0 and 1."""
    return float(1 / (1 + np.exp(-log_odds)))


def log_odds(chance: float) -> float:
    """The inverse of `probability`; certain values are taken as nearly certain."""
    clipped = min(max(chance, 1e-6), 1 - 1e-6)
    return float(np.log(clipped / (1 - clipped)))
