"""What a catalogue holds: items, and what was set aside with the reason."""

from dataclasses import dataclass
from typing import Any

from indexer.source import Source

Value = str | int | float | bool | None | list[Any] | dict[str, Any]


class CatalogueError(ValueError):
    """The input as a whole is wrong; one line that says what disagrees and the cure."""


@dataclass(frozen=True, slots=True)
class Item:
    """One product: at least one picture, and every field of the catalogue (None where it is empty)."""

    id: str
    pictures: tuple[Source, ...]
    fields: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row, or one picture of a row, that was set aside; `item` and `picture` are "" where unknown."""

    item: str
    picture: str
    reason: str


@dataclass(frozen=True)
class Catalogue:
    """Items in the order of the file; `types` names each field's type, in the order of the columns:
    "string", "integer", "number", "boolean", "list" (of scalars) or "json"."""

    items: list[Item]
    quarantined: list[Quarantined]
    types: dict[str, str]
