"""The worker: takes one job after the other and runs it, with a heartbeat beside it."""

from __future__ import annotations

import json
import logging
import math
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Self

from app.jobs import Job, Jobs, JobsUnavailable, LeaseLost
from app.settings import Settings
from indexer.store import BuilderBusy, IndexDamaged, NoIndex, SpaceMismatch
from models.registry import TowerInUse
from models.towers import TowerError

LEASE_S = 30.0
_BEAT_S = 0.5
_SHORTEST_BEAT_S = 0.25
_LOOK_S = 0.5
_AGAIN_S = 5.0

_logger = logging.getLogger("vitrine")

# What the domain raises → status and code, the first that fits.
_CODES: tuple[tuple[type[Exception], int, str], ...] = (
    (NoIndex, 503, "no_index"),
    (TowerInUse, 409, "tower_in_use"),
    (TowerError, 404, "tower_not_found"),
    (SpaceMismatch, 409, "space_mismatch"),
    (BuilderBusy, 409, "builder_busy"),
    (IndexDamaged, 500, "index_damaged"),
    (OSError, 500, "internal_error"),
    (ModuleNotFoundError, 500, "internal_error"),
)
_OURS = ("app", "indexer", "models")


class Cancelled(Exception):
    """The job has to end now, and nothing that it made may be published."""


Handler = Callable[["Context"], dict[str, Any]]


class Context:
    """What a handler is given: its job, the settings, and a folder that outlives the worker.

    A handler calls `progress` or `cancelled` at least once a second, so that a cancelled job ends within two.
    What it keeps in `folder` it finds again when another worker takes the job up.
    """

    def __init__(self, jobs: Jobs, job: Job, settings: Settings, worker: str, stop: threading.Event) -> None:
        self.job = job
        self.settings = settings
        self.folder = settings.home / "jobs" / job.id
        self._jobs = jobs
        self._worker = worker
        self._stop = stop
        self._asked = job.cancelling
        self._lost: LeaseLost | None = None
        self._renewed = time.monotonic()
        self._lock = threading.Lock()
        self._beating = threading.Lock()
        self._progress: dict[str, Any] | None = None
        self._written: dict[str, Any] | None = None
        self._metrics: dict[str, float | None] = {}
        self._stage = ""
        self._stage_began = (0.0, 0)
        self._lines: list[str] = []
        self._news = threading.Event()
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat_on, name=f"heartbeat of {job.id}", daemon=True)

    def progress(self, stage: str, done: int, total: int, **metrics: float) -> None:
        """Says how far the job is; `total` is 0 where it is not known. Raises Cancelled.

        Metrics are the latest values of each; one that is not a number is None.
        """
        now = time.monotonic()
        with self._lock:
            if stage != self._stage:
                self._stage, self._stage_began = stage, (now, done)
            self._metrics |= {
                name: float(value) if math.isfinite(value) else None for name, value in metrics.items()
            }
            self._progress = {
                "stage": stage,
                "done": int(done),
                "total": int(total),
                "eta_s": _eta(self._stage_began, (now, done), total),
            }
            if self._metrics:
                self._progress["metrics"] = dict(self._metrics)
        self._news.set()
        if self.cancelled():
            raise Cancelled

    def note(self, line: str) -> None:
        """A line for the job's log."""
        with self._lock:
            self._lines.append(line)
        self._news.set()

    def cancelled(self) -> bool:
        """Whether the job has to end now: it was cancelled, the worker must stop, or the lease is lost."""
        return self._asked or self._lost is not None or self._stop.is_set()

    def settle(self) -> None:
        """To be called right before what cannot be undone, such as publishing: asks the database itself,
        and raises Cancelled for what was cancelled up to this instant."""
        self._beat()
        if self.cancelled():
            raise Cancelled

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._heart.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._news.set()
        self._heart.join()

    def conclude(self, result: Mapping[str, Any] | None, error: Exception | None) -> str:
        """Records how the handler ended, unless the job is no longer ours; says it in a word."""
        self._beat()
        if self._lost is not None:
            _logger.warning("%s", self._lost)
            return "lost"
        if result is not None:
            self._jobs.finish(self.job.id, self._worker, result)
            return "finished"
        if not isinstance(error, Cancelled):
            assert error is not None
            self._jobs.fail(self.job.id, self._worker, problem_of(error))
            return "failed"
        if self._stop.is_set() and not self._asked:
            self._jobs.release(self.job.id, self._worker)
            return "put back"
        self._jobs.cancelled(self.job.id, self._worker)
        return "cancelled"

    def _beat_on(self) -> None:
        while not self._over.wait(_SHORTEST_BEAT_S):
            self._news.wait(_BEAT_S - _SHORTEST_BEAT_S)
            self._news.clear()
            self._beat()

    def _beat(self) -> None:
        """Renews the lease, tells what is new, and learns whether the job is to end."""
        with self._beating:
            with self._lock:
                progress = self._progress if self._progress != self._written else None
                lines = tuple(self._lines)
            try:
                asked = self._jobs.beat(self.job.id, self._worker, LEASE_S, progress=progress, log=lines)
            except LeaseLost as lost:
                self._lost = lost
            except JobsUnavailable as error:
                _logger.warning("%s", error)
                if time.monotonic() - self._renewed > LEASE_S:
                    self._lost = LeaseLost(
                        f"job {self.job.id} could not be renewed for {LEASE_S:.0f} s: {error}"
                    )
            else:
                self._asked = self._asked or asked
                self._renewed = time.monotonic()
                with self._lock:
                    self._written = progress or self._written
                    del self._lines[: len(lines)]


def run(settings: Settings, handlers: Mapping[str, Handler], stop: threading.Event) -> None:
    """Runs jobs until `stop`; the job of that moment is put back, and the next worker goes on with it."""
    jobs = Jobs(settings.jobs_url)
    worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    _bury_the_dead(jobs)
    while not stop.is_set():
        try:
            job = jobs.take(worker, LEASE_S)
            if job is not None:
                _run(Context(jobs, job, settings, worker, stop), handlers)
            else:
                stop.wait(_LOOK_S)
        except LeaseLost as lost:
            _logger.warning("%s", lost)
        except JobsUnavailable as error:
            # A job that had just ended is taken again when its lease is over.
            _logger.warning("%s; tried again in %.0f s", error, _AGAIN_S)
            stop.wait(_AGAIN_S)


def problem_of(error: Exception) -> dict[str, Any]:
    """The problem that a job ended with; what should not have happened is told to the worker's log alone."""
    for kind, status, code in _CODES:
        if isinstance(error, kind):
            return _problem(status, code, str(error))
    if type(error).__module__.partition(".")[0] in _OURS:  # and so written for people
        wrong_input = isinstance(error, ValueError | LookupError)
        return _problem(*((422, "bad_value") if wrong_input else (500, "internal_error")), str(error))
    _logger.error("a job failed unexpectedly", exc_info=error)
    detail = f"an unexpected {type(error).__name__}: this is our fault; the worker's log says more"
    return _problem(500, "internal_error", detail)


def _run(context: Context, handlers: Mapping[str, Handler]) -> None:
    job = context.job
    _logger.info("job %s (%s): begins", job.id, job.kind)
    if job.attempts > 1:
        context.note(f"attempt {job.attempts}: the worker before died, and the job goes on where it was")
    result, error = None, None
    try:
        with context:
            made = handlers[job.kind](context)
        json.dumps(made, allow_nan=False)  # what cannot be recorded is the handler's error too
        result = made
    except Exception as raised:
        error = raised
    ended = context.conclude(result, error)
    _logger.info("job %s (%s): %s", job.id, job.kind, ended)


def _bury_the_dead(jobs: Jobs) -> None:
    """Ends the lease of a worker of this host whose process is gone; any other is waited for.

    Where two hosts share a name the living may be buried: its next heartbeat fails, and it stops. Our own
    number is another's after a container's restart, in which processes are counted anew.
    """
    holder = jobs.holder()
    if holder is None:
        return
    host, process, _ = holder.rsplit(":", 2)
    if host == socket.gethostname() and (int(process) == os.getpid() or not _lives(int(process))):
        jobs.bury(holder)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _eta(began: tuple[float, int], now: tuple[float, int], total: int) -> float | None:
    """Seconds left at the pace of this stage; None before there is one."""
    seconds, steps = now[0] - began[0], now[1] - began[1]
    if total <= 0 or steps <= 0:
        return None
    return round(seconds / steps * max(total - now[1], 0), 1)


def _problem(status: int, code: str, detail: str) -> dict[str, Any]:
    return {"title": HTTPStatus(status).phrase, "status": status, "code": code, "detail": detail}
