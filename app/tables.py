"""What the terminal shows of evaluations: their means, intervals and differences, in columns."""

from __future__ import annotations

from collections.abc import Sequence

from models.evaluate import Evaluation
from models.robustness import Robustness
from models.significance import confidence, paired
from models.slices import Slice, slices

_COLUMNS = ("queries", "hits@20", "mRR@20", "mAP@20", "DCG@20", "R@1", "R@10")
_COMPARED = ("hits@20", "mRR@20")
_WIDTH = 100
_LONGEST_NAME = 28


def tables(evaluations: Sequence[Evaluation]) -> list[str]:
    """What the terminal shows, a text a table; each line is at most `_WIDTH` wide."""
    found = [means(evaluations), intervals(evaluations)]
    if len(evaluations) > 1:
        found.append(differences(evaluations))
    languages = slices(evaluations[0].results, {}).get("language", [])
    if languages:
        found += by_language(evaluations, languages)
    return found


def means(evaluations: Sequence[Evaluation]) -> str:
    """A line per tower, a column per measure."""
    lines = [["tower", *_COLUMNS]]
    for evaluation in evaluations:
        queries, *rest = (evaluation.summary[measure] for measure in _COLUMNS)
        lines.append([short(evaluation.tower), f"{queries:d}", *(f"{mean:.4f}" for mean in rest)])
    return aligned(lines)


def intervals(evaluations: Sequence[Evaluation]) -> str:
    lines = [["95% interval", *_COMPARED]]
    for evaluation in evaluations:
        found = (confidence(evaluation.values(measure)) for measure in _COMPARED)
        cells = (f"[{interval.low:.4f}, {interval.high:.4f}]" for interval in found)
        lines.append([short(evaluation.tower), *cells])
    return aligned(lines)


def differences(evaluations: Sequence[Evaluation]) -> str:
    """Each tower against the first."""
    first, *others = evaluations
    lines = [["", *(title for measure in _COMPARED for title in (f"{measure}, 95% interval", "p"))]]
    for other in others:
        cells = []
        for measure in _COMPARED:
            found = paired(first.values(measure), other.values(measure))
            cells += [f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]", f"{found.p:.4f}"]
        lines.append([short(other.tower), *cells])
    return f"against {short(first.tower)}, on the same queries\n{aligned(lines)}"


def by_language(evaluations: Sequence[Evaluation], languages: Sequence[Slice]) -> list[str]:
    """Two columns per tower and a line per language; towers that do not fit go into a next table."""
    left = [["language", "queries"]]
    left += [[language.name, str(len(language.rows))] for language in languages]
    left.append(["mean", ""])
    label = len(aligned(left).split("\n")[0])
    tables: list[list[str]] = []
    for evaluation in evaluations:
        block = _of_languages(evaluation, languages)
        if not tables or len(tables[-1][0]) + 2 + len(block[0]) > _WIDTH:
            tables.append([" " * label, *aligned(left).split("\n")])
        tables[-1] = [f"{line:<{label}}  {cells}" for line, cells in zip(tables[-1], block, strict=True)]
    return ["\n".join(line.rstrip() for line in table) for table in tables]


def _of_languages(evaluation: Evaluation, languages: Sequence[Slice]) -> list[str]:
    """The tower's name over two columns, their titles, a line per language and the mean of those lines."""
    columns = [evaluation.values(measure) for measure in _COMPARED]
    rows = [[float(values[list(language.rows)].mean()) for values in columns] for language in languages]
    rows.append([sum(column) / len(languages) for column in zip(*rows, strict=True)])
    lines = ["  ".join(_COMPARED), *("  ".join(f"{mean:>7.4f}" for mean in row) for row in rows)]
    width = max(len(short(evaluation.tower)), len(lines[0]))
    return [f"{short(evaluation.tower):<{width}}", *(f"{line:<{width}}" for line in lines)]


def drops(robust: Robustness) -> str:
    """A line per perturbation, over the queries that it changes, and the mean of those lines."""
    lines = [[f"{short(robust.tower)}, mRR@20", "queries", "plain", "perturbed", "lost"]]
    for drop in robust.drops:
        cells = [f"{drop.plain:.4f}", f"{drop.perturbed:.4f}", f"{drop.relative:.1%}"] if drop.queries else []
        lines.append([drop.perturbation, str(drop.queries), *(cells or ["", "", ""])])
    return aligned([*lines, ["mean", "", "", "", f"{robust.mean_drop:.1%}"]])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """The first column on the left, the others on the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([f"{first:<{widths[0]}}", *map(str.rjust, rest, widths[1:])]) for first, *rest in lines
    )


def short(tower: str) -> str:
    """An id of up to 64 characters, without its middle where a line would not hold it."""
    if len(tower) <= _LONGEST_NAME:
        return tower
    half = _LONGEST_NAME // 2
    return f"{tower[:half]}…{tower[-(half - 1) :]}"
