"""`vitrine pull`: a model of open_clip becomes a folder that can be carried to where there is no network."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from app.commands.options import Home, note, settings_of

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415


def pull(
    name: Annotated[
        str,
        typer.Argument(
            help="open_clip:ARCHITECTURE/PRETRAINED, for example "
            "open_clip:xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k, or hf-hub:ORGANISATION/NAME."
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Option(help="The folder to write.  [default: models/NAME in the home]", show_default=False),
    ] = None,
    home: Home = None,
) -> None:
    """Fetches a model of open_clip, and writes it as a folder that needs no network.

    What is fetched stays in the cache ($HF_HOME), too, where the model's name finds it from then on. The
    folder holds weights, configuration and tokenizer; printed is what `vitrine index --tower` calls it.
    Carried to another machine it is called by its path there: local-dir:PATH.
    """
    from models import openclip
    from models.cards import sync
    from models.towers import BUNDLED, TowerError

    if name == BUNDLED:
        raise TowerError("the bundled towers are here, and need no network: pull another model")
    folder = to or settings_of(home).home / "models" / openclip.slug_of(name)
    if folder.exists():
        raise TowerError(f"{folder} is there already: delete it, or write another with --to")
    staging = folder.with_name(f".{folder.name}.pulling")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        openclip.write_model(name, staging)
        sync(staging)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    note(f"carry this folder to where there is no network: {folder}")
    print(f"local-dir:{folder.resolve()}")
