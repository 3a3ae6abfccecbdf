"""`vitrine worker`: runs the jobs."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Annotated

import typer

from app.commands.options import Home, settings_of

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415

_NICE = 10


def worker(
    home: Home = None,
    child: Annotated[
        bool, typer.Option("--child", hidden=True, help="End when stdin does: the service holds it.")
    ] = False,
) -> None:
    """Runs queued jobs, one after the other: reindex, finetune, evaluate."""
    # Before torch starts its threads: searches go first.
    os.nice(max(0, _NICE - os.nice(0)))
    import logging

    from app.child import end_with_parent
    from app.work import HANDLERS
    from app.worker import run

    logging.basicConfig(format="worker: %(message)s")
    logging.getLogger("vitrine").setLevel(logging.INFO)
    stop = threading.Event()

    def end(*_: object) -> None:
        # Not from within the signal: it may have come while this very thread holds the event's lock.
        threading.Thread(target=stop.set).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if child:
        end_with_parent(stop.set)
    run(settings_of(home), HANDLERS, stop)
    # The job of that moment is put back; nothing else is open. The interpreter would take torch down piece by
    # piece for a second of its time, at this nice on a busy machine much of what an orchestrator grants.
    sys.stdout.flush()
    os._exit(0)
