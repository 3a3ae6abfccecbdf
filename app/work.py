"""What each kind of job does: the same as the command of its name, followed by the job's context."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from app.evaluation import described, measure
from app.report import write_report
from app.settings import Settings
from app.tuning import tune
from app.tuning_options import options_of
from app.worker import Cancelled, Context, Handler
from indexer.build import BuildConfig, Progress, build
from indexer.items import CatalogueError
from indexer.store import current_version, indexes, read_manifest
from models.queries import read_pairs
from models.student import Cancelled as TuningCancelled
from models.towers import BUNDLED

REPORT = "report"


def reindex(context: Context) -> dict[str, Any]:
    """Builds an index version, from what the parameters name, else from what the current one was made from,
    else from what the settings name."""

    def follow(step: Progress) -> None:
        context.progress(step.stage, step.done, step.total)
        if step.stage == "publishing":
            context.settle()

    config = _build_config(context.job.parameters, context.settings)
    built = build(context.settings.home, config, follow)
    manifest = built.manifest
    return {
        "version": manifest.version,
        "published": config.publish,
        "items": manifest.items,
        "pictures": manifest.pictures,
        "quarantined": manifest.quarantined,
        "embedded": built.embedded,
        "reused": built.reused,
        "images_per_second": round(built.images_per_second, 1),
    }


def finetune(context: Context) -> dict[str, Any]:
    """Tunes the active tower; a job that was killed goes on from its checkpoint."""
    parameters = context.job.parameters
    home = context.settings.home
    options = options_of(parameters.get("options") or {})
    try:
        outcome = tune(home, Path(parameters["pairs"]), options, context)
    except TuningCancelled:
        raise Cancelled from None
    report = home / "towers" / outcome.card.id / REPORT
    shutil.copytree(report, context.folder / REPORT, dirs_exist_ok=True)
    context.note(outcome.line)
    return outcome.result


def evaluate(context: Context) -> dict[str, Any]:
    """Scores towers on a query set, and writes the report that compares them."""
    parameters = context.job.parameters
    queries = Path(parameters["queries"])
    pairs = read_pairs(queries, split=parameters.get("split"), lang=parameters.get("lang"))
    towers = parameters.get("text_towers") or ()
    settings = context.settings
    found = measure(
        settings.home, pairs, towers, context.progress, device=settings.device, runtime=settings.runtime
    )
    if found.absent:
        context.note(f"{found.absent:,} of the items asked for are not in the index; they count as not found")
    write_report(
        context.folder / REPORT,
        found.evaluations,
        index=found.index,
        attributes=found.attributes,
        queries=described(queries, parameters.get("split"), parameters.get("lang")),
        between=lambda: context.progress("writing", 0, 0),
    )
    return {evaluation.tower: evaluation.summary for evaluation in found.evaluations}


HANDLERS: dict[str, Handler] = {"reindex": reindex, "finetune": finetune, "evaluate": evaluate}


def _build_config(parameters: dict[str, Any], settings: Settings) -> BuildConfig:
    """Raises CatalogueError where nothing says what to read."""
    made = _made_from(settings.home)
    named, images = parameters.get("catalogue"), parameters.get("images")
    again: dict[str, Any] = {}
    if named is None and made:
        named, again = made["path"], made
        images = images or made["images"]
    elif named is None and settings.catalogue is not None:
        named = settings.data / settings.catalogue
        images = images or (settings.images and settings.data / settings.images)
    if named is None:
        raise CatalogueError(
            "there is no index yet to read the catalogue of again: name a catalogue, or set VITRINE_CATALOGUE"
        )
    return BuildConfig(
        catalogue=Path(named),
        images=Path(images) if images else None,
        split=again.get("split"),
        limit=again.get("limit"),
        allow_hosts=tuple(again.get("allow_hosts") or ()),
        tower=parameters.get("image_tower") or made.get("tower") or settings.image_tower or BUNDLED,
        full=bool(parameters.get("full")),
        keep=settings.keep_indexes,
        publish=bool(parameters.get("publish", True)),
    )


def _made_from(home: Path) -> dict[str, Any]:
    """The arguments of the build that made the current version; empty where there is none."""
    version = current_version(home)
    if version is None:
        return {}
    manifest = read_manifest(indexes(home) / version)
    return manifest.catalogue | {"tower": manifest.image_tower}
