"""Facets: how many of the items that pass a filter have each value of a field; and what the fields hold."""

from __future__ import annotations

import decimal
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from indexer.columns import Columns, Encoded, Mask
from indexer.filter import Selection
from indexer.tables import shown

MOST_VALUES = 100
"""Values in a facet, the most frequent ones."""
DESCRIBED_VALUES = 20
"""Values in a field's description."""
LONGEST_VALUE = 200
"""Characters: longer texts are prose, and stay out of a description."""
_BUCKETS = 10


class BadFacet(ValueError):
    """A field that cannot be counted; the message lists the fields."""


@dataclass(frozen=True)
class Bucket:
    """How many items lie from `start` to `end`; `end` itself belongs to the next bucket, or to the last."""

    start: float
    end: float
    count: int


@dataclass(frozen=True)
class Range:
    """What numbers the items have; None and no bucket where no item has one. The buckets' ends are round."""

    min: float | None
    max: float | None
    buckets: list[Bucket]


Facet = dict[str, int] | Range
"""value → items that have it, the most first, equal counts in the order of the catalogue; or, for numbers,
their range. Numbers and booleans are keys as JSON writes them."""


@dataclass(frozen=True)
class Description:
    """A field over all items: `of` is its values' type where they are elements of lists; `missing` counts the
    items without a value, `distinct` the values. JSON is not counted: both of the last are None."""

    type: str
    of: str | None
    missing: int
    distinct: int | None
    facet: Facet | None


def facets_of(
    columns: Columns, names: Sequence[str], selection: Selection, counted: Mask | None = None
) -> dict[str, Facet]:
    """The facets of these fields, in this order, over the items that pass, of those that are to be `counted`
    (by default all). A facet does not narrow itself: the selection's own condition on its field is lifted, so
    that what else could be chosen is counted too.

    Raises UnknownField, BadFacet.
    """
    among = True if counted is None else counted
    return {name: _facet(_countable(columns, name), selection.passing(free=name) & among) for name in names}


def describe(columns: Columns) -> dict[str, Description]:
    """Every field, in the order of the columns."""
    everything = np.ones(columns.items, dtype=np.bool_)
    return {name: _describe(columns.encode(name), everything) for name in columns}


def _countable(columns: Columns, name: str) -> Encoded:
    field = columns[name]
    if field.of == "json":
        raise BadFacet(f"{shown(name, 40)} is json, which is not counted; {columns.listing()}")
    return field


def _describe(field: Encoded, everything: Mask) -> Description:
    of = field.of if field.type == "list" else None
    missing = field.items - int(field.there().sum())
    if field.of == "json":
        return Description(field.type, of, missing, None, None)
    facet = _facet(field, everything, DESCRIBED_VALUES)
    if isinstance(facet, dict):
        facet = {value: items for value, items in facet.items() if len(value) <= LONGEST_VALUE}
    return Description(field.type, of, missing, len(field.values), facet)


def _facet(field: Encoded, passing: Mask, most: int = MOST_VALUES) -> Facet:
    counts = field.counts(passing)
    # Elements of lists are sizes more often than amounts.
    if field.type in ("integer", "number"):
        return _range(field, counts)
    return _frequent(field, counts, most)


def _frequent(field: Encoded, counts: NDArray[np.int64], most: int) -> dict[str, int]:
    # One key for both orders, so that a field of as many values as items need not be sorted.
    keys = counts * len(counts) + np.arange(len(counts) - 1, -1, -1)
    if len(keys) > most:
        keys = np.partition(keys, len(keys) - most)[-most:]
    first = len(counts) - 1 - np.sort(keys)[::-1] % max(len(counts), 1)
    first = first[counts[first] > 0]
    values = field.values.take(first).to_pylist()
    names = values if field.of == "string" else [json.dumps(value) for value in values]
    return dict(zip(names, counts[first].tolist(), strict=True))


def _range(field: Encoded, counts: NDArray[np.int64]) -> Range:
    values, counts = field.values.to_numpy()[counts > 0], counts[counts > 0]
    if not len(values):
        return Range(None, None, [])
    lowest, highest = values.min().item(), values.max().item()
    edges = _edges(lowest, highest)
    places = np.searchsorted(np.array(edges[1:-1], dtype=values.dtype), values, side="right")
    sizes = np.bincount(places, weights=counts, minlength=len(edges) - 1).astype(np.int64).tolist()
    buckets = zip(edges, edges[1:], sizes, strict=False)
    return Range(lowest, highest, [Bucket(start, end, size) for start, end, size in buckets])


def _edges(lowest: float, highest: float) -> list[float]:
    """Round numbers, rising, from one at or below `lowest` to one at or above `highest`, a dozen of them or
    fewer; of the type of the two."""
    if lowest == highest:
        return [lowest, highest]
    whole = isinstance(lowest, int)
    with decimal.localcontext(prec=50):  # exact: neither the span of two floats nor its tenth need be a float
        least = (Decimal(highest) - Decimal(lowest)) / _BUCKETS
        steps = (Decimal(digit).scaleb(least.adjusted()) for digit in (1, 2, 5, 10))
        step = next(step for step in steps if step >= least)
        if whole:
            step = max(step, Decimal(1))
        first = (Decimal(lowest) / step).to_integral_value(decimal.ROUND_FLOOR)
        last = (Decimal(highest) / step).to_integral_value(decimal.ROUND_CEILING)
        exact = [(first + place) * step for place in range(int(last - first) + 1)]
    if whole:
        return [int(edge) for edge in exact]
    largest = sys.float_info.max
    # Neighbouring floats have no round number between them: where edges fall together one is kept.
    return list(dict.fromkeys(min(max(float(edge), -largest), largest) for edge in exact))
