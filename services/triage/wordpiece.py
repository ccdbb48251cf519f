"""WordPiece as BERT's uncased models use it: text in, vocabulary ids out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_LONGEST_WORD = 100


@dataclass(frozen=True, eq=False)
class WordPiece:
    """Greedy longest-match-first tokens (Devlin et al. 2018) over a vocabulary of one token per line."""

    vocabulary: dict[str, int]
    longest: int = 256

    @classmethod
    def read(cls, path: Path) -> WordPiece:
        """Read a `vocab.txt`; a token's id is its line, counted from 0."""
        return cls({token: number for number, token in enumerate(path.read_text("utf-8").splitlines())})

    def ids(self, text: str) -> list[int]:
        """Ids of a text between [CLS] and [SEP], at most `longest` of them."""
        pieces = [piece for word in _words(text) for piece in self._pieces(word)]
        return [self.vocabulary["[CLS]"], *pieces[: self.longest - 2], self.vocabulary["[SEP]"]]

    def _pieces(self, word: str) -> Sequence[int]:
        return _split(self, word)


@lru_cache(maxsize=20_000)
def _split(pieces: WordPiece, word: str) -> Sequence[int]:
    unknown = (pieces.vocabulary["[UNK]"],)
    if len(word) > _LONGEST_WORD:
        return unknown
    found: list[int] = []
    start = 0
    while start < len(word):
        prefix = "##" if start else ""
        ends = (end for end in range(len(word), start, -1) if prefix + word[start:end] in pieces.vocabulary)
        end = next(ends, 0)
        if not end:
            return unknown
        found.append(pieces.vocabulary[prefix + word[start:end]])
        start = end
    return tuple(found)


def _words(text: str) -> Iterator[str]:
    """Lower case, no accents, no control characters; punctuation and ideographs stand alone."""
    bare = (c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    spaced = "".join(_spaced(c) for c in bare)
    yield from spaced.split()


@lru_cache(maxsize=4_096)
def _spaced(char: str) -> str:
    if char.isspace():
        return " "
    category = unicodedata.category(char)
    if char in "\0\ufffd" or category[0] == "C":
        return ""
    return f" {char} " if _alone(char, category) else char


def _alone(char: str, category: str) -> bool:
    ascii_sign = char.isascii() and not char.isalnum()
    ideograph = "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf" or "\uf900" <= char <= "\ufaff"
    return ascii_sign or ideograph or category[0] == "P"
