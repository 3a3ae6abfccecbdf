"""`vitrine search`: the current index, from the terminal."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from app.commands.options import Home, TowerDevice, TowerRuntime, log_to_stderr, printable, settings_of

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415


def search(
    query: Annotated[str, typer.Argument(help="What to look for, in any language.")],
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    text_tower: Annotated[
        str | None, typer.Option(help="A registered tower.  [default: the active one]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the body of POST /search.")] = False,
    device: TowerDevice = None,
    runtime: TowerRuntime = None,
    home: Home = None,
) -> None:
    """Searches the current index."""
    from app.engine import Engine
    from app.query import Search, TextTerm
    from app.routes.search import respond
    from app.schemas import SearchRequest

    log_to_stderr()
    settings = settings_of(home, device=device, runtime=runtime)
    request = SearchRequest(query=query, limit=limit, text_tower=text_tower)
    engine = Engine(settings.home, device=settings.device, runtime=settings.runtime)
    engine.refresh()
    started = time.perf_counter()
    answer = engine.search([TextTerm(str(request.query))], Search(limit=limit, text_tower=text_tower))
    if as_json:
        print(respond(answer, started).model_dump_json(indent=2))
        return
    for hit in answer.hits:
        print(f"{hit.score:.3f}  {printable(hit.id)}  {printable(str(hit.fields.get('title', '')))}")
