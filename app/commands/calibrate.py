"""`vitrine calibrate`: what a text tower's scores mean, from queries and the items that answer them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.commands.options import Home, TowerDevice, note, settings_of

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415


def calibrate(
    queries: Annotated[
        Path, typer.Argument(help="JSONL or CSV with the columns query, item[, lang, split].")
    ],
    split: Annotated[str | None, typer.Option(help="Only the rows of this split.")] = None,
    lang: Annotated[str | None, typer.Option(help="Only the rows of this language.")] = None,
    text_tower: Annotated[
        str | None, typer.Option(help="A registered tower.  [default: the active one]")
    ] = None,
    device: TowerDevice = None,
    home: Home = None,
) -> None:
    """Fits the probability that a hit is right to a tower's scores in the current index.

    The queries must not be those that the tower learnt from. A tuned tower is calibrated already.
    """
    from app.calibration import calibrate_tower
    from models.queries import read_pairs

    pairs = read_pairs(queries, split=split, lang=lang)
    settings = settings_of(home, device=device)
    found = calibrate_tower(settings.home, pairs, text_tower, settings.device)
    note("a service that runs takes it up by itself")
    print(f"calibrated {found.tower}: {found.queries:,} queries, first hit right {found.right:.0%}")
