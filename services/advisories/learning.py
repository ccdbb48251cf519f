"""Bands learned from texts of other advisories: naive Bayes, and the nearest neighbours."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import normalize

from advisories.bands import Band
from advisories.past import SAMPLE, Known, Past

_WIDTH = 2**14
_NEAREST = 3


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model and how many vulnerabilities it has seen; `only` is the band where all of them had the same."""

    trained: Any
    seen: int
    only: Band | None = None

    def guess(self, row: csr_matrix) -> tuple[Band, float]:
        """The most likely band of a row and the model's probability of it."""
        if self.only is not None:
            return self.only, 1.0
        chances = self.trained.predict_proba(row)[0]
        best = int(np.argmax(chances))
        band: Band = self.trained.classes_[best]
        return band, float(chances[best])


@dataclass(eq=False)
class Lessons:
    """What a folder teaches, each model made once: never from the advisory it is asked about, nor from the same CVE.

    Rows are hashed words, weakness included: what a row looks like depends on its own text alone, so nothing of the
    one that is asked about leaks into the others.
    """

    past: Past
    _models: dict[tuple[int, ...], Model] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._hashed = HashingVectorizer(
            n_features=_WIDTH, binary=True, alternate_sign=False, norm=None, stop_words="english"
        )
        texts = [_words(row.cwe, row.text) for row in self.past.known]
        self._rows: csr_matrix = self._hashed.transform(texts or [""])
        self._directions: csr_matrix = normalize(self._rows)
        self._bands: NDArray[np.str_] = np.array([row.band for row in self.past.known])

    def prepare(self) -> None:
        """Train what the folder's own documents will need, and one model from everything, for new ones."""
        for advisory_id, cve in (("", ""), *self.past.asked()):
            self.model(advisory_id, cve)

    def model(self, advisory_id: str, cve: str) -> Model | None:
        """The model for one vulnerability; None where there is nothing to learn from."""
        places = self.past.held_out(advisory_id, cve)
        with self._lock:
            if places and places not in self._models:
                self._models[places] = self._trained(np.array(places))
        return self._models.get(places)

    def guess(self, advisory_id: str, cve: str, cwe: str, text: str) -> tuple[Band, float, int] | None:
        """Band, probability, and from how many it was learned; None where there is nothing to learn from."""
        model = self.model(advisory_id, cve)
        return None if model is None else (*model.guess(self._row(cwe, text)), model.seen)

    def nearest(self, advisory_id: str, cve: str, cwe: str, text: str) -> list[tuple[Known, float]]:
        """The most similar ones with their cosines, first the nearest; where two are as near, in the folder's order."""
        places = self.past.held_out(advisory_id, cve)
        if not places:
            return []
        cosines = (self._directions[list(places)] @ normalize(self._row(cwe, text)).T).toarray().ravel()
        order = np.argsort(-cosines, kind="stable")[:_NEAREST]
        return [(self.past.known[places[at]], float(cosines[at])) for at in order]

    def _row(self, cwe: str, text: str) -> csr_matrix:
        return self._hashed.transform([_words(cwe, text)])

    def _trained(self, places: NDArray[np.int_]) -> Model:
        bands = self._bands[places]
        if len(set(bands)) == 1:
            return Model(None, len(places), bands[0])
        return Model(MultinomialNB().fit(self._rows[places], bands), len(places))


def most(neighbours: list[tuple[Known, float]]) -> Band:
    """The band with the most similarity behind it; the nearer one's where two have as much."""
    weight: dict[Band, float] = {}
    for known, similarity in neighbours:
        weight[known.band] = weight.get(known.band, 0.0) + similarity
    return max(weight, key=lambda band: weight[band])


def lessons(settings: Mapping[str, Any]) -> Lessons:
    """What the folder in `data` teaches, by default the sample; the same for all handlers of a process."""
    return _lessons(str(settings.get("data") or SAMPLE))


@lru_cache(maxsize=4)
def _lessons(folder: str) -> Lessons:
    return Lessons(Past.of(Path(folder)))


def _words(cwe: str, text: str) -> str:
    return f"{cwe.replace('-', '')} {text}"
