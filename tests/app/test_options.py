"""Options that take several values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from app.commands.options import Command


def spoken(
    queries: Path,
    lang: Annotated[list[str] | None, typer.Option()] = None,
    report: Annotated[Path | None, typer.Option()] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Prints what it was told."""
    print(queries, lang, report, as_json)


@pytest.mark.parametrize(
    "words",
    [
        "q.jsonl --lang de --lang en",
        "q.jsonl --lang de en",
        "--lang de q.jsonl --lang en",
        "--lang de --lang=en q.jsonl",
        "--lang de --lang en q.jsonl",
    ],
)
def test_a_repeatable_option_takes_several_values(words: str) -> None:
    """Repeated, or in a row once the argument is given: de and en, for q.jsonl."""
    cli = typer.Typer()
    cli.command(cls=Command)(spoken)
    ran = CliRunner().invoke(cli, words.split())
    assert ran.stdout == "q.jsonl ['de', 'en'] None False\n"


def test_flags_and_single_options_take_no_more_than_theirs() -> None:
    """After a flag or a single option's value comes no further value: one argument too many is an error."""
    cli = typer.Typer()
    cli.command(cls=Command)(spoken)
    fine = CliRunner().invoke(cli, ["q.jsonl", "--report", "r", "--lang", "de", "en", "--json"])
    assert fine.stdout == "q.jsonl ['de', 'en'] r True\n"
    assert CliRunner().invoke(cli, ["q.jsonl", "--json", "en"]).exit_code == 2
    assert CliRunner().invoke(cli, ["q.jsonl", "--report", "r", "en"]).exit_code == 2
