"""One reader on one collection: cross-validated, trained on everything, and measured together with another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triage.calibration import Assurance, Odds, log_odds, probability, top_two
from triage.data import Collection
from triage.reading import Labels, Reader, Rows, Trained, folds, out_of_fold
from triage.scope import Nearest


def numbered(data: Collection) -> Labels:
    """The intents' places among all as numbers, then one more number for each text out of scope."""
    places = {intent: number for number, intent in enumerate(data.labels)}
    return np.array([*(places[intent] for intent in data.intents), *[len(places)] * len(data.outside)])


@dataclass(frozen=True, slots=True)
class Read:
    """What one reader says about one text; see `contracts.Understanding`."""

    intent: str | None
    confidence: float
    margin: float
    similarity: float
    assurance: float


@dataclass(frozen=True, eq=False)
class Study:
    """A reader under cross-validation: its answer for each row, the log-odds of its being right, and whether it was.

    `rows` and `labels` are those of the texts and, behind them, of the texts out of scope; see `numbered`.
    """

    reader: Reader
    intents: tuple[str, ...]
    rows: Rows
    labels: Labels
    evidence: Odds
    answers: Labels
    odds: NDArray[np.float64]

    @classmethod
    def made(cls, reader: Reader, rows: Rows, data: Collection, fold_count: int) -> Study:
        """Cross-validate a reader on the rows it made of a collection."""
        intents, labels = data.labels, numbered(data)
        scores = out_of_fold(reader, rows, labels, len(intents) + 1, folds(labels, fold_count))
        answers, seen = top_two(scores)
        evidence = Odds.measured(seen, answers == labels)
        return cls(reader, intents, rows, labels, evidence, answers, evidence.of(seen))

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which rows were answered rightly."""
        right: NDArray[np.bool_] = self.answers == self.labels
        return right

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which rows were given an intent at all."""
        return self.answers < len(self.intents)

    def reading(self) -> Reading:
        """The reader trained on all rows."""
        return Reading(
            self.reader,
            self.reader.train(self.rows, self.labels, len(self.intents) + 1),
            self.intents,
            self.evidence,
            Assurance.measured(self.odds[self.answered], self.right[self.answered]),
            Nearest.of(self.rows[self.labels < len(self.intents)]),
        )


@dataclass(frozen=True, eq=False)
class Reading:
    """A trained reader that knows, from cross-validation, what its answers are worth."""

    reader: Reader
    trained: Trained
    intents: tuple[str, ...]
    evidence: Odds
    assurance: Assurance
    nearest: Nearest

    @property
    def name(self) -> str:
        """The reader's."""
        return self.reader.name

    def read(self, text: str) -> Read:
        """Read one masked text."""
        row = self.reader.rows([text])
        best, seen = top_two(self.trained.scores(row))
        odds = float(self.evidence.of(seen)[0])
        intent = self.intents[best[0]] if best[0] < len(self.intents) else None
        assurance = self.assurance.of(odds) if intent is not None else 0.0
        return Read(intent, probability(odds), float(seen[0, 1]), self.nearest.similarity(row), assurance)


@dataclass(frozen=True, eq=False)
class Pair:
    """What it is worth when a first and a second reader say the same."""

    evidence: Odds
    assurance: Assurance

    @classmethod
    def measured(cls, first: Study, second: Study) -> Pair:
        """From the rows to which both gave the same intent."""
        agreed = (first.answers == second.answers) & first.answered
        both, right = np.column_stack([first.odds, second.odds])[agreed], first.right[agreed]
        evidence = Odds.measured(both, right)
        return cls(evidence, Assurance.measured(evidence.of(both), right))

    def of(self, first: float, second: float) -> tuple[float, float]:
        """The probability of being right and the assurance, from the confidences of both."""
        odds = float(self.evidence.of(np.array([[log_odds(first), log_odds(second)]]))[0])
        return probability(odds), self.assurance.of(odds)
