"""Intervals and tests on values so few, or so plain, that the answer is known."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from models.significance import Difference, Interval, confidence, paired


@pytest.mark.parametrize("values", [[1 / 3] * 7, [0.0] * 500, [1.0]], ids=["thirds", "zeros", "one"])
def test_equal_values_have_an_interval_of_no_width(values: list[float]) -> None:
    """No draw from them has another mean; nothing is warned of, and nothing is NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert confidence(values) == Interval(values[0], values[0])


def test_an_interval_is_that_of_the_binomial() -> None:
    """300 hits among 500 queries: 0.6 ± 1.96 × sqrt(0.6 × 0.4 / 500), which is 0.6 ± 0.0429."""
    interval = confidence([1.0] * 300 + [0.0] * 200)
    half = 1.96 * math.sqrt(0.6 * 0.4 / 500)
    assert interval.low == pytest.approx(0.6 - half, abs=0.004)
    assert interval.high == pytest.approx(0.6 + half, abs=0.004)


def test_the_same_values_give_the_same_numbers() -> None:
    """Nothing depends on what was drawn before, nor on numpy's global state."""
    values = np.random.default_rng(1).random(100)
    first = confidence(values), paired(values, values**2)
    np.random.seed(7)
    assert (confidence(values), paired(values, values**2)) == first


def test_a_tower_does_not_differ_from_itself() -> None:
    """A mean of 0, no width, and p = 1."""
    values = [0.0, 0.5, 1.0]
    assert paired(values, values) == Difference(0.0, 0.0, 0.0, 1.0)


def test_the_randomisation_test_counts_signs() -> None:
    """Five queries, each better by 0.5: of the 32 ways to set five signs, two are as far from zero. A sixth
    and seventh query that stay as they are change nothing but the mean, which is 2.5 / 7."""
    assert paired([0.0] * 5, [0.5] * 5).p == pytest.approx(2 / 32)
    tied = paired([0.0] * 5 + [1.0] * 2, [0.5] * 5 + [1.0] * 2)
    assert tied.mean == pytest.approx(2.5 / 7)
    assert tied.p == pytest.approx(2 / 32)


def test_the_randomisation_test_weighs_differences() -> None:
    """+3, +2 and −1: their sum 4 is reached by 4 and 6 of the sums ±3 ±2 ±1, so p is 2 × 2 / 8."""
    assert paired([0.0, 0.0, 1.0], [3.0, 2.0, 0.0]).p == pytest.approx(0.5)


def test_one_query_proves_nothing() -> None:
    """Its difference is as far from zero under either sign."""
    assert paired([0.0], [1.0]) == Difference(1.0, 1.0, 1.0, 1.0)


def test_a_difference_is_after_less_before_on_the_same_queries() -> None:
    """Queries as unlike as 0 and 1 that each gain 0.1: seen apart the towers' intervals overlap, in pairs the
    gain is certain, and the other way round it is a loss."""
    before = [0.0, 0.9] * 50
    after = [0.1, 1.0] * 50
    assert confidence(before).high > confidence(after).low
    gain, loss = paired(before, after), paired(after, before)
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))
    assert (loss.mean, loss.low, loss.high) == pytest.approx((-0.1, -0.1, -0.1))
    assert gain.p == loss.p == pytest.approx(2 / 10_000)  # none of 9,999 draws, and the queries as they are


def test_chance_is_called_significant_one_time_in_twenty() -> None:
    """Of 100 pairs of towers that differ by noise alone, about 5 have p < 0.05, and about 95 have an interval
    that holds 0: no more than three standard deviations of the binomial (6.5) away."""
    random = np.random.default_rng(0)
    found = [paired(*random.random((2, 30))) for _ in range(100)]
    assert abs(sum(one.p < 0.05 for one in found) - 5) <= 6.5
    assert abs(sum(one.low <= 0 <= one.high for one in found) - 95) <= 6.5


def test_what_is_not_paired_is_refused() -> None:
    """Both numbers, and what is needed."""
    with pytest.raises(ValueError, match="2 values before and 3 after: a paired test needs the same queries"):
        paired([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="at least one query"):
        confidence([])
