"""`vitrine serve`: the REST service."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from app.commands.options import Home, settings_of

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    home: Home = None,
) -> None:
    """Serves the REST API, and a page to search with."""
    # Before torch is loaded: requests run side by side, one core each, and none waits for threads of another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import uvicorn

    from app.main import create_app

    app = create_app(settings_of(home))
    try:
        # Ten seconds is what an orchestrator usually leaves between asking a process to end and ending it.
        uvicorn.run(app, host=host, port=port, access_log=False, timeout_graceful_shutdown=8)
    except SystemExit as end:
        # It has said why (the port is taken, say) and ends with a code of its own.
        raise typer.Exit(1 if end.code else 0) from None
