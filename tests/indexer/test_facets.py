"""Facets and descriptions, on items that can be counted by hand."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer.columns import Columns, UnknownField
from indexer.facets import (
    DESCRIBED_VALUES,
    LONGEST_VALUE,
    MOST_VALUES,
    BadFacet,
    Bucket,
    Description,
    Facet,
    Range,
    describe,
    facets_of,
)
from indexer.filter import Selection

TYPES = {"colour": "string", "price": "number", "new": "boolean", "sizes": "list", "care": "json"}
COLUMNS = Columns(
    pa.table(
        {
            "colour": ["red", "blue", "red", None, "green"],
            "price": [10.0, 20.0, 30.0, 39.0, None],
            "new": [True, False, False, None, False],
            "sizes": [["S", "M"], ["M"], [], ["M", "M"], None],
            "care": ["{}", None, None, "1", None],
        }
    ),
    TYPES,
    5,
)


def facets(names: list[str], filter: dict[str, Any] | None = None) -> dict[str, Facet]:
    return facets_of(COLUMNS, names, Selection(COLUMNS, filter or {}))


def of(kind: str, values: list[Any], column: pa.DataType | None = None) -> Facet:
    """The facet of one field that holds these values."""
    columns = Columns(pa.table({"field": pa.array(values, column)}), {"field": kind}, len(values))
    return facets_of(columns, ["field"], Selection(columns, {}))["field"]


def test_the_most_frequent_values_come_first() -> None:
    """Equal counts in the order of the catalogue; what nothing has is left out."""
    assert list(facets(["colour"])["colour"].items()) == [("red", 2), ("blue", 1), ("green", 1)]  # type: ignore[union-attr]
    assert facets(["colour"], {"price": {"lte": 20}}) == {"colour": {"red": 1, "blue": 1}}


def test_elements_of_lists_are_counted_once_an_item() -> None:
    """Three items come in M, though one says so twice."""
    assert facets(["sizes"]) == {"sizes": {"M": 3, "S": 1}}


def test_booleans_are_written_as_json_writes_them() -> None:
    """Keys are texts."""
    assert facets(["new"]) == {"new": {"false": 3, "true": 1}}


def test_numbers_give_a_range() -> None:
    """From 10 to 39 by round steps; a bucket's end belongs to the next, the last one's to it."""
    found = facets(["price"])["price"]
    assert isinstance(found, Range)
    assert (found.min, found.max) == (10, 39)
    counts = [(bucket.start, bucket.end, bucket.count) for bucket in found.buckets]
    assert counts == [
        (10, 15, 1),
        (15, 20, 0),
        (20, 25, 1),
        (25, 30, 0),
        (30, 35, 1),
        (35, 40, 1),
    ]


def test_a_facet_does_not_narrow_itself() -> None:
    """Whoever has chosen red still sees how many blue ones there are; a facet of another field counts the red
    ones alone."""
    found = facets(["colour", "price", "new"], {"colour": "red", "new": False})
    assert found["colour"] == {"red": 1, "blue": 1, "green": 1}
    assert found["new"] == {"false": 1, "true": 1}
    assert found["price"] == Range(30, 30, [Bucket(30, 30, 1)])
    assert list(found) == ["colour", "price", "new"]


def test_a_combined_condition_narrows_every_facet() -> None:
    """Only a field's own condition at the top is lifted."""
    assert facets(["colour"], {"$or": [{"colour": "red"}]}) == {"colour": {"red": 2}}


def test_where_nothing_passes_nothing_is_counted() -> None:
    """No value, no range."""
    found = facets(["colour", "price", "sizes"], {"new": True, "price": 20})
    assert found == {"colour": {}, "price": Range(10, 10, [Bucket(10, 10, 1)]), "sizes": {}}
    assert of("number", [None, None], pa.float64()) == Range(None, None, [])


def test_only_so_many_values_are_given() -> None:
    """Of 150 the 100 most frequent; of equal ones the first."""
    values = [f"v{n}" for n in range(150)] + ["v149", "v148", "v148"]
    found = of("string", values)
    assert isinstance(found, dict)
    assert len(found) == MOST_VALUES
    assert list(found.items())[:4] == [("v148", 3), ("v149", 2), ("v0", 1), ("v1", 1)]
    assert list(found)[-1] == "v97"


@pytest.mark.parametrize("name", ["care", "price "])
def test_what_cannot_be_counted_is_refused_with_the_fields(name: str) -> None:
    """JSON has no values to count; a field that is not there has none at all."""
    expected = BadFacet if name == "care" else UnknownField
    with pytest.raises(expected, match=r"the fields are colour \(string\), .*care \(json\)"):
        facets([name])


def test_lists_of_numbers_are_counted_by_value() -> None:
    """They are sizes more often than amounts."""
    assert of("list", ["[38, 40]", "[40]"]) == {"40": 2, "38": 1}


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        ([0, 100], [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]),
        ([3, 4], [3, 4]),
        ([1, 7], [1, 2, 3, 4, 5, 6, 7]),
        ([-(2**63), 2**63 - 1], None),
        ([19.99, 119.0], [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120]),
        ([0.1, 0.35], [0.1, 0.15, 0.2, 0.25, 0.3, 0.35]),
        ([1.0, 1.0000000000000002], [1.0, 1.0000000000000002]),
        ([-sys.float_info.max, sys.float_info.max], None),
        ([0.0, 5e-324], None),
    ],
)
def test_buckets_are_round(values: list[float], edges: list[float] | None) -> None:
    """Steps of 1, 2 or 5 and zeros, written as one would write them; never beyond what a number can be."""
    found = of("integer" if isinstance(values[0], int) else "number", values)
    assert isinstance(found, Range)
    if edges is not None:
        assert [bucket.start for bucket in found.buckets] + [found.buckets[-1].end] == edges
    assert sum(bucket.count for bucket in found.buckets) == 2


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20)
    | st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20)
)
@example([1e308, -1e308, 1.5e308])
@example([0.0, 5e-324, -5e-324])
def test_buckets_hold_every_number_once(values: list[Any]) -> None:
    """Whatever the numbers: ends rise, touch each other and hold all of them, each where it belongs."""
    found = of("integer" if isinstance(values[0], int) else "number", values)
    assert isinstance(found, Range)
    assert (found.min, found.max) == (min(values), max(values))
    buckets = found.buckets
    assert 1 <= len(buckets) <= 12
    assert all(one.end == other.start < other.end for one, other in pairwise(buckets))
    assert buckets[0].start <= min(values) <= max(values) <= buckets[-1].end
    for bucket in buckets:
        last = bucket is buckets[-1]
        inside = [one for one in values if bucket.start <= one < bucket.end or (last and one == bucket.end)]
        assert bucket.count == len(inside)
        assert {type(bucket.start), type(bucket.end)} == {type(values[0])}


def test_fields_are_described() -> None:
    """Every one, in the order of the columns: type, missing, different values, and what they are."""
    found = describe(COLUMNS)
    assert list(found) == list(TYPES)
    assert found["colour"] == Description("string", None, 1, 3, {"red": 2, "blue": 1, "green": 1})
    assert found["new"] == Description("boolean", None, 1, 2, {"false": 3, "true": 1})
    assert found["sizes"] == Description("list", "string", 2, 2, {"M": 3, "S": 1})
    assert found["care"] == Description("json", None, 3, None, None)
    price = found["price"]
    assert (price.type, price.missing, price.distinct) == ("number", 1, 4)
    assert isinstance(price.facet, Range)


def test_a_description_is_short() -> None:
    """Twenty values, and no prose among them."""
    values = ["x" * (LONGEST_VALUE + 1), "y" * LONGEST_VALUE, *(f"v{n}" for n in range(40))]
    columns = Columns(pa.table({"text": values}), {"text": "string"}, len(values))
    found = describe(columns)["text"].facet
    assert isinstance(found, dict)
    assert len(found) == DESCRIBED_VALUES - 1
    assert list(found)[:2] == ["y" * LONGEST_VALUE, "v0"]
