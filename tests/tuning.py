"""A shop with words of its own, which no base knows, and a tuning small enough for a test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from indexer import guards
from indexer.drawn import COLOURS, Garment, garments
from indexer.store import open_current
from models.bundled import open_text
from models.splits import part_of
from tests.conftest import DRAWN_ITEMS

_OWN = "kralm omeff dossu blint zibbe nuvol tarpo grefi hukka mirse lopta vorpe sefti quanz bolge fendu"
WORDS = dict(zip(COLOURS, _OWN.split(), strict=True))
"""English colour → what this shop calls it."""
RECIPE: dict[str, Any] = {
    "trainable": "projection",
    "epochs": 2,
    "batch": 45,
    "lr": 2e-3,
    "negatives": 0,
    "wise_ft": 0.6,
}
"""Seconds, and enough to learn 16 words."""


@dataclass
class Witness:
    """Follows a run and keeps what it is told; `die_at` (stage, done) ends it there as a crash would."""

    folder: Path
    die_at: tuple[str, int] | None = None
    cancel_at: str | None = None
    told: list[tuple[str, int, int, dict[str, float]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    settled: int = 0

    def progress(self, stage: str, done: int, total: int, **metrics: float) -> None:
        self.told.append((stage, done, total, metrics))
        if self.die_at == (stage, done):
            raise KeyboardInterrupt

    def note(self, line: str) -> None:
        self.notes.append(line)

    def cancelled(self) -> bool:
        return bool(self.told) and self.told[-1][0] == self.cancel_at

    def settle(self) -> None:
        self.settled += 1

    @property
    def stages(self) -> list[str]:
        return list(dict.fromkeys(stage for stage, *_ in self.told))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """For a module that imports it: one seed gives one result for one number of threads, and on cores that
    others use too, small work is faster so."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def own_home(home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a home to change, with a drawn guard set of 12 garments for the length of a test. Each one's
    vector is that of its English name, which is near its picture's and takes no time."""
    copy = folder / "own-home"
    shutil.copytree(home, copy, symlinks=True)
    monkeypatch.setattr(guards, "GARMENTS", 12)
    names = [f"{garment.colour} {garment.kind}" for garment in garments(guards.SEED, guards.GARMENTS)]
    guards.write_vectors(copy, open_current(copy).space, open_text().encode(names).astype("float16"))
    return copy


def own_pairs(folder: Path) -> tuple[Path, Path]:
    """Files of pairs to learn from and to decide with, in the shop's own words; no product is in both."""
    shop = garments(0, DRAWN_ITEMS)
    products = sorted({garment.product for garment in shop if part_of(garment.product) == "train"})
    deciding = set(products[:3])
    return (
        write_pairs(folder / "pairs.jsonl", (one for one in shop if one.product not in deciding)),
        write_pairs(folder / "gate.jsonl", (one for one in shop if one.product in deciding)),
    )


def write_pairs(path: Path, shop: Iterable[Garment]) -> Path:
    """Four queries for each garment."""
    lines = []
    for garment in shop:
        word, kind, kind_de = WORDS[garment.colour], garment.kind, garment.kind_de
        for query in (f"{word} {kind}", f"{kind} {word}", f"{word} {kind_de}", f"{kind_de} in {word}"):
            lines.append(json.dumps({"query": query, "item": garment.id}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path
