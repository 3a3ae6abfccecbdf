"""Ranking metrics: (what was ranked, what is relevant) → one value per query; a measure is a value.

A query that was not answered, and a relevant item that was not found, count as zero. Gains are binary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass


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
        """Items best first, and those that are relevant, at least one; neither holds an item twice."""
        return self.value([item in relevant for item in ranked[: self.cutoff]], len(relevant))


def hits(cutoff: int) -> Measure:
    """1 where any relevant item is among the first, else 0: trec_eval's success, also called the hit rate
    (Craswell & Hawking 2004, "Overview of the TREC 2004 Web track", as S@k)."""
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

    return Measure("DCG", cutoff, lambda found, _: _gain(found))


def normalised_gain(cutoff: int) -> Measure:
    """The discounted gain, divided by that of the best ranking: every relevant item at the top, as many as
    the cutoff holds (Järvelin & Kekäläinen 2002; trec_eval's ndcg_cut)."""
    return Measure(
        "nDCG", cutoff, lambda found, relevant: _gain(found) / _gain([True] * min(relevant, cutoff))
    )


def precision(cutoff: int) -> Measure:
    """The share of the first that is relevant, divided by the cutoff even where fewer were ranked, as
    trec_eval's P does (Manning, Raghavan & Schütze 2008, "Introduction to Information Retrieval", 8.4)."""
    return Measure("P", cutoff, lambda found, _: sum(found) / cutoff)


def recall(cutoff: int) -> Measure:
    """The share of the relevant items that is among the first (Manning, Raghavan & Schütze 2008, 8.3)."""
    return Measure("R", cutoff, lambda found, relevant: sum(found) / relevant)


def _gain(found: Sequence[bool]) -> float:
    return sum(1 / math.log2(rank + 1) for rank, is_relevant in enumerate(found, start=1) if is_relevant)


def reported() -> tuple[Measure, ...]:
    """The measures of an evaluation, in its order."""
    return (
        hits(20),
        reciprocal_rank(20),
        average_precision(20),
        discounted_gain(20),
        recall(1),
        recall(10),
        normalised_gain(20),
        precision(20),
        reciprocal_rank(1),
        reciprocal_rank(5),
        reciprocal_rank(10),
    )
