"""A filter → rows: which items pass. Each condition is met by some of its field's distinct values, and then
looked up for all items.

A field that is empty meets no comparison, and so passes its negation.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from indexer.columns import Columns, Encoded, Mask
from indexer.tables import shown

MAX_CONDITIONS = 64
"""Conditions and nested filters in one filter, which bounds its depth too."""

_COMBINATORS = ("$and", "$or", "$not")
# On texts; on numbers; and the whole number that a bound is to whole numbers.
_BOUNDS: dict[str, tuple[Any, Callable[[Any, Any], Any], Callable[[float], int]]] = {
    "gt": (pc.greater, operator.gt, math.floor),
    "gte": (pc.greater_equal, operator.ge, math.ceil),
    "lt": (pc.less, operator.lt, math.ceil),
    "lte": (pc.less_equal, operator.le, math.floor),
}
_OPERATORS = (*_BOUNDS, "exists", "not")
_KINDS = {"string": "a text", "integer": "a number", "number": "a number", "boolean": "true or false"}


class BadFilter(ValueError):
    """The filter is none, or asks a field for what is not of its type; the message lists the fields."""


class Selection:
    """The items that pass a filter, and those that would if one field were free."""

    def __init__(self, columns: Columns, filter: Mapping[str, Any]) -> None:
        """`filter` as JSON has it: field → condition, all of which an item must meet.

        A condition is a value that the field equals, a list of which it equals one, or an object: `gt`,
        `gte`, `lt`, `lte` (one element of a list is within all of them), `exists` (whether the field has a
        value), `not` (a condition that is not met). `$and` and `$or` take lists of filters, `$not` a filter.
        Raises UnknownField, BadFilter.
        """
        evaluation = _Evaluation(columns)
        self._items = columns.items
        self._met = {name: evaluation.member(name, condition) for name, condition in filter.items()}

    def passing(self, *, free: str | None = None) -> Mask:
        """The items that pass; whatever they have in the field `free`, whose own condition is lifted."""
        met = [mask for name, mask in self._met.items() if name != free or name in _COMBINATORS]
        return _all(met, self._items)


class _Evaluation:
    """One filter, condition by condition."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._left = MAX_CONDITIONS

    def member(self, name: str, condition: object) -> Mask:
        """One member of a filter: a field's condition, or a combinator."""
        if name in ("$and", "$or"):
            if not isinstance(condition, list):
                raise self._bad(f"{name} is {_told(condition)}, and takes a list of filters")
            masks = [self._filter(one) for one in condition]
            return _all(masks, self._columns.items) if name == "$and" else _any(masks, self._columns.items)
        if name == "$not":
            return ~self._filter(condition)
        return self._condition(name, self._columns[name], condition)

    def _filter(self, filter: object) -> Mask:
        self._count()
        if not isinstance(filter, Mapping):
            raise self._bad(f"{_told(filter)} is no filter, which is an object of fields")
        masks = [self.member(name, condition) for name, condition in filter.items()]
        return _all(masks, self._columns.items)

    def _condition(self, name: str, field: Encoded, condition: object) -> Mask:
        self._count()
        if not isinstance(condition, Mapping):
            values = condition if isinstance(condition, list) else [condition]
            return field.having(_among(field, [self._operand(name, field, value) for value in values]))
        if not condition:
            raise self._bad(f"the condition of {shown(name, 40)} is empty: give {', '.join(_OPERATORS)}")
        unknown = next((sign for sign in condition if sign not in _OPERATORS), None)
        if unknown is not None:
            raise self._bad(f"{_told(unknown)} is no operator: use {', '.join(_OPERATORS)}")
        bounds = {sign: self._bound(name, field, condition[sign]) for sign in _BOUNDS if sign in condition}
        met = [field.having(_within(field, bounds))] if bounds else []
        if "exists" in condition:
            if not isinstance(condition["exists"], bool):
                raise self._bad(f"exists is {_told(condition['exists'])}, and takes true or false")
            met.append(field.there() == condition["exists"])
        if "not" in condition:
            met.append(~self._condition(name, field, condition["not"]))
        return _all(met, self._columns.items)

    def _bound(self, name: str, field: Encoded, value: object) -> Any:
        if field.of == "boolean":
            raise self._bad(f"{shown(name, 40)} is true or false, which have no order: give one of them")
        return self._operand(name, field, value)

    def _operand(self, name: str, field: Encoded, value: object) -> Any:
        """The value, if the field can be compared with it."""
        if value is None:
            raise self._bad(
                f'{shown(name, 40)} is compared with null: {{"exists": false}} finds what is empty'
            )
        if field.of == "json":
            raise self._bad(f"{shown(name, 40)} is json, which has no order and no equals: ask if it exists")
        if not _is_of(field.of, value):
            what = "each element of" if field.type == "list" else ""
            kind = _KINDS[field.of]
            raise self._bad(f"{what} {shown(name, 40)} is {kind}, and {_told(value)} is not".strip())
        return value

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise BadFilter(f"the filter has more than {MAX_CONDITIONS} conditions, which is the limit")

    def _bad(self, problem: str) -> BadFilter:
        return BadFilter(f"{problem}; {self._columns.listing()}")


def _is_of(of: str, value: object) -> bool:
    if of == "string":
        return isinstance(value, str) and not any("\ud800" <= one <= "\udfff" for one in value)
    if of == "boolean" or isinstance(value, bool):
        return of == "boolean" and isinstance(value, bool)
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _among(field: Encoded, operands: list[Any]) -> NDArray[np.bool_]:
    """Which of the field's distinct values are among the operands."""
    if field.of == "number":
        operands = [_float(operand) for operand in operands]
    if field.of == "integer":
        # JSON may write a whole number as 3.0; what is not whole, or wider than the column, equals none.
        operands = [int(operand) for operand in operands if operand == int(operand)]
        operands = [operand for operand in operands if -(2**63) <= operand < 2**63]
    found: NDArray[np.bool_] = pc.is_in(
        field.values, value_set=pa.array(operands, type=field.values.type)
    ).to_numpy(zero_copy_only=False)
    return found


def _within(field: Encoded, bounds: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Which of the field's distinct values all the bounds allow; texts are ordered by code point."""
    within = np.ones(len(field.values), dtype=np.bool_)
    for sign, bound in bounds.items():
        on_texts, on_numbers, whole = _BOUNDS[sign]
        if field.of == "string":
            within &= on_texts(field.values, bound).to_numpy(zero_copy_only=False)
        else:
            # Whole numbers are compared as such: as floats, large ones would be rounded.
            exact = whole(bound) if field.of == "integer" else _float(bound)
            within &= on_numbers(field.values.to_numpy(), exact)
    return within


def _float(number: float) -> float:
    try:
        return float(number) + 0.0  # see columns: there is one zero
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _all(masks: list[Mask], items: int) -> Mask:
    """What is in all of them: without any, everything."""
    return np.logical_and.reduce(masks) if masks else np.ones(items, dtype=np.bool_)


def _any(masks: list[Mask], items: int) -> Mask:
    """What is in one of them: without any, nothing."""
    return np.logical_or.reduce(masks) if masks else np.zeros(items, dtype=np.bool_)


def _told(value: object) -> str:
    """A value of a filter as a message may show it; what nests may be too deep to be written."""
    if isinstance(value, list | Mapping):
        return "a list" if isinstance(value, list) else "an object"
    return shown(json.dumps(value, ensure_ascii=False), 40)
