"""Query sets and pairs: rows of a query and the item that answers it, from JSONL or CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class QueriesError(ValueError):
    """The file is not a query set; one line that says what disagrees and the cure."""


@dataclass(frozen=True)
class Pair:
    """One row; several rows may share a query."""

    query: str
    item: str
    lang: str | None = None
    weight: float = 1.0
    split: str | None = None


def read_pairs(path: Path, *, split: str | None = None, lang: str | None = None) -> list[Pair]:
    """The rows of a query set, in order, of one split or language where told.

    Raises QueriesError for a file that is missing, has a row without `query` or `item`, a weight that is
    not a positive number, or no row of that split or language.
    """
    try:
        pairs = [_pair(row, f"{path.name}, line {line}") for line, row in _rows(path)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise QueriesError(f"{path} cannot be read as a query set: {error}") from None
    chosen = _only(path, pairs, "split", split)
    chosen = _only(path, chosen, "lang", lang)
    if not chosen:
        raise QueriesError(f"{path.name} has no rows: a query set has rows with `query` and `item`")
    return chosen


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.lower() == ".csv":
            reader = csv.DictReader(file)
            for row in reader:
                yield reader.line_num, row
            return
        for line, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise QueriesError(f"{path.name}, line {line} is not JSON ({error})") from None
            if not isinstance(row, dict):
                raise QueriesError(f"{path.name}, line {line} is not a JSON object")
            yield line, row


def _pair(row: dict[str, Any], place: str) -> Pair:
    query, item = row.get("query"), row.get("item")
    if isinstance(item, int) and not isinstance(item, bool):
        item = str(item)  # as a catalogue's ids are
    if not isinstance(query, str) or not query.strip() or not isinstance(item, str) or not item:
        columns = ", ".join(str(column) for column in row)
        raise QueriesError(f"{place} needs a text in `query` and an id in `item`; it has {columns}")
    given = row.get("weight")
    try:
        weight = 1.0 if given in (None, "") else float(str(given))
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise QueriesError(f"{place} has the weight {given!r}: a weight is a number above 0")
    return Pair(query, item, row.get("lang") or None, weight, row.get("split") or None)


def _only(path: Path, pairs: list[Pair], column: str, wanted: str | None) -> list[Pair]:
    if wanted is None:
        return pairs
    chosen = [pair for pair in pairs if getattr(pair, column) == wanted]
    if not chosen:
        there = sorted({str(getattr(pair, column)) for pair in pairs})
        raise QueriesError(f"{path.name} has no row with {column} {wanted!r}: it has {', '.join(there)}")
    return chosen
