"""What text towers answer by, and where: chosen by the operator, in 8 bits by ONNX Runtime here."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import filelock
import pytest
from fastapi.testclient import TestClient

from app import main as wiring
from app.cli import main
from app.commands.options import Device, Runtime, settings_of
from app.engine import Engine
from app.evaluation import measure
from app.jobs import Jobs
from app.main import create_app
from app.query import Search, TextTerm
from app.settings import Settings
from app.work import HANDLERS
from app.worker import Context
from models.onnx_text import OnnxText
from models.queries import Pair
from models.registry import Registry
from tests.conftest import DRAWN_ITEMS

QUERIES = ("rotes Kleid", "blaue Hose", "green shirt with stripes", "Schal")


@pytest.fixture(scope="module")
def exported(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn shop's home, with the base tower exported in 8 bits."""
    copy = tmp_path_factory.mktemp("exported") / "home"
    shutil.copytree(home, copy, symlinks=True)
    Registry(copy).open("base", runtime="onnx-int8")
    return copy


def served_by(home: Path, runtime: Literal["torch", "onnx-int8"]) -> Engine:
    engine = Engine(home, runtime=runtime)
    engine.refresh()
    return engine


def test_another_runtime_finds_what_torch_finds(exported: Path) -> None:
    """The same items first, at nearly the same score, by the tower of the same name."""
    rough, exact = served_by(exported, "onnx-int8"), served_by(exported, "torch")
    assert isinstance(rough.served.encoder.tower, OnnxText)
    for query in QUERIES:
        answers = [engine.search([TextTerm(query)], Search(limit=1)) for engine in (rough, exact)]
        assert answers[0].hits[0].id == answers[1].hits[0].id
        assert answers[0].hits[0].score == pytest.approx(answers[1].hits[0].score, abs=0.02)
        assert answers[0].text_tower == answers[1].text_tower == "base"


def test_the_runtime_is_kept_when_another_tower_becomes_active(exported: Path, tmp_path: Path) -> None:
    """A twin of equal weights needs no export of its own."""
    workshop = tmp_path / "home"
    shutil.copytree(exported, workshop, symlinks=True)
    shutil.copytree(workshop / "towers" / "base", workshop / "towers" / "twin")
    card = workshop / "towers" / "twin" / "card.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"id": "twin"}))
    engine = served_by(workshop, "onnx-int8")
    Registry(workshop).activate("twin")
    engine.refresh_if_changed()
    tower = engine.served.encoder.tower
    assert isinstance(tower, OnnxText)
    assert tower.id == "twin"


def test_an_evaluation_shows_what_8_bits_cost(
    exported: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`evaluate --runtime onnx-int8`, and the job of a service with that runtime, score the tower in that
    form: its own numbers, close to torch's."""
    pairs = [Pair(query, f"demo-{number:04}") for number, query in enumerate(QUERIES, 1)]
    file = tmp_path / "queries.jsonl"
    file.write_text("".join(json.dumps({"query": pair.query, "item": pair.item}) + "\n" for pair in pairs))
    printed = {}
    for runtime in ("torch", "onnx-int8"):
        arguments = ["evaluate", str(file), "--json", "--home", str(exported), "--runtime", runtime]
        monkeypatch.setattr(sys, "argv", ["vitrine", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        printed[runtime] = json.loads(capsys.readouterr().out)["base"]
    rough = measure(exported, pairs, ["base"], lambda *_: None, runtime="onnx-int8").evaluations[0]
    assert printed["onnx-int8"] == rough.summary
    assert printed["onnx-int8"]["mRR@20"] == pytest.approx(printed["torch"]["mRR@20"], abs=0.1)
    settings = Settings(home=exported, runtime="onnx-int8")
    jobs = Jobs(settings.jobs_url)
    jobs.enqueue("evaluate", {"queries": str(file)})
    taken = jobs.take("worker", 30.0)
    assert taken is not None
    with Context(jobs, taken, settings, "worker", threading.Event()) as context:
        assert HANDLERS["evaluate"](context) == {"base": rough.summary}


@pytest.fixture
def busy(exported: Path, tmp_path: Path) -> Iterator[tuple[Path, filelock.FileLock]]:
    """A home whose tower another process is exporting, for as long as the lock is held."""
    workshop = tmp_path / "home"
    shutil.copytree(exported, workshop, symlinks=True)
    shutil.rmtree(workshop / "onnx")
    (workshop / "onnx").mkdir()
    with filelock.FileLock(workshop / "onnx" / ".lock") as lock:
        yield workshop, lock
        # For who waits still: nothing is exported in truth.
        shutil.copytree(exported / "onnx", workshop / "onnx", dirs_exist_ok=True)


def test_a_service_says_that_it_is_not_ready_while_its_tower_is_exported(
    busy: tuple[Path, filelock.FileLock], exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It listens meanwhile: alive, 503 to searches, which says to wait; ready when the tower is warm."""
    workshop, lock = busy
    monkeypatch.setattr(wiring, "_SECONDS_TO_OPEN", 0.2)
    with TestClient(create_app(Settings(home=workshop, runtime="onnx-int8"))) as client:
        assert client.get("/livez").status_code == 200
        for path in ("/readyz", "/search?q=Hose"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "no_index")
            assert "being opened" in answer.json()["detail"]
        shutil.copytree(exported / "onnx", workshop / "onnx", dirs_exist_ok=True)
        lock.release()
        deadline = time.monotonic() + 10
        while (answer := client.get("/readyz")).status_code != 200:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.05)
        assert client.get("/search?q=Hose").json()["total"] == DRAWN_ITEMS


def test_a_service_ends_while_a_tower_is_exported(
    busy: tuple[Path, filelock.FileLock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within seconds, though the export would take a minute."""
    monkeypatch.setattr(wiring, "_SECONDS_TO_OPEN", 0.2)
    with TestClient(create_app(Settings(home=busy[0], runtime="onnx-int8"))):
        asked = time.monotonic()
    assert time.monotonic() - asked < 4


def test_what_the_command_line_names_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--runtime` and `--device` over VITRINE_RUNTIME and VITRINE_DEVICE, and these over the defaults."""
    for name in ("RUNTIME", "DEVICE"):
        monkeypatch.delenv(f"VITRINE_{name}", raising=False)
    bare = settings_of(None)
    assert (bare.runtime, bare.device) == ("torch", "auto")
    monkeypatch.setenv("VITRINE_RUNTIME", "onnx")
    monkeypatch.setenv("VITRINE_DEVICE", "cpu")
    told = settings_of(None)
    assert (told.runtime, told.device) == ("onnx", "cpu")
    named = settings_of(None, device=Device.CUDA, runtime=Runtime.ONNX_INT8)
    assert (named.runtime, named.device) == ("onnx-int8", "cuda")
