"""Columns: the fields of an index version's items, encoded so that they are quick to compare and to count."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from indexer.tables import shown

Mask = NDArray[np.bool_]
"""(items,) of each item, whether it belongs to what is meant."""

_LISTED = 100
_TYPES = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}


class UnknownField(LookupError):
    """The catalogue has no field of this name; the message lists those that it has."""


@dataclass(frozen=True)
class Encoded:
    """One field: its distinct values, in the order of the catalogue, and which items have which.

    The item of row `rows[n]` has the value `values[codes[n]]`; rows rise, and no pair of the two comes twice.
    An item that has none is empty: its value is missing, or a list without an element. `type` is the field's,
    `of` that of one value: of a list, its elements' ("string" where they differ, each as JSON writes it).
    A field of type "json" has one value that stands for any.
    """

    type: str
    of: str
    values: pa.Array
    codes: NDArray[np.int32]
    rows: NDArray[np.int32]
    items: int

    def having(self, wanted: NDArray[np.bool_]) -> Mask:
        """The items that have one of the values which are `wanted` (values,)."""
        mask = np.zeros(self.items, dtype=np.bool_)
        mask[self.rows[np.flatnonzero(wanted.take(self.codes))]] = True
        return mask

    def there(self) -> Mask:
        """The items that have a value."""
        mask = np.zeros(self.items, dtype=np.bool_)
        mask[self.rows] = True
        return mask

    def counts(self, passing: Mask) -> NDArray[np.int64]:
        """(values,) how many of the passing items have each value."""
        if passing.all():
            return self._totals
        # By place: indexing by a mask takes four times as long.
        held = np.flatnonzero(passing.take(self.rows))
        return np.bincount(self.codes.take(held), minlength=len(self.values))

    @cached_property
    def _totals(self) -> NDArray[np.int64]:
        return np.bincount(self.codes, minlength=len(self.values))


class Columns:
    """The fields of all items, each encoded when it is first asked for, and kept.

    Safe to use from several threads.
    """

    def __init__(self, table: pa.Table, types: Mapping[str, str], items: int) -> None:
        """A column of `table` per field, as the store writes them; `types` as the manifest names them."""
        self.types = dict(types)
        self.items = items
        self._table = table
        self._encoded: dict[str, Encoded] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self.types)

    def __getitem__(self, name: str) -> Encoded:
        """Raises UnknownField."""
        if name not in self._encoded:
            self._encoded[name] = self.encode(name)
        return self._encoded[name]

    def value_of(self, name: str) -> NDArray[np.int32]:
        """(items,) which of the field's distinct values each item has, -1 where it has none. Raises
        UnknownField, for a field of lists or of JSON too: there an item has no one value."""
        field = self[name]
        if field.type in ("list", "json"):
            raise UnknownField(
                f"{shown(name, 40)} is {field.type}, and not one value, which items could have in common; "
                f"{self.listing()}"
            )
        codes = np.full(self.items, -1, dtype=np.int32)
        codes[field.rows] = field.codes
        return codes

    def encode(self, name: str) -> Encoded:
        """What the field is, without keeping it: prose is as large again. Raises UnknownField."""
        if name in self._encoded:
            return self._encoded[name]
        if name not in self.types:
            raise UnknownField(f"there is no field {shown(name, 40)}; {self.listing()}")
        kind = self.types[name]
        column = self._table[name].combine_chunks()
        if kind == "json":
            column = pc.if_else(column.is_valid(), True, None)
        if kind == "list":
            return _encode_list(column, self.items)
        return _encode(kind, kind, column, np.arange(self.items, dtype=np.int32), self.items)

    def listing(self) -> str:
        """The fields and their types, for a message."""
        named = [f"{shown(name, 40)} ({kind})" for name, kind in self.types.items()]
        more = f" and {len(named) - _LISTED} more" if len(named) > _LISTED else ""
        return f"the fields are {', '.join(named[:_LISTED])}{more}" if named else "the items have no fields"


def _encode(kind: str, of: str, values: pa.Array, rows: NDArray[np.int32], items: int) -> Encoded:
    if of == "number":
        values = pc.add(values, 0.0)  # one zero: the negative one is equal, but is told apart by its bits
    encoded = values.dictionary_encode()
    codes = encoded.indices.drop_null().to_numpy().astype(np.int32)
    there = values.is_valid().to_numpy(zero_copy_only=False)
    return Encoded(kind, of, encoded.dictionary, codes, rows[there], items)


def _encode_list(column: pa.Array, items: int) -> Encoded:
    if pa.types.is_list(column.type):
        rows, of, elements = pc.list_parent_indices(column).to_numpy(), "string", pc.list_flatten(column)
    else:
        rows, of, elements = _elements(column)
    encoded = _encode("list", of, elements, rows.astype(np.int32), items)
    # An item may name an element twice, and still is one item.
    pairs = np.sort(encoded.rows.astype(np.int64) * len(encoded.values) + encoded.codes, kind="stable")
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    rows, codes = np.divmod(pairs, max(len(encoded.values), 1))
    return Encoded("list", of, encoded.values, codes.astype(np.int32), rows.astype(np.int32), items)


def _elements(column: pa.Array) -> tuple[NDArray[np.int64], str, pa.Array]:
    """Rows, type and values of the elements of lists that are written as JSON."""
    rows: list[int] = []
    elements: list[Any] = []
    for row, text in enumerate(column.to_pylist()):
        for element in [] if text is None else json.loads(text):
            if element is not None and not (isinstance(element, float) and not math.isfinite(element)):
                rows.append(row)
                elements.append(element)
    kinds = {type(element) for element in elements}
    if kinds == {bool}:
        of = "boolean"
    elif kinds == {int} and all(-(2**63) <= element < 2**63 for element in elements):
        of = "integer"
    elif kinds and kinds <= {int, float}:
        of, elements = "number", [float(element) for element in elements]
    else:
        of = "string"
        elements = [
            element if isinstance(element, str) else json.dumps(element, ensure_ascii=False)
            for element in elements
        ]
    return np.array(rows, dtype=np.int64), of, pa.array(elements, type=_TYPES[of])
