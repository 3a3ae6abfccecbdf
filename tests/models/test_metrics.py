"""Ranking metrics, on rankings short enough to be worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.metrics import (
    average_precision,
    discounted_gain,
    hits,
    means,
    per_query,
    recall,
    reciprocal_rank,
    reported,
)

RANKED = ["a", "b", "c", "d"]


def test_a_hit_is_any_relevant_item_among_the_first() -> None:
    """`b` at rank 2 is a hit at 2 and none at 1; two relevant items are still one hit."""
    assert hits(2)(RANKED, {"b"}) == 1
    assert hits(1)(RANKED, {"b"}) == 0
    assert hits(4)(RANKED, {"b", "c"}) == 1


def test_the_reciprocal_rank_is_the_first_relevant_items() -> None:
    """`c` and `d` are at ranks 3 and 4: 1/3, and 0 where only two count."""
    assert reciprocal_rank(4)(RANKED, {"c", "d"}) == pytest.approx(1 / 3)
    assert reciprocal_rank(2)(RANKED, {"c", "d"}) == 0


def test_average_precision_is_divided_by_all_relevant_items() -> None:
    """`a` at rank 1 has a precision of 1/1, `c` at rank 3 one of 2/3, `z` was not found: (1 + 2/3) / 3."""
    assert average_precision(4)(RANKED, {"a", "c", "z"}) == pytest.approx((1 + 2 / 3) / 3)


def test_average_precision_is_cut_as_trec_eval_cuts_it() -> None:
    """Of three relevant items only `a` is among the first two: 1 / 3, not 1 / 2 (map_cut_2)."""
    assert average_precision(2)(RANKED, {"a", "c", "d"}) == pytest.approx(1 / 3)


def test_the_gain_is_discounted_by_rank_and_not_normalised() -> None:
    """Ranks 1 and 3: 1/log2(2) + 1/log2(4) = 1.5."""
    assert discounted_gain(4)(RANKED, {"a", "c"}) == pytest.approx(1.5)
    assert discounted_gain(2)(RANKED, {"a", "c"}) == pytest.approx(1)
    assert discounted_gain(4)(RANKED, {"b"}) == pytest.approx(1 / math.log2(3))


def test_recall_is_the_share_of_the_relevant_items() -> None:
    """One of `b` and `z` is among four, none among one."""
    assert recall(4)(RANKED, {"b", "z"}) == 0.5
    assert recall(1)(RANKED, {"b", "z"}) == 0


def test_a_measure_is_called_by_name_and_cutoff() -> None:
    """The names that `vitrine evaluate` prints, in its order."""
    assert [str(measure) for measure in reported()] == [
        "hits@20",
        "mRR@20",
        "mAP@20",
        "DCG@20",
        "R@1",
        "R@10",
    ]


def test_an_unanswered_query_counts_as_zero() -> None:
    """Neither a query that is not in the run, nor one with an empty ranking, is left out."""
    truth = {"found": ["a"], "empty": ["a"], "missing": ["a"]}
    values = per_query(truth, {"found": ["a"], "empty": []}, reported())
    assert set(values["found"].values()) == {1.0}
    assert set(values["empty"].values()) == set(values["missing"].values()) == {0.0}
    assert means(values)["mRR@20"] == pytest.approx(1 / 3)


def test_a_query_that_nobody_asked_is_left_out() -> None:
    """An answer without a truth has no value."""
    assert per_query({"a": ["x"]}, {"a": ["x"], "b": ["x"]}, [hits(1)]) == {"a": {"hits@1": 1.0}}


def test_means_are_over_queries() -> None:
    """1, 0 and 0.5 have the mean 0.5, for each measure its own."""
    values = {"a": {"x": 1.0, "y": 0.0}, "b": {"x": 0.0, "y": 0.0}, "c": {"x": 0.5, "y": 0.3}}
    assert means(values) == {"x": 0.5, "y": pytest.approx(0.1)}


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True),
    st.sets(st.sampled_from("abcdefgh"), min_size=1),
    st.integers(1, 10),
)
def test_measures_agree_with_one_another(ranked: list[str], relevant: set[str], cutoff: int) -> None:
    """For any ranking: a hit is where recall, precision, gain and reciprocal rank are above zero; all but
    the gain lie between 0 and 1; and a longer cut is never worse."""
    measures = [hits(cutoff), reciprocal_rank(cutoff), average_precision(cutoff), recall(cutoff)]
    values = [measure(ranked, relevant) for measure in measures]
    assert all(0 <= value <= 1 for value in values)
    gain = discounted_gain(cutoff)(ranked, relevant)
    assert {value > 0 for value in [*values, gain]} == {bool(relevant & set(ranked[:cutoff]))}
    for measure in (hits, reciprocal_rank, average_precision, recall, discounted_gain):
        assert measure(cutoff + 1)(ranked, relevant) >= measure(cutoff)(ranked, relevant)
