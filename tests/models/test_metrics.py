"""Ranking metrics, on rankings short enough to be worked out by hand, and against another library."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.metrics import (
    Measure,
    average_precision,
    discounted_gain,
    hits,
    normalised_gain,
    precision,
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


def test_the_normalised_gain_is_a_share_of_the_best_rankings() -> None:
    """Ranks 1 and 3 gain 1.5, ranks 1 and 2 would gain 1 + 1/log2(3). Where two count, the best ranking of
    three relevant items has two of them, so the gain of `a` alone is 1 of 1 + 1/log2(3)."""
    best = 1 + 1 / math.log2(3)
    assert normalised_gain(4)(RANKED, {"a", "c"}) == pytest.approx(1.5 / best)
    assert normalised_gain(2)(RANKED, {"a", "c", "d"}) == pytest.approx(1 / best)
    assert normalised_gain(2)(RANKED, {"a", "b", "c"}) == pytest.approx(1)


def test_precision_is_divided_by_the_cutoff() -> None:
    """Two of the first four; and of ten, although only four were ranked."""
    assert precision(4)(RANKED, {"a", "c", "z"}) == 0.5
    assert precision(10)(RANKED, {"a", "c", "z"}) == 0.2


def test_recall_is_the_share_of_the_relevant_items() -> None:
    """One of `b` and `z` is among four, none among one."""
    assert recall(4)(RANKED, {"b", "z"}) == 0.5
    assert recall(1)(RANKED, {"b", "z"}) == 0


def test_a_measure_is_called_by_name_and_cutoff() -> None:
    """The names of an evaluation, in its order."""
    assert [str(measure) for measure in reported()] == [
        "hits@20",
        "mRR@20",
        "mAP@20",
        "DCG@20",
        "R@1",
        "R@10",
        "nDCG@20",
        "P@20",
        "mRR@1",
        "mRR@5",
        "mRR@10",
    ]


@pytest.mark.parametrize("measure", reported(), ids=str)
def test_an_unanswered_query_counts_as_zero(measure: Measure) -> None:
    """An empty ranking has a value, and it is 0."""
    assert measure([], {"a"}) == 0


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True),
    st.sets(st.sampled_from("abcdefgh"), min_size=1),
    st.integers(1, 10),
)
def test_measures_agree_with_one_another(ranked: list[str], relevant: set[str], cutoff: int) -> None:
    """For any ranking: a hit is where every other measure is above zero; all but the plain gain lie between 0
    and 1; and of those whose divisor does not grow with the cut, a longer one is never worse."""
    shares = [hits, reciprocal_rank, average_precision, recall, precision, normalised_gain]
    values = [measure(cutoff)(ranked, relevant) for measure in shares]
    assert all(0 <= value <= 1 for value in values)
    gain = discounted_gain(cutoff)(ranked, relevant)
    assert {value > 0 for value in [*values, gain]} == {bool(relevant & set(ranked[:cutoff]))}
    for measure in (hits, reciprocal_rank, average_precision, recall, discounted_gain):
        assert measure(cutoff + 1)(ranked, relevant) >= measure(cutoff)(ranked, relevant)


@pytest.mark.parametrize("cutoff", [1, 5, 10, 20])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (hits, ir_measures.Success),
        (reciprocal_rank, ir_measures.RR),
        (average_precision, ir_measures.AP),
        (normalised_gain, ir_measures.nDCG),
        (precision, ir_measures.P),
        (recall, ir_measures.R),
    ],
    ids=lambda measure: getattr(measure, "__name__", ""),
)
def test_measures_equal_those_of_ir_measures(
    ours: Callable[[int], Measure], theirs: ir_measures.measures.Measure, cutoff: int
) -> None:
    """200 random queries with 1 to 30 relevant items of 60, rankings of 1 to 40; one in five unanswered."""
    truth, run = random_rankings()
    expected = by_ir_measures(theirs @ cutoff, truth, run)
    assert sum(not ranked for ranked in run.values()) > 20
    for query, relevant in truth.items():
        value = ours(cutoff)(run[query], relevant)
        assert value == pytest.approx(expected.get(query, 0.0), abs=1e-6), (query, relevant, run[query])


def test_the_plain_gain_equals_that_of_ir_measures() -> None:
    """It has no plain one: its normalised gain, times the gain of the best ranking, is ours."""
    truth, run = random_rankings()
    expected = by_ir_measures(ir_measures.nDCG @ 20, truth, run)
    for query, relevant in truth.items():
        best = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(relevant), 20) + 1))
        value = discounted_gain(20)(run[query], relevant)
        assert value == pytest.approx(expected.get(query, 0.0) * best, abs=1e-6)


def random_rankings() -> tuple[dict[str, set[str]], dict[str, list[str]]]:
    """query → relevant items, and query → items, best first; the same ones every time."""
    random = Random(0)
    items = [f"item-{number}" for number in range(60)]
    truth, run = {}, {}
    for number in range(200):
        query = f"query-{number}"
        truth[query] = set(random.sample(items, random.randint(1, 30)))
        run[query] = random.sample(items, random.randint(1, 40)) if number % 5 else []
    return truth, run


def by_ir_measures(
    measure: ir_measures.measures.Measure, truth: dict[str, set[str]], run: dict[str, list[str]]
) -> dict[str, float]:
    """query → its value; it ranks by falling scores."""
    relevant = {query: dict.fromkeys(items, 1) for query, items in truth.items()}
    scores = {
        query: {item: float(-rank) for rank, item in enumerate(items)}
        for query, items in run.items()
        if items
    }
    return {found.query_id: found.value for found in ir_measures.iter_calc([measure], relevant, scores)}
