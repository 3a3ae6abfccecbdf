"""What the commands share: their common options, and how they speak to a terminal."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.settings import Settings


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


def settings_of(home: Path | None) -> Settings:
    """The environment's settings, in the home that the command line names."""
    from app.settings import Settings  # noqa: PLC0415 - pydantic takes long to load, and --help needs none

    return Settings() if home is None else Settings(home=home)


def note(text: str) -> None:
    """To stderr: stdout carries the answer alone."""
    print(text, file=sys.stderr)


def printable(text: str) -> str:
    """Without the control characters by which a catalogue could command the operator's terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
