"""Ranking: candidates → hits. Variants come together, near twins are folded, like hits are set apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from indexer.columns import Mask
from indexer.fusion import Candidates
from indexer.nearest import Hits

NEAR_TWINS = 0.995
"""The cosine from which on two pictures are taken for one. Measured (docs/search.md): photographs of garments
that are this near are the same, or two that nobody tells apart; colours of one product reach 0.994."""
DIVERSIFIED = 200
"""Hits at the top that diversity sets in another order: what ranks lower is too far from the query."""
SCORED_ALL = 5_000
"""Variants of a page's hits up to which each is scored: of more, the best are found sooner by searching."""
_FEWEST, _MOST = 32, 256
"""Candidates whose pictures are compared at once."""
_SKETCH = 64
"""Dimensions that show most pictures to be apart."""
_FARTHEST = 2 - 2 * NEAR_TWINS
"""The square of the distance of two near twins, at most."""

Scores = NDArray[np.float32]
Vectors = NDArray[np.float32]
"""(rows, dim) of length 1."""
Pictures = Callable[[NDArray[np.int64]], Vectors]
"""Rows of items → the vectors of the pictures that stand for them."""


class Relevant:
    """The candidates that are relevant, in their order."""

    def __init__(self, candidates: Candidates, relevant: Callable[[Scores], NDArray[np.bool_]]) -> None:
        """`relevant` says of each score whether it suffices."""
        self._candidates = candidates
        self._relevant = relevant

    def first(self, count: int) -> Hits:
        """At least `count`, fewer only where those that come after hold none in as many as are looked at."""
        asked, seen, kept = count, 0, -1
        while True:
            found = self._candidates.first(asked)
            relevant = self._relevant(found.scores)
            enough, exhausted = relevant.sum() >= count, len(found.rows) == seen or relevant.sum() == kept
            if enough or exhausted:
                return Hits(found.rows[relevant], found.scores[relevant])
            asked, seen, kept = 4 * len(found.rows), len(found.rows), int(relevant.sum())

    def all(self) -> Hits:
        """Every one, of candidates that come in the order of their scores."""
        count = 100
        while True:
            found = self._candidates.first(count)
            relevant = self._relevant(found.scores)
            if len(found.rows) < count or not relevant[-1]:
                return Hits(found.rows[relevant], found.scores[relevant])
            count *= 4


@dataclass
class Group:
    """A hit, and the items whose pictures are its near twins, best first."""

    row: int
    score: float
    duplicates: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class _Duplicate:
    row: int
    score: float
    group: int
    begun: int
    """The groups that had begun when it came."""


class Grouping:
    """Candidates → groups, best first: one candidate after the other joins the first group that it fits, or
    begins one. One search's own: not for several threads."""

    def __init__(
        self,
        candidates: Candidates,
        *,
        value_of: NDArray[np.int32] | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        """`value_of` (items,) collapses: an item with the value of a group's first is its variant, and not
        listed here (see `variants`); -1 is no value. `pictures` folds: an item whose picture is a near twin
        of that of a group's first is its duplicate.
        """
        self._candidates = candidates
        self._value_of = value_of
        self._pictures = pictures
        self._seen = 0
        self._begun: list[tuple[int, float]] = []
        self._vectors = np.empty((0, 0), dtype=np.float32)
        self._duplicates: list[_Duplicate] = []
        self._taken = np.zeros(0 if value_of is None else value_of.max(initial=-1) + 2, dtype=np.bool_)

    def first(self, count: int) -> list[Group]:
        """The first `count` groups, fewer only where there are no more; their duplicates are those that rank
        before the next group's first."""
        while len(self._begun) <= count:
            found = self._candidates.first(max(count + 1, 2 * self._seen))
            if len(found.rows) <= self._seen:
                break
            # In parts, as the first may do.
            while len(self._begun) <= count and self._seen < len(found.rows):
                wanted = min(max(count + 1 - len(self._begun), _FEWEST), _MOST)
                part = slice(self._seen, self._seen + wanted)
                self._place(found.rows[part], found.scores[part])
                self._seen = min(part.stop, len(found.rows))
        groups = [Group(row, score) for row, score in self._begun[:count]]
        for one in self._duplicates:
            if one.begun <= count:
                groups[one.group].duplicates.append((one.row, one.score))
        return groups

    @property
    def begun(self) -> int:
        """How many groups have been found, one more than were asked for where there is a next."""
        return len(self._begun)

    @property
    def folded(self) -> list[int]:
        """The items that are duplicates, as far as candidates have been looked at."""
        return [one.row for one in self._duplicates]

    def _place(self, rows: NDArray[np.int64], scores: Scores) -> None:
        if self._value_of is not None:
            free = ~self._taken[self._value_of[rows]]
            rows, scores = rows[free], scores[free]
        first = len(self._begun)
        vectors = None if self._pictures is None else self._pictures(rows)
        near = None if vectors is None else self._near(vectors)
        # Of each column of `near` the group that it begins: those from before, then the rows at hand.
        begins = np.concatenate([np.arange(first), np.full(len(rows), -1)])
        for place, (row, score) in enumerate(zip(rows.tolist(), scores.tolist(), strict=True)):
            value = -1 if self._value_of is None else self._value_of[row]
            if value >= 0 and self._taken[value]:
                continue  # a variant of a group that began a moment ago
            twins = () if near is None or not near[place].any() else begins[near[place]]
            joined = next((int(group) for group in twins if group >= 0), None)
            if joined is not None:
                self._duplicates.append(_Duplicate(row, score, joined, len(self._begun)))
                continue
            begins[first + place] = len(self._begun)
            self._begun.append((row, score))
            if value >= 0:
                self._taken[value] = True

        if vectors is not None:
            self._vectors = np.concatenate([*self._known(), vectors[begins[first:] >= 0]])

    def _near(self, vectors: Vectors) -> NDArray[np.bool_]:
        """(rows, groups + rows): which earlier ones each row is a near twin of, of the groups' firsts and of
        the rows themselves.

        By einsum and in part, since BLAS would take all cores for so little, and wait for them.
        """
        known = np.concatenate([*self._known(), vectors])
        sketches = known[:, :_SKETCH]
        lengths = np.einsum("ij,ij->i", sketches, sketches)
        first = len(known) - len(vectors)
        inner = np.einsum("ij,kj->ik", sketches[first:], sketches)
        near: NDArray[np.bool_] = np.tril(
            lengths[first:, None] + lengths - 2 * inner < 2 * _FARTHEST, first - 1
        )
        row, other = np.nonzero(near)
        near[row, other] = np.einsum("ij,ij->i", vectors[row], known[other]) >= NEAR_TWINS
        return near

    def _known(self) -> list[Vectors]:
        return [self._vectors] if len(self._vectors) else []


def variants(
    groups: Sequence[Group],
    value_of: NDArray[np.int32],
    listed: Mask,
    scores_of: Callable[[NDArray[np.int64]], Scores],
    best_of: Callable[[Mask], Hits],
) -> list[Hits]:
    """Of each group the other items that have the value of its first, best first, of those that may be
    `listed` (items,). They are scored by `scores_of`; where they are more than SCORED_ALL, `best_of` says
    for each group in turn which are the best of them."""
    first = np.array([group.row for group in groups], dtype=np.int64)
    wanted = np.zeros(value_of.max(initial=-1) + 2, dtype=np.bool_)
    wanted[value_of[first]] = True
    wanted[-1] = False
    rows = np.setdiff1d(np.flatnonzero(wanted[value_of] & listed), first)
    if len(rows) > SCORED_ALL:
        others = listed.copy()
        others[first] = False
        return [best_of(others & (value_of == value) & (value >= 0)) for value in value_of[first]]
    scores = scores_of(rows)
    order = np.lexsort((rows, -scores))
    rows, scores = rows[order], scores[order]
    places = [np.flatnonzero((value_of[rows] == value) & (value >= 0)) for value in value_of[first]]
    return [Hits(rows[own], scores[own]) for own in places]


def diversified(groups: Sequence[Group], diversity: float, pictures: Pictures, count: int) -> list[Group]:
    """The first `count` of these groups by maximal marginal relevance, lambda being 1 - `diversity`
    (Carbonell & Goldstein 1998, "The use of MMR, diversity-based reranking for reordering documents and
    producing summaries"): next comes the one whose score, less its cosine to the nearest that came before
    it, each weighted, is highest; of equal ones the first. After DIVERSIFIED of them the order is the given.
    """
    pool = groups[:DIVERSIFIED]
    vectors = pictures(np.array([group.row for group in pool], dtype=np.int64))
    # Falling in the order given, whatever else than the score may have made it.
    relevance = (1 - diversity) * np.sort([group.score for group in pool])[::-1]
    likeness = np.zeros(len(pool))
    chosen: list[int] = []
    while len(chosen) < min(count, len(pool)):
        gain = relevance - diversity * likeness
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
        cosines = vectors @ vectors[chosen[-1]]
        likeness = cosines if len(chosen) == 1 else np.maximum(likeness, cosines)
    return [pool[place] for place in chosen] + list(groups[len(pool) : count])
