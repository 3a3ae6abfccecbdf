"""Fine-tuning as a shop's operators meet it: a running service, its worker, and nothing but HTTP."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from indexer.drawn import KINDS
from indexer.store import open_current
from models.registry import Registry
from tests.app.test_child import REPOSITORY, until, worker_of
from tests.conftest import DRAWN_ITEMS
from tests.tuning import RECIPE, WORDS, own_pairs

KEY = "key-7f3a"
LONG = 120.0
"""Seconds: what takes a few of them on quiet cores has ended by then on busy ones."""
TRAINING = RECIPE | {"epochs": 6, "batch": 20, "patience": 6, "gate": "gate.jsonl", "max_guard_loss": 0.1}
"""54 steps, of which the worker can be killed in the midst."""
ENDED = ("finished", "failed", "cancelled")

Answered = tuple[str, dict[str, Any]]
"""A query, and the body of its answer."""
Event = tuple[int, dict[str, Any]]
"""The number of an event, and the job as it was then."""


class Shopper(threading.Thread):
    """Searches about 20 times a second, every time in words that nobody has searched in before."""

    def __init__(self, url: str) -> None:
        super().__init__(name="shopper")
        self._url = url
        self._ended = threading.Event()
        self._answers: list[Answered] = []
        self._failures: list[str] = []

    def run(self) -> None:
        words, kinds = itertools.cycle(WORDS.values()), itertools.cycle([kind.en for kind in KINDS])
        with httpx.Client(base_url=self._url, timeout=10) as client:
            for number in itertools.count():
                if self._ended.wait(0.05):
                    return
                query = f"{next(words)} {next(kinds)} {number}"
                try:
                    answer = client.get("/search", params={"q": query, "limit": DRAWN_ITEMS})
                except httpx.HTTPError as error:
                    self._failures.append(f"{query}: {error!r}")
                    continue
                if answer.status_code == 200:
                    self._answers.append((query, answer.json()))
                else:
                    self._failures.append(f"{query}: {answer.status_code} {answer.text}")

    def __enter__(self) -> Shopper:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def answers(self) -> list[Answered]:
        """Those so far; none has failed."""
        assert self._failures == []
        return list(self._answers)


class Shop:
    """A running service, as an operator with its address and key sees it."""

    def __init__(self, home: Path, process: int, url: str) -> None:
        self.home = home
        self.process = process
        self.url = url
        self.operator = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=30)

    def start(self, pairs: Path, **options: Any) -> str:
        """The id of a fine-tuning job on an uploaded file."""
        parts = {"pairs": (pairs.name, pairs.read_bytes())}
        answer = self.operator.post("/admin/finetune", files=parts, data={"options": json.dumps(options)})
        assert answer.status_code == 202, answer.text
        job: str = answer.json()["id"]
        assert answer.headers["location"] == f"/admin/jobs/{job}"
        return job

    def job(self, job: str) -> dict[str, Any]:
        seen: dict[str, Any] = self.operator.get(f"/admin/jobs/{job}").json()
        return seen

    def ended(self, job: str, seconds: float = LONG) -> dict[str, Any]:
        """The job, once it has ended."""
        return until(lambda: seen if (seen := self.job(job))["state"] in ENDED else None, seconds)

    def events(self, job: str) -> list[Event]:
        """All that the job's stream of events tells, up to its end."""
        told: list[Event] = []
        fields: dict[str, str] = {}
        with self.operator.stream("GET", f"/admin/jobs/{job}/events") as answer:
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "data" in fields:
                    assert fields["event"] == "job"
                    told.append((int(fields["id"]), json.loads(fields["data"])))
                    fields.clear()
        return told

    def search(self, query: str = "blint dress", **parameters: str) -> dict[str, Any]:
        answer = self.operator.get("/search", params={"q": query, **parameters})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def searched_with(self) -> str:
        return str(self.search()["text_tower"])

    def towers(self) -> dict[str, bool]:
        """Id → whether it is active."""
        return {tower["id"]: tower["active"] for tower in self.operator.get("/admin/towers").json()["towers"]}

    def roll_back(self) -> str:
        """The id of the tower that is active then."""
        answer = self.operator.post("/admin/towers/rollback")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])


@contextmanager
def serving(home: Path, folder: Path) -> Iterator[Shop]:
    """`vitrine serve` on a free port, with VITRINE_DATA in `folder`; what it logs is shown when a test
    fails."""
    log = folder / "log"
    command = [sys.executable, "-c", "from app.cli import main; main()"]
    command += ["serve", "--port", "0", "--home", str(home)]
    environment = os.environ | {"VITRINE_ADMIN_KEY": KEY, "VITRINE_DATA": str(folder)}
    environment["OMP_NUM_THREADS"] = "1"  # as in tests.tuning: small work is faster so where cores are shared
    with (
        log.open("w", encoding="utf-8") as stderr,
        subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=stderr) as service,
    ):
        try:
            address = re.compile(r"running on (http://[\d.:]+)")
            url = until(lambda: address.search(log.read_text(encoding="utf-8")), LONG)[1]
            shop = Shop(home, service.pid, url)
            with shop.operator:
                until(lambda: shop.operator.get("/readyz").status_code == 200, LONG)
                yield shop
            service.terminate()
            assert service.wait(30) == 0
        finally:
            service.kill()
            print(log.read_text(encoding="utf-8"), file=sys.stderr)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operators' folder: pairs.jsonl and gate.jsonl, of a shop with words of its own."""
    folder = tmp_path_factory.mktemp("files")
    own_pairs(folder)
    return folder


@pytest.fixture(scope="module")
def shop(home: Path, files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The drawn shop, to be changed; each test leaves the base active."""
    copy = tmp_path_factory.mktemp("live") / "home"
    shutil.copytree(home, copy, symlinks=True)
    with serving(copy, files) as running:
        yield running


@pytest.fixture(scope="module")
def shopper(shop: Shop) -> Iterator[Shopper]:
    """Somebody who searches all along."""
    with Shopper(shop.url) as shopper:
        yield shopper


@pytest.fixture(scope="module")
def undisturbed(shop: Shop, shopper: Shopper, files: Path) -> list[Event]:
    """The events of a job that makes the tower `tuned`, and that nothing disturbs but searches."""
    return shop.events(shop.start(files / "pairs.jsonl", out="tuned", **TRAINING))


def require_whole(home: Path, answers: Sequence[Answered]) -> None:
    """Each has the scores that the tower it names gives alone, to another reader of the home; no other tower
    of these answers gives them."""
    index = open_current(home)
    ids, items = index.ids(range(len(index))), index.item_vectors()
    found = np.array(
        [[{hit["id"]: hit["score"] for hit in body["hits"]}[item] for item in ids] for _, body in answers]
    )
    named = np.array([body["text_tower"] for _, body in answers])
    for tower in set(named):
        alone = Registry(home).open(tower).encode([query for query, _ in answers]) @ items.T
        assert ((np.abs(found - alone).max(axis=1) < 1e-4) == (named == tower)).all()


def test_a_tower_is_tuned_activated_and_rolled_back_while_a_shop_searches(
    shop: Shop, shopper: Shopper, undisturbed: list[Event]
) -> None:
    """The upload's job tells its progress to the end and has a report; the tower goes live with one call and
    back with another, each search from then on naming it; and of all searches meanwhile none fails, and each
    is answered by one tower alone."""
    numbers = [number for number, _ in undisturbed]
    assert numbers == sorted(set(numbers))
    last = undisturbed[-1][1]
    assert last["state"] == "finished", last
    assert last == shop.job(last["id"])
    told = [job["progress"] for _, job in undisturbed if job["state"] == "running" and job["progress"]]
    steps = [progress for progress in told if progress["stage"] == "training"]
    assert len(steps) > 1
    assert [one["done"] for one in steps] == sorted(one["done"] for one in steps)
    assert {one["total"] for one in steps} == {54}
    assert {"epoch", "loss", "mRR@20", "hits@20"} <= set(last["progress"]["metrics"])
    assert (last["result"]["tower"], last["result"]["activated"]) == ("tuned", False)
    assert "tuned" in shop.operator.get(f"/admin/jobs/{last['id']}/report").text
    assert shop.towers()["tuned"] is False
    assert shop.searched_with() == "base"

    answer = shop.operator.put("/admin/towers/active", json={"id": "tuned"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["serving"]["text_tower"] == "tuned"
    assert shop.searched_with() == "tuned"
    assert shop.search(text_tower="base")["text_tower"] == "base"
    until(lambda: shopper.answers()[-1][1]["text_tower"] == "tuned")
    assert shop.roll_back() == "base"
    assert shop.searched_with() == "base"
    until(lambda: shopper.answers()[-1][1]["text_tower"] == "base")
    answers = shopper.answers()
    order = [tower for tower, _ in itertools.groupby(answer["text_tower"] for _, answer in answers)]
    assert order == ["base", "tuned", "base"]
    require_whole(shop.home, answers)


def test_a_job_whose_worker_is_killed_ends_as_if_it_had_not_been(
    shop: Shop, shopper: Shopper, files: Path, undisturbed: list[Event]
) -> None:
    """`kill -9` in the middle of the training: the next worker goes on from the checkpoint, ends with the
    same losses and metrics, and lets the tower go live, as was asked; a running service takes it up."""
    known = len(shopper.answers())
    job = shop.start(files / "pairs.jsonl", out="resumed", activate=True, **TRAINING)
    until((shop.home / "jobs" / job / "checkpoint").exists, LONG)
    worker = until(lambda: worker_of(shop.process))
    os.kill(worker, signal.SIGKILL)
    last = shop.ended(job)
    assert last["state"] == "finished", last
    assert [line for line in last["log"] if line.startswith("attempt 2")]
    resumed = re.search(r"resumed after step (\d+) of 54", "\n".join(last["log"]))
    assert resumed is not None, last["log"]
    assert 0 < int(resumed[1]) < 54
    first = undisturbed[-1][1]["result"]
    for part in ("base", "tuned"):
        assert last["result"]["gate"][part] == pytest.approx(first["gate"][part], abs=1e-3)
    epochs = [run["validation"]["history"] for run in (last["result"], first)]
    for after, before in zip(*epochs, strict=True):
        assert after == {
            name: value if isinstance(value, str) else pytest.approx(value, abs=1e-3)
            for name, value in before.items()
        }
    assert last["result"]["activated"], last["result"]["reason"]
    until(lambda: shop.searched_with() == "resumed", LONG)
    assert shop.roll_back() == "base"
    require_whole(shop.home, shopper.answers()[known:])


def test_a_job_is_cancelled_at_any_moment(shop: Shop, shopper: Shopper, files: Path) -> None:
    """Within seconds it is; nothing of it is activated or kept, and the worker takes the next job."""
    towers = shop.towers()
    for _ in range(3):
        job = shop.start(
            files / "pairs.jsonl", activate=True, **TRAINING | {"epochs": 1000, "patience": 1000}
        )
        until(lambda job=job: shop.job(job)["state"] == "running", LONG)  # type: ignore[misc]
        moment = random.uniform(0, 2)
        time.sleep(moment)
        assert shop.operator.post(f"/admin/jobs/{job}/cancel").status_code == 200
        last = shop.ended(job, seconds=10)
        assert (last["state"], last["result"]) == ("cancelled", None), f"after {moment} s: {last}"
    answer = shop.operator.post(
        "/admin/evaluate", files={"queries": ("gate.jsonl", (files / "gate.jsonl").read_bytes())}
    )
    assert answer.status_code == 202, answer.text
    assert list(shop.ended(answer.json()["id"])["result"]) == ["base"]
    assert shop.towers() == towers
    assert shop.searched_with() == "base"
    assert shopper.answers()


def test_a_tower_that_learnt_nonsense_does_not_go_live(shop: Shop, files: Path) -> None:
    """Pairs in which every query stands beside another's item: they train, the gate says no, and the tower is
    kept beside the active one, though it was to be activated."""
    rows = [json.loads(line) for line in (files / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    items = [row["item"] for row in rows]
    random.Random(0).shuffle(items)
    shuffled = files / "shuffled.jsonl"
    lines = [json.dumps({"query": row["query"], "item": item}) for row, item in zip(rows, items, strict=True)]
    shuffled.write_text("\n".join(lines), encoding="utf-8")
    last = shop.ended(shop.start(shuffled, out="nonsense", activate=True, **TRAINING))
    assert last["state"] == "finished", last
    assert (last["result"]["activated"], last["result"]["passed"]) == (False, False)
    assert "on the gate part" in last["result"]["reason"]
    assert last["log"][-1] == f"kept nonsense: {last['result']['reason']}"
    assert shop.towers()["nonsense"] is False
    assert shop.searched_with() == "base"
    assert shop.search(text_tower="nonsense")["text_tower"] == "nonsense"
