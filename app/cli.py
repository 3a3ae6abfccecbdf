"""The `vitrine` command. stdout carries the answer alone; progress, notes and errors go to stderr."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.settings import Settings
    from indexer.store import IndexVersion
    from models.evaluate import Search
    from models.towers import Vectors

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415

cli = typer.Typer(
    help="Finds a shop's products by their picture, from words in any language.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Device(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


Home = Annotated[
    Path | None,
    typer.Option(
        help="Folder of index versions and towers.  [default: $VITRINE_HOME or ./var]", show_default=False
    ),
]


@cli.command()
def index(
    catalogue: Annotated[
        Path,
        typer.Argument(
            help="CSV, TSV, JSONL, Parquet, a Google Merchant feed, or a folder or tar of pictures."
        ),
    ],
    images: Annotated[
        Path | None, typer.Option(help="Folder or tar that picture paths are relative to.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only the rows of this split.")] = None,
    tower: Annotated[str, typer.Option(help="Image tower.")] = "bundled",
    device: Annotated[Device, typer.Option(help="Where the pictures are embedded.")] = Device.AUTO,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N items.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Embed again what has not changed, too.")] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Fetch remote pictures from this host; may be repeated.  [default: none]"),
    ] = None,
    home: Home = None,
) -> None:
    """Builds an index version from a catalogue and publishes it."""
    from app.progress import progress
    from indexer.build import BuildConfig, Progress, build

    settings = _settings(home)
    config = BuildConfig(
        catalogue=catalogue,
        images=images,
        split=split,
        limit=limit,
        tower=tower,
        device=device.value,
        full=full,
        keep=settings.keep_indexes,
        allow_hosts=tuple(allow_host or ()),
    )
    with progress() as report:

        def forward(step: Progress) -> None:
            report(step.stage, step.done, step.total)

        built = build(settings.home, config, forward)
    manifest = built.manifest
    _note(
        f"{manifest.items:,} items, {manifest.pictures:,} pictures: "
        f"{built.embedded:,} embedded, {built.reused:,} unchanged"
    )
    if manifest.quarantined:
        _note(f"set aside, with reasons: {settings.home}/indexes/{manifest.version}/quarantine.jsonl")
    rate = f"{built.images_per_second:.1f} images/s"
    print(f"{rate}, {manifest.quarantined:,} quarantined, version {manifest.version}")


@cli.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for, in any language.")],
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    text_tower: Annotated[
        str | None, typer.Option(help="A registered tower.  [default: the active one]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the body of POST /search.")] = False,
    home: Home = None,
) -> None:
    """Searches the current index."""
    from app.engine import Engine, TextTerm
    from app.routes.search import respond
    from app.schemas import SearchRequest

    settings = _settings(home)
    request = SearchRequest(query=query, limit=limit, text_tower=text_tower)
    engine = Engine(settings.home)
    engine.refresh()
    started = time.perf_counter()
    answer = engine.search([TextTerm(str(request.query))], limit=limit, text_tower=text_tower)
    if as_json:
        print(respond(answer, started).model_dump_json(indent=2))
        return
    for hit in answer.hits:
        print(f"{hit.score:.3f}  {_printable(hit.id)}  {_printable(str(hit.fields.get('title', '')))}")


@cli.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    home: Home = None,
) -> None:
    """Serves the REST API, and a page to search with."""
    # Before torch is loaded: requests run side by side, one core each, and none waits for threads of another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import uvicorn

    from app.main import create_app

    app = create_app(_settings(home))
    try:
        # Ten seconds is what an orchestrator usually leaves between asking a process to end and ending it.
        uvicorn.run(app, host=host, port=port, access_log=False, timeout_graceful_shutdown=8)
    except SystemExit as end:
        # It has said why (the port is taken, say) and ends with a code of its own.
        raise typer.Exit(1 if end.code else 0) from None


@cli.command()
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

    settings = _settings(home)
    pairs = read_pairs(queries, split=split, lang=lang)
    index = open_current(settings.home)
    registry = Registry(settings.home)
    absent = {pair.item for pair in pairs if index.row(pair.item) is None}
    if absent:
        _note(f"{len(absent):,} of the items asked for are not in the index; they count as not found")
    results = {}
    for name in text_tower or [registry.active(index.space) or "base"]:
        index.require_space("text", name, registry.card(name).space)
        results[name] = measure(registry.open(name), pairs, _searcher(index)).summary
    print(json.dumps(results) if as_json else _table(results))


@cli.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to write pictures and catalogue.csv.")],
    seed: Annotated[int, typer.Option(help="Another seed draws another shop.")] = 0,
    home: Annotated[
        Path | None, typer.Option(help="Taken by every command; this one needs none.", show_default=False)
    ] = None,
) -> None:
    """Writes the drawn demo catalogue: 600 garments, with titles in German and English."""
    from app.progress import progress
    from indexer.drawn import write_demo

    del home
    with progress() as report:
        print(write_demo(folder, seed, progress=lambda done, total: report("drawing", done, total)))


def main() -> None:
    """Runs the command; an error is one line on stderr, exit 2 for wrong input and 1 for a failure."""
    # Pillow's remarks on odd files; what matters of them is in the quarantine, with the file's name.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        sys.exit(cli(standalone_mode=False))
    except typer.Abort:
        sys.exit(130)
    except Exception as error:
        status = _status(error)
        if status is None:
            raise
        print(f"vitrine: {_line(error)}", file=sys.stderr)
        sys.exit(status)


def _status(error: Exception) -> int | None:
    """2 where the input is wrong, 1 where something failed, None for what should not happen."""
    from pydantic import ValidationError

    from indexer.items import CatalogueError
    from indexer.store import BuilderBusy, IndexDamaged, NoIndex, SpaceMismatch
    from models.queries import QueriesError
    from models.towers import TowerError

    if _is_usage(error) or isinstance(
        error, CatalogueError | QueriesError | TowerError | SpaceMismatch | ValidationError
    ):
        return 2
    if isinstance(error, BuilderBusy | IndexDamaged | NoIndex | OSError | ModuleNotFoundError):
        return 1
    return None


def _is_usage(error: Exception) -> bool:
    """Whether it is the command line's parser that complains; typer does not export its own classes."""
    return hasattr(error, "format_message")


def _line(error: Exception) -> str:
    from pydantic import ValidationError

    if _is_usage(error):
        return f"{error.format_message()} (see --help)"  # type: ignore[attr-defined]
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{first['loc'][0]}: {first['msg']}"
    return str(error).replace("\n", " ")


def _settings(home: Path | None) -> Settings:
    from app.settings import Settings

    return Settings() if home is None else Settings(home=home)


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


def _printable(text: str) -> str:
    """Without the control characters by which a catalogue could command the operator's terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def _note(text: str) -> None:
    print(text, file=sys.stderr)
