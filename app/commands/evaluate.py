"""`vitrine evaluate`: text towers, scored on a query set and compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.commands.options import Home, TowerDevice, TowerRuntime, log_to_stderr, note, settings_of

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415


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
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness", help="Measure the queries as people might type them, too: what misspelling costs."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the means as JSON, by tower.")] = False,
    device: TowerDevice = None,
    runtime: TowerRuntime = None,
    home: Home = None,
) -> None:
    """Scores text towers on a query set against the current index."""
    from app.evaluation import described, measure
    from app.progress import progress
    from app.tables import drops, tables
    from models.queries import read_pairs

    pairs = read_pairs(queries, split=split, lang=lang)
    if report is not None:
        from app.report import require_ours

        require_ours(report)
    log_to_stderr()
    settings = settings_of(home, device=device, runtime=runtime)
    with progress() as told:
        found = measure(
            settings.home,
            pairs,
            text_tower or (),
            told,
            perturb=robustness,
            device=settings.device,
            runtime=settings.runtime,
        )
    if found.absent:
        note(f"{found.absent:,} of the items asked for are not in the index; they count as not found")
    if as_json:
        printed: dict[str, dict[str, Any]] = {
            evaluation.tower: {**evaluation.summary} for evaluation in found.evaluations
        }
        for robust in found.robust:
            printed[robust.tower]["robustness"] = robust.summary
        print(json.dumps(printed))
    else:
        print("\n\n".join([*tables(found.evaluations), *map(drops, found.robust)]))
    if report is not None:
        from app.report import write_report

        page = write_report(
            report,
            found.evaluations,
            index=found.index,
            attributes=found.attributes,
            queries=described(queries, split, lang),
        )
        note(f"report: {page}")
