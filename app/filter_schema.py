"""What a filter looks like on the wire.

These types are for the document: indexer/filter.py reads the filter, since only with the catalogue's types at
hand can an error say what would be right.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Json, PlainValidator, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType, TypedDict

from indexer.filter import MAX_CONDITIONS

MAX_TEXT = 64 * 1024
"""Characters of a filter in a form."""

Scalar = bool | int | float | str
Condition = TypeAliasType("Condition", "Scalar | list[Scalar] | Operators")
_Bound = float | str
Operators = TypedDict(
    "Operators",
    {"gt": _Bound, "gte": _Bound, "lt": _Bound, "lte": _Bound, "exists": bool, "not": Condition},
    total=False,
)
with_config(ConfigDict(extra="forbid"))(Operators)
# The members of $and and $or are filters too: a list of what holds itself is more than some readers of the
# document can take.
Filter = TypedDict(  # type: ignore[misc]  # extra_items, of PEP 728: mypy does not know it yet
    "Filter",
    {"$and": list[dict[str, Any]], "$or": list[dict[str, Any]], "$not": "Filter"},
    total=False,
    extra_items=Condition,
)
with_config(ConfigDict(extra="allow"))(Filter)
DESCRIPTION = (
    "Items must meet every member: a field equals a value, or one of a list; or an object of `gt`, `gte`, "
    "`lt`, `lte`, `exists` (it has a value) and `not` (a condition that is not met). Of a list field, one "
    "element has to. An empty field meets none of these but `not`. `$and`, `$or` and `$not` combine filters, "
    f"of {MAX_CONDITIONS} conditions at most. GET /fields has the fields."
)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PydanticCustomError("bad_value", "a filter is an object of fields")
    return value


def _short(value: object) -> object:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise PydanticCustomError(
            "bad_value",
            "the filter has {length} characters, the limit is {limit}",
            {"length": len(value), "limit": MAX_TEXT},
        )
    return value


FilterObject = Annotated[dict[str, Any], PlainValidator(_object, json_schema_input_type=Filter)]
FilterText = Annotated[Json[FilterObject], BeforeValidator(_short)]
