"""How sure a mean over queries is, and whether two towers differ on the same queries.

Everything is drawn from a fixed seed: the same values give the same numbers every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = Sequence[float] | NDArray[np.float64]
"""One measure's value of each query."""

LEVEL = 0.95
_RESAMPLES = 9_999
_SEED = 0
_DRAWN_AT_ONCE = 2**22  # values: some 32 MB, however many queries there are


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """`mean` of after − before, its 95% interval, and the probability `p` of one at least as far from zero
    if the two were the same."""

    mean: float
    low: float
    high: float
    p: float


def confidence(values: Values) -> Interval:
    """The 95% percentile bootstrap interval of the mean (Efron & Tibshirani 1993, "An Introduction to the
    Bootstrap", 13.3; for means over queries Sakai 2006, "Evaluating evaluation metrics based on the
    bootstrap"). Equal values, or a single one, have an interval of zero width."""
    sample = np.asarray(values, dtype=np.float64)
    if not len(sample):
        raise ValueError("no values: a mean needs at least one query")
    if np.ptp(sample) == 0:  # scipy refuses a single value
        return Interval(float(sample[0]), float(sample[0]))
    interval = stats.bootstrap(
        (sample,),
        np.mean,
        n_resamples=_RESAMPLES,
        batch=_batch(sample),
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return Interval(float(interval.low), float(interval.high))


def paired(before: Values, after: Values) -> Difference:
    """Two towers on the same queries in the same order: the bootstrap interval of the mean difference, and
    the two-sided randomisation test, which flips each query's difference by a coin (Smucker, Allan &
    Carterette 2007, "A comparison of statistical significance tests for information retrieval evaluation").
    The test is exact while at most 13 queries differ; beyond, its smallest p is 0.0002."""
    if len(before) != len(after):
        raise ValueError(
            f"{len(before)} values before and {len(after)} after: a paired test needs the same queries"
        )
    differences = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    interval = confidence(differences)
    return Difference(float(differences.mean()), interval.low, interval.high, _sign_flip(differences))


def _sign_flip(differences: NDArray[np.float64]) -> float:
    # A tie is the same under either sign, so the test is the same without them, and they are the many.
    moved = differences[differences != 0]
    if len(moved) < 2:  # one difference is as far from zero under either sign
        return 1.0
    test = stats.permutation_test(
        (moved,),
        np.sum,
        permutation_type="samples",
        n_resamples=_RESAMPLES,
        batch=_batch(moved),
        rng=np.random.default_rng(_SEED),
    )
    return float(test.pvalue)


def _batch(sample: NDArray[np.float64]) -> int:
    return max(1, _DRAWN_AT_ONCE // len(sample))
