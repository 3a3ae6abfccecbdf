"""The `vitrine` command: its commands, and how their errors reach a terminal."""

from __future__ import annotations

import sys
import warnings

import typer

from app.commands.calibrate import calibrate
from app.commands.classify import classify
from app.commands.demo import demo
from app.commands.evaluate import evaluate
from app.commands.explain import explain
from app.commands.finetune import finetune
from app.commands.index import index
from app.commands.learning_curve import learning_curve
from app.commands.options import Command
from app.commands.pull import pull
from app.commands.search import search
from app.commands.serve import serve
from app.commands.towers import towers
from app.commands.worker import worker

# What names an error is imported when there is one: torch takes seconds, and `--help` should not.
# ruff: noqa: PLC0415

cli = typer.Typer(
    help="Finds a shop's products by their picture, from words in any language.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

commands = (
    index,
    search,
    serve,
    worker,
    finetune,
    learning_curve,
    evaluate,
    calibrate,
    classify,
    explain,
    pull,
    demo,
)
for command in commands:
    cli.command(cls=Command)(command)
cli.add_typer(towers, name="towers")


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

    from app.jobs import JobsUnavailable
    from app.report import ReportError
    from indexer.ann import NoGpu
    from indexer.items import CatalogueError
    from indexer.store import BuilderBusy, IndexDamaged, NoIndex, SpaceMismatch
    from models.classify import LabelsError
    from models.examples import BadExamples
    from models.finetune import Diverged
    from models.queries import QueriesError
    from models.recipe import BadConfig
    from models.towers import TowerError

    wrong_input = (
        BadConfig,
        BadExamples,
        CatalogueError,
        LabelsError,
        QueriesError,
        ReportError,
        SpaceMismatch,
        TowerError,
        ValidationError,
    )
    if _is_usage(error) or isinstance(error, wrong_input):
        return 2
    if isinstance(
        error,
        BuilderBusy
        | Diverged
        | IndexDamaged
        | JobsUnavailable
        | NoGpu
        | NoIndex
        | OSError
        | ModuleNotFoundError,
    ):
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
