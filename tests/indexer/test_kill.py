"""`kill -9` while an index is built: what is served stays whole."""

from __future__ import annotations

import csv
import itertools
import os
import random
import signal
import sys
import time
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import numpy as np
from PIL import Image

from app.cli import main
from indexer.store import builder_lock, indexes, keep_newest, open_current, versions
from tests.indexer.test_store import publish

ROUNDS = 20
ITEMS = 6

CHANGES = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir"}


def publish_until(home: Path, version: str, step: int) -> None:
    """Publishes a version of three items and deletes old ones, and is killed before the step-th time that
    it opens or changes a file of the home."""
    left = step

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in CHANGES or (event == "open" and str(arguments[0]).startswith(str(home))):
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    sys.addaudithook(count)
    publish(home, np.eye(3, 8), version=version)
    with builder_lock(home):
        keep_newest(home, 1)


def vitrine_index(catalogue: Path, home: Path, seen: Path) -> None:
    """Runs `vitrine index` in a process of its own; `seen` is written once everything is imported."""
    sys.argv = ["vitrine", "index", str(catalogue), "--home", str(home), "--device", "cpu"]
    seen.touch()
    main()


class Shop:
    """A catalogue in which every build finds another price, and a picture that was repainted."""

    def __init__(self, folder: Path, context: ForkServerContext) -> None:
        self._context = context
        self.folder = folder
        self.home = folder / "home"
        self.edition = 0
        for item in range(ITEMS):
            self._paint(item, (40 * item, 80, 160))

    def _paint(self, item: int, colour: tuple[int, int, int]) -> None:
        Image.new("RGB", (32, 32), colour).save(self.folder / f"{item}.png")

    def change(self) -> None:
        self.edition += 1
        self._paint(self.edition % ITEMS, (self.edition * 7 % 256, self.edition % 256, 200))
        with (self.folder / "catalogue.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "image", "title", "edition"])
            writer.writerows([n, f"{n}.png", f"Kleid {n}", self.edition] for n in range(ITEMS))

    def start(self) -> ForkServerProcess:
        """A build that has been started and has its imports behind it."""
        seen = self.folder / "seen"
        seen.unlink(missing_ok=True)
        process = self._context.Process(
            target=vitrine_index, args=(self.folder / "catalogue.csv", self.home, seen)
        )
        process.start()
        while not seen.exists() and process.is_alive():
            time.sleep(0.001)
        return process

    def build(self) -> None:
        process = self.start()
        process.join()
        assert process.exitcode == 0

    def served(self) -> int:
        """The edition of the catalogue that is served: opened, checked against its manifest, and searched."""
        index = open_current(self.home)
        assert len(index) == ITEMS
        rows = list(range(ITEMS))
        assert sorted(index.search(index.item_vector(0), ITEMS).rows) == rows
        (edition,) = {fields["edition"] for fields in index.fields(rows)}
        assert isinstance(edition, int)
        return edition


def test_a_killed_build_leaves_what_is_served_intact(tmp_path: Path, forks: ForkServerContext) -> None:
    """Twenty builds are killed at random moments. After each, the served version opens with every checksum
    right, holds all of the old edition or all of the new one, and the next build succeeds."""
    shop = Shop(tmp_path, forks)
    shop.change()
    shop.build()
    shop.change()
    started = time.perf_counter()
    shop.build()
    duration = time.perf_counter() - started
    moments = random.Random(0)
    killed = 0
    for _ in range(ROUNDS):
        old = shop.served()
        shop.change()
        process = shop.start()
        process.join(moments.uniform(0, duration))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        assert shop.served() in (old, shop.edition)
        shop.change()
        shop.build()
        assert shop.served() == shop.edition
    assert killed >= ROUNDS // 4  # most; on a busy machine the measured duration may be any multiple
    assert not list(indexes(shop.home).glob(".building-*"))
    assert len(versions(shop.home)) <= 3


def test_a_build_may_be_killed_at_any_step_of_publishing(tmp_path: Path, forks: ForkServerContext) -> None:
    """Killed before each single change that publishing makes to the home, in turn: what is served is the old
    version of two items or the new one of three, whole, and the next builder publishes over what is left."""
    served = set()
    for step in itertools.count():
        publish(tmp_path, np.eye(2, 8), version=f"{step:03}-old")
        process = forks.Process(target=publish_until, args=(tmp_path, f"{step:03}-new", step))
        process.start()
        process.join()
        index = open_current(tmp_path)
        assert (index.version, len(index)) in {(f"{step:03}-old", 2), (f"{step:03}-new", 3)}
        assert index.search(np.eye(1, 8, 1, dtype=np.float32)[0], 1).rows.tolist() == [1]
        served.add(len(index))
        del index
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
    assert step > 10
    assert served == {2, 3}
    publish(tmp_path, np.eye(2, 8), version="last")
    with builder_lock(tmp_path):
        keep_newest(tmp_path, 1)
    assert versions(tmp_path) == ["last"]
    left = {entry.name for entry in indexes(tmp_path).iterdir()} - {".builder.lock"}
    assert left == {"last", "current"}
