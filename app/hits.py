"""Candidates → the hits of one page, each with the items that it stands for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from app.answer import MOST_LISTED, Hit, Listed
from app.encoding import Vector
from app.query import MAX_RANK, Search
from indexer import ranking
from indexer.columns import Mask
from indexer.fusion import Candidates
from indexer.ranking import Group, Grouping
from indexer.store import IndexVersion

Relevance = Callable[[NDArray[np.float32]], NDArray[np.float32] | None]
_Ranked = Sequence[tuple[int, float]]
"""Rows of items and their scores, best first."""


def hits_of(
    index: IndexVersion,
    query: Vector,
    candidates: Candidates,
    search: Search,
    offset: int,
    *,
    passing: Mask | None,
    without: Collection[int],
    relevance: Relevance,
) -> tuple[list[Hit], bool]:
    """The hits from `offset` on, and whether there is another page. `passing` and `without` are what the
    candidates were chosen by: a hit's variants are all that pass, relevant or not. Raises UnknownField."""
    end = min(offset + search.limit, MAX_RANK)
    value_of = None if search.collapse is None else index.columns.value_of(search.collapse)
    pictures = index.first_pictures if search.fold_duplicates else None
    grouping = Grouping(candidates, value_of=value_of, pictures=pictures)
    if search.diversity:
        groups = grouping.first(max(end, ranking.DIVERSIFIED))
        groups = ranking.diversified(groups, search.diversity, index.first_pictures, end)
    else:
        groups = grouping.first(end)
    page = groups[offset:]
    variants: list[_Ranked] = [()] * len(page)
    if value_of is not None:
        listed = np.ones(len(index), dtype=np.bool_) if passing is None else passing.copy()
        listed[[*without, *grouping.folded]] = False
        found = ranking.variants(
            page,
            value_of,
            listed,
            scores_of=lambda rows: index.cosines(query, rows),
            best_of=lambda among: index.nearest(query, passing=among).first(MOST_LISTED),
        )
        variants = [
            list(zip(one.rows[:MOST_LISTED].tolist(), one.scores[:MOST_LISTED].tolist(), strict=True))
            for one in found
        ]
    return _hits(index, page, variants, relevance), end < MAX_RANK and grouping.begun > end


def _hits(
    index: IndexVersion, page: Sequence[Group], variants: Sequence[_Ranked], relevance: Relevance
) -> list[Hit]:
    told = relevance(np.array([group.score for group in page], dtype=np.float32))
    relevances = [None] * len(page) if told is None else told.tolist()
    ranked = [(group.row, group.score) for group in page]
    duplicates = [group.duplicates[:MOST_LISTED] for group in page]
    for same, alike in zip(variants, duplicates, strict=True):
        ranked += [*same, *alike]
    # All at once: taking one row of a table costs as much as taking a hundred.
    listed = iter(_listed(index, ranked))
    first = list(itertools.islice(listed, len(page)))
    hits = []
    for one, relevant, same, alike in zip(first, relevances, variants, duplicates, strict=True):
        own = tuple(itertools.islice(listed, len(same)))
        twins = tuple(itertools.islice(listed, len(alike)))
        hits.append(Hit(one.id, one.score, one.fields, relevant, own, twins))
    return hits


def _listed(index: IndexVersion, ranked: _Ranked) -> list[Listed]:
    rows = [row for row, _ in ranked]
    # Rounding can lift a cosine a hair above 1.
    scores = [min(max(score, -1.0), 1.0) for _, score in ranked]
    return [Listed(*one) for one in zip(index.ids(rows), scores, index.fields(rows), strict=True)]
