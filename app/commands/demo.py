"""`vitrine demo`: the drawn demo catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415


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
