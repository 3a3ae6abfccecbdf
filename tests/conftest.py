"""A tiny real shop: drawn pictures, indexed by the bundled towers, once for the whole run."""

from __future__ import annotations

import csv
import multiprocessing
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, Protocol

import pytest
import uvicorn
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from indexer.build import BuildConfig, Progress, build
from indexer.drawn import write_demo

REPOSITORY = Path(__file__).parent.parent
SHARED = REPOSITORY.parent / "shared" / "data"
DRAWN_ITEMS = 62
LONGEST = {"test_live_tuning.py", "test_quality.py", "test_wheel.py"}


class Answer(Protocol):
    """What the test client answers, whichever HTTP library it is built on."""

    status_code: int

    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def text(self) -> str: ...
    def json(self) -> Any: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that processes which share the tests end at about the same time."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def quiet(_: Progress) -> None:
    """A build's progress, not shown."""


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photographs; a test that needs it is skipped where it is not."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the photographs of {SHARED.parent.name}/{SHARED.name}, which are not here")
    return SHARED


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """catalogue.csv of a small drawn shop."""
    return write_demo(tmp_path_factory.mktemp("drawn"), seed=0, count=DRAWN_ITEMS)


@pytest.fixture(scope="session")
def home(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which that shop is indexed; tests must not change it."""
    folder = tmp_path_factory.mktemp("home")
    build(folder, BuildConfig(drawn), quiet)
    return folder


@pytest.fixture(scope="session")
def client(home: Path) -> Iterator[TestClient]:
    """The service over that home."""
    with TestClient(create_app(Settings(home=home))) as service:
        yield service


@pytest.fixture(scope="session")
def shop_url(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running service over that shop and one hostile item."""
    folder = tmp_path_factory.mktemp("shop")
    with drawn.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    evil = rows[0] | {
        "id": "evil/<&?",
        "title": "<img src=x onerror=document.body.dataset.hacked=1>",
        "title_en": "",
    }
    catalogue = folder / "catalogue.csv"
    with catalogue.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows([*rows, evil])
    build(folder / "home", BuildConfig(catalogue, images=drawn.parent), quiet)
    with serving(folder / "home") as url:
        yield url


@pytest.fixture(scope="session")
def forks() -> ForkServerContext:
    """Processes that are forks of one which has imported `tests.warm`: they start in milliseconds, and random
    moments fall on what they do, not on imports. One thread each, because a fork has none of its parent's.

    A process has one such server, and whoever starts it says what it has loaded: so one for all tests.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.warm"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(REPOSITORY))
        patch.setenv("OMP_NUM_THREADS", "1")
        first = context.Process(target=require_warm)
        first.start()  # and the server before it
    first.join()
    assert first.exitcode == 0, "the server has not imported tests.warm"
    return context


def require_warm() -> None:
    """In a process of `forks`: a server passes over what it cannot import, and all would only be slow."""
    sys.exit("tests.warm" not in sys.modules)


class serving:  # noqa: N801 - used as `with serving(home) as url`
    """A real server on a free port of this machine, in a thread."""

    def __init__(self, home: Path, **settings: Any) -> None:
        app = create_app(Settings(home=home, **settings))
        config = uvicorn.Config(app, port=0, log_level="warning")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> str:
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the server ended before it listened")
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
