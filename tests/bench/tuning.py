"""Fine-tuning on 2,000 pairs: its time, what it gains, and what searches notice of it meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.evaluation import measure as measured
from app.progress import progress
from indexer.build import BuildConfig, build
from models.queries import read_pairs
from tests.bench.phrases import distinct
from tests.bench.service import load, port_of
from tests.conftest import SHARED

_PAIRS = "fashion-de.jsonl"
_KEY = "bench"
_REQUESTS = 3_000
_CONNECTIONS = 4
_ENDED = ("finished", "failed", "cancelled")


def measure() -> Iterator[tuple[str, str]]:
    if not SHARED.is_dir():
        yield "skipped", f"needs the photographs of {SHARED.parent.name}/{SHARED.name}, which are not here"
        return
    with tempfile.TemporaryDirectory() as folder:
        shop, unseen = Path(folder) / "shop", Path(folder) / "unseen"
        started = time.perf_counter()
        pictures = _index(shop, "train") + _index(unseen, "test")
        seconds = time.perf_counter() - started
        yield "pictures of the pairs, and of the test split", f"{pictures:,}, indexed in {seconds:.0f} s"
        with _serving(shop) as (operator, port):
            yield from _tuned(_ended(operator, _start(operator, out="tuned")))
            yield from _searches_meanwhile(operator, port)
        shutil.copytree(shop / "towers" / "tuned", unseen / "towers" / "tuned")
        yield from _on_unseen(unseen)


def _index(home: Path, split: str) -> int:
    """Indexes this split of hm, of its training pictures those that pairs name: all of them take minutes."""
    catalogue = SHARED / "hm.jsonl"
    if split == "train":
        named = {pair.item for pair in read_pairs(SHARED / _PAIRS, split=split)}
        with catalogue.open(encoding="utf-8") as file:
            rows = [line for line in file if json.loads(line)["id"] in named]
        home.mkdir()
        catalogue = home / "paired.jsonl"
        catalogue.write_text("".join(rows), encoding="utf-8")
    with progress() as report:
        config = BuildConfig(catalogue, images=SHARED / "hm.tar", split=split)
        built = build(home, config, lambda step: report(step.stage, step.done, step.total))
    return built.manifest.pictures


@contextmanager
def _serving(home: Path) -> Iterator[tuple[httpx.Client, int]]:
    """`vitrine serve` and its worker: its operator, and its port."""
    command = ["-c", "from app.cli import main; main()", "serve", "--port", "0", "--home", str(home)]
    environment = os.environ | {"VITRINE_ADMIN_KEY": _KEY, "VITRINE_DATA": str(SHARED)}
    with subprocess.Popen(
        [sys.executable, *command], stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            port = port_of(process)
            headers = {"Authorization": f"Bearer {_KEY}"}
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as operator:
                yield operator, port
        finally:
            process.terminate()


def _start(operator: httpx.Client, **options: Any) -> str:
    """The job's address."""
    answer = operator.post("/admin/finetune", json={"pairs": _PAIRS, **options})
    return answer.raise_for_status().headers["location"]


def _job(operator: httpx.Client, job: str) -> dict[str, Any]:
    seen: dict[str, Any] = operator.get(job).raise_for_status().json()
    return seen


def _ended(operator: httpx.Client, job: str) -> dict[str, Any]:
    while (seen := _job(operator, job))["state"] not in _ENDED:
        time.sleep(0.05)
    return seen


def _tuned(job: dict[str, Any]) -> Iterator[tuple[str, str]]:
    result = job["result"]
    if result is None:
        raise RuntimeError(f"the job {job['state']}: {job['error']}")
    seconds, gate = result["recipe"]["seconds"], result["gate"]
    yield "training", f"{seconds['training']:.0f} s"
    yield "from the pairs to the tower, its report and the gate", f"{seconds['total']:.0f} s"
    yield from _told("gate part", gate["base"], gate["tuned"])
    yield "gate", "passed" if result["passed"] else f"failed: {result['reason']}"


def _told(where: str, base: dict[str, float], tuned: dict[str, float]) -> Iterator[tuple[str, str]]:
    names = ("hits@20", "mRR@20", "mAP@20")
    for tower, values in (("base", base), ("tuned", tuned)):
        line = " / ".join(f"{values[name]:.4f}" for name in names)
        yield f"{where}, {values['queries']} queries, {tower}: {' / '.join(names)}", line
    yield f"{where}, gain in mAP@20 over the base", f"{tuned['mAP@20'] / base['mAP@20'] - 1:+.1%}"


def _searches_meanwhile(operator: httpx.Client, port: int) -> Iterator[tuple[str, str]]:
    """The rate alone, then during the training of a job that is cancelled after it."""
    queries = distinct(2 * _REQUESTS + 300)
    asyncio.run(load(port, queries[:300], _CONNECTIONS))
    alone = _rate(port, queries[300 : 300 + _REQUESTS])
    job = _start(operator, epochs=1_000, patience=1_000)
    while (seen := _job(operator, job))["state"] not in _ENDED:
        if seen["progress"] and seen["progress"]["stage"] == "training":
            break
        time.sleep(0.05)
    meanwhile = _rate(port, queries[-_REQUESTS:])
    yield f"searches, {_CONNECTIONS} connections, while nothing is trained", f"{alone:,.0f} queries/s"
    yield "the same while a tower is tuned", f"{meanwhile:,.0f} queries/s, {meanwhile / alone:.2f} × that"
    started = time.perf_counter()
    operator.post(f"{job}/cancel").raise_for_status()
    state = _ended(operator, job)["state"]
    yield f"a job that is told to end is {state} after", f"{time.perf_counter() - started:.1f} s"


def _rate(port: int, queries: list[str]) -> float:
    started = time.perf_counter()
    answered = asyncio.run(load(port, queries, _CONNECTIONS))
    return len(answered) / (time.perf_counter() - started)


def _on_unseen(home: Path) -> Iterator[tuple[str, str]]:
    """On pictures, products and queries that nothing was learnt from or chosen on."""
    pairs = read_pairs(SHARED / _PAIRS, split="test")
    with progress() as report:
        base, tuned = measured(home, pairs, ["base", "tuned"], report).evaluations
    yield from _told("test split", base.summary, tuned.summary)
