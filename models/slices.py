"""Slices of a query set: which queries share a language, a length, or an attribute of what they ask for.

A tower that is good on average may fail one language or one colour; slices show it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.evaluate import QueryResult

OTHER = "other"
_MOST_FREQUENT = 12

_LENGTHS = ((2, "1–2"), (4, "3–4"), (8, "5–8"))
_LONGER = "9+"


@dataclass(frozen=True)
class Slice:
    """`rows` are positions in the results that were sliced, rising; at least one."""

    name: str
    rows: tuple[int, ...]


def slices(
    results: Sequence[QueryResult], attributes: Mapping[str, Mapping[str, str]]
) -> dict[str, list[Slice]]:
    """dimension → its slices: "language", "length" (in words), then each of `attributes`.

    `attributes` maps a name, such as "colour", to item id → value; a query has the value of its first
    relevant item that has one. A query of several languages is in each of their slices, one without a
    language or value in none. The largest slice comes first, `OTHER` (the values beyond the 12 most
    frequent) last, lengths by length. A dimension with fewer than two slices is left out: it says nothing.
    """
    languages = _by_size((lang, row) for row, result in enumerate(results) for lang in result.langs)
    lengths = _group((_length(result.query), row) for row, result in enumerate(results))
    order = [name for _, name in _LENGTHS] + [_LONGER]
    found = {
        "language": languages,
        "length": sorted(lengths, key=lambda part: order.index(part.name)),
    }
    for name, value_of in attributes.items():
        found[name] = _by_value(results, value_of)
    return {dimension: parts for dimension, parts in found.items() if len(parts) > 1}


def _length(query: str) -> str:
    words = len(query.split())
    return next((name for most, name in _LENGTHS if words <= most), _LONGER)


def _by_value(results: Sequence[QueryResult], value_of: Mapping[str, str]) -> list[Slice]:
    valued = [
        (value, row)
        for row, result in enumerate(results)
        if (value := next((value_of[item] for item in result.relevant if item in value_of), None)) is not None
    ]
    sizes = Counter(value for value, _ in valued)
    frequent = sorted(sizes, key=lambda value: (-sizes[value], value))[:_MOST_FREQUENT]
    return _by_size((value if value in frequent else OTHER, row) for value, row in valued)


def _by_size(named: Iterable[tuple[str, int]]) -> list[Slice]:
    return sorted(_group(named), key=lambda part: (part.name == OTHER, -len(part.rows), part.name))


def _group(named: Iterable[tuple[str, int]]) -> list[Slice]:
    rows: dict[str, list[int]] = {}
    for name, row in named:
        rows.setdefault(name, []).append(row)
    return [Slice(name, tuple(found)) for name, found in rows.items()]
