"""The report of an evaluation: a folder with a page to look at, and the numbers that it was made from.

index.html      the whole page: styles, plots and pictures inside, no script, no address of another place
results.jsonl   every tower's answer to every query (see models/evaluate.py)
summary.json    means, intervals, differences and slices, as the page shows them
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import jinja2

from app import plots
from app.examples import first_rank, galleries
from indexer.store import IndexVersion
from models import significance
from models.evaluate import DEPTH, Evaluation, write_results
from models.gate import Verdict
from models.slices import Slice, slices

PAGE, RESULTS, SUMMARY = "index.html", "results.jsonl", "summary.json"
HEADLINE = ("hits@20", "mRR@20", "mAP@20", "nDCG@20")
SLICED = ("hits@20", "mRR@20")
FEW = 10
"""Queries; a slice of fewer is shown, and shown to be small."""

_TEMPLATES = Path(__file__).parent / "templates"
_DEFINITIONS = {
    "hits": "share of queries with a right item among the first {}",
    "mRR": "1 / rank of the first right item, 0 where none is among the first {}",
    "mAP": "precision at the rank of each right item, summed, divided by the number of right items",
    "DCG": "1 / log2(rank + 1), summed over the right items among the first {}",
    "nDCG": "DCG, divided by that of the best possible order",
    "R": "share of the right items that is among the first {}",
    "P": "share of the first {} that is right",
}

Part = TypeVar("Part")


class ReportError(ValueError):
    """The report cannot be written; one line that says what disagrees and the cure."""


def write_report(
    folder: Path,
    evaluations: Sequence[Evaluation],
    *,
    index: IndexVersion,
    attributes: Mapping[str, Mapping[str, str]],
    queries: str,
    verdict: Verdict | None = None,
    between: Callable[[], None] = lambda: None,
) -> Path:
    """Writes the report of towers on one query set, whole or not at all, and returns its page.

    The first evaluation is the baseline that the others are compared with. `attributes` is what `slices`
    takes, `queries` what the page calls the query set, `verdict` what a gate said of the second tower.
    `between` is called between parts of work, each well below a second, and may raise to end it. A report in
    `folder` is replaced. Raises ReportError
    where `folder` holds anything else, or the evaluations are not of different towers on the same queries.
    """
    folder = folder.resolve()  # the report replaces what a link points to, not the link
    require_ours(folder)
    _require_comparable(evaluations)
    summary = _summary(evaluations, index, attributes, queries, between)
    if verdict is not None:
        summary["gate"] = asdict(verdict) | {"passed": verdict.passed}
    with _replacing(folder) as staging:
        write_results(staging / RESULTS, evaluations)
        # A file's name may hold what UTF-8 cannot; in JSON there is an escape for it.
        numbers = json.dumps(summary, ensure_ascii=False, indent=2)
        (staging / SUMMARY).write_text(numbers, encoding="utf-8", errors="backslashreplace")
        page = _page(summary, evaluations, index, between)
        (staging / PAGE).write_text(page, encoding="utf-8", errors="replace")
    return folder / PAGE


def require_ours(folder: Path) -> None:
    """Passes where nothing is there, an empty folder, or a report."""
    if folder.exists() and not folder.is_dir():
        raise ReportError(f"{folder} is a file, and a report is a folder: name a new folder")
    there = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    if there and there != {PAGE, RESULTS, SUMMARY}:
        raise ReportError(
            f"{folder} holds {len(there):,} files and folders ({min(there)!r} …) and is not a report, "
            "so it is not replaced: name a new folder"
        )


def _require_comparable(evaluations: Sequence[Evaluation]) -> None:
    first, *others = evaluations
    asked = [(result.query, result.relevant) for result in first.results]
    for place, other in enumerate(others, start=1):
        if other.tower in {evaluation.tower for evaluation in evaluations[:place]}:
            raise ReportError(f"tower {other.tower} is there twice: a report compares different towers")
        if [(result.query, result.relevant) for result in other.results] != asked:
            raise ReportError(
                f"tower {other.tower} was asked other queries ({len(other.results):,}) than {first.tower} "
                f"({len(asked):,}): evaluate both on one query set"
            )


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, which takes its place when the block ends well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.with_name(f".{folder.name}.new-{os.getpid()}")
    old = folder.with_name(f".{folder.name}.old-{os.getpid()}")
    staging.mkdir()
    try:
        yield staging
        require_ours(folder)  # it may have been filled meanwhile
        if folder.exists():
            folder.rename(old)
        try:
            staging.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _summary(
    evaluations: Sequence[Evaluation],
    index: IndexVersion,
    attributes: Mapping[str, Mapping[str, str]],
    queries: str,
    between: Callable[[], None],
) -> dict[str, Any]:
    """What `summary.json` holds; the page is made from it."""
    baseline, *others = evaluations
    measures = list(baseline.results[0].values)
    parts = slices(baseline.results, attributes)
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "queries": queries,
        "index": index.version,
        "towers": {
            evaluation.tower: {
                "summary": evaluation.summary,
                "ci95": {
                    measure: asdict(significance.confidence(evaluation.values(measure)))
                    for measure in _each(measures, between)
                },
            }
            for evaluation in evaluations
        },
        "differences": {
            other.tower: {
                measure: asdict(significance.paired(baseline.values(measure), other.values(measure)))
                for measure in _each(measures, between)
            }
            for other in others
        },
        "slices": {
            dimension: [_slice(part, evaluations) for part in _each(found, between)]
            for dimension, found in parts.items()
        },
    }


def _each(parts: Iterable[Part], between: Callable[[], None]) -> Iterator[Part]:
    for part in parts:
        between()
        yield part


def _slice(part: Slice, evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    rows = list(part.rows)
    return {
        "name": part.name,
        "n": len(rows),
        "towers": {
            evaluation.tower: {measure: _mean(evaluation.values(measure)[rows]) for measure in SLICED}
            for evaluation in evaluations
        },
    }


def _mean(values: Any) -> dict[str, float]:
    return {"mean": float(values.mean())} | asdict(significance.confidence(values))


def _page(
    summary: dict[str, Any],
    evaluations: Sequence[Evaluation],
    index: IndexVersion,
    between: Callable[[], None],
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"signed": _signed, "probability": _probability, "direction": _direction}
    reached = [_reached(evaluation) for evaluation in evaluations]
    return environment.get_template("report.html").render(
        summary,
        names=list(summary["towers"]),
        shapes=plots.SHAPES,
        items=len(index),
        count=len(evaluations[0].results),
        depth=DEPTH,
        few=FEW,
        sliced=SLICED,
        dimensions=sorted(
            (name for name in summary["slices"] if name != "language"), key=lambda name: name == "length"
        ),
        definitions={measure: _definition(measure) for measure in evaluations[0].results[0].values},
        reached=reached,
        headline_plot=_headline_plot(summary),
        ranks_plot=plots.curves(
            "Share of queries with a right item up to each rank", reached, x="among the first … items"
        ),
        slice_plots={
            dimension: _slice_plot(summary, dimension) for dimension in _each(summary["slices"], between)
        },
        galleries=galleries(evaluations, index, between),
    )


def _headline_plot(summary: dict[str, Any]) -> str:
    points = [
        [plots.Point(tower["summary"][measure], **tower["ci95"][measure]) for measure in HEADLINE]
        for tower in summary["towers"].values()
    ]
    return plots.intervals("Headline measures with 95% intervals", HEADLINE, points)


def _slice_plot(summary: dict[str, Any], dimension: str) -> str:
    parts = summary["slices"][dimension]
    return plots.intervals(
        f"mRR@20 by {dimension}, with 95% intervals",
        [f"{part['name']} ({part['n']:,})" for part in parts],
        [[plots.Point(**part["towers"][tower]["mRR@20"]) for part in parts] for tower in summary["towers"]],
        faded=[row for row, part in enumerate(parts) if part["n"] < FEW],
    )


def _reached(evaluation: Evaluation) -> list[float]:
    """The share of queries whose first right item is at rank 1, at 2 or before, … at `DEPTH` or before."""
    ranks = [first_rank(result) for result in evaluation.results]
    return [
        sum(rank is not None and rank <= last for rank in ranks) / len(ranks) for last in range(1, DEPTH + 1)
    ]


def _definition(measure: str) -> str:
    name, _, cutoff = measure.partition("@")
    return _DEFINITIONS.get(name, "").format(cutoff)


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def _direction(difference: Mapping[str, float]) -> str:
    """ "higher" or "lower" where interval and test agree that towers differ, else ""."""
    if difference["p"] >= 1 - significance.LEVEL or difference["low"] <= 0 <= difference["high"]:
        return ""
    return "higher" if difference["mean"] > 0 else "lower"


def _probability(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
