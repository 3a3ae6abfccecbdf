"""Filters, on six items whose answers can be read off."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from indexer.columns import Columns, UnknownField
from indexer.filter import MAX_CONDITIONS, BadFilter, Selection

TYPES = {
    "colour": "string",
    "price": "number",
    "stock": "integer",
    "new": "boolean",
    "sizes": "list",
    "lengths": "list",
    "care": "json",
}
BIG = 2**53
COLUMNS = Columns(
    pa.table(
        {
            "colour": ["red", "blue", None, "red", "Grün", ""],
            "price": [10.0, 20.0, 30.0, None, 0.0, 25.5],
            "stock": [0, 5, BIG + 1, BIG, None, -3],
            "new": [True, False, None, True, False, False],
            "sizes": [["S", "M"], ["M"], [], None, ["L"], ["S", "XL"]],
            "lengths": ["[30, 34]", "[32]", None, "[]", "[36, 28]", "[31.5]"],
            "care": ['{"at": 30}', None, "[]", None, "1", None],
        }
    ),
    TYPES,
    6,
)
EVERYTHING = [0, 1, 2, 3, 4, 5]


def rows(filter: dict[str, Any], free: str | None = None) -> list[int]:
    passing = Selection(COLUMNS, filter).passing(free=free)
    assert passing.dtype == bool
    return [row for row in EVERYTHING if passing[row]]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, EVERYTHING),
        ({"colour": "red"}, [0, 3]),
        ({"colour": "Red"}, []),
        ({"colour": ""}, [5]),
        ({"colour": ["red", "Grün"]}, [0, 3, 4]),
        ({"colour": []}, []),
        ({"colour": ["red", "red", "no such"]}, [0, 3]),
        ({"new": True}, [0, 3]),
        ({"new": [True, False]}, [0, 1, 3, 4, 5]),
        ({"price": 20}, [1]),
        ({"price": [20, 25.5]}, [1, 5]),
        ({"price": -0.0}, [4]),
        ({"stock": 5.0}, [1]),
        ({"stock": 5.5}, []),
        ({"colour": "red", "new": True, "price": 10}, [0]),
    ],
)
def test_a_value_means_equals_and_a_list_any_of(filter: dict[str, Any], expected: list[int]) -> None:
    """Fields are and-ed; numbers are equal however they are written; a list of nothing is met by nothing."""
    assert rows(filter) == expected


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"price": {"gt": 10}}, [1, 2, 5]),
        ({"price": {"gte": 10}}, [0, 1, 2, 5]),
        ({"price": {"lt": 20}}, [0, 4]),
        ({"price": {"lte": 20}}, [0, 1, 4]),
        ({"price": {"gte": 10, "lt": 25.5}}, [0, 1]),
        ({"price": {"gt": 30, "lt": 10}}, []),
        ({"price": {"lt": 10**400}}, [0, 1, 2, 4, 5]),
        ({"price": {"gt": -(10**400)}}, [0, 1, 2, 4, 5]),
        ({"stock": {"gt": 4.5}}, [1, 2, 3]),
        ({"stock": {"gte": 4.5}}, [1, 2, 3]),
        ({"stock": {"gte": -2.5}}, [0, 1, 2, 3]),
        ({"stock": {"lte": 4.5}}, [0, 5]),
        ({"stock": {"lt": -2.5}}, [5]),
        ({"stock": {"lte": -2.5}}, [5]),
        ({"stock": {"gt": BIG}}, [2]),
        ({"stock": BIG + 1}, [2]),
        ({"stock": {"lt": 2**70}}, [0, 1, 2, 3, 5]),
        ({"stock": {"gte": 2**70}}, []),
        ({"stock": 2**70}, []),
        ({"colour": {"gte": "a"}}, [0, 1, 3]),
        ({"colour": {"lt": "a"}}, [4, 5]),
    ],
)
def test_bounds_are_exact(filter: dict[str, Any], expected: list[int]) -> None:
    """Whole numbers are never rounded, however large; texts are ordered by code point; a missing value is
    within no bound."""
    assert rows(filter) == expected


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"sizes": "M"}, [0, 1]),
        ({"sizes": ["L", "XL"]}, [4, 5]),
        ({"sizes": {"not": "M"}}, [2, 3, 4, 5]),
        ({"lengths": 32}, [1]),
        ({"lengths": {"gte": 31, "lte": 33}}, [1, 5]),
        ({"lengths": {"gt": 30, "lt": 31.5}}, []),
        ({"lengths": {"exists": True}}, [0, 1, 4, 5]),
    ],
)
def test_lists_match_on_any_element(filter: dict[str, Any], expected: list[int]) -> None:
    """One element has to lie within all bounds: 30 and 34 have none between 31 and 33."""
    assert rows(filter) == expected


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"colour": {"exists": True}}, [0, 1, 3, 4, 5]),
        ({"colour": {"exists": False}}, [2]),
        ({"sizes": {"exists": False}}, [2, 3]),
        ({"care": {"exists": True}}, [0, 2, 4]),
        ({"care": {"not": {"exists": True}}}, [1, 3, 5]),
        ({"colour": {"not": "red"}}, [1, 2, 4, 5]),
        ({"colour": {"not": "red", "exists": True}}, [1, 4, 5]),
        ({"colour": {"not": ["red", "blue"]}}, [2, 4, 5]),
        ({"price": {"not": {"gt": 10}}}, [0, 3, 4]),
        ({"price": {"not": {"not": {"gt": 10}}}}, [1, 2, 5]),
        ({"price": {"gte": 10, "not": 20}}, [0, 2, 5]),
    ],
)
def test_what_is_missing_meets_no_comparison_and_passes_its_negation(
    filter: dict[str, Any], expected: list[int]
) -> None:
    """Two values of truth, not three: `not` is the rest, and an empty list is as good as none."""
    assert rows(filter) == expected


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"$or": [{"colour": "red"}, {"price": {"gte": 25}}]}, [0, 2, 3, 5]),
        ({"$and": [{"colour": "red"}, {"new": True}, {"price": {"exists": True}}]}, [0]),
        ({"$not": {"colour": "red", "price": 10}}, [1, 2, 3, 4, 5]),
        ({"new": False, "$or": [{"colour": "blue"}, {"colour": "Grün"}]}, [1, 4]),
        ({"$not": {"$or": [{"colour": "red"}, {"$not": {"new": False}}]}}, [1, 4, 5]),
        ({"$and": []}, EVERYTHING),
        ({"$or": []}, []),
        ({"$or": [{}]}, EVERYTHING),
        ({"$not": {}}, []),
    ],
)
def test_filters_combine(filter: dict[str, Any], expected: list[int]) -> None:
    """All of nothing is met by everything, one of nothing by nothing."""
    assert rows(filter) == expected


def test_a_field_can_be_set_free() -> None:
    """Its own condition at the top is lifted, and nothing else: not the others, nor what is combined."""
    filter = {"colour": "red", "new": True, "$or": [{"colour": "red"}, {"colour": "blue"}]}
    assert rows(filter) == [0, 3]
    assert rows(filter, free="colour") == [0, 3]
    assert rows(filter, free="new") == [0, 3]
    assert rows({"colour": "red", "price": {"gte": 20}}, free="colour") == [1, 2, 5]
    assert rows({"colour": "red"}, free="colour") == EVERYTHING
    assert rows({"$or": []}, free="$or") == []


LISTING = r"; the fields are colour \(string\), price \(number\), .* care \(json\)$"


@pytest.mark.parametrize(
    ("filter", "message"),
    [
        ({"price": "cheap"}, 'price is a number, and "cheap" is not'),
        ({"price": True}, "price is a number, and true is not"),
        ({"price": [10, "20"]}, 'price is a number, and "20" is not'),
        ({"price": {"lte": "50"}}, 'price is a number, and "50" is not'),
        ({"price": {"lte": [50]}}, "price is a number, and a list is not"),
        ({"price": float("inf")}, "price is a number, and Infinity is not"),
        ({"stock": {"gt": float("nan")}}, "stock is a number, and NaN is not"),
        ({"colour": 7}, "colour is a text, and 7 is not"),
        ({"colour": "\ud800"}, "colour is a text, and"),
        ({"colour": [["red"]]}, "colour is a text, and a list is not"),
        ({"colour": {"not": 1}}, "colour is a text, and 1 is not"),
        ({"new": "yes"}, 'new is true or false, and "yes" is not'),
        ({"new": 1}, "new is true or false, and 1 is not"),
        ({"new": {"gt": False}}, "new is true or false, which have no order"),
        ({"sizes": 38}, "each element of sizes is a text, and 38 is not"),
        ({"lengths": "30"}, 'each element of lengths is a number, and "30" is not'),
        ({"colour": None}, r"colour is compared with null: {\"exists\": false} finds what is empty"),
        ({"care": "x"}, "care is json, which has no order and no equals"),
        ({"care": {"gt": 1}}, "care is json, which has no order and no equals"),
        ({"price": {"exists": "yes"}}, 'exists is "yes", and takes true or false'),
        ({"price": {"exists": None}}, "exists is null, and takes true or false"),
        ({"price": {"$gt": 1}}, r'"\$gt" is no operator: use gt, gte, lt, lte, exists, not'),
        ({"price": {"in": [1]}}, '"in" is no operator'),
        ({"price": {}}, "the condition of price is empty: give gt, gte, lt, lte, exists, not"),
        ({"$and": {"price": 1}}, r"\$and is an object, and takes a list of filters"),
        ({"$or": None}, r"\$or is null, and takes a list of filters"),
        ({"$or": [1]}, "1 is no filter, which is an object of fields"),
        ({"$not": [{"price": 1}]}, "a list is no filter"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_fields(filter: dict[str, Any], message: str) -> None:
    """The two facts that disagree, and the types that would be right."""
    with pytest.raises(BadFilter, match=message + r".*" + LISTING):
        Selection(COLUMNS, filter)


@pytest.mark.parametrize(
    "filter", [{"color": "red"}, {"$or": [{"price": 1}, {"color": "red"}]}, {"$nor": []}, {"id": "a0"}]
)
def test_a_field_that_is_not_there_is_refused_with_the_fields(filter: dict[str, Any]) -> None:
    """At any depth; an operator that nobody knows is a field that nobody knows."""
    with pytest.raises(UnknownField, match="there is no field .*" + LISTING):
        Selection(COLUMNS, filter)


def nested(depth: int) -> dict[str, Any]:
    filter: dict[str, Any] = {"price": 10}
    for _ in range(depth):
        filter = {"$not": filter}
    return filter


@pytest.mark.parametrize(
    "filter",
    [
        nested(900),
        {"$or": [{"price": 1}] * 5_000},
        {"$and": [{}] * 20_000},
        {"$and": [{"price": {"gt": 1}, "stock": {"not": 3}}] * 30},
    ],
)
def test_a_filter_of_too_many_conditions_is_refused(filter: dict[str, Any]) -> None:
    """Deep or wide, before it costs anything."""
    with pytest.raises(BadFilter, match=f"more than {MAX_CONDITIONS} conditions"):
        Selection(COLUMNS, filter)


def test_the_limit_itself_is_allowed() -> None:
    """Each nested filter and each condition counts: 32 filters of one condition are 64."""
    assert rows({"$or": [{"price": 10}] * (MAX_CONDITIONS // 2)}) == [0]
    assert rows(nested(MAX_CONDITIONS - 2)) == [0]


def test_values_that_nest_are_told_without_being_written() -> None:
    """A list of lists of lists is no value, however deep."""
    value: list[Any] = []
    for _ in range(900):
        value = [value]
    with pytest.raises(BadFilter, match="and a list is not"):
        Selection(COLUMNS, {"colour": value})


def test_items_without_fields_pass_the_empty_filter() -> None:
    """A folder of pictures."""
    columns = Columns(pa.table({}), {}, 3)
    assert Selection(columns, {}).passing().tolist() == [True] * 3
    with pytest.raises(UnknownField, match="the items have no fields"):
        Selection(columns, {"colour": "red"})
