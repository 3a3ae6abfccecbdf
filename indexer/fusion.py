"""Words and pictures together: items in the order of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.nearest import Hits

DEFAULT_WEIGHT = 0.3
"""Of the words, where a catalogue has text: chosen on the validation splits that docs/search.md names."""
_DEPTH = 200


class Candidates(Protocol):
    """Items in the order in which they may be hits. One search's own: not for several threads."""

    def first(self, count: int) -> Hits:
        """At least the first `count` items, fewer only where there are no more; asking for more only adds to
        the end. The scores are cosines, whatever the order."""
        ...


class Fused:
    """By (1 - weight) × cosine + weight × word score, then by cosine: the 200 items that are best by either,
    and behind them the others in the order of their cosines."""

    def __init__(
        self,
        nearest: Candidates,
        words: NDArray[np.float32],
        weight: float,
        cosines: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    ) -> None:
        """`words` (items,) scores each item's texts, 0 where it may not be found; `cosines` scores the
        pictures of these items."""
        self._nearest = nearest
        self._words = words
        self._weight = np.float32(weight)
        self._cosines = cosines
        self._best: Hits | None = None

    def first(self, count: int) -> Hits:
        if self._best is None:
            self._best = self._fuse()
        best = self._best
        if count <= len(best.rows):
            return best
        found = self._nearest.first(count)
        others = ~np.isin(found.rows, best.rows)
        return Hits(
            np.concatenate([best.rows, found.rows[others]]),
            np.concatenate([best.scores, found.scores[others]]),
        )

    def _fuse(self) -> Hits:
        nearest = self._nearest.first(_DEPTH)
        by_words = self._best_by_words()
        unseen = np.setdiff1d(by_words, nearest.rows[:_DEPTH])
        rows = np.concatenate([nearest.rows[:_DEPTH], unseen])
        scores = np.concatenate([nearest.scores[:_DEPTH], self._cosines(unseen)])
        fused = (1 - self._weight) * scores + self._weight * self._words[rows]
        order = np.lexsort((rows, -scores, -fused))
        return Hits(rows[order], scores[order])

    def _best_by_words(self) -> NDArray[np.int64]:
        most = self._words.max(initial=0)
        # In steps, because most items have a common word, and to sort those would take longer than all else.
        for share in (0.99, 0.75, 0.5, 0.25, 0.0):
            found = np.flatnonzero(self._words > share * most)
            if len(found) >= _DEPTH:
                break
        if len(found) <= _DEPTH:
            return found
        scores = self._words[found]
        least = np.partition(scores, -_DEPTH)[-_DEPTH]
        above = found[scores > least]
        return np.concatenate([above, found[scores == least][: _DEPTH - len(above)]])


class NamedFirst:
    """Before all others, the items that the query names in full."""

    def __init__(self, rows: NDArray[np.int64], named: Candidates, others: Candidates) -> None:
        """`rows` are of the items that are named, which `named` has and `others` has not."""
        self.rows = rows
        self.named = named
        self.others = others

    def first(self, count: int) -> Hits:
        named = self.named.first(min(count, len(self.rows)))
        if count <= len(named.rows):
            return named
        others = self.others.first(count - len(named.rows))
        return Hits(np.concatenate([named.rows, others.rows]), np.concatenate([named.scores, others.scores]))
