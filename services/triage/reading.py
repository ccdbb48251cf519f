"""What a model that reads messages must be able to do, and how it is cross-validated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int64]
Rows: TypeAlias = Any  # one row a text, dense or sparse: only the reader that made them looks inside


class Trained(Protocol):
    """A classifier over rows."""

    def scores(self, rows: Rows) -> Floats:
        """One number for each row and label, the higher the likelier; shape (rows, labels)."""


class Reader(Protocol):
    """Turns texts into rows, and labelled rows into a classifier."""

    @property
    def name(self) -> str:
        """Written into every answer."""

    @property
    def space(self) -> str:
        """Readers with the same space make the same rows."""

    def rows(self, texts: Sequence[str]) -> Rows:
        """One row a text."""

    def train(self, rows: Rows, labels: Labels, kinds: int) -> Trained:
        """Learn `kinds` labels, numbered from 0, from labelled rows."""


def folds(labels: Labels, count: int) -> Labels:
    """Deal the rows of every label to `count` folds, by a fixed shuffle: the fold of each row."""
    shuffled = np.random.default_rng(0).permutation(len(labels))
    dealt = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        mine = shuffled[labels[shuffled] == label]
        dealt[mine] = (np.arange(len(mine)) + label) % count
    return dealt


def out_of_fold(reader: Reader, rows: Rows, labels: Labels, kinds: int, dealt: Labels) -> Floats:
    """Scores of every row by a classifier that has not seen it."""
    scores = np.empty((len(labels), kinds), np.float32)
    for fold in np.unique(dealt):
        held = np.flatnonzero(dealt == fold)
        rest = np.flatnonzero(dealt != fold)
        scores[held] = reader.train(rows[rest], labels[rest], kinds).scores(rows[held])
    return scores
