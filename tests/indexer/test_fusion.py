"""Two orders made one: by hand, against a brute-force oracle, and page by page."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer import fusion
from indexer.fusion import Fused, NamedFirst
from indexer.nearest import Hits


class Sorted:
    """Items of these cosines, handed out as they are asked for."""

    def __init__(self, cosines: list[float], rows: list[int] | None = None) -> None:
        self.cosines = np.array(cosines, dtype=np.float32)
        rows = list(range(len(cosines))) if rows is None else rows
        self.rows = np.array(sorted(rows, key=lambda row: (-self.cosines[row], row)), dtype=np.int64)

    def first(self, count: int) -> Hits:
        return Hits(self.rows[:count], self.cosines[self.rows[:count]])

    def score(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.cosines[rows]


def fused(cosines: list[float], words: list[float], weight: float) -> Fused:
    nearest = Sorted(cosines)
    return Fused(nearest, np.array(words, dtype=np.float32), weight, nearest.score)


def test_words_lift_an_item_by_their_weight() -> None:
    """0.7 × 0.2 + 0.3 × 1 = 0.44 is more than 0.7 × 0.6 = 0.42; the score told stays the cosine."""
    hits = fused([0.6, 0.2], [0, 1], 0.3).first(2)
    assert hits.rows.tolist() == [1, 0]
    assert hits.scores.tolist() == np.array([0.2, 0.6], dtype=np.float32).tolist()


def test_weight_1_ranks_by_words_and_what_is_equal_by_pictures() -> None:
    """Only the words count; what has none of them is in the order of the cosines, then of the catalogue."""
    assert fused([0.1, 0.9, 0.5, 0.7, 0.1], [0, 0, 0.5, 1, 0], 1).first(5).rows.tolist() == [3, 2, 1, 0, 4]


SCORES = st.lists(
    st.tuples(st.integers(-8, 8), st.sampled_from([0, 0, 0, 0.25, 0.5, 1])), min_size=1, max_size=30
)


@settings(deadline=None)
@given(SCORES, st.sampled_from([0.125, 0.5, 1]))
def test_a_small_shop_is_ranked_as_by_brute_force(scores: list[tuple[int, float]], weight: float) -> None:
    """Sorting every item by the formula gives the same order, ties included."""
    cosines, words = [cosine / 8 for cosine, _ in scores], [word for _, word in scores]
    by_formula = sorted(
        range(len(scores)),
        key=lambda row: (-((1 - weight) * cosines[row] + weight * words[row]), -cosines[row], row),
    )
    assert fused(cosines, words, weight).first(len(scores)).rows.tolist() == by_formula


@settings(deadline=None)
@given(SCORES, st.integers(1, 5))
def test_asking_for_more_only_adds_to_the_end(scores: list[tuple[int, float]], depth: int) -> None:
    """However deep the two orders are fused, every item comes once, and pages never change."""
    before = fusion._DEPTH
    fusion._DEPTH = depth
    try:
        one = fused([cosine / 8 for cosine, _ in scores], [word for _, word in scores], 0.3)
        whole = one.first(len(scores)).rows.tolist()
        assert sorted(whole) == list(range(len(scores)))
        for count in range(1, len(scores) + 1):
            another = fused([cosine / 8 for cosine, _ in scores], [word for _, word in scores], 0.3)
            found = another.first(count).rows.tolist()
            assert len(found) >= count
            assert found == whole[: len(found)]
    finally:
        fusion._DEPTH = before


def test_the_best_by_words_are_among_them_however_far_from_the_query() -> None:
    """Of 500 items the last by cosine has all the words; 300 others have one that says little."""
    words = [0.0] * 199 + [0.01] * 300 + [1.0]
    hits = fused([1 - row / 500 for row in range(500)], words, 0.6).first(20)
    assert hits.rows[0] == 499
    assert hits.rows[1:20].tolist() == list(range(19))


def test_what_is_named_comes_first_whatever_its_cosine() -> None:
    """Items 3 and 4 are named, then come the others by their cosines."""
    cosines = [0.9, 0.8, 0.7, 0.1, 0.2]
    ranked = NamedFirst(np.array([3, 4]), Sorted(cosines, [3, 4]), Sorted(cosines, [0, 1, 2]))
    assert ranked.first(1).rows.tolist() == [4]
    assert ranked.first(4).rows.tolist() == [4, 3, 0, 1]
    assert ranked.first(9).rows.tolist() == [4, 3, 0, 1, 2]
