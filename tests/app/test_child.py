"""`vitrine serve` and the worker beside it: real processes, ended in every way."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from app.jobs import Jobs
from app.settings import Settings

REPOSITORY = Path(__file__).parent.parent.parent
EVALUATION = {"split": None, "lang": None, "text_towers": None}
Found = TypeVar("Found")


@contextmanager
def serving(home: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`vitrine serve` on a free port."""
    command = [sys.executable, "-c", "from app.cli import main; main()"]
    command += ["serve", "--port", "0", "--home", str(home), *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment) as service:
        try:
            yield service
        finally:
            service.kill()


def until(look: Callable[[], Found | None], seconds: float = 120) -> Found:
    """What it finds, once it finds something; on busy cores a worker, at nice 10, may need a minute."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def worker_of(service: int) -> int | None:
    """Its child process, whichever of its threads started it."""
    threads = Path(f"/proc/{service}/task").glob("*/children")
    children = [int(child) for thread in threads for child in thread.read_text().split()]
    return children[0] if children and is_alive(children[0]) else None


def is_alive(process: int) -> bool:
    """Neither gone nor waiting to be buried."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_the_worker_lives_as_long_as_the_service(tmp_path: Path, end: signal.Signals) -> None:
    """It runs at nice 10, with the service's environment but not the service's one thread; killed, it is
    started anew; and it ends with the service, `kill -9` included."""
    with serving(tmp_path) as service:
        worker = until(lambda: worker_of(service.pid))
        nicest = max(10, os.getpriority(os.PRIO_PROCESS, 0))
        until(lambda: os.getpriority(os.PRIO_PROCESS, worker) == nicest)
        variables = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
        assert f"PATH={os.environ['PATH']}".encode() in variables
        assert not [name for name in variables if name.startswith(b"OMP_NUM_THREADS=")]
        os.kill(worker, signal.SIGKILL)
        until(lambda: not is_alive(worker))
        another = until(lambda: worker_of(service.pid))
        jobs = Jobs(Settings(home=tmp_path).jobs_url)
        job = jobs.enqueue("evaluate", EVALUATION | {"queries": str(tmp_path / "gone.csv")})
        until(lambda: jobs.get(job.id).state == "failed")
        service.send_signal(end)
        service.wait(15)
        until(lambda: not is_alive(another), seconds=10)
    assert service.returncode == (0 if end == signal.SIGTERM else -end)


def test_the_service_runs_without_a_worker(tmp_path: Path) -> None:
    """With --no-worker there is none, and SIGTERM ends it all the same."""
    with serving(tmp_path, "--no-worker") as service:
        until(lambda: listens(service.pid))
        assert worker_of(service.pid) is None
        service.send_signal(signal.SIGTERM)
        assert service.wait(15) == 0


def listens(process: int) -> bool:
    """Whether one of its sockets waits for connections."""
    held = set()
    for file in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it opens and closes files meanwhile
            held.add(os.readlink(file))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[3] == "0A" and f"socket:[{row[9]}]" in held for row in rows)
