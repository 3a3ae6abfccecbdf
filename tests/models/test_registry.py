"""The towers of a home: which are there, which one is active, and what a crash or a copy leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from models.bundled import SHIPPED
from models.cards import CARD, WEIGHTS, Card, content_hash, read_card
from models.registry import Registry, TowerNotFound
from models.towers import TowerError

SPACE, OTHER_SPACE = "1" * 16, "2" * 16


def source(folder: Path, *, name: str = "base", value: float = 1.0, space: str = SPACE) -> Path:
    """The folder of a tower with one weight."""
    folder.mkdir(parents=True)
    tensors = {"weight": torch.tensor([value])}
    safetensors.torch.save_file(tensors, folder / WEIGHTS)
    Card(name, "bundled-text", space=space, dim=512, weights=content_hash(tensors)).write(folder)
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_an_empty_home_has_no_towers(tmp_path: Path) -> None:
    """Asking creates nothing."""
    registry = Registry(tmp_path)
    assert registry.cards() == []
    assert registry.active(SPACE) is None
    assert list(tmp_path.iterdir()) == []


def test_a_spaces_own_tower_is_its_first_active_one(tmp_path: Path) -> None:
    """Once added it is there under the id on its card, whole, and active in its space alone."""
    folder = source(tmp_path / "shipped")
    registry = Registry(tmp_path / "home")
    assert registry.add_own(folder).id == "base"
    assert [card.id for card in registry.cards()] == ["base"]
    assert (registry.active(SPACE), registry.active(OTHER_SPACE)) == ("base", None)
    assert everything(tmp_path / "home" / "towers" / "base") == everything(folder)


def test_adding_again_changes_nothing(tmp_path: Path) -> None:
    """Every index build adds its own tower; the second finds it there."""
    folder = source(tmp_path / "shipped")
    registry = Registry(tmp_path / "home")
    registry.add_own(folder)
    before = everything(tmp_path / "home")
    assert registry.add_own(folder).id == "base"
    assert everything(tmp_path / "home") == before


def test_adding_leaves_the_active_tower_active(tmp_path: Path) -> None:
    """Somebody activated a tuned tower: the next build does not take it back."""
    registry = Registry(tmp_path / "home")
    registry.add_own(source(tmp_path / "shipped"))
    source(tmp_path / "home" / "towers" / "tuned", name="tuned", value=2)
    registry.activate("tuned")
    registry.add_own(tmp_path / "shipped")
    assert registry.active(SPACE) == "tuned"


def test_other_weights_of_the_same_name_get_a_name_of_their_own(tmp_path: Path) -> None:
    """After an upgrade `base` has other weights and another space: it is added beside the old one, with a
    part of its hash, and each is active in its space."""
    registry = Registry(tmp_path / "home")
    registry.add_own(source(tmp_path / "old"))
    new = source(tmp_path / "new", value=2, space=OTHER_SPACE)
    added = registry.add_own(new)
    assert added.id == f"base-{read_card(new).weights[:8]}"
    assert registry.card(added.id) == added
    assert (registry.active(SPACE), registry.active(OTHER_SPACE)) == ("base", added.id)
    assert registry.add_own(new) == added
    assert len(registry.cards()) == 2


def test_a_tower_is_made_the_active_one_of_its_own_space(tmp_path: Path) -> None:
    """The other spaces keep theirs."""
    registry = Registry(tmp_path)
    for name, space in [("a", SPACE), ("b", SPACE), ("c", OTHER_SPACE)]:
        source(tmp_path / "towers" / name, name=name, space=space)
        registry.activate(name)
    assert (registry.active(SPACE), registry.active(OTHER_SPACE)) == ("b", "c")
    assert registry.activate("a").space == SPACE
    assert (registry.active(SPACE), registry.active(OTHER_SPACE)) == ("a", "c")


@pytest.mark.parametrize("name", ["tuned", "", ".", "..", "../towers/base", "base/", "a\x00b", "x" * 300])
def test_an_unknown_tower_is_not_found(tmp_path: Path, name: str) -> None:
    """No name reaches outside the folder, or anything but TowerNotFound; the error says which there are."""
    registry = Registry(tmp_path / "home")
    registry.add_own(source(tmp_path / "shipped"))
    for ask in (registry.card, registry.open, registry.activate):
        with pytest.raises(TowerNotFound, match=r"is registered; there are: "):
            ask(name)


def test_the_towers_that_there_are_are_named(tmp_path: Path) -> None:
    """The reader of the error sees what to type instead."""
    registry = Registry(tmp_path)
    with pytest.raises(TowerNotFound, match="no tower 'tuned' is registered; there are: none yet"):
        registry.card("tuned")
    for name in ("b", "a"):
        source(tmp_path / "towers" / name, name=name)
    with pytest.raises(TowerNotFound, match=r"no tower 'tuned' is registered; there are: a, b$"):
        registry.card("tuned")


def test_a_folder_from_another_home_is_a_tower(tmp_path: Path) -> None:
    """Copying the folder is all: it is listed, activated, and opened with the vectors that it had there."""
    mine, yours = Registry(tmp_path / "mine"), Registry(tmp_path / "yours")
    card = yours.add_own(SHIPPED / "base")
    shutil.copytree(tmp_path / "yours" / "towers" / card.id, tmp_path / "mine" / "towers" / card.id)
    assert mine.cards() == [card]
    mine.activate(card.id)
    assert mine.active(card.space) == card.id
    query = ["rotes Kleid"]
    assert np.array_equal(mine.open(card.id).encode(query), yours.open(card.id).encode(query))


def test_a_renamed_folder_is_refused(tmp_path: Path) -> None:
    """A card of another id is an error that names both, not a tower with two names."""
    source(tmp_path / "towers" / "mine", name="base")
    with pytest.raises(TowerError, match="the card in towers/mine is of 'base': rename the folder"):
        Registry(tmp_path).card("mine")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"id": 5}', '{"id": 5, "family": "", "space": "", "dim": 1, "weights": ""}']
)
def test_a_damaged_folder_hides_no_other_tower(tmp_path: Path, text: str) -> None:
    """It is passed over in the list, and an error when it is asked for."""
    registry = Registry(tmp_path)
    source(tmp_path / "towers" / "good", name="good")
    (source(tmp_path / "towers" / "bad", name="bad") / CARD).write_text(text)
    assert [card.id for card in registry.cards()] == ["good"]
    with pytest.raises(TowerError, match=r"card\.json"):
        registry.card("bad")


def test_what_is_no_tower_is_passed_over(tmp_path: Path) -> None:
    """Hidden folders, stray files and folders without a card are none."""
    source(tmp_path / "towers" / ".adding-base")
    (tmp_path / "towers" / "empty").mkdir()
    (tmp_path / "towers" / "notes.txt").write_text("a note")
    assert Registry(tmp_path).cards() == []


def test_what_a_killed_copy_left_is_replaced(tmp_path: Path) -> None:
    """A copy that was cut short is started anew, and what is published is whole."""
    left = tmp_path / "home" / "towers" / ".adding-base"
    left.mkdir(parents=True)
    (left / "weights.safetensors").write_bytes(b"half")
    folder = source(tmp_path / "shipped")
    Registry(tmp_path / "home").add_own(folder)
    assert everything(tmp_path / "home" / "towers" / "base") == everything(folder)
    assert not left.exists()


def test_the_active_towers_are_replaced_by_one_rename(tmp_path: Path) -> None:
    """A reader that opened active.json before still reads all of the old file; the new one is another."""
    registry = Registry(tmp_path)
    for name in ("a", "b"):
        source(tmp_path / "towers" / name, name=name)
    registry.activate("a")
    path = tmp_path / "towers" / "active.json"
    with path.open() as old:
        registry.activate("b")
        assert json.load(old) == {SPACE: "a"}
        assert os.fstat(old.fileno()).st_ino != path.stat().st_ino
    assert json.loads(path.read_text()) == {SPACE: "b"}


def test_a_reader_never_sees_half_an_active_json(tmp_path: Path) -> None:
    """While two threads activate in turn, every reading is one tower or the other."""
    names = ("a", "b")
    for name in names:
        source(tmp_path / "towers" / name, name=name)
    Registry(tmp_path).activate("a")

    def activate() -> None:
        for turn in range(20):
            Registry(tmp_path).activate(names[turn % 2])

    threads = [threading.Thread(target=activate) for _ in range(2)]
    for thread in threads:
        thread.start()
    seen = set()
    while any(thread.is_alive() for thread in threads):
        seen.add(Registry(tmp_path).active(SPACE))
    assert seen <= {"a", "b"}


@pytest.mark.parametrize("text", ["{", "", "[]", "\x00"])
def test_a_damaged_active_json_is_named_with_the_cure(tmp_path: Path, text: str) -> None:
    """It is not guessed what was active."""
    (tmp_path / "towers").mkdir()
    (tmp_path / "towers" / "active.json").write_text(text)
    with pytest.raises(TowerError, match=r"active\.json .*delete it, and activate a tower"):
        Registry(tmp_path).active(SPACE)
