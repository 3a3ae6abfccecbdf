"""A text tower on a query set: its queries, searched and measured; and the results, kept as JSONL."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.metrics import reported
from models.queries import Pair
from models.towers import TextTower, Vectors

DEPTH = 20
_QUERIES_AT_ONCE = 256

Search = Callable[[Vectors, int], Sequence[Sequence[str]]]
"""(query vectors (n, dim), depth) → for each the ids of the best items, best first."""


class ResultsError(ValueError):
    """The file does not hold results; one line that names the file's line and what is wrong with it."""


@dataclass(frozen=True)
class QueryResult:
    """One query: what it asked for, what was found, and how good that is.

    `langs` are the languages of its rows and `relevant` their items, each once, in the order of the rows;
    `ranked` are the best `DEPTH` ids, best first, none where the query was not answered; `values` maps each
    measure's name to its value.
    """

    query: str
    langs: tuple[str, ...]
    relevant: tuple[str, ...]
    ranked: tuple[str, ...]
    values: dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """A tower's results, in the order in which the queries first appear; at least one."""

    tower: str
    results: list[QueryResult]

    @property
    def summary(self) -> dict[str, float]:
        """`queries`, then each measure's mean over the distinct queries."""
        measures = self.results[0].values
        means = {
            measure: math.fsum(result.values[measure] for result in self.results) / len(self.results)
            for measure in measures
        }
        return {"queries": len(self.results)} | means

    def values(self, measure: str) -> NDArray[np.float64]:
        """(queries,) one measure's values, in the order of the results."""
        return np.array([result.values[measure] for result in self.results], dtype=np.float64)


def evaluate(tower: TextTower, pairs: Sequence[Pair], search: Search) -> Evaluation:
    """Searches every distinct query of `pairs` once; its relevant items are those of all its rows."""
    rows: dict[str, list[Pair]] = {}
    for pair in pairs:
        rows.setdefault(pair.query, []).append(pair)
    queries = list(rows)
    results: list[QueryResult] = []
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        batch = queries[start : start + _QUERIES_AT_ONCE]
        found = search(tower.encode(batch), DEPTH)
        results += (_result(rows[query], ranked) for query, ranked in zip(batch, found, strict=True))
    return Evaluation(tower.id, results)


def _result(rows: list[Pair], found: Sequence[str]) -> QueryResult:
    langs = tuple(dict.fromkeys(pair.lang for pair in rows if pair.lang is not None))
    relevant = tuple(dict.fromkeys(pair.item for pair in rows))
    ranked = tuple(found[:DEPTH])
    values = {str(measure): measure(ranked, relevant) for measure in reported()}
    return QueryResult(rows[0].query, langs, relevant, ranked, values)


def write_results(path: Path, evaluations: Sequence[Evaluation]) -> None:
    """One JSON object a line for each tower and query, from which every summary can be made again."""
    with path.open("w", encoding="utf-8") as file:
        for evaluation in evaluations:
            for result in evaluation.results:
                line = {"tower": evaluation.tower} | asdict(result)
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read_results(path: Path) -> list[Evaluation]:
    """What `write_results` wrote, towers in the order of their first lines.

    Raises ResultsError for a line that is no such object, that repeats a query of its tower, or whose
    measures are others than those of the lines before it.
    """
    results: dict[str, dict[str, QueryResult]] = {}
    measures: list[str] = []
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, start=1):
            place = f"{path.name}, line {number}"
            tower, result = _read_result(text, place)
            known = results.setdefault(tower, {})
            if result.query in known:
                raise ResultsError(f"{place} repeats the query {result.query!r} of tower {tower}")
            measures = measures or list(result.values)
            if list(result.values) != measures:
                raise ResultsError(f"{place} has {_names(result.values)}; line 1 has {_names(measures)}")
            known[result.query] = result
    if not results:
        raise ResultsError(f"{path.name} has no lines: results have one for each tower and query")
    return [Evaluation(tower, list(known.values())) for tower, known in results.items()]


def _read_result(text: str, place: str) -> tuple[str, QueryResult]:
    try:
        line: dict[str, Any] = json.loads(text)
        tower, query = line["tower"], line["query"]
        lists = [line[name] for name in ("langs", "relevant", "ranked")]
        values = {str(name): float(value) for name, value in line["values"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ResultsError(f"{place} is not a result ({type(error).__name__}: {error})") from None
    whole = (
        all(isinstance(text, str) for text in (tower, query))
        and all(isinstance(part, list) and all(isinstance(text, str) for text in part) for part in lists)
        and lists[1]
        and values
        and all(math.isfinite(value) for value in values.values())
    )
    if not whole:
        raise ResultsError(
            f"{place} is not a result: it needs a text in tower and query, lists of texts in langs, relevant "
            "(not empty) and ranked, and numbers in values"
        )
    langs, relevant, ranked = map(tuple, lists)
    return tower, QueryResult(query, langs, relevant, ranked, values)


def _names(measures: Any) -> str:
    return ", ".join(measures)
