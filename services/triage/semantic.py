"""The reader that knows meaning: logistic regression and nearest neighbours over sentence embeddings."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from triage.reading import Floats, Labels, Rows
from triage.sentences import SHA256, Encoder

_MANY = 64  # texts worth a look into the cache
_NEIGHBOURS = 15
_SHARPNESS = 12  # a neighbour's vote is its cosine to this power
_UNSEEN = 1e-3  # what a label without a neighbour gets
_UNLIKELY = -30.0


@dataclass(frozen=True, eq=False)
class Blend:
    """Mean log-probability of a logistic regression and of the nearest neighbours."""

    weights: Floats
    bias: Floats
    known: Floats
    labels: Labels

    def scores(self, rows: Rows) -> Floats:
        """Shape (rows, labels)."""
        logits = rows @ self.weights + self.bias
        logits -= logits.max(1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(1, keepdims=True))
        mean: Floats = (logits + np.log(self._neighbours(rows) + np.float32(_UNSEEN))) / 2
        return mean

    def _neighbours(self, rows: Rows) -> Floats:
        cosines = np.maximum(rows @ self.known.T, 0)
        count = min(_NEIGHBOURS, len(self.known))
        near = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        votes = np.take_along_axis(cosines, near, 1) ** _SHARPNESS
        shares = np.zeros((len(rows), len(self.bias)), np.float32)
        np.add.at(shares, (np.arange(len(rows))[:, None], self.labels[near]), votes)
        normed: Floats = shares / np.maximum(shares.sum(1, keepdims=True), np.float32(1e-9))
        return normed


@dataclass(frozen=True, eq=False)
class Sentences:
    """Reads sentences as embeddings; those of a whole collection are kept on disk."""

    encoder: Encoder
    cache: Path
    name: str = "sentences"
    space: str = "sentences"

    def rows(self, texts: Sequence[str]) -> Rows:
        """An embedding a text, shape (texts, 384)."""
        if len(texts) < _MANY:
            return self.encoder.encode(texts)
        digest = hashlib.sha256("\0".join([SHA256, *texts]).encode()).hexdigest()[:24]
        path = self.cache / f"{digest}.npy"
        with _alone(path):
            if not path.is_file():
                _write(path, self.encoder.encode(texts))
            rows: Floats = np.load(path)
        return rows

    def train(self, rows: Rows, labels: Labels, kinds: int) -> Blend:
        """Fit; deterministic."""
        model = LogisticRegression(C=30, max_iter=200).fit(rows, labels)
        weights = np.zeros((rows.shape[1], kinds), np.float32)
        bias = np.full(kinds, _UNLIKELY, np.float32)
        coefficients, intercepts = model.coef_, model.intercept_
        if len(model.classes_) == 2:  # noqa: PLR2004 - two labels share one plane
            coefficients, intercepts = np.vstack([-coefficients, coefficients]), np.hstack([-intercepts, intercepts])
        weights[:, model.classes_], bias[model.classes_] = coefficients.T, intercepts
        return Blend(weights, bias, np.asarray(rows), labels)


def cache_folder() -> Path:
    """Where embeddings are kept: the user's cache (XDG base directory specification)."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if Path(root).is_absolute() else Path.home() / ".cache") / "penstock" / "embeddings"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process computes, the others wait and read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, rows: Floats) -> None:
    """Whole or not at all."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, rows, allow_pickle=False)
    partial.replace(path)
