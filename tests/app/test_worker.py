"""The worker: real jobs in a real table, run by threads here and by processes that are killed."""

from __future__ import annotations

import math
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from app.jobs import Job, Jobs
from app.settings import Settings
from app.worker import Cancelled, Context, Handler, problem_of, run
from indexer.items import CatalogueError
from indexer.store import NoIndex
from models.registry import TowerInUse, TowerNotFound

STEPS = 100
RESULT = {"sum": sum(range(STEPS))}


def count(context: Context) -> dict[str, Any]:
    """A training in small: every step takes 10 ms and leaves a checkpoint."""
    checkpoint = context.folder / "checkpoint"
    done, total = map(int, checkpoint.read_text().split()) if checkpoint.exists() else (0, 0)
    context.note(f"from {done}")
    while done < STEPS:
        total += done
        done += 1
        time.sleep(0.01)
        checkpoint.with_suffix(".new").write_text(f"{done} {total}")
        checkpoint.with_suffix(".new").rename(checkpoint)
        context.progress("counting", done, STEPS, loss=1 / done, odd=math.nan)
    return {"sum": total}


def count_for_ever(context: Context) -> dict[str, Any]:
    done = 0
    while True:
        done += 1
        time.sleep(0.01)
        context.progress("counting", done, 0)


def die(context: Context) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def fail(error: Exception) -> Handler:
    def handler(_: Context) -> dict[str, Any]:
        raise error

    return handler


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def jobs(settings: Settings) -> Jobs:
    return Jobs(settings.jobs_url)


@contextmanager
def working(settings: Settings, handler: Handler) -> Iterator[None]:
    """A worker in a thread, in which every kind of job is run by `handler`."""
    stop = threading.Event()
    handlers = dict.fromkeys(("reindex", "finetune", "evaluate"), handler)
    thread = threading.Thread(target=run, args=(settings, handlers, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def until(jobs: Jobs, id: str, reached: Callable[[Job], bool], seconds: float = 30) -> Job:
    """The job, once it is so."""
    deadline = time.monotonic() + seconds
    while not reached(job := jobs.get(id)):
        assert time.monotonic() < deadline, job
        time.sleep(0.01)
    return job


def ended(job: Job) -> bool:
    return job.state in ("finished", "failed", "cancelled")


def counting(job: Job) -> bool:
    return job.progress is not None and job.progress["done"] > 0


def work(home: Path, handler: Handler) -> None:
    """What a worker's process does; any other job than a training is a count."""
    run(Settings(home=home), {"finetune": handler, "evaluate": count}, threading.Event())


@contextmanager
def process(forks: ForkServerContext, home: Path, handler: Handler) -> Iterator[ForkServerProcess]:
    """A worker in a process of its own."""
    running = forks.Process(target=work, args=(home, handler))
    running.start()
    try:
        yield running
    finally:
        running.kill()
        running.join()


def test_jobs_are_run_one_after_the_other(settings: Settings, jobs: Jobs) -> None:
    """In the order of asking, with result, last progress and log; the second waits while the first runs. A
    metric that is no number is null."""
    first, second = jobs.enqueue("finetune", {}), jobs.enqueue("reindex", {})
    with working(settings, count):
        seen = until(jobs, first.id, counting)
        assert jobs.get(second.id).state == "queued"
        done = until(jobs, first.id, ended)
        after = until(jobs, second.id, ended)
    assert (done.state, done.result, done.log) == ("finished", RESULT, ["from 0"])
    assert done.progress == {
        "stage": "counting",
        "done": STEPS,
        "total": STEPS,
        "eta_s": 0.0,
        "metrics": {"loss": 1 / STEPS, "odd": None},
    }
    assert seen.progress is not None
    assert 0 < seen.progress["done"] < STEPS
    assert after.state == "finished"
    assert after.started is not None
    assert done.finished is not None
    assert after.started >= done.finished


def test_progress_is_written_four_times_a_second_at_most(settings: Settings, jobs: Jobs) -> None:
    """However often a handler tells it: a second of a hundred steps is no more than a few revisions."""
    job = jobs.enqueue("finetune", {})
    with working(settings, count):
        done = until(jobs, job.id, ended)
    assert done.started is not None
    assert done.finished is not None
    took = (datetime.fromisoformat(done.finished) - datetime.fromisoformat(done.started)).total_seconds()
    assert 4 <= done.revision <= 4 * took + 4  # asked, taken, the last words, ended


def test_a_cancelled_job_ends_within_two_seconds(settings: Settings, jobs: Jobs) -> None:
    """Five times at a random moment; each time the worker takes the next job."""
    moments = random.Random(0)
    asked = [jobs.enqueue("finetune", {}) for _ in range(5)]
    with working(settings, count_for_ever):
        for job in asked:
            until(jobs, job.id, lambda job: job.state == "running")
            time.sleep(moments.uniform(0, 0.7))
            jobs.cancel(job.id)
            stopped = until(jobs, job.id, ended, seconds=2)
            assert (stopped.state, stopped.result, stopped.error) == ("cancelled", None, None)


def test_what_cannot_be_undone_is_not_begun_after_a_cancel(settings: Settings, jobs: Jobs) -> None:
    """`settle` asks the database itself: a cancel of this very instant counts, before any heartbeat."""
    published = []

    def publish(context: Context) -> dict[str, Any]:
        jobs.cancel(context.job.id)
        context.settle()
        published.append(context.job.id)
        return {}

    job = jobs.enqueue("finetune", {})
    with working(settings, publish):
        assert until(jobs, job.id, ended).state == "cancelled"
    assert published == []


def test_a_failed_job_says_why_in_one_line(settings: Settings, jobs: Jobs) -> None:
    """A problem with the error's own words; then the worker goes on."""
    job = jobs.enqueue("finetune", {})
    with working(settings, fail(NoIndex("there is no index yet: run `vitrine index`"))):
        failed = until(jobs, job.id, ended)
    assert (failed.state, failed.result) == ("failed", None)
    assert failed.error == {
        "title": "Service Unavailable",
        "status": 503,
        "code": "no_index",
        "detail": "there is no index yet: run `vitrine index`",
    }


def test_every_expected_error_has_a_code() -> None:
    """The design's where it has one; a wrong input is 422, a full disk ours."""
    expected = (
        (TowerNotFound("no 'x'"), 404, "tower_not_found"),
        (TowerInUse("'x' is active"), 409, "tower_in_use"),
        (CatalogueError("no id"), 422, "bad_value"),
        (OSError(28, "No space left on device"), 500, "internal_error"),
    )
    for error, status, code in expected:
        problem = problem_of(error)
        assert (problem["status"], problem["code"], problem["detail"]) == (status, code, str(error))


@pytest.mark.parametrize(
    "handler", [fail(KeyError("our/inner/path")), lambda _: {"mRR@20": math.nan}], ids=["bug", "not JSON"]
)
def test_what_should_not_happen_is_told_to_the_log_alone(
    settings: Settings, jobs: Jobs, handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    """The job says whose fault it is and where to look; the traceback is on the worker's stderr."""
    job = jobs.enqueue("finetune", {})
    with working(settings, handler):
        failed = until(jobs, job.id, ended)
    assert failed.error is not None
    assert (failed.error["status"], failed.error["code"]) == (500, "internal_error")
    assert "log" in failed.error["detail"]
    assert "inner" not in str(failed)
    assert "Traceback" in caplog.text


def test_a_worker_that_is_stopped_puts_its_job_back(settings: Settings, jobs: Jobs) -> None:
    """Twice; the next worker goes on from the checkpoint, to the result of a run in one piece."""
    job = jobs.enqueue("finetune", {})
    for _ in range(2):
        with working(settings, count):
            until(jobs, job.id, lambda job: job.state == "running")
            time.sleep(0.3)
        assert jobs.get(job.id).state == "queued"
    with working(settings, count):
        done = until(jobs, job.id, ended)
    assert (done.state, done.result, done.attempts) == ("finished", RESULT, 1)
    assert len(done.log) == 3
    assert done.log[0] == "from 0"
    assert 0 < int(done.log[1].removeprefix("from ")) < int(done.log[2].removeprefix("from "))


def test_a_killed_workers_job_resumes(settings: Settings, jobs: Jobs, forks: ForkServerContext) -> None:
    """`kill -9` in the middle: a worker that starts on this host does not wait for the lease. It goes on from
    the checkpoint, says so in the log, and ends with the result of a run in one piece."""
    job = jobs.enqueue("finetune", {})
    with process(forks, settings.home, count) as worker:
        until(jobs, job.id, counting)
        worker.kill()
        worker.join()
        assert jobs.get(job.id).state == "running"
    with working(settings, count):
        done = until(jobs, job.id, ended, seconds=10)
    assert (done.state, done.result, done.attempts) == ("finished", RESULT, 2)
    assert done.log[0] == "from 0"
    assert done.log[1].startswith("attempt 2")
    assert int(done.log[2].removeprefix("from ")) > 0


def test_a_job_that_kills_its_workers_ends_too(
    settings: Settings, jobs: Jobs, forks: ForkServerContext
) -> None:
    """After the third worker it fails, and the fourth runs the next job."""
    deadly, next_one = jobs.enqueue("finetune", {}), jobs.enqueue("evaluate", {})
    for _ in range(3):
        with process(forks, settings.home, die) as worker:
            worker.join(30)
            assert worker.exitcode == -signal.SIGKILL
    with process(forks, settings.home, die):
        assert until(jobs, next_one.id, ended).result == RESULT
    failed = jobs.get(deadly.id)
    assert (failed.state, failed.attempts) == ("failed", 3)
    assert failed.error is not None
    assert failed.error["code"] == "worker_died"


def test_a_living_worker_is_not_taken_for_dead(
    settings: Settings, jobs: Jobs, forks: ForkServerContext
) -> None:
    """A second one on the same host leaves the job alone, and takes the next when it has ended."""
    job = jobs.enqueue("finetune", {})
    with process(forks, settings.home, count):
        until(jobs, job.id, counting)
        with working(settings, fail(AssertionError("it was taken twice"))):
            done = until(jobs, job.id, ended)
    assert (done.result, done.attempts) == (RESULT, 1)


def test_a_worker_that_lost_its_lease_stops_and_writes_nothing(settings: Settings, jobs: Jobs) -> None:
    """As after a long sleep of its machine: the job is another worker's by then, and remains so. The first
    one lives on."""
    stopped = []

    def endless(context: Context) -> dict[str, Any]:
        try:
            return count_for_ever(context)
        except Cancelled:
            stopped.append(context.job.id)
            raise

    job, next_one = jobs.enqueue("finetune", {}), jobs.enqueue("finetune", {})
    with working(settings, endless):
        until(jobs, job.id, counting)
        while jobs.get(job.id).attempts == 1:  # a heartbeat may come between these two
            holder = jobs.holder()
            assert holder is not None
            jobs.bury(holder)
            jobs.take("another host:1:x", 60)
        before = jobs.get(job.id)
        deadline = time.monotonic() + 2
        while not stopped:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert jobs.get(job.id) == before
        jobs.finish(job.id, "another host:1:x", RESULT)
        until(jobs, next_one.id, counting)
        jobs.cancel(next_one.id)
        until(jobs, next_one.id, ended)
    assert jobs.get(job.id).result == RESULT
    assert stopped == [job.id, next_one.id]


def test_time_left_is_reckoned_within_a_stage(settings: Settings, jobs: Jobs) -> None:
    """Unknown at a stage's first word, and where the total is not; then its own pace counts, not the pace
    before, nor what a run before had done."""
    told: list[Any] = []

    def stages(context: Context) -> dict[str, Any]:
        for stage, done, total in (("reading", 0, 0), ("training", 50, 100), ("training", 51, 100)):
            context.progress(stage, done, total)
            context.settle()
            told.append(jobs.get(context.job.id).progress)
            time.sleep(0.1)
        return {}

    job = jobs.enqueue("finetune", {})
    with working(settings, stages):
        until(jobs, job.id, ended)
    assert [progress["eta_s"] for progress in told[:2]] == [None, None]
    assert told[2]["eta_s"] > 0.1 * 49 * 0.99
    assert "metrics" not in told[2]
