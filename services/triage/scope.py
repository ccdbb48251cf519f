"""How near a message is to messages with a known answer, and whether that is near enough to be the bank's business."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triage.lexical import Lexicon
from triage.reading import Labels, Rows, folds

_AT_ONCE = 500
_ENOUGH = 2_000  # messages to take a small quantile from


@dataclass(frozen=True, eq=False)
class Nearest:
    """Known rows of length 1 each, turned so that a product with another row is a list of cosines."""

    known: Rows

    @classmethod
    def of(cls, rows: Rows) -> Nearest:
        """Hold rows that a reader made."""
        return cls(rows.T if isinstance(rows, np.ndarray) else (rows / _length(rows)).T.tocsr())

    def similarity(self, row: Rows) -> float:
        """Cosine to the nearest known row."""
        return float(self.similarities(row)[0])

    def similarities(self, rows: Rows) -> NDArray[np.float64]:
        """Cosine to the nearest known row, of each row; 0 where nothing is known."""
        if not self.known.shape[1]:
            return np.zeros(rows.shape[0])
        if isinstance(rows, np.ndarray):
            cosines: NDArray[np.float64] = (rows @ self.known).max(1).astype(np.float64)
            return cosines
        parts = [(rows[at : at + _AT_ONCE] @ self.known).max(1).toarray() for at in range(0, rows.shape[0], _AT_ONCE)]
        return np.vstack(parts)[:, 0].astype(np.float64) / _length(rows)


@dataclass(frozen=True, eq=False)
class Scope:
    """A message is in scope when it is nearer to a labelled message than to a text known to be out of scope.

    By how much is chosen from the labelled messages themselves: `least` is undercut by the given share of them when
    their own fold is left out. Words and letters only, so that a gate is no worker over again.
    """

    lexicon: Lexicon
    labelled: Nearest
    outside: Nearest
    least: float

    @classmethod
    def learned(cls, lexicon: Lexicon, rows: Rows, labels: Labels, loses: float, fold_count: int) -> Scope:
        """Learn from labelled rows; the highest label marks those out of scope.

        `loses` is the share of the others that may be taken for strangers.
        """
        inside = labels < labels.max()
        mine, outside = rows[np.flatnonzero(inside)], Nearest.of(rows[np.flatnonzero(~inside)])
        held, nearest = _nearest_of_others(mine, labels[inside], fold_count)
        leads = nearest - outside.similarities(mine[held])
        return cls(lexicon, Nearest.of(mine), outside, float(np.quantile(leads, loses)))

    def lead(self, text: str) -> tuple[float, float]:
        """Cosine to the nearest labelled message, and by how much that is more than to the nearest stranger."""
        row = self.lexicon.rows([text])
        near = self.labelled.similarity(row)
        return near, near - self.outside.similarity(row)


def _nearest_of_others(rows: Rows, labels: Labels, fold_count: int) -> tuple[Labels, NDArray[np.float64]]:
    """Rows, fold by fold until they are enough, and for each the cosine to the nearest row of the other folds."""
    dealt = folds(labels, fold_count)
    measured, nearest = [], []
    for fold in range(fold_count):
        held, rest = np.flatnonzero(dealt == fold), np.flatnonzero(dealt != fold)
        measured.append(held)
        nearest.append(Nearest.of(rows[rest]).similarities(rows[held]))
        if sum(map(len, measured)) >= _ENOUGH:
            break
    return np.concatenate(measured), np.concatenate(nearest)


def _length(rows: Rows) -> float:
    """All rows of a lexicon have the same length: the root of the number of its parts."""
    return float(np.sqrt(np.asarray(rows.multiply(rows).sum(1)).max())) if rows.shape[0] else 1.0
