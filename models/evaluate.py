"""A text tower on a query set: its queries, searched and measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.metrics import means, per_query, reported
from models.queries import Pair
from models.towers import TextTower, Vectors

DEPTH = 20
_QUERIES_AT_ONCE = 256

Search = Callable[[Vectors, int], Sequence[Sequence[str]]]
"""(query vectors (n, dim), depth) → for each the ids of the best items, best first."""


@dataclass(frozen=True)
class Evaluation:
    """`values` holds query → measure → value, from which `summary` is the means."""

    tower: str
    values: dict[str, dict[str, float]]

    @property
    def summary(self) -> dict[str, float]:
        """`queries`, then each measure's mean over the distinct queries."""
        return {"queries": len(self.values)} | means(self.values)


def evaluate(tower: TextTower, pairs: Sequence[Pair], search: Search) -> Evaluation:
    """Searches every distinct query of `pairs` once; its relevant items are those of all its rows."""
    truth: dict[str, set[str]] = {}
    for pair in pairs:
        truth.setdefault(pair.query, set()).add(pair.item)
    queries = list(truth)
    run: dict[str, Sequence[str]] = {}
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        batch = queries[start : start + _QUERIES_AT_ONCE]
        run |= zip(batch, search(tower.encode(batch), DEPTH), strict=True)
    return Evaluation(tower.id, per_query(truth, run, reported()))
