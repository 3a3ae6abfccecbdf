"""Ranking metrics: (what is relevant, what was ranked) → one value per query; a measure is a value.

A query that was not answered, and a relevant item that was not found, count as zero. Gains are binary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

Truth = Mapping[str, Collection[str]]
"""query → its relevant items, at least one."""
Run = Mapping[str, Sequence[str]]
"""query → items, best first, none twice."""


@dataclass(frozen=True)
class Measure:
    """`name@cutoff`; of a ranking only the first `cutoff` items count."""

    name: str
    cutoff: int
    value: Callable[[Sequence[bool], int], float]
    """(whether each ranked item is relevant, the number of relevant items) → the query's value."""

    def __str__(self) -> str:
        return f"{self.name}@{self.cutoff}"

    def __call__(self, ranked: Sequence[str], relevant: Collection[str]) -> float:
        return self.value([item in relevant for item in ranked[: self.cutoff]], len(relevant))


def hits(cutoff: int) -> Measure:
    """1 where any relevant item is among the first, else 0; also called success or hit rate."""
    return Measure("hits", cutoff, lambda found, _: float(any(found)))


def reciprocal_rank(cutoff: int) -> Measure:
    """1 / rank of the first relevant item (Voorhees 1999, "The TREC-8 Question Answering Track Report")."""
    return Measure("mRR", cutoff, lambda found, _: 1 / (found.index(True) + 1) if any(found) else 0.0)


def average_precision(cutoff: int) -> Measure:
    """Precision at each relevant item's rank, summed and divided by the number of relevant items, found or
    not, as trec_eval's map_cut does (Buckley & Voorhees 2005, "Retrieval System Evaluation")."""

    def value(found: Sequence[bool], relevant: int) -> float:
        ranks = [rank for rank, is_relevant in enumerate(found, start=1) if is_relevant]
        return sum(count / rank for count, rank in enumerate(ranks, start=1)) / relevant

    return Measure("mAP", cutoff, value)


def discounted_gain(cutoff: int) -> Measure:
    """Sum of 1 / log2(rank + 1) over the relevant items, not normalised (Järvelin & Kekäläinen 2002,
    "Cumulated gain-based evaluation of IR techniques", with the discount of Burges et al. 2005)."""

    def value(found: Sequence[bool], _: int) -> float:
        ranks = (rank for rank, is_relevant in enumerate(found, start=1) if is_relevant)
        return sum(1 / math.log2(rank + 1) for rank in ranks)

    return Measure("DCG", cutoff, value)


def recall(cutoff: int) -> Measure:
    """The share of the relevant items that is among the first (Manning, Raghavan & Schütze 2008, 8.3)."""
    return Measure("R", cutoff, lambda found, relevant: sum(found) / relevant)


def reported() -> tuple[Measure, ...]:
    """The measures that `vitrine evaluate` prints, in its order."""
    return (
        hits(20),
        reciprocal_rank(20),
        average_precision(20),
        discounted_gain(20),
        recall(1),
        recall(10),
    )


def per_query(truth: Truth, run: Run, measures: Sequence[Measure]) -> dict[str, dict[str, float]]:
    """query → measure → value, for every query of `truth`, answered or not."""
    return {
        query: {str(measure): measure(run.get(query, ()), relevant) for measure in measures}
        for query, relevant in truth.items()
    }


def means(values: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """measure → its mean over the queries of `per_query`, of which there is at least one."""
    first = next(iter(values.values()))
    return {
        measure: math.fsum(query[measure] for query in values.values()) / len(values) for measure in first
    }
