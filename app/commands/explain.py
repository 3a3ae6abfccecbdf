"""`vitrine explain`: what text towers read of a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Home, printable, settings_of

if TYPE_CHECKING:
    from models.towers import Reading, Tokenizer

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415


def explain(
    query: Annotated[str, typer.Argument(help="What to take apart, in any language.")],
    text_tower: Annotated[
        list[str] | None,
        typer.Option(
            help="A registered tower; may be repeated.  "
            "[default: all of the index's space; without an index, the bundled base]"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the body of GET /explain.")] = False,
    home: Home = None,
) -> None:
    """Shows the pieces in which text towers read a query; [?x] is not known."""
    from app.routes.explain import respond
    from app.schemas import ExplainQuery

    words = ExplainQuery(q=query).q
    tokenizers = _tokenizers(settings_of(home).home, text_tower)
    readings = {tower: tokenizer.read(words) for tower, tokenizer in tokenizers.items()}
    if as_json:
        print(respond(words, readings).model_dump_json(indent=2))
        return
    for line in lines(readings):
        print(line)


def _tokenizers(home: Path, named: list[str] | None) -> dict[str, Tokenizer]:
    from indexer.store import current_version, indexes, read_manifest
    from models.registry import Registry
    from models.towers import BUNDLED, open_tokenizer

    registry = Registry(home)
    if named:
        return {tower: registry.open_tokenizer(tower) for tower in named}
    version = current_version(home)
    if version is None:
        return {"base": open_tokenizer(BUNDLED)}
    return registry.open_tokenizers(read_manifest(indexes(home) / version).space)


def lines(readings: Mapping[str, Reading]) -> Iterator[str]:
    """A line for each reading, behind the names of all towers that read so."""
    towers: dict[Reading, list[str]] = {}
    for tower, reading in readings.items():
        towers.setdefault(reading, []).append(tower)
    for reading, names in towers.items():
        spelled = (
            printable(piece.text) if piece.known else f"[?{printable(piece.text)}]"
            for piece in reading.pieces
        )
        total = len(reading.pieces)
        count = f"{total:,} piece{'' if total == 1 else 's'}, {reading.unknown:,} unknown"
        rest = "; the rest is not read" if reading.cut else ""
        yield f"{', '.join(names)}: {' | '.join(spelled)} ({count}{rest})"
