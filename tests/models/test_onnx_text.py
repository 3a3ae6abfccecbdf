"""Text towers by ONNX Runtime: the vectors of torch, exported once."""

from __future__ import annotations

import importlib.util
import json
import logging
import multiprocessing
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx_ir
import pytest
import torch

from models.bundled import SHIPPED
from models.cards import read_card
from models.onnx_int8 import quantise
from models.onnx_text import OnnxText, export, export_key, is_whole, open_onnx, require_extras
from models.registry import Registry, open_space, register_bundled
from models.towers import TextTower, TowerError, Vectors, open_input, open_trainable
from tests.tiny_models import FAMILIES, SENTENCES, Family, write_tiny

TEXTS = (*SENTENCES, "x", "", "sehr " * 100 + "lange Hose")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def tiny_version(folder: Path, family: Family) -> Path:
    """The own text side of a tiny model of `family`, as a version."""
    _, card = open_space(Registry(folder), f"local-dir:{write_tiny(folder / 'model', family)}", "cpu")
    return folder / "towers" / card.id


def one_by_one(tower: TextTower) -> Vectors:
    return np.concatenate([tower.encode([text]) for text in TEXTS])


def in_8_bits(model: Path, folder: Path) -> Path:
    """What `export` would write in that form, without tracing the module a second time."""
    read = onnx_ir.load(model)
    quantise(read)
    folder.mkdir()
    onnx_ir.save(read, folder / model.name, external_data=f"{model.name}.data")
    return folder / model.name


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_the_vectors_of_torch(family: Family, tmp_path: Path) -> None:
    """In float32 to rounding, in 8 bits at a cosine over 0.99; either way alone as among others."""
    version = tiny_version(tmp_path, family)
    tower = open_trainable(version, "cpu")
    expected = tower.encode(TEXTS)
    model = tmp_path / "model.onnx"
    export(tower, model, "fp32")
    exact = OnnxText(read_card(version), open_input(version), model)
    assert (exact.id, exact.space, exact.dim) == (tower.id, tower.space, tower.dim)
    assert np.abs(exact.encode(TEXTS) - expected).max() < 1e-5
    assert np.abs(one_by_one(exact) - expected).max() < 1e-5
    rough = OnnxText(read_card(version), open_input(version), in_8_bits(model, tmp_path / "int8"))
    assert (rough.encode(TEXTS) * expected).sum(axis=1).min() > 0.99
    assert np.abs(one_by_one(rough) - rough.encode(TEXTS)).max() < 1e-5


def test_an_export_that_gives_other_vectors_is_refused(tmp_path: Path) -> None:
    """A module whose answer depends on how often it was called has no one graph; the tower is named."""
    tower = open_trainable(tiny_version(tmp_path, "xlm-roberta"), "cpu")

    class Restless(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.calls = tower.module, 0

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            vectors: torch.Tensor = self.inner(ids).roll(self.calls, dims=1)
            return vectors

    tower.module = Restless()
    with pytest.raises(TowerError, match=f"{tower.id} as ONNX .* other vectors than its module"):
        export(tower, tmp_path / "model.onnx", "fp32")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the towers that ship; `base` was opened by two at once, for whom it was exported."""
    folder = tmp_path_factory.mktemp("home")
    registry = Registry(folder)
    register_bundled(registry, SHIPPED)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: registry.open("base", runtime="onnx"), range(2)))
    return folder


def exports(home: Path) -> list[Path]:
    return sorted((home / "onnx").glob("*-*"))


def test_a_version_is_exported_once(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two that open it at once, and whoever opens it later, share one export, which gives torch's vectors."""
    (exported,) = exports(home)
    assert exported.name.endswith("-fp32")
    with caplog.at_level(logging.INFO, "vitrine"):
        tower = Registry(home).open("base", runtime="onnx")
    assert not caplog.records
    assert np.abs(tower.encode(TEXTS) - Registry(home).open("base").encode(TEXTS)).max() < 1e-5
    assert tower.encode([]).shape == (0, tower.dim)


def test_the_bundled_tower_in_8_bits_is_near(home: Path, tmp_path: Path) -> None:
    """A cosine over 0.99 on shop queries."""
    (exported,) = exports(home)
    base = home / "towers" / "base"
    model = in_8_bits(exported / "model.onnx", tmp_path / "int8")
    rough = OnnxText(read_card(base), open_input(base), model)
    expected = Registry(home).open("base").encode(SENTENCES)
    assert (rough.encode(SENTENCES) * expected).sum(axis=1).min() > 0.99


@pytest.mark.parametrize("file", ["model.onnx", "model.onnx.data", "SHA256SUMS"])
def test_a_damaged_export_is_told_by_one_bit(home: Path, tmp_path: Path, file: str) -> None:
    """Of the graph, the weights, or the sums themselves; and so is one that lacks a file."""
    shutil.copytree(exports(home)[0], tmp_path / "export")
    assert is_whole(tmp_path / "export")
    content = bytearray((tmp_path / "export" / file).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "export" / file).write_bytes(content)
    assert not is_whole(tmp_path / "export")
    (tmp_path / "export" / file).unlink()
    assert not is_whole(tmp_path / "export")


def test_a_damaged_version_is_not_exported(tmp_path: Path) -> None:
    """The error names the tower and what is wrong with it; no half export stays."""
    shutil.copytree(SHIPPED / "base", tmp_path / "towers" / "base")
    (tmp_path / "towers" / "base" / "weights.safetensors").unlink()
    with pytest.raises(TowerError, match=r"base could not be exported .* has no weights\.safetensors"):
        open_onnx(tmp_path / "towers" / "base", tmp_path / "onnx", "fp32")
    assert exports(tmp_path) == []


def test_exporting_anew_repairs_and_makes_room(home: Path, tmp_path: Path) -> None:
    """A cut-off export is replaced; those of versions that are gone, and what a killed process left, are
    deleted; those of the others stay."""
    mine = tmp_path / "home"
    shutil.copytree(home, mine)
    (exported,) = exports(mine)
    with (exported / "model.onnx.data").open("r+b") as file:
        file.truncate(1_000_000)
    tuned = export_key(mine / "towers" / "fashion-de")
    for name in (f"{'0' * 64}-fp32", f"{tuned}-int8", ".exporting-12345678"):
        (mine / "onnx" / name).mkdir()
    tower = Registry(mine).open("base", runtime="onnx")
    assert exports(mine) == sorted([exported, mine / "onnx" / f"{tuned}-int8"])
    assert np.abs(tower.encode(TEXTS) - Registry(mine).open("base").encode(TEXTS)).max() < 1e-5


def test_an_export_that_is_killed_leaves_the_tower_as_it_was(tmp_path: Path) -> None:
    """The error says how the process ended; the next opening finds no half export."""
    register_bundled(Registry(tmp_path), SHIPPED)

    def kill() -> None:
        deadline = time.monotonic() + 30
        while not multiprocessing.active_children():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        multiprocessing.active_children()[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(TowerError, match=r"base could not be exported .* ended with -9"):
        Registry(tmp_path).open("base", runtime="onnx")
    killer.join()
    assert [path.name for path in (tmp_path / "onnx").iterdir()] == [".lock"]


def test_a_key_tells_all_that_an_export_follows_from(tmp_path: Path) -> None:
    """A version that holds differences has another key than its parent, and both have others once the
    configuration is another; a tower's own name and place do not matter."""
    parent = tiny_version(tmp_path, "clip")
    tower = open_trainable(parent, "cpu")
    with torch.no_grad():
        next(tower.module.parameters()).add_(1)
    card = read_card(parent)
    tower.write(parent.with_name("tuned"), id="tuned", space=card.space)
    keys = [export_key(parent), export_key(parent.with_name("tuned"))]
    config = parent / "model" / "open_clip_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"other": 1}))
    keys += [export_key(parent), export_key(parent.with_name("tuned"))]
    assert len(set(keys)) == 4
    shutil.copytree(parent, tmp_path / "elsewhere" / "twin")
    assert export_key(tmp_path / "elsewhere" / "twin") == keys[2]


def test_without_the_extras_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package that is missing, and the command."""
    require_extras()
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else found(name)
    )
    with pytest.raises(
        ModuleNotFoundError, match=r"needs the package onnxruntime.*pip install 'vitrine\[onnx\]'"
    ):
        require_extras()
