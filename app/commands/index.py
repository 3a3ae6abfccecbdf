"""`vitrine index`: a catalogue becomes the current index version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.commands.options import Device, Home, note, settings_of

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415


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
    tower: Annotated[
        str,
        typer.Option(
            help="Image tower: bundled, or a model of open_clip: open_clip:ARCHITECTURE/PRETRAINED (a tag or "
            "the path of a checkpoint), hf-hub:ORGANISATION/NAME, or the path of a folder."
        ),
    ] = "bundled",
    device: Annotated[Device, typer.Option(help="Where the pictures are embedded.")] = Device.AUTO,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N items.")] = None,
    compiled: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="Have torch.compile make the tower faster, after a minute; needs a C++ compiler.",
        ),
    ] = False,
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

    settings = settings_of(home)
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
        compiled=compiled,
    )
    with progress() as report:

        def forward(step: Progress) -> None:
            report(step.stage, step.done, step.total)

        built = build(settings.home, config, forward)
    manifest = built.manifest
    note(
        f"{manifest.items:,} items, {manifest.pictures:,} pictures: "
        f"{built.embedded:,} embedded, {built.reused:,} unchanged"
    )
    if manifest.quarantined:
        note(f"set aside, with reasons: {settings.home}/indexes/{manifest.version}/quarantine.jsonl")
    rate = f"{built.images_per_second:.1f} images/s"
    print(f"{rate}, {manifest.quarantined:,} quarantined, version {manifest.version}")
