"""Fields, encoded: distinct values, and which items have them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from indexer.columns import Columns, Encoded, UnknownField


def encoded(kind: str, column: pa.Array) -> Encoded:
    return Columns(pa.table({"field": column}), {"field": kind}, len(column))["field"]


def written(lists: list[list[Any] | None]) -> pa.Array:
    """Lists of other things than texts, as the store writes them."""
    return pa.array([None if one is None else json.dumps(one) for one in lists], pa.string())


def pairs(field: Encoded) -> list[tuple[int, Any]]:
    """Each item's row with each value it has."""
    values = field.values.to_pylist()
    return [(int(row), values[code]) for row, code in zip(field.rows, field.codes, strict=True)]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("string", ["rot", None, "blau", "rot", ""]),
        ("integer", [3, None, -(2**63), 2**63 - 1, 2**53 + 1]),
        ("number", [1.5, None, -0.5, 1e308, 5e-324]),
        ("boolean", [True, None, False, True]),
    ],
)
def test_every_item_has_its_value(kind: str, values: list[Any]) -> None:
    """In the order of the catalogue, each distinct value once; what is missing has no entry."""
    field = encoded(kind, pa.array(values))
    expected = [(row, value) for row, value in enumerate(values) if value is not None]
    assert pairs(field) == expected
    assert field.values.to_pylist() == list(dict.fromkeys(value for _, value in expected))
    assert (field.type, field.of, field.items) == (kind, kind, len(values))
    assert field.there().tolist() == [value is not None for value in values]


def test_elements_of_lists_are_counted_by_item() -> None:
    """An element that comes twice in an item counts once; empty lists and null elements are none."""
    lists = [["S", "M", "S"], [], None, ["M", None], [None]]
    field = encoded("list", pa.array(lists, pa.list_(pa.string())))
    assert sorted(pairs(field)) == [(0, "M"), (0, "S"), (3, "M")]
    assert field.there().tolist() == [True, False, False, True, False]
    values = field.values.to_pylist()
    assert dict(zip(values, field.counts(np.ones(5, bool)).tolist(), strict=True)) == {"S": 1, "M": 2}


@pytest.mark.parametrize(
    ("lists", "of", "expected"),
    [
        ([[38, 40], None, [40], []], "integer", [(0, 38), (0, 40), (2, 40)]),
        ([[1, 2.5]], "number", [(0, 1.0), (0, 2.5)]),
        ([[True], [False]], "boolean", [(0, True), (1, False)]),
        ([[38, "S", True, 1.5]], "string", [(0, "38"), (0, "S"), (0, "true"), (0, "1.5")]),
        ([[1, 2**63]], "number", [(0, 1.0), (0, 2.0**63)]),
        ([[float("nan"), 1]], "integer", [(0, 1)]),
        ([[None], []], "string", []),
    ],
)
def test_lists_of_other_things_have_one_type(
    lists: list[list[Any] | None], of: str, expected: list[tuple[int, Any]]
) -> None:
    """That of their elements: numbers where no whole number is wide enough, and texts where they differ."""
    field = encoded("list", written(lists))
    assert (field.type, field.of) == ("list", of)
    assert sorted(pairs(field), key=str) == sorted(expected, key=str)


def test_json_is_there_or_not() -> None:
    """Whatever it holds."""
    field = encoded("json", pa.array(['{"a": 1}', None, "[]", "false"]))
    assert field.there().tolist() == [True, False, True, True]
    assert (field.of, len(field.values)) == ("json", 1)


def test_both_zeros_are_one_value() -> None:
    """They are equal, so they are not counted apart."""
    assert len(encoded("number", pa.array([0.0, -0.0])).values) == 1


def test_a_column_in_several_pieces_is_one() -> None:
    """As a large file is read."""
    column = pa.chunked_array([["rot", "blau"], ["blau", None, "gelb"]])
    assert pairs(encoded("string", column)) == [(0, "rot"), (1, "blau"), (2, "blau"), (4, "gelb")]


def test_a_field_of_nothing_has_no_values() -> None:
    """Of any type."""
    for kind, of in (("string", pa.string()), ("number", pa.float64()), ("list", pa.list_(pa.string()))):
        field = encoded(kind, pa.array([None, None], of))
        assert (len(field.values), pairs(field)) == (0, [])
        assert field.having(np.zeros(0, bool)).tolist() == [False, False]
        assert field.counts(np.ones(2, bool)).tolist() == []


def test_an_unknown_field_is_answered_with_those_that_there_are() -> None:
    """With their types; a name that came from outside stays one short line, and a long list is cut."""
    columns = Columns(pa.table({"a": [1], "b": ["x"]}), {"a": "integer", "b": "string"}, 1)
    with pytest.raises(
        UnknownField, match=r"^there is no field c; the fields are a \(integer\), b \(string\)$"
    ):
        columns["c"]
    with pytest.raises(UnknownField) as refused:
        columns["\ud800\n" + "x" * 1000]
    assert len(str(refused.value).encode()) < 120
    many = Columns(pa.table({}), {f"f{n}": "string" for n in range(130)}, 1)
    assert many.listing().endswith("f99 (string) and 30 more")
    assert Columns(pa.table({}), {}, 3).listing() == "the items have no fields"


def test_fields_that_are_only_described_are_not_kept() -> None:
    """What is filtered by is encoded once."""
    columns = Columns(pa.table({"a": [1]}), {"a": "integer"}, 1)
    assert columns.encode("a") is not columns.encode("a")
    assert columns["a"] is columns["a"] is columns.encode("a")
