"""The nearest items, more and more of them: what came first stays first."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import ann
from indexer.columns import Mask
from indexer.nearest import Nearest

ITEMS, DIM = 1_500, 16
OF = np.arange(ITEMS).repeat(2)


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float16]:
    """Two pictures of each item, around fifty centres."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(50, DIM))[random.integers(50, size=2 * ITEMS)]
    found = centres + 0.3 * random.normal(size=centres.shape)
    unit: NDArray[np.float16] = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)
    return unit


@pytest.fixture(scope="module")
def inverted(vectors: NDArray[np.float16]) -> ann.Neighbours:
    """An inverted file, which visits few of its lists for a small page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ann, "EXACT_UP_TO", 100)
        neighbours, description = ann.build(vectors, lambda: vectors[:50].astype(np.float32))
    assert description["exact"] is False
    return neighbours


def test_equal_pictures_are_in_catalogue_order_wherever_they_lie(vectors: NDArray[np.float16]) -> None:
    """Of a few hundred that pass, too, which are compared directly."""
    alike = vectors[:600].copy()
    alike[[7, 250, 431, 598]] = vectors[7]
    neighbours, _ = ann.build(alike, lambda: alike[:5].astype(np.float32))
    for query in vectors[1_000:1_100].astype(np.float32):
        found = Nearest(neighbours, alike, np.arange(600), query, passing=np.ones(600, dtype=np.bool_)).first(
            600
        )
        places = [int(np.flatnonzero(found.rows == row)[0]) for row in (7, 250, 431, 598)]
        assert places == list(range(places[0], places[0] + 4))


@pytest.mark.parametrize("share", [None, 0.5, 0.05])
def test_an_inverted_file_adds_to_the_end(
    vectors: NDArray[np.float16],
    inverted: ann.Neighbours,
    monkeypatch: pytest.MonkeyPatch,
    share: float | None,
) -> None:
    """Page after page, through all its lists: every item that passes comes, once, and what was told before
    is not told otherwise."""
    monkeypatch.setattr(ann, "LEAST_COMPARED", 100)
    random = np.random.default_rng(1)
    passing: Mask | None = None if share is None else random.random(ITEMS) < share
    for query in vectors[::700].astype(np.float32):
        nearest = Nearest(inverted, vectors, OF, query, passing=passing, without=[3])
        before = np.empty(0, np.int64)
        for count in (1, 20, 21, 90, 400, ITEMS):
            rows = nearest.first(count).rows
            afresh = Nearest(inverted, vectors, OF, query, passing=passing, without=[3]).first(count).rows
            shorter = min(len(rows), len(afresh))
            assert np.array_equal(rows[: len(before)], before)
            assert np.array_equal(rows[:shorter], afresh[:shorter])
            before = rows
        everything = np.ones(ITEMS, bool) if passing is None else passing.copy()
        everything[3] = False
        assert np.array_equal(np.sort(before), np.flatnonzero(everything))


def test_scores_are_those_of_the_best_pictures(
    vectors: NDArray[np.float16], inverted: ann.Neighbours
) -> None:
    """In what is visited first they fall, and each is its item's highest cosine."""
    query = vectors[0].astype(np.float32)
    found = Nearest(inverted, vectors, OF, query).first(20)
    best = (vectors.astype(np.float32) @ query).reshape(-1, 2).max(axis=1)
    assert np.allclose(found.scores[:20], best[found.rows[:20]], atol=1e-3)
    assert (np.diff(found.scores[:20]) <= 0).all()
