"""The job table: record and queue in one, in SQLite or PostgreSQL.

One job runs at a time, of whatever kind. Who runs it holds a lease, which its heartbeat renews; a job whose
lease has ended is taken again. All times are the database's, so that hosts need not agree on theirs.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

KINDS = ("reindex", "finetune", "evaluate")
STATES = ("queued", "running", "finished", "failed", "cancelled")
ATTEMPTS = 3
_LOG_LINES = 500
_LOG_LINE = 1000
_ID = re.compile(r"[0-9a-f]{16}")
_LOCK_WAIT_S = 10.0
_CREATING = 0x56495452  # any number; it names the lock under which PostgreSQL makes the table


class JobNotFound(LookupError):
    """No job has this id."""


class LeaseLost(RuntimeError):
    """The job is no longer this worker's: what it did must not be recorded."""


class JobsUnavailable(RuntimeError):
    """The database does not answer, or refuses."""


@dataclass(frozen=True)
class Job:
    """A job as it was when it was read.

    Times are ISO 8601 in UTC; `started` is the first start. `progress` has the members stage, done, total,
    eta_s and, where there are any, metrics; `error` is a problem: title, status, code, detail. `revision`
    grows with every change that a reader can see, `attempts` with every worker that takes the job up.
    """

    id: str
    kind: str
    state: str
    created: str
    started: str | None
    finished: str | None
    progress: dict[str, Any] | None
    log: list[str]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    parameters: dict[str, Any]
    revision: int
    cancelling: bool
    attempts: int


class _Now(FunctionElement[float]):
    """Unix seconds by the database's clock."""

    type = sa.Double()
    inherit_cache = True


@compiles(_Now, "sqlite")
def _sqlite_now(element: _Now, compiler: Any, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(_Now, "postgresql")
def _postgresql_now(element: _Now, compiler: Any, **_: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


_metadata = sa.MetaData()
_JSON = sa.JSON(none_as_null=True)
_jobs = sa.Table(
    "jobs",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True),  # the order of the queue
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("idempotency_key", sa.Text, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("parameters", _JSON, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("started", sa.Double),
    sa.Column("finished", sa.Double),
    sa.Column("progress", _JSON),
    sa.Column("log", _JSON, nullable=False),
    sa.Column("result", _JSON),
    sa.Column("error", _JSON),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("cancelling", sa.Boolean, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("worker", sa.Text),
    sa.Column("lease", sa.Double),  # when it ends
)
# One at a time is the database's promise: two workers that take different jobs in the same instant would
# both see that none runs.
sa.Index(
    "one_running_job",
    _jobs.c.state,
    unique=True,
    sqlite_where=_jobs.c.state == "running",
    postgresql_where=_jobs.c.state == "running",
)

_DIED = {
    "title": "Internal Server Error",
    "status": 500,
    "code": "worker_died",
    "detail": f"the worker died {ATTEMPTS} times while it ran this job: see its log; it may lack memory",
}


class Jobs:
    """The jobs of one database. Safe to use from several threads and processes.

    Every method raises JobsUnavailable when the database does not answer.
    """

    def __init__(self, url: str) -> None:
        """`url`: sqlite:///PATH or postgresql+psycopg://…; the table is made on first use."""
        self._url = sa.make_url(url)
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = sa.create_engine(
            self._url,
            # A database that was restarted meanwhile is met again without an error.
            pool_pre_ping=not self._sqlite,
            # JSON as others read it: NaN is none of it.
            json_serializer=lambda value: json.dumps(value, allow_nan=False),
        )
        self._readers = self._engine.execution_options(reads=True)
        self._made = False
        self._making = threading.Lock()
        if self._sqlite:
            sa.event.listen(self._engine, "connect", _open_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)

    def enqueue(self, kind: str, parameters: Mapping[str, Any], *, idempotency_key: str | None = None) -> Job:
        """The new job; or, for a key seen before, the job that came with it, whatever is asked now."""
        if kind not in KINDS:
            raise ValueError(f"a job is one of {', '.join(KINDS)}, not {kind!r}")
        new = sa.insert(_jobs).values(
            id=secrets.token_hex(8),
            idempotency_key=idempotency_key,
            kind=kind,
            state="queued",
            parameters=dict(parameters),
            created=_Now(),
            log=[],
            revision=1,
            cancelling=False,
            attempts=0,
        )
        try:
            with self._writing() as connection:
                return _job(connection.execute(new.returning(_jobs)).one())
        except IntegrityError:
            if idempotency_key is None:
                raise
        with self._reading() as connection:
            same_key = sa.select(_jobs).where(_jobs.c.idempotency_key == idempotency_key)
            return _job(connection.execute(same_key).one())

    def get(self, id: str) -> Job:
        """Raises JobNotFound."""
        with self._reading() as connection:
            return _found(connection, id)

    def list(self, limit: int = 100) -> Sequence[Job]:
        """The newest first."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(_jobs).order_by(_jobs.c.number.desc()).limit(limit))
            return [_job(row) for row in rows]

    def take(self, worker: str, lease_s: float) -> Job | None:
        """The job to run now, which is this worker's for `lease_s` seconds; None while another one runs.

        A job whose worker let its lease end comes before those that wait. It ends here instead when it was
        to be cancelled, or when it has been begun often enough.
        """
        others = _jobs.alias()
        first = (
            # "running" sorts after "queued": descending, an abandoned job is the first.
            sa.select(others.c.number)
            .where(_is_free(others))
            .order_by(others.c.state.desc(), others.c.number)
            .limit(1)
            .scalar_subquery()
        )
        busy = sa.exists().where(others.c.state == "running", others.c.lease >= _Now())
        take = (
            sa.update(_jobs)
            # The row itself is asked again: another worker may have had it since the inner query saw it.
            .where(_jobs.c.number == first, _is_free(_jobs), ~busy)
            .values(
                state="running",
                worker=worker,
                lease=_Now() + lease_s,
                started=sa.func.coalesce(_jobs.c.started, _Now()),
                attempts=_jobs.c.attempts + 1,
                revision=_jobs.c.revision + 1,
            )
            .returning(_jobs)
        )
        try:
            with self._writing() as connection:
                over = _is_abandoned(_jobs)
                connection.execute(_ended("cancelled").where(over, _jobs.c.cancelling))
                connection.execute(_ended("failed", error=_DIED).where(over, _jobs.c.attempts >= ATTEMPTS))
                row = connection.execute(take).one_or_none()
        except IntegrityError:  # another worker took another job in the same instant
            return None
        return None if row is None else _job(row)

    def beat(
        self,
        id: str,
        worker: str,
        lease_s: float,
        *,
        progress: Mapping[str, Any] | None = None,
        log: Sequence[str] = (),
    ) -> bool:
        """Renews the lease and records what is new; True when the job is to be cancelled. Raises LeaseLost.

        Of the log the last 500 lines are kept, of a line its first 1,000 characters.
        """
        values: dict[str, Any] = {"lease": _Now() + lease_s}
        if progress is not None:
            values["progress"] = dict(progress)
        if progress is not None or log:
            values["revision"] = _jobs.c.revision + 1
        with self._writing() as connection:
            if log:
                held = sa.select(_jobs.c.log).where(*_held(id, worker)).with_for_update()
                lines = connection.execute(held).scalar_one_or_none() or []
                values["log"] = [*lines, *(line[:_LOG_LINE] for line in log)][-_LOG_LINES:]
            renewed = sa.update(_jobs).where(*_held(id, worker)).values(values).returning(_jobs.c.cancelling)
            row = connection.execute(renewed).one_or_none()
            if row is None:
                raise _lost(connection, id, worker)
            return bool(row.cancelling)

    def finish(self, id: str, worker: str, result: Mapping[str, Any]) -> None:
        """Raises LeaseLost."""
        self._end(id, worker, _ended("finished", result=dict(result)))

    def fail(self, id: str, worker: str, error: Mapping[str, Any]) -> None:
        """Raises LeaseLost."""
        self._end(id, worker, _ended("failed", error=dict(error)))

    def cancelled(self, id: str, worker: str) -> None:
        """Raises LeaseLost."""
        self._end(id, worker, _ended("cancelled"))

    def release(self, id: str, worker: str) -> None:
        """Puts the job back to the head of the queue, as if it had not been tried: its worker must end.

        One that was to be cancelled is cancelled instead. Raises LeaseLost.
        """
        waits = sa.update(_jobs).values(
            state="queued",
            worker=None,
            lease=None,
            attempts=_jobs.c.attempts - 1,
            revision=_jobs.c.revision + 1,
        )
        self._end(id, worker, _ended("cancelled").where(_jobs.c.cancelling), waits)

    def holder(self) -> str | None:
        """The worker of the running job."""
        with self._reading() as connection:
            running = sa.select(_jobs.c.worker).where(_jobs.c.state == "running")
            return connection.execute(running).scalar_one_or_none()

    def bury(self, worker: str) -> None:
        """Ends this worker's lease: it is known to be dead."""
        with self._writing() as connection:
            held = _jobs.c.worker == worker, _jobs.c.state == "running"
            connection.execute(sa.update(_jobs).where(*held).values(lease=_Now() - 1))

    def cancel(self, id: str) -> Job:
        """A job that nobody runs is cancelled at once, a running one by its worker; an ended one stays as it
        is. Raises JobNotFound."""
        this = _jobs.c.id == id
        running = sa.and_(_jobs.c.state == "running", ~_jobs.c.cancelling)
        ask = sa.update(_jobs).values(cancelling=True, revision=_jobs.c.revision + 1)
        with self._writing() as connection:
            _found(connection, id)
            connection.execute(_ended("cancelled").where(this, _is_free(_jobs)))
            connection.execute(ask.where(this, running))
            return _found(connection, id)

    def _end(self, id: str, worker: str, *changes: sa.Update) -> None:
        """Makes the first of these changes that fits the job."""
        with self._writing() as connection:
            for change in changes:
                held = change.where(*_held(id, worker)).returning(_jobs.c.number)
                if connection.execute(held).one_or_none() is not None:
                    return
            raise _lost(connection, id, worker)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._answering(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._answering(), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            self._make_table()
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            raise JobsUnavailable(f"the jobs in {self._url!r} cannot be used: {reason}") from error

    def _make_table(self) -> None:
        with self._making:
            if self._made:
                return
            if self._sqlite and self._url.database:
                Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
            with self._engine.begin() as connection:
                if not self._sqlite:  # whose transactions do not keep two from making the same table
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATING)))
                _metadata.create_all(connection)
            self._made = True


def _open_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, and not at the first write
    connection.execute(f"PRAGMA busy_timeout = {_LOCK_WAIT_S * 1000:.0f}")
    # So that readers do not wait. It is kept in the file; of two that set it at once, one is turned away.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: sa.Connection) -> None:
    # Who reads first and then writes cannot wait for another writer; so the lock is taken at the beginning.
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _ended(state: str, **values: Any) -> sa.Update:
    revision = _jobs.c.revision + 1
    return sa.update(_jobs).values(state=state, finished=_Now(), lease=None, revision=revision, **values)


def _is_abandoned(jobs: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.state == "running", jobs.c.lease < _Now())


def _is_free(jobs: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.or_(jobs.c.state == "queued", _is_abandoned(jobs))


def _held(id: str, worker: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _jobs.c.id == id, _jobs.c.worker == worker, _jobs.c.state == "running"


def _lost(connection: sa.Connection, id: str, worker: str) -> LeaseLost:
    row = connection.execute(sa.select(_jobs.c.state, _jobs.c.worker).where(_jobs.c.id == id)).one_or_none()
    now = "gone" if row is None else f"{row.state}, last run by {row.worker}"
    return LeaseLost(f"job {id} was taken by {worker} and is {now}: its lease ended")


def _found(connection: sa.Connection, id: str) -> Job:
    # PostgreSQL refuses text that no id can be, such as a null character.
    row = None
    if _ID.fullmatch(id):
        row = connection.execute(sa.select(_jobs).where(_jobs.c.id == id)).one_or_none()
    if row is None:
        raise JobNotFound(f"there is no job {id!r}: GET /admin/jobs lists them")
    return _job(row)


def _job(row: sa.Row[Any]) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        state=row.state,
        created=_iso(row.created),
        started=None if row.started is None else _iso(row.started),
        finished=None if row.finished is None else _iso(row.finished),
        progress=row.progress,
        log=row.log,
        result=row.result,
        error=row.error,
        parameters=row.parameters,
        revision=row.revision,
        cancelling=row.cancelling,
        attempts=row.attempts,
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
