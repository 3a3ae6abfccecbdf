"""`vitrine serve`: the REST service, and the worker beside it."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from app.commands.options import Home, TowerDevice, TowerRuntime, log_to_stderr, settings_of

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Jobs are left to `vitrine worker`, here or on another host.")
    ] = False,
    device: TowerDevice = None,
    runtime: TowerRuntime = None,
    home: Home = None,
) -> None:
    """Serves the REST API, and a page to search with; runs the jobs in a process beside it."""
    environment = dict(os.environ)  # the worker's: what follows is for requests, and training uses every core
    # Before torch is loaded: requests run side by side, one core each, and none waits for threads of another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import uvicorn

    from app.child import Child
    from app.main import create_app

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            """Event streams end first: what is open is waited for."""
            app.state.ending.set()
            super().handle_exit(sig, frame)

    log_to_stderr()
    settings = settings_of(home, device=device, runtime=runtime)
    # An evaluation scores what is served.
    environment |= {"VITRINE_DEVICE": settings.device, "VITRINE_RUNTIME": settings.runtime}
    app = create_app(settings)
    child = Child(("worker", "--child", "--home", str(settings.home)), environment)
    # uvicorn ends gracefully and then raises the signal anew, which would end us before the worker.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if not no_worker:
            child.start()
        # Ten seconds is what an orchestrator usually leaves between asking a process to end and ending it;
        # the worker's end takes two of them.
        config = uvicorn.Config(app, host=host, port=port, access_log=False, timeout_graceful_shutdown=7)
        server = Server(config)
        server.run()
        if not server.started:
            raise typer.Exit(1)
    except SystemExit as end:
        # It has said why (the port is taken, say) and ends with a code of its own.
        raise typer.Exit(1 if end.code else 0) from None
    finally:
        if not no_worker:
            child.stop()
