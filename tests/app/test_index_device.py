"""Searching on a GPU, as far as a machine without one shows it: the copy is the CPU's own index here."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import pytest
import torch

from app.engine import Engine
from app.query import Search, TextTerm
from indexer import ann
from indexer.build import BuildConfig, build
from models.towers import TowerError
from tests.conftest import quiet


def test_without_a_gpu_the_service_says_so_at_its_start(home: Path) -> None:
    """Not at the first search."""
    if ann.has_gpu():
        pytest.skip("FAISS sees a GPU here")
    with pytest.raises(ann.NoGpu, match="VITRINE_INDEX_DEVICE=cpu"):
        Engine(home, index_device="cuda")


def test_nor_does_it_start_where_its_towers_are_to_have_one(home: Path) -> None:
    """Not at the first picture that is searched with."""
    if torch.cuda.is_available():
        pytest.skip("torch sees a GPU here")
    with pytest.raises(TowerError, match="use --device cpu"):
        Engine(home, device="cuda")


@pytest.fixture
def _a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ann, "has_gpu", lambda: True)
    monkeypatch.setattr(ann, "_copied_to_gpu", lambda index: index)


@pytest.mark.usefixtures("_a_gpu")
def test_a_new_version_takes_the_place_of_the_old_one_there(home: Path, drawn: Path, tmp_path: Path) -> None:
    """Both answer alike; when nobody is served by the old version any more, its copy is let go."""
    folder = tmp_path / "home"
    shutil.copytree(home, folder, symlinks=True)
    engine, plain = Engine(folder, index_device="cuda"), Engine(folder)
    for one in (engine, plain):
        one.refresh()
    asked = [TextTerm("rotes Kleid")]
    assert engine.search(asked, Search(limit=5)).hits == plain.search(asked, Search(limit=5)).hits
    old = engine.served.index._neighbours
    assert isinstance(old, ann.GpuNeighbours)
    thread = old._on_gpu._thread
    build(folder, BuildConfig(drawn, device="cpu"), quiet)
    engine.refresh()
    assert engine.search(asked, Search(limit=5)).hits == plain.search(asked, Search(limit=5)).hits
    assert thread.is_alive()
    del old
    gc.collect()
    thread.join(timeout=10)
    assert not thread.is_alive()
