"""Readers that know words and letters only: a linear margin classifier and naive Bayes over TF-IDF."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from triage.reading import Floats, Labels, Rows

_WORD = re.compile(r"[a-z0-9']+|[?!£$€]")
_LETTERS = range(2, 6)  # lengths of the letter sequences
_UNLIKELY = -30.0  # score of a label that was not among the rows


@dataclass(frozen=True, eq=False)
class Lexicon:
    """TF-IDF (logarithmic counts, smoothed idf) of words and word pairs, and of letter sequences within words.

    Each of the two parts of a row has length 1, so that neither drowns the other.
    """

    space: str
    parts: tuple[Mapping[str, tuple[int, float]], ...]
    width: int

    @classmethod
    def of(cls, texts: Sequence[str], *, letters: bool = True) -> Lexicon:
        """Learn what occurs in the texts; a letter sequence must occur in two."""
        parts: list[dict[str, tuple[int, float]]] = []
        width = 0
        for features, fewest in ((_words, 1), (_letters, 2))[: 1 + letters]:
            seen = Counter(chain.from_iterable(set(features(text.lower())) for text in texts))
            kept = sorted(feature for feature, count in seen.items() if count >= fewest)
            idf = {feature: 1 + float(np.log((1 + len(texts)) / (1 + seen[feature]))) for feature in kept}
            parts.append({feature: (width + at, idf[feature]) for at, feature in enumerate(kept)})
            width += len(kept)
        return cls("words-and-letters" if letters else "words", tuple(parts), width)

    def rows(self, texts: Sequence[str]) -> Rows:
        """A sparse row a text, shape (texts, width)."""
        columns: list[int] = []
        numbers: list[float] = []
        ends = [0]
        for text in texts:
            for features, part in zip((_words, _letters), self.parts, strict=False):
                counts = Counter(feature for feature in features(text.lower()) if feature in part)
                weights = np.array([part[f][1] for f in counts]) * (1 + np.log(list(counts.values())))
                columns += (part[f][0] for f in counts)
                numbers += (weights / (np.linalg.norm(weights) or 1)).tolist()
            ends.append(len(columns))
        entries = (np.array(numbers, np.float32), np.array(columns, np.int32), np.array(ends, np.int32))
        return csr_matrix(entries, shape=(len(texts), self.width))


@dataclass(frozen=True, eq=False)
class Linear:
    """Scores are rows times weights plus bias; as log-probabilities where `normal`."""

    weights: Floats
    bias: Floats
    normal: bool = False

    def scores(self, rows: Rows) -> Floats:
        """Shape (rows, labels)."""
        scores: Floats = rows @ self.weights + self.bias
        if self.normal:
            scores = scores - scores.max(1, keepdims=True)
            scores -= np.log(np.exp(scores).sum(1, keepdims=True))
        return scores


@dataclass(frozen=True, eq=False)
class Margins:
    """A linear support vector classifier, one label against the rest."""

    name: str
    lexicon: Lexicon
    softness: float = 0.3

    @property
    def space(self) -> str:
        """The lexicon's."""
        return self.lexicon.space

    def rows(self, texts: Sequence[str]) -> Rows:
        """See `Lexicon`."""
        return self.lexicon.rows(texts)

    def train(self, rows: Rows, labels: Labels, kinds: int) -> Linear:
        """Fit; deterministic."""
        model = LinearSVC(C=self.softness, random_state=0).fit(rows, labels)
        if len(model.classes_) == 2:  # noqa: PLR2004 - two labels share one plane
            weights, bias = np.vstack([-model.coef_, model.coef_]), np.hstack([-model.intercept_, model.intercept_])
        else:
            weights, bias = model.coef_, model.intercept_
        return Linear(*_spread(weights, bias, model.classes_, kinds))


@dataclass(frozen=True, eq=False)
class Bayes:
    """Multinomial naive Bayes over TF-IDF weights."""

    name: str
    lexicon: Lexicon
    smoothing: float = 0.05

    @property
    def space(self) -> str:
        """The lexicon's."""
        return self.lexicon.space

    def rows(self, texts: Sequence[str]) -> Rows:
        """See `Lexicon`."""
        return self.lexicon.rows(texts)

    def train(self, rows: Rows, labels: Labels, kinds: int) -> Linear:
        """Fit; deterministic."""
        model = MultinomialNB(alpha=self.smoothing).fit(rows, labels)
        spread = _spread(model.feature_log_prob_, model.class_log_prior_, model.classes_, kinds)
        return Linear(*spread, normal=True)


def _spread(weights: Floats, bias: Floats, present: Labels, kinds: int) -> tuple[Floats, Floats]:
    """Give the labels that occurred their places among all; the others never win."""
    all_weights = np.zeros((weights.shape[1], kinds), np.float32)
    all_bias = np.full(kinds, min(_UNLIKELY, float(bias.min()) + _UNLIKELY), np.float32)
    all_weights[:, present], all_bias[present] = weights.T, bias
    return all_weights, all_bias


def _words(text: str) -> Iterator[str]:
    words = _WORD.findall(text)
    yield from words
    yield from map(" ".join, pairwise(words))


def _letters(text: str) -> Iterator[str]:
    for word in text.split():
        edged = f" {word} "
        for length in _LETTERS:
            yield from (edged[at : at + length] for at in range(max(1, len(edged) - length + 1)))
