"""What the commands share: their common options, and how they speak to a terminal."""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from app.settings import Settings


class Device(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Runtime(StrEnum):
    TORCH = "torch"
    ONNX = "onnx"
    ONNX_INT8 = "onnx-int8"


Home = Annotated[
    Path | None,
    typer.Option(
        help="Folder of index versions and towers.  [default: $VITRINE_HOME or ./var]", show_default=False
    ),
]

TowerDevice = Annotated[
    Device | None,
    typer.Option(
        help="Where towers answer by torch; the bundled text towers always do on the CPU.  "
        "[default: $VITRINE_DEVICE or auto]",
        show_default=False,
    ),
]
TowerRuntime = Annotated[
    Runtime | None,
    typer.Option(
        help="What text towers answer by; ONNX Runtime is for the CPU.  [default: $VITRINE_RUNTIME or torch]",
        show_default=False,
    ),
]


class Command(TyperCommand):
    """A command whose repeatable options take several values: `--lang de en` is `--lang de --lang en`.

    Only once the command's arguments are given: before them, what follows an option's value is an argument.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options = [parameter for parameter in self.params if parameter.param_type_name == "option"]
        flags = {name for option in options if getattr(option, "is_flag", False) for name in option.opts}
        repeatable = {name for option in options if option.multiple for name in option.opts}
        missing = sum(1 for parameter in self.params if parameter.param_type_name == "argument")
        spread: list[str] = []
        option = ""  # the option that a bare word would belong to
        for word in args:
            if word.startswith("-"):
                spread.append(word)
                option = "" if word in flags or "=" in word else word
                continue
            if option and spread[-1] != option:  # it has a value already
                if missing > 0 or option not in repeatable:
                    option = ""
                else:
                    spread.append(option)
            if not option:
                missing -= 1
            spread.append(word)
        return super().parse_args(ctx, spread)


def settings_of(
    home: Path | None, *, device: Device | None = None, runtime: Runtime | None = None
) -> Settings:
    """The environment's settings, but for what the command line names."""
    from app.settings import Settings  # noqa: PLC0415 - pydantic takes long to load, and --help needs none

    named: dict[str, Any] = {"home": home, "device": device, "runtime": runtime}
    return Settings(**{name: value for name, value in named.items() if value is not None})


def log_to_stderr() -> None:
    """Shows what is said as the work goes on, such as that a tower is exported, which takes a while."""
    logging.getLogger("vitrine").setLevel(logging.INFO)
    if logging.lastResort is not None:  # what shows warnings where nobody has set up anything else
        logging.lastResort.setLevel(logging.INFO)


def note(text: str) -> None:
    """To stderr: stdout carries the answer alone."""
    print(text, file=sys.stderr)


def printable(text: str) -> str:
    """Without the control characters by which a catalogue could command the operator's terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
