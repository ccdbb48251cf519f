"""Everything the workers and checks of one process learned from one collection: trained at start, once, on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from triage.data import SAMPLE, Collection, collection
from triage.lexical import Bayes, Lexicon, Margins
from triage.personal import mask
from triage.reading import Reader, Rows
from triage.scope import Scope
from triage.study import Pair, Reading, Study, numbered

T = TypeVar("T")

_SMALL = 2_000  # rows; a small collection is cheap to cross-validate thoroughly
_FOLDS_SMALL, _FOLDS = 10, 4
_YES = frozenset({"true", "1", "yes", "on"})


@dataclass(eq=False)
class Bench:
    """Readers, pairs and scope of a collection, each made when first asked for.

    Without embeddings the first reader knows words and letters, the second is naive Bayes, and the simple one, which
    stands in for the first, knows words only. With embeddings the first reads sentences, and the others move up.
    """

    data: Collection
    embeddings: bool = False
    _made: dict[str, Any] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def first(self) -> Reading:
        """Worker A's."""
        return self._reading(self._first)

    @property
    def second(self) -> Reading:
        """Worker B's."""
        return self._reading(self._second)

    @property
    def simple(self) -> Reading:
        """Of the worker that acts for A when A is dead; never B's, or the vote would be one model's alone."""
        return self._reading(self._simple)

    def pairs(self) -> dict[str, Pair]:
        """The second reader together with A's and with its stand-in's, by the name of either."""
        second = self._study(self._second)
        firsts = (self._study(self._first), self._study(self._simple))
        return {first.reader.name: Pair.measured(first, second) for first in firsts}

    def scope(self, loses: float) -> Scope:
        """What the gate's out-of-scope check goes by; see `Scope`."""

        def learned() -> Scope:
            lexicon = self._lexicon()
            return Scope.learned(lexicon, self._rows(lexicon), numbered(self.data), loses, self._folds)

        return self._once(f"scope {loses}", learned)

    @property
    def _folds(self) -> int:
        return _FOLDS_SMALL if len(self.data.texts) < _SMALL else _FOLDS

    def _first(self) -> Reader:
        return self._sentences() if self.embeddings else Margins("words-and-letters", self._lexicon())

    def _second(self) -> Reader:
        return Margins("words-and-letters", self._lexicon()) if self.embeddings else Bayes("bayes", self._lexicon())

    def _simple(self) -> Reader:
        if self.embeddings:
            return Bayes("bayes", self._lexicon())
        return Margins("words", Lexicon.of([*self.data.texts, *self.data.outside], letters=False), softness=0.5)

    def _sentences(self) -> Reader:
        from triage.semantic import Sentences, cache_folder  # noqa: PLC0415 - only here, since few want 90 MB of model
        from triage.sentences import Encoder  # noqa: PLC0415 - the same

        return Sentences(Encoder.installed(), cache_folder())

    def _rows(self, reader: Reader | Lexicon) -> Rows:
        return self._once(f"rows {reader.space}", lambda: reader.rows([*self.data.texts, *self.data.outside]))

    def _lexicon(self) -> Lexicon:
        return self._once("lexicon", lambda: Lexicon.of([*self.data.texts, *self.data.outside]))

    def _study(self, make: Callable[[], Reader]) -> Study:
        def made() -> Study:
            reader = make()
            return Study.made(reader, self._rows(reader), self.data, self._folds)

        return self._once(f"study {make.__name__}", made)

    def _reading(self, make: Callable[[], Reader]) -> Reading:
        return self._once(f"reading {make.__name__}", lambda: self._study(make).reading())

    def _once(self, what: str, make: Callable[[], T]) -> T:
        with self._lock:
            if what not in self._made:
                self._made[what] = make()
            made: T = self._made[what]
            return made


def bench(settings: Mapping[str, Any]) -> Bench:
    """The bench of these settings: `data`, a folder (by default the sample), and `embeddings`, true or the like."""
    return _bench(str(settings.get("data") or SAMPLE), str(settings.get("embeddings", "")).lower() in _YES)


@lru_cache(maxsize=4)
def _bench(folder: str, embeddings: bool) -> Bench:  # noqa: FBT001 - a cache key
    found = collection(Path(folder))
    return Bench(Collection(tuple(map(mask, found.texts)), found.intents, tuple(map(mask, found.outside))), embeddings)
