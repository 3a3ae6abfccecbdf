"""The items nearest to a query, best first, as many of them as are asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.ann import GpuNeighbours, Neighbours
from indexer.columns import Mask

COMPARED_DIRECTLY = 1_000
"""Pictures of items that pass a filter, up to which they are looked up: more are found faster by FAISS."""


@dataclass(frozen=True)
class Hits:
    """Rows of items, best first, and their scores (cosine); equal scores are in catalogue order."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


_NONE = Hits(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))


def cosines(
    vectors: NDArray[np.float16], pictures: NDArray[np.int64], query: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(pictures,) of these rows of `vectors`, each with the unit vector `query` (dim,).

    Not by BLAS: it rounds by the place in a block, so that equal vectors would not have equal scores, and
    would take all cores for so little, and wait for them.
    """
    found: NDArray[np.float32] = np.einsum("ij,j->i", vectors[pictures].astype(np.float32), query)
    return found


class Nearest:
    """The items of an index by their best pictures. One search's own: not for several threads."""

    def __init__(
        self,
        neighbours: Neighbours | GpuNeighbours,
        vectors: NDArray[np.float16],
        item_of: NDArray[np.int64],
        query: NDArray[np.float32],
        *,
        passing: Mask | None = None,
        without: Collection[int] = (),
    ) -> None:
        """`item_of` (pictures,) is the row of the item that each vector is of; items that are not `passing`
        are not found, nor those of `without`."""
        self._neighbours = neighbours
        self._vectors = vectors
        self._item_of = item_of
        self._query = query
        self._without = np.array(sorted(without), dtype=np.int64)
        self._among = None if passing is None else passing[item_of]
        self._directly: NDArray[np.int64] | None = None
        if self._among is not None and np.count_nonzero(self._among) <= COMPARED_DIRECTLY:
            self._directly = np.flatnonzero(self._among)
        self._rings = neighbours.rings(query, self._among) if self._directly is None else [range(1)]
        self._done = _NONE
        self._found = _NONE
        self._asked = 0

    def first(self, count: int) -> Hits:
        """At least the first `count` items, fewer only where there are no more; asking for more only adds to
        the end. Exact where the index is exact, ties included: an inverted file's further lists are visited
        when those before are used up, and what they hold comes after what those did."""
        while self._rings and len(self._found.rows) < count:
            missing = count + len(self._without) - len(self._done.rows)
            self._asked = min(max(2 * missing, 4 * self._asked), len(self._neighbours))
            self._search(self._rings[0])
        return self._found

    def _search(self, ring: range) -> None:
        if self._directly is not None:
            scores, pictures = self._compare(self._directly)
        else:
            found = self._neighbours.search_ring(self._query, self._asked, ring, self._among)
            there = found[1][0] >= 0
            scores, pictures = found[0][0][there], found[1][0][there]
        whole = (
            self._directly is not None or len(pictures) < self._asked or self._asked == len(self._neighbours)
        )
        items, places = np.unique(self._item_of[pictures], return_index=True)
        best = scores[places]
        kept = ~np.isin(items, self._without) & ~np.isin(items, self._done.rows)
        if not whole:
            # Pictures beyond the last found may tie with it, and theirs may be the earlier items.
            kept &= best > scores[-1]
        items, best = items[kept], best[kept]
        order = np.lexsort((items, -best))
        items, best = items[order], best[order]
        # Those that were told stay where they are, even if a GPU has rounded them otherwise.
        new = ~np.isin(items, self._found.rows)
        self._found = Hits(
            np.concatenate([self._found.rows, items[new]]), np.concatenate([self._found.scores, best[new]])
        )
        if whole:
            self._done, self._asked = self._found, 0
            del self._rings[0]

    def _compare(self, pictures: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores, falling, and the pictures."""
        scores = cosines(self._vectors, pictures, self._query)
        order = np.argsort(-scores, kind="stable")
        return scores[order], pictures[order]
