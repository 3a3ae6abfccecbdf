"""`vitrine evaluate`: text towers, scored on a query set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Home, note, settings_of

if TYPE_CHECKING:
    from indexer.store import IndexVersion
    from models.evaluate import Search
    from models.towers import Vectors

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415


def evaluate(
    queries: Annotated[
        Path, typer.Argument(help="JSONL or CSV with the columns query, item[, lang, split].")
    ],
    split: Annotated[str | None, typer.Option(help="Only the rows of this split.")] = None,
    lang: Annotated[str | None, typer.Option(help="Only the rows of this language.")] = None,
    text_tower: Annotated[
        list[str] | None, typer.Option(help="A registered tower; may be repeated.  [default: the active one]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, by tower.")] = False,
    home: Home = None,
) -> None:
    """Scores text towers on a query set against the current index."""
    from indexer.store import open_current
    from models.evaluate import evaluate as measure
    from models.queries import read_pairs
    from models.registry import Registry

    settings = settings_of(home)
    pairs = read_pairs(queries, split=split, lang=lang)
    index = open_current(settings.home)
    registry = Registry(settings.home)
    absent = {pair.item for pair in pairs if index.row(pair.item) is None}
    if absent:
        note(f"{len(absent):,} of the items asked for are not in the index; they count as not found")
    results = {}
    for name in text_tower or [registry.active(index.space) or "base"]:
        index.require_space("text", name, registry.card(name).space)
        results[name] = measure(registry.open(name), pairs, _searcher(index)).summary
    print(json.dumps(results) if as_json else _table(results))


def _searcher(index: IndexVersion) -> Search:
    def ids(vectors: Vectors, depth: int) -> list[list[str]]:
        return [index.ids(index.search(vector, depth).rows) for vector in vectors]

    return ids


def _table(results: dict[str, dict[str, float]]) -> str:
    """A line per tower, a column per measure."""
    measures = list(next(iter(results.values())))
    width = max(len(name) for name in [*results, "tower"])
    lines = ["  ".join([f"{'tower':<{width}}", *(f"{measure:>8}" for measure in measures)])]
    for name, values in results.items():
        cells = (f"{value:>8.4f}" if isinstance(value, float) else f"{value:>8}" for value in values.values())
        lines.append("  ".join([f"{name:<{width}}", *cells]))
    return "\n".join(lines)
