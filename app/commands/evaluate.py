"""`vitrine evaluate`: text towers, scored on a query set and compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Home, note, settings_of

if TYPE_CHECKING:
    from indexer.store import IndexVersion
    from models.evaluate import Evaluation, Search
    from models.slices import Slice
    from models.towers import Vectors

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415

_COLUMNS = ("queries", "hits@20", "mRR@20", "mAP@20", "DCG@20", "R@1", "R@10")
_COMPARED = ("hits@20", "mRR@20")
_WIDTH = 100
_LONGEST_NAME = 28

# The fields by which queries are sliced; of each, the first that the index has.
_ATTRIBUTES = {
    "colour": ("colour", "color", "colour_group", "colour_group_name", "base_colour", "basecolour"),
    "kind": ("kind", "type", "product_type", "category", "article_type", "articletype"),
}


def evaluate(
    queries: Annotated[
        Path, typer.Argument(help="JSONL or CSV with the columns query, item[, lang, split].")
    ],
    split: Annotated[str | None, typer.Option(help="Only the rows of this split.")] = None,
    lang: Annotated[str | None, typer.Option(help="Only the rows of this language.")] = None,
    text_tower: Annotated[
        list[str] | None,
        typer.Option(
            help="A registered tower; may be repeated, and the first is the one that the others are compared "
            "with.  [default: the active one]"
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Write a page of plots and examples into this folder, too."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the means as JSON, by tower.")] = False,
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
    towers = list(dict.fromkeys(text_tower or [registry.active(index.space) or "base"]))
    for name in towers:
        index.require_space("text", name, registry.card(name).space)
    items = dict.fromkeys(pair.item for pair in pairs)
    absent = sum(index.row(item) is None for item in items)
    if absent:
        note(f"{absent:,} of the items asked for are not in the index; they count as not found")
    # Each tower is let go before the next is opened.
    evaluations = [measure(registry.open(name), pairs, _searcher(index)) for name in towers]
    if as_json:
        print(json.dumps({evaluation.tower: evaluation.summary for evaluation in evaluations}))
    else:
        print("\n\n".join(_tables(evaluations)))
    if report is not None:
        from app.report import write_report

        attributes = attributes_of(index, items)
        page = write_report(report, evaluations, index=index, attributes=attributes, queries=queries.name)
        note(f"report: {page}")


def attributes_of(index: IndexVersion, items: Iterable[str]) -> dict[str, dict[str, str]]:
    """ "colour" and "kind" → item → its value, as text, for those of these items that have one; an attribute
    for which the index has no field is left out."""
    from indexer.tables import plain_name

    rows = {item: row for item in items if (row := index.row(item)) is not None}
    fields = index.fields(list(rows.values()))
    spelt = {plain_name(name): name for name in reversed(index.manifest.types)}
    found: dict[str, dict[str, str]] = {}
    for attribute, names in _ATTRIBUTES.items():
        name = next((spelt[name] for name in names if name in spelt), None)
        if name is None:
            continue
        valued = ((item, values.get(name)) for item, values in zip(rows, fields, strict=True))
        found[attribute] = {item: _as_text(value) for item, value in valued if value not in (None, "", [])}
    return found


def _as_text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _searcher(index: IndexVersion) -> Search:
    def ids(vectors: Vectors, depth: int) -> list[list[str]]:
        return [index.ids(index.search(vector, depth).rows) for vector in vectors]

    return ids


def _tables(evaluations: Sequence[Evaluation]) -> list[str]:
    """What the terminal shows, a text a table; each line is at most `_WIDTH` wide."""
    from models.slices import slices

    tables = [_means(evaluations), _intervals(evaluations)]
    if len(evaluations) > 1:
        tables.append(_differences(evaluations))
    languages = slices(evaluations[0].results, {}).get("language", [])
    if languages:
        tables += by_language(evaluations, languages)
    return tables


def _means(evaluations: Sequence[Evaluation]) -> str:
    """A line per tower, a column per measure."""
    lines = [["tower", *_COLUMNS]]
    for evaluation in evaluations:
        queries, *means = (evaluation.summary[measure] for measure in _COLUMNS)
        lines.append([_short(evaluation.tower), f"{queries:d}", *(f"{mean:.4f}" for mean in means)])
    return _aligned(lines)


def _intervals(evaluations: Sequence[Evaluation]) -> str:
    from models.significance import confidence

    lines = [["95% interval", *_COMPARED]]
    for evaluation in evaluations:
        intervals = (confidence(evaluation.values(measure)) for measure in _COMPARED)
        cells = (f"[{interval.low:.4f}, {interval.high:.4f}]" for interval in intervals)
        lines.append([_short(evaluation.tower), *cells])
    return _aligned(lines)


def _differences(evaluations: Sequence[Evaluation]) -> str:
    """Each tower against the first."""
    from models.significance import paired

    first, *others = evaluations
    lines = [["", *(title for measure in _COMPARED for title in (f"{measure}, 95% interval", "p"))]]
    for other in others:
        cells = []
        for measure in _COMPARED:
            found = paired(first.values(measure), other.values(measure))
            cells += [f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]", f"{found.p:.4f}"]
        lines.append([_short(other.tower), *cells])
    return f"against {_short(first.tower)}, on the same queries\n{_aligned(lines)}"


def by_language(evaluations: Sequence[Evaluation], languages: Sequence[Slice]) -> list[str]:
    """Two columns per tower and a line per language; towers that do not fit go into a next table."""
    left = [["language", "queries"]]
    left += [[language.name, str(len(language.rows))] for language in languages]
    left.append(["mean", ""])
    label = len(_aligned(left).split("\n")[0])
    tables: list[list[str]] = []
    for evaluation in evaluations:
        block = _of_languages(evaluation, languages)
        if not tables or len(tables[-1][0]) + 2 + len(block[0]) > _WIDTH:
            tables.append([" " * label, *_aligned(left).split("\n")])
        tables[-1] = [f"{line:<{label}}  {cells}" for line, cells in zip(tables[-1], block, strict=True)]
    return ["\n".join(line.rstrip() for line in table) for table in tables]


def _of_languages(evaluation: Evaluation, languages: Sequence[Slice]) -> list[str]:
    """The tower's name over two columns, their titles, a line per language and the mean of those lines."""
    columns = [evaluation.values(measure) for measure in _COMPARED]
    rows = [[float(values[list(language.rows)].mean()) for values in columns] for language in languages]
    rows.append([sum(column) / len(languages) for column in zip(*rows, strict=True)])
    lines = ["  ".join(_COMPARED), *("  ".join(f"{mean:>7.4f}" for mean in row) for row in rows)]
    width = max(len(_short(evaluation.tower)), len(lines[0]))
    return [f"{_short(evaluation.tower):<{width}}", *(f"{line:<{width}}" for line in lines)]


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """The first column on the left, the others on the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = (
        "  ".join([f"{first:<{widths[0]}}", *map(str.rjust, rest, widths[1:])]) for first, *rest in lines
    )
    return "\n".join(aligned)


def _short(tower: str) -> str:
    """An id of up to 64 characters, without its middle where a line would not hold it."""
    if len(tower) <= _LONGEST_NAME:
        return tower
    half = _LONGEST_NAME // 2
    return f"{tower[:half]}…{tower[-(half - 1) :]}"
