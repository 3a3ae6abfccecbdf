"""Query sets and pairs: rows of a query and the item that answers it, from JSONL or CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SHOWN = 5


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
    line: int = field(default=0, compare=False)
    """Where its file has it, counted from 1."""


@dataclass(frozen=True)
class Fault:
    """A row that is no pair: what is wrong with rows of its sort, and a message about this one."""

    line: int
    reason: str
    message: str


def read_pairs(path: Path, *, split: str | None = None, lang: str | None = None) -> list[Pair]:
    """The rows of a query set, in order, of one split or language where told.

    Raises QueriesError for a file that is missing, has a row without `query` or `item`, a weight that is
    not a positive number, or no row of that split or language.
    """
    pairs, faults = judge_pairs(path)
    if faults:
        raise QueriesError(faults[0].message)
    return choose(path, pairs, split=split, lang=lang)


def judge_pairs(path: Path, texts: tuple[str, str] = ("query", "item")) -> tuple[list[Pair], list[Fault]]:
    """The rows of a file that are pairs, and those that are not, in order.

    `texts` are the columns of the query and of what answers it. Raises QueriesError for a file that cannot
    be read as a whole: it is missing, or is not UTF-8.
    """
    pairs: list[Pair] = []
    faults: list[Fault] = []
    try:
        for line, row in _rows(path):
            judged = row if isinstance(row, Fault) else _pair(row, line, f"{path.name}, line {line}", texts)
            if isinstance(judged, Fault):
                faults.append(judged)
            else:
                pairs.append(judged)
    except UnicodeDecodeError:
        raise QueriesError(f"{path} cannot be read as a query set: {_not_utf8(path)}") from None
    except (OSError, csv.Error) as error:
        raise QueriesError(f"{path} cannot be read as a query set: {error}") from None
    return pairs, faults


def choose(path: Path, pairs: list[Pair], *, split: str | None = None, lang: str | None = None) -> list[Pair]:
    """The pairs of one split or language, where told. Raises QueriesError if there is none."""
    chosen = _only(path, pairs, "split", split)
    chosen = _only(path, chosen, "lang", lang.lower() if lang else None)
    if not chosen:
        raise QueriesError(f"{path.name} has no rows: a query set has rows with `query` and `item`")
    return chosen


def lines(numbers: Sequence[int]) -> str:
    """ "line 7", or "lines 3, 7, 9, 12, 15, … (31 in all)"."""
    shown = ", ".join(f"{number:,}" for number in numbers[:_SHOWN])
    more = f", … ({len(numbers):,} in all)" if len(numbers) > _SHOWN else ""
    return f"line{'s' if len(numbers) > 1 else ''} {shown}{more}"


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.lower() == ".csv":
            reader = csv.DictReader(file)
            for row in reader:
                yield reader.line_num, row
            return
        for line, text in enumerate(file, start=1):
            if not text.strip():
                continue
            place = f"{path.name}, line {line}"
            try:
                row = json.loads(text)
            except (ValueError, RecursionError) as error:
                yield line, Fault(line, "not JSON", f"{place} is not JSON ({error})")
                continue
            if isinstance(row, dict):
                yield line, row
            else:
                yield line, Fault(line, "not a JSON object", f"{place} is not a JSON object")


def _pair(row: dict[str, Any], line: int, place: str, texts: tuple[str, str]) -> Pair | Fault:
    asked, answer = texts
    query, item = row.get(asked), row.get(answer)
    if isinstance(item, int) and not isinstance(item, bool):
        item = str(item)  # as a catalogue's ids are
    if not isinstance(query, str) or not query.strip() or not isinstance(item, str) or not item.strip():
        columns = ", ".join(str(column) for column in row)
        what = "id" if answer == "item" else "text"
        reason = f"no text in `{asked}` or no {what} in `{answer}`"
        needed = f"a text in `{asked}` and {'an' if what == 'id' else 'a'} {what} in `{answer}`"
        return Fault(line, reason, f"{place} needs {needed}; it has {columns}")
    if not (_is_whole(query) and _is_whole(item)):
        return Fault(line, "half a character", f"{place} has half a character (a lone \\ud800, say): mend it")
    given = row.get("weight")
    try:
        weight = 1.0 if given in (None, "") else float(str(given))
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        message = f"{place} has the weight {given!r}: a weight is a number above 0"
        return Fault(line, "a weight that is not a number above 0", message)
    lang, split = (str(row[name]) if row.get(name) else None for name in ("lang", "split"))
    return Pair(query, item, lang.lower() if lang else None, weight, split, line)


def _is_whole(text: str) -> bool:
    """JSON can write half of a surrogate pair, which is no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_utf8(path: Path) -> str:
    """Which lines are to blame; there is at least one."""
    found = []
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            try:
                text.decode("utf-8")
            except UnicodeDecodeError:
                found.append(number)
    there = "is" if len(found) == 1 else "are"
    return f"{lines(found)} {there} not UTF-8 (Latin-1, perhaps): save the file as UTF-8"


def _only(path: Path, pairs: list[Pair], column: str, wanted: str | None) -> list[Pair]:
    if wanted is None:
        return pairs
    chosen = [pair for pair in pairs if getattr(pair, column) == wanted]
    if not chosen:
        there = sorted({getattr(pair, column) or "none" for pair in pairs})
        raise QueriesError(f"{path.name} has no row with {column} {wanted!r}: it has {', '.join(there)}")
    return chosen
