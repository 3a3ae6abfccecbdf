"""The job table, in SQLite and in a real PostgreSQL."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from app.jobs import Job, JobNotFound, Jobs, JobsUnavailable, LeaseLost

WORKERS = 4
EACH = 8
PROGRESS = {"stage": "training", "done": 1, "total": 4, "eta_s": None}


def server_folder() -> Path | None:
    """The folder of PostgreSQL's server programs."""
    found = shutil.which("postgres")
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    programs = [Path(found)] if found else packaged[-1:]
    return programs[0].resolve().parent if programs else None


def unprivileged() -> tuple[int, int]:
    names = {user.pw_name for user in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return user.pw_uid, user.pw_gid


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Callable[[], str]]:
    """Makes the URL of a new, empty database of a server that only this run knows."""
    programs = server_folder()
    if programs is None:
        pytest.skip("needs PostgreSQL's server programs, which are not here")
    # It refuses to run as root; and a socket's path must be short.
    user, group = unprivileged() if os.getuid() == 0 else (os.getuid(), os.getgid())
    with tempfile.TemporaryDirectory(prefix="vitrine-") as name:
        folder = Path(name)
        os.chown(folder, user, group)
        data = str(folder / "data")
        initdb = [str(programs / "initdb"), "-D", data, "-U", "vitrine", "-A", "trust", "-E", "UTF8"]
        initdb += ["--locale=C", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, user=user, group=group)
        serve = [str(programs / "postgres"), "-D", data, "-k", name, "-h", "", "-F"]
        with subprocess.Popen(serve, stderr=subprocess.DEVNULL, cwd=folder, user=user, group=group) as server:
            try:
                yield lambda: new_database(folder)
            finally:
                server.send_signal(signal.SIGINT)  # does not wait for its clients to leave
                server.wait(30)


def new_database(folder: Path) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            admin = psycopg.connect(host=str(folder), user="vitrine", dbname="postgres", autocommit=True)
            break
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    name = f"test_{time.time_ns()}"
    with admin:
        admin.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://vitrine@/{name}?host={folder}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/jobs.sqlite"
    made: str = request.getfixturevalue("postgresql")()
    return made


@pytest.fixture
def jobs(url: str) -> Jobs:
    return Jobs(url)


def taken(jobs: Jobs, worker: str = "a", lease_s: float = 60) -> Job:
    job = jobs.take(worker, lease_s)
    assert job is not None
    return job


def test_a_job_is_recorded_as_it_was_asked_for(jobs: Jobs) -> None:
    """Its parameters come back as they were, in any script; it waits, and nothing is known of it yet."""
    parameters = {
        "catalogue": "/data/Größe \N{SNOWMAN}.csv",
        "publish": True,
        "split": None,
        "odd": "\0\ud800",
    }
    job = jobs.enqueue("reindex", parameters)
    assert jobs.get(job.id) == job
    assert (job.kind, job.state, job.parameters) == ("reindex", "queued", parameters)
    assert (job.progress, job.log, job.result, job.error) == (None, [], None, None)
    assert (job.started, job.finished, job.cancelling, job.attempts) == (None, None, False, 0)
    assert abs((datetime.now(UTC) - datetime.fromisoformat(job.created)).total_seconds()) < 60


def test_the_newest_job_is_listed_first(jobs: Jobs) -> None:
    """As many as are asked for."""
    made = [jobs.enqueue("evaluate", {"queries": str(n)}) for n in range(3)]
    assert jobs.list() == made[::-1]
    assert jobs.list(limit=2) == [made[2], made[1]]


def test_what_is_no_job_is_not_found(jobs: Jobs) -> None:
    """An id that was never given, one that is no id at all; nor is there such a kind of job."""
    for unknown in ("0123456789abcdef", "", "a\0b", "'; DROP TABLE jobs"):
        with pytest.raises(JobNotFound, match="there is no job"):
            jobs.get(unknown)
        with pytest.raises(JobNotFound):
            jobs.cancel(unknown)
    with pytest.raises(ValueError, match="reindex, finetune, evaluate, not 'format'"):
        jobs.enqueue("format", {})


def test_a_key_seen_before_returns_the_first_job(jobs: Jobs) -> None:
    """Whatever is asked with it, and however many ask at once; without a key, each call is a new job."""
    first = jobs.enqueue("evaluate", {"n": 0}, idempotency_key="k")
    assert jobs.enqueue("reindex", {"n": 1}, idempotency_key="k") == first
    assert jobs.enqueue("evaluate", {"n": 0}, idempotency_key="other").id != first.id
    answers: list[str] = []

    def ask() -> None:
        answers.append(jobs.enqueue("evaluate", {}, idempotency_key="at once").id)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert jobs.enqueue("evaluate", {}).id != jobs.enqueue("evaluate", {}).id


def test_jobs_run_one_at_a_time_in_the_order_of_asking(jobs: Jobs) -> None:
    """A second one, of whatever kind, waits queued until the first has ended."""
    first, second = jobs.enqueue("finetune", {}), jobs.enqueue("reindex", {})
    running = taken(jobs, "a")
    assert (running.id, running.state, running.attempts) == (first.id, "running", 1)
    assert running.started is not None
    assert jobs.take("b", 60) is None
    assert jobs.get(second.id) == second
    jobs.finish(first.id, "a", {"mRR@20": 0.5})
    ended = jobs.get(first.id)
    assert (ended.state, ended.result, ended.error) == ("finished", {"mRR@20": 0.5}, None)
    assert ended.finished is not None
    assert taken(jobs, "b").id == second.id
    jobs.fail(second.id, "b", {"code": "no_index"})
    assert (jobs.get(second.id).state, jobs.get(second.id).error) == ("failed", {"code": "no_index"})
    assert jobs.take("a", 60) is None


def work_off(url: str, worker: str, diary: Path, begin: Path) -> None:
    """A process that asks for some jobs, and runs whatever it gets until all jobs have ended."""
    jobs = Jobs(url)
    while not begin.exists():
        time.sleep(0.001)
    for number in range(EACH):
        jobs.enqueue("evaluate", {"number": number}, idempotency_key=f"{worker} {number}")
    with diary.open("a") as lines:
        while True:
            job = jobs.take(worker, 60)
            if job is not None:
                lines.write(f"begin {job.id}\n")
                lines.flush()
                jobs.beat(job.id, worker, 60, progress=PROGRESS, log=["half of it"])
                lines.write(f"end {job.id}\n")
                lines.flush()
                jobs.finish(job.id, worker, {})
            elif all(job.state == "finished" for job in jobs.list()) and len(jobs.list()) == WORKERS * EACH:
                return


def test_several_processes_share_the_work(url: str, tmp_path: Path) -> None:
    """Four begin in the same instant with a table that is not there yet. Each of their jobs is run by one of
    them alone, once, and none begins before the one before it has ended."""
    context = multiprocessing.get_context("spawn")
    diary, begin = tmp_path / "diary", tmp_path / "begin"
    workers = [
        context.Process(target=work_off, args=(url, f"w{n}", diary, begin), daemon=True)
        for n in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    begin.touch()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * WORKERS
    lines = diary.read_text().splitlines()
    ran = [line.removeprefix("begin ") for line in lines[::2]]
    assert lines == [line for id in ran for line in (f"begin {id}", f"end {id}")]
    assert len(set(ran)) == len(ran) == WORKERS * EACH
    assert all(job.log == ["half of it"] and job.attempts == 1 for job in Jobs(url).list())


def test_a_job_whose_lease_has_ended_is_taken_again(jobs: Jobs) -> None:
    """Before the jobs that wait. It began when it first did; the worker that lost it can write no more."""
    job, other = jobs.enqueue("finetune", {}), jobs.enqueue("evaluate", {})
    first = taken(jobs, "a", lease_s=-1)
    second = taken(jobs, "b")
    assert (second.id, second.attempts, second.started) == (job.id, 2, first.started)
    for late in (
        lambda: jobs.beat(job.id, "a", 60, progress=PROGRESS, log=["late"]),
        lambda: jobs.finish(job.id, "a", {}),
        lambda: jobs.fail(job.id, "a", {}),
        lambda: jobs.cancelled(job.id, "a"),
        lambda: jobs.release(job.id, "a"),
    ):
        with pytest.raises(LeaseLost, match=f"{job.id} was taken by a and is running, last run by b"):
            late()
    assert jobs.get(job.id) == second
    jobs.finish(job.id, "b", {})
    with pytest.raises(LeaseLost, match="is finished"):
        jobs.beat(job.id, "b", 60)
    assert taken(jobs, "a").id == other.id


def test_a_heartbeat_renews_the_lease(jobs: Jobs) -> None:
    """While nobody else has taken the job, even a late one does."""
    job = jobs.enqueue("finetune", {})
    taken(jobs, "a", lease_s=-1)
    assert jobs.beat(job.id, "a", 60) is False
    assert jobs.take("b", 60) is None


def test_a_job_that_kills_its_workers_fails_with_the_reason(jobs: Jobs) -> None:
    """Three times it is begun; the next worker gets the next job instead."""
    job, other = jobs.enqueue("finetune", {}), jobs.enqueue("evaluate", {})
    assert [taken(jobs, worker, lease_s=-1).id for worker in "abc"] == [job.id] * 3
    assert taken(jobs, "d").id == other.id
    failed = jobs.get(job.id)
    assert (failed.state, failed.attempts) == ("failed", 3)
    assert failed.error is not None
    assert (failed.error["code"], failed.error["status"]) == ("worker_died", 500)
    assert "died 3 times" in failed.error["detail"]


def test_progress_and_log_are_what_a_reader_sees_change(jobs: Jobs) -> None:
    """The revision grows with them, and not with a mere renewal; lines are added to those before."""
    job = jobs.enqueue("finetune", {})
    before = taken(jobs).revision
    jobs.beat(job.id, "a", 60)
    assert jobs.get(job.id).revision == before
    jobs.beat(job.id, "a", 60, progress=PROGRESS)
    jobs.beat(job.id, "a", 60, log=["one", "zwei \N{SNOWMAN}"])
    jobs.beat(job.id, "a", 60, log=["three"])
    seen = jobs.get(job.id)
    assert (seen.progress, seen.log) == (PROGRESS, ["one", "zwei \N{SNOWMAN}", "three"])
    assert seen.revision == before + 3
    jobs.finish(job.id, "a", {})
    assert (jobs.get(job.id).progress, jobs.get(job.id).revision) == (PROGRESS, before + 4)


def test_a_log_is_kept_within_bounds(jobs: Jobs) -> None:
    """The last 500 lines, of each the first 1,000 characters."""
    job = jobs.enqueue("finetune", {})
    taken(jobs)
    jobs.beat(job.id, "a", 60, log=[str(number) for number in range(400)])
    jobs.beat(job.id, "a", 60, log=[str(number) for number in range(400, 600)] + ["x" * 2000])
    assert jobs.get(job.id).log == [str(number) for number in range(101, 600)] + ["x" * 1000]


def test_a_job_that_nobody_runs_is_cancelled_at_once(jobs: Jobs) -> None:
    """One that waits, and one whose worker let its lease end; neither is ever taken."""
    waiting = jobs.enqueue("finetune", {})
    cancelled = jobs.cancel(waiting.id)
    assert (cancelled.state, cancelled.started) == ("cancelled", None)
    assert cancelled.finished is not None
    abandoned = jobs.enqueue("finetune", {})
    taken(jobs, lease_s=-1)
    assert jobs.cancel(abandoned.id).state == "cancelled"
    assert jobs.take("b", 60) is None


def test_a_running_job_is_asked_to_end(jobs: Jobs) -> None:
    """Its worker learns it with the next heartbeat; asking twice changes nothing."""
    job = jobs.enqueue("finetune", {})
    taken(jobs)
    asked = jobs.cancel(job.id)
    assert (asked.state, asked.cancelling) == ("running", True)
    assert jobs.cancel(job.id) == asked
    assert jobs.beat(job.id, "a", 60) is True
    jobs.cancelled(job.id, "a")
    assert jobs.get(job.id).state == "cancelled"


def test_a_job_that_was_to_be_cancelled_is_not_resumed(jobs: Jobs) -> None:
    """When its worker died first, or put it back."""
    for dies in (True, False):
        job = jobs.enqueue("finetune", {})
        taken(jobs)
        jobs.cancel(job.id)
        if dies:
            jobs.bury("a")
        else:
            jobs.release(job.id, "a")
        assert jobs.take("b", 60) is None
        assert jobs.get(job.id).state == "cancelled"


def test_an_ended_job_stays_as_it_is(jobs: Jobs) -> None:
    """Cancelling it is no error, and changes nothing."""
    for end in (jobs.finish, jobs.fail):
        job = jobs.enqueue("evaluate", {})
        taken(jobs)
        end(job.id, "a", {})
        ended = jobs.get(job.id)
        assert jobs.cancel(job.id) == ended


def test_a_job_put_back_is_the_next(jobs: Jobs) -> None:
    """It goes before what was asked for later, and has not been tried: workers may end as often as they
    like."""
    job, _ = jobs.enqueue("finetune", {}), jobs.enqueue("evaluate", {})
    for _ in range(5):
        assert (taken(jobs).id, jobs.get(job.id).attempts) == (job.id, 1)
        jobs.release(job.id, "a")
        assert (jobs.get(job.id).state, jobs.holder()) == ("queued", None)


def test_a_worker_known_to_be_dead_is_not_waited_for(jobs: Jobs) -> None:
    """Its lease ends; that of another worker does not."""
    job = jobs.enqueue("finetune", {})
    assert jobs.holder() is None
    taken(jobs, "a")
    assert jobs.holder() == "a"
    jobs.bury("b")
    assert jobs.take("c", 60) is None
    jobs.bury("a")
    assert (taken(jobs, "c").id, jobs.holder()) == (job.id, "c")


def test_a_database_out_of_reach_is_named_without_its_password(tmp_path: Path) -> None:
    """What was tried, and the driver's reason, in one line."""
    for nowhere, reason in (
        ("postgresql+psycopg://shop:geheim@127.0.0.1:1/vitrine", "127.0.0.1"),
        (f"sqlite:///{tmp_path}", "unable to open"),
    ):
        with pytest.raises(JobsUnavailable, match=reason) as raised:
            Jobs(nowhere).list()
        assert "geheim" not in str(raised.value)
        assert "\n" not in str(raised.value)
