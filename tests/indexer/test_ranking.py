"""Candidates → hits, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import ranking
from indexer.columns import Mask
from indexer.nearest import Hits
from indexer.ranking import NEAR_TWINS, Group, Grouping, Relevant, diversified, variants


class Ranked:
    """Items in a given order, ten scores to the point; so many at a time."""

    def __init__(self, rows: Sequence[int], at_least: int = 1) -> None:
        self._hits = Hits(np.array(rows), np.linspace(0.9, 0, len(rows), dtype=np.float32))
        self._at_least = at_least

    def first(self, count: int) -> Hits:
        end = max(count, self._at_least)
        return Hits(self._hits.rows[:end], self._hits.scores[:end])


def angles(*degrees: float) -> NDArray[np.float32]:
    """Unit vectors in a plane."""
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def unasked(_: object) -> Any:
    raise AssertionError("this way is not to be taken")


def rows(groups: Sequence[Group]) -> list[tuple[int, list[int]]]:
    return [(group.row, [row for row, _ in group.duplicates]) for group in groups]


@pytest.mark.parametrize("at_least", [1, 3, 100])
def test_a_near_twin_is_a_duplicate_of_the_better_hit(at_least: int) -> None:
    """Within 5.7 degrees two vectors are near twins: 0° and 4° are, 8° is a twin of the latter alone, which
    is no hit. However many candidates come at a time."""
    pictures = angles(0, 90, 4, 8, 0)
    grouping = Grouping(Ranked([0, 1, 2, 3, 4], at_least), pictures=lambda rows: pictures[rows])
    assert NEAR_TWINS == 0.995
    assert rows(grouping.first(10)) == [(0, [2, 4]), (1, []), (3, [])]
    assert grouping.begun == 3
    assert grouping.folded == [2, 4]


def test_duplicates_are_told_as_far_as_they_rank_before_the_next_page() -> None:
    """Of the first hit's three twins the one after the second hit is another page's business, and no hit
    there either."""
    pictures = angles(0, 0, 90, 0, 180)
    grouping = Grouping(Ranked([0, 1, 2, 3, 4]), pictures=lambda rows: pictures[rows])
    assert rows(grouping.first(1)) == [(0, [1])]
    assert rows(grouping.first(2)) == [(0, [1, 3]), (2, [])]
    assert rows(grouping.first(3)) == [(0, [1, 3]), (2, []), (4, [])]


def test_items_of_one_value_are_one_group() -> None:
    """Its first is the best; items without a value (-1) are groups of their own."""
    value_of = np.array([7, -1, 7, 2, -1], np.int32)
    grouping = Grouping(Ranked([0, 1, 2, 3, 4]), value_of=value_of)
    assert rows(grouping.first(9)) == [(0, []), (1, []), (3, []), (4, [])]


def test_a_variant_is_no_duplicate() -> None:
    """Item 1 has both the value and the picture of item 0: it is listed once, as its variant. Item 2, a
    product's best colour, is folded into another product; the product's next colour is a hit."""
    value_of = np.array([0, 0, 1, 1], np.int32)
    pictures = angles(0, 0, 0, 90)
    grouping = Grouping(Ranked([0, 1, 2, 3]), value_of=value_of, pictures=lambda rows: pictures[rows])
    groups = grouping.first(9)
    assert rows(groups) == [(0, [2]), (3, [])]
    listed = np.ones(4, bool)
    listed[grouping.folded] = False
    scores = np.array([0.9, 0.6, 0.3, 0.0], np.float32)
    found = variants(groups, value_of, listed, lambda rows: scores[rows], unasked)
    assert [hits.rows.tolist() for hits in found] == [[1], []]


@pytest.mark.parametrize("scored", [3, 2])
def test_variants_are_best_first_and_equal_ones_in_catalogue_order(
    monkeypatch: pytest.MonkeyPatch, scored: int
) -> None:
    """Of those that may be listed; a group without a value has none. Whether they are scored or searched."""
    monkeypatch.setattr(ranking, "SCORED_ALL", scored)
    value_of = np.array([0, 0, 0, 0, -1, 0, -1], np.int32)
    scores = np.array([0.9, 0.1, 0.5, 0.5, 0.8, 0.2, 0.1], np.float32)
    listed = np.array([1, 1, 1, 1, 1, 0, 1], bool)

    def best_of(among: Mask) -> Hits:
        rows = np.array(sorted(np.flatnonzero(among), key=lambda row: -scores[row]), np.int64)
        return Hits(rows, scores[rows])

    scores_of = unasked if scored < 3 else scores.take
    found = variants([Group(0, 0.9), Group(4, 0.8)], value_of, listed, scores_of, best_of)
    assert [hits.rows.tolist() for hits in found] == [[2, 3, 1], []]
    assert found[0].scores.tolist() == pytest.approx([0.5, 0.5, 0.1])


def test_candidates_grow_until_there_are_enough_groups() -> None:
    """A thousand copies stand before the second picture, one item of another product after as many more."""
    pictures = np.repeat(angles(0, 90), [1_001, 1_001], axis=0)
    grouping = Grouping(Ranked(range(2_002)), pictures=lambda rows: pictures[rows])
    found = grouping.first(2)
    assert [group.row for group in found] == [0, 1_001]
    assert [len(group.duplicates) for group in found] == [1_000, 1_000]
    values = np.repeat([0, 1], [1_001, 1_001]).astype(np.int32)
    assert [group.row for group in Grouping(Ranked(range(2_002)), value_of=values).first(5)] == [0, 1_001]


def test_what_is_irrelevant_is_left_out() -> None:
    """Wherever it stands: an order by words may put it first."""
    ranked = Ranked([5, 4, 3, 2, 1, 0])  # scores 0.9, 0.72 … 0
    assert Relevant(ranked, lambda scores: scores >= 0.7).first(5).rows.tolist() == [5, 4]
    assert Relevant(ranked, lambda scores: scores <= 0.4).first(2).rows.tolist() == [2, 1, 0]
    assert Relevant(ranked, lambda scores: scores > 2).all().rows.tolist() == []
    assert len(Relevant(Ranked(range(5_000)), lambda scores: scores >= 0.45).all().rows) == 2_500


def test_diversity_prefers_what_is_unlike_the_chosen() -> None:
    """With lambda 0.5 the second is the one at a right angle, since 0.6 / 2 > (0.8 - cos 10°) / 2; with 0.9
    the order stays. Asked for two, the first two come."""
    groups = [Group(0, 0.9), Group(1, 0.8), Group(2, 0.6)]
    pictures = angles(0, 10, 90)
    for diversity, order in ((0.5, [0, 2, 1]), (0.1, [0, 1, 2])):
        chosen = diversified(groups, diversity, lambda rows: pictures[rows], 3)
        assert [group.row for group in chosen] == order
        assert diversified(groups, diversity, lambda rows: pictures[rows], 2) == chosen[:2]


def test_what_ranks_low_keeps_its_place() -> None:
    """Only the first 200 are set apart: the 201st stays, however unlike it is."""
    groups = [Group(row, 1 - row / 1_000) for row in range(202)]
    pictures = angles(*[0.0] * 200, 90, 180)
    chosen = diversified(groups, 1.0, lambda rows: pictures[rows], 202)
    assert [group.row for group in chosen] == list(range(202))
