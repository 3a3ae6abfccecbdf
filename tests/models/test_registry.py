"""The towers of a home: which are there, which one is active, and what a crash or a copy leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from models.bundled import SHIPPED
from models.cards import CARD, WEIGHTS, Card, content_hash, read_card
from models.registry import Registered, Registry, TowerInUse, TowerNotFound, register_bundled
from models.towers import TowerError

SPACE, OTHER_SPACE = "1" * 16, "2" * 16


def source(folder: Path, *, name: str = "base", value: float = 1.0, space: str = SPACE, **card: Any) -> Path:
    """The folder of a tower with one weight."""
    folder.mkdir(parents=True)
    tensors = {"weight": torch.tensor([value])}
    safetensors.torch.save_file(tensors, folder / WEIGHTS)
    Card(name, "bundled-text", space=space, dim=512, weights=content_hash(tensors), **card).write(folder)
    return folder


def add_own(registry: Registry, folder: Path) -> Card:
    """Registers the tower in a folder as its space's own text side."""
    return registry.add_own(read_card(folder), lambda new: shutil.copytree(folder, new, dirs_exist_ok=True))


def activated(home: Path, *names: str) -> Registry:
    """A registry in which these towers were activated, one after the other."""
    registry = Registry(home)
    for value, name in enumerate(names):
        if not (home / "towers" / name).exists():
            source(home / "towers" / name, name=name, value=value)
        registry.activate(name)
    return registry


def parent_of(folder: Path) -> dict[str, str]:
    card = read_card(folder)
    return {"id": card.id, "weights": card.weights}


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
    assert add_own(registry, folder).id == "base"
    assert [card.id for card in registry.cards()] == ["base"]
    assert (registry.active(SPACE), registry.active(OTHER_SPACE)) == ("base", None)
    assert everything(tmp_path / "home" / "towers" / "base") == everything(folder)


def test_adding_again_changes_nothing(tmp_path: Path) -> None:
    """Every index build adds its own tower; the second finds it there."""
    folder = source(tmp_path / "shipped")
    registry = Registry(tmp_path / "home")
    add_own(registry, folder)
    before = everything(tmp_path / "home")
    assert add_own(registry, folder).id == "base"
    assert everything(tmp_path / "home") == before


def test_adding_leaves_the_active_tower_active(tmp_path: Path) -> None:
    """Somebody activated a tuned tower: the next build does not take it back."""
    registry = Registry(tmp_path / "home")
    add_own(registry, source(tmp_path / "shipped"))
    source(tmp_path / "home" / "towers" / "tuned", name="tuned", value=2)
    registry.activate("tuned")
    add_own(registry, tmp_path / "shipped")
    assert registry.active(SPACE) == "tuned"


def test_other_weights_of_the_same_name_get_a_name_of_their_own(tmp_path: Path) -> None:
    """After an upgrade `base` has other weights and another space: it is added beside the old one, with a
    part of its hash, and each is active in its space."""
    registry = Registry(tmp_path / "home")
    add_own(registry, source(tmp_path / "old"))
    new = source(tmp_path / "new", value=2, space=OTHER_SPACE)
    added = add_own(registry, new)
    assert added.id == f"base-{read_card(new).weights[:8]}"
    assert registry.card(added.id) == added
    assert (registry.active(SPACE), registry.active(OTHER_SPACE)) == ("base", added.id)
    assert add_own(registry, new) == added
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
    add_own(registry, source(tmp_path / "shipped"))
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
    card = add_own(yours, SHIPPED / "base")
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
    add_own(Registry(tmp_path / "home"), folder)
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


def test_the_list_says_which_towers_are_active(tmp_path: Path) -> None:
    """Each in its own space: an id that is active in another one does not count here."""
    registry = activated(tmp_path, "a", "b")
    other = read_card(source(tmp_path / "towers" / "c", name="c", space=OTHER_SPACE))
    assert registry.towers() == [
        Registered(registry.card("a"), active=False),
        Registered(registry.card("b"), active=True),
        Registered(other, active=False),
    ]


def test_a_damaged_tower_is_not_activated(tmp_path: Path) -> None:
    """Its weights are not those on its card: a service that starts with it would not answer."""
    registry = activated(tmp_path, "a")
    source(tmp_path / "towers" / "b", name="b")
    shutil.copyfile(source(tmp_path / "other", value=9) / WEIGHTS, tmp_path / "towers" / "b" / WEIGHTS)
    with pytest.raises(TowerError, match="copy the tower again"):
        registry.activate("b")
    assert registry.active(SPACE) == "a"


def test_rolling_back_twice_goes_two_back(tmp_path: Path) -> None:
    """a, b, c were activated: the way back is b, a, and then no further. Each space has its own way."""
    registry = activated(tmp_path, "a", "b", "c")
    source(tmp_path / "towers" / "other", name="other", space=OTHER_SPACE)
    registry.activate("other")
    assert registry.rollback(SPACE) == registry.card("b")
    assert registry.active(SPACE) == "b"
    assert registry.rollback(SPACE).id == "a"
    with pytest.raises(TowerError, match=f"a is active in the space {SPACE}, .* activate one by its id"):
        registry.rollback(SPACE)
    assert (registry.active(SPACE), registry.active(OTHER_SPACE)) == ("a", "other")


def test_activating_after_a_rollback_starts_from_there(tmp_path: Path) -> None:
    """a, b, back to a, then c: before c there was a, and b is not met again."""
    registry = activated(tmp_path, "a", "b")
    registry.rollback(SPACE)
    activated(tmp_path, "c")
    assert registry.rollback(SPACE).id == "a"
    with pytest.raises(TowerError, match="no tower to roll back to"):
        registry.rollback(SPACE)


def test_activating_the_active_tower_is_no_step(tmp_path: Path) -> None:
    """a, b, b: before b there was a. a, b, a, b is four steps."""
    registry = activated(tmp_path, "a", "b", "b")
    assert registry.rollback(SPACE).id == "a"
    activated(tmp_path, "b", "a", "b")
    assert [registry.rollback(SPACE).id for _ in range(3)] == ["a", "b", "a"]


def test_towers_that_have_gone_are_passed_over(tmp_path: Path) -> None:
    """Of a to e, d is deleted, c lost its folder and b its weights: before e there was a."""
    registry = activated(tmp_path, "a", "b", "c", "d", "e")
    registry.delete("d")
    shutil.rmtree(tmp_path / "towers" / "c")
    (tmp_path / "towers" / "b" / WEIGHTS).write_bytes(b"")
    assert registry.rollback(SPACE).id == "a"


def test_another_tower_of_a_deleted_id_was_never_active(tmp_path: Path) -> None:
    """b is deleted and its id given away: rolling back meets a, not the new b."""
    registry = activated(tmp_path, "a", "b", "c")
    registry.delete("b")
    source(tmp_path / "towers" / "b", name="b", value=9)
    assert registry.rollback(SPACE).id == "a"


@pytest.mark.parametrize(
    "text", [None, "{", "", "[]", "5", "\x00", f'{{"{SPACE}": "a"}}', f'{{"{SPACE}": [5]}}']
)
def test_without_a_history_there_is_nothing_to_roll_back_to(tmp_path: Path, text: str | None) -> None:
    """It is missing or damaged: the active tower stays, and the next activation starts a new one."""
    registry = activated(tmp_path, "a", "b")
    history = tmp_path / "towers" / "history.json"
    history.unlink() if text is None else history.write_text(text)
    with pytest.raises(TowerError, match="no tower to roll back to: b is active"):
        registry.rollback(SPACE)
    activated(tmp_path, "c")
    assert registry.rollback(SPACE).id == "b"


@pytest.mark.parametrize("ways", [("a",), ("a", "b")])
def test_a_step_that_was_cut_short_is_no_step(tmp_path: Path, ways: tuple[str, ...]) -> None:
    """Killed between the two files, b is active and the history ends in b, whether it was activating or
    rolling back: the next rollback still goes to a."""
    registry = activated(tmp_path, "a", "b")
    (tmp_path / "towers" / "history.json").write_text(json.dumps({SPACE: [*ways, "b"]}))
    assert registry.rollback(SPACE).id == "a"


def test_a_deleted_tower_is_gone(tmp_path: Path) -> None:
    """Nothing of it is left, not even what a delete that was killed had left."""
    registry = activated(tmp_path, "a", "b")
    source(tmp_path / "towers" / ".deleting-a")
    registry.delete("a")
    assert [card.id for card in registry.cards()] == ["b"]
    assert sorted(path.name for path in (tmp_path / "towers").iterdir()) == [
        ".lock",
        "active.json",
        "b",
        "history.json",
    ]
    with pytest.raises(TowerNotFound, match=r"there are: b$"):
        registry.delete("a")


def test_a_damaged_tower_can_be_deleted(tmp_path: Path) -> None:
    """Its card cannot be read, so it is in no list, but its id is free again."""
    registry = activated(tmp_path, "a")
    (source(tmp_path / "towers" / "b", name="b") / CARD).write_text("{")
    registry.delete("b")
    assert not (tmp_path / "towers" / "b").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "../towers/a", ".lock", "a/", "a\x00b", "active.json"])
def test_nothing_but_a_tower_is_deleted(tmp_path: Path, name: str) -> None:
    """No name reaches outside the folder, or a file in it."""
    registry = activated(tmp_path, "a", "b")
    before = everything(tmp_path)
    with pytest.raises(TowerNotFound, match=r"there are: a, b$"):
        registry.delete(name)
    assert everything(tmp_path) == before


def test_an_active_tower_is_not_deleted(tmp_path: Path) -> None:
    """Of whatever space; the error says in which, and what to do first."""
    registry = activated(tmp_path, "a")
    source(tmp_path / "towers" / "c", name="c", space=OTHER_SPACE)
    registry.activate("c")
    for name, space in [("a", SPACE), ("c", OTHER_SPACE)]:
        with pytest.raises(TowerInUse, match=f"{name} is the active tower of the space {space}: activate"):
            registry.delete(name)
    assert len(registry.cards()) == 2


def test_a_parent_is_kept_for_a_child_that_holds_only_differences(tmp_path: Path) -> None:
    """Whole weights need no parent: only "light" keeps "base" here, and it is "light" that goes first."""
    registry = activated(tmp_path, "base", "x")
    parent = parent_of(tmp_path / "towers" / "base")
    source(tmp_path / "towers" / "whole", name="whole", value=7, parent=parent)
    source(tmp_path / "towers" / "light", name="light", value=8, parent=parent, differences=True)
    with pytest.raises(TowerInUse, match="light holds only what differs from base: delete light first"):
        registry.delete("base")
    registry.delete("light")
    registry.delete("base")
    assert [card.id for card in registry.cards()] == ["whole", "x"]


def test_differences_without_their_parent_are_refused(tmp_path: Path) -> None:
    """A tower of that id is here, but with other weights: adding, opening and activating name what is missing
    by its hash, which is enough where the parent is here under another id."""
    registry = activated(tmp_path, "base")
    other = parent_of(source(tmp_path / "other", value=5))
    source(tmp_path / "towers" / "copied", name="copied", value=8, parent=other, differences=True)
    new = source(tmp_path / "new", name="new", value=9, parent=other, differences=True)
    refusal = f"holds only what differs from 'base' with the content hash {other['weights']}, which is not"
    for ask in (
        lambda: registry.add(new),
        lambda: registry.open("copied"),
        lambda: registry.activate("copied"),
    ):
        with pytest.raises(TowerError, match=refusal):
            ask()
    shutil.copytree(tmp_path / "other", tmp_path / "renamed")
    Card(**json.loads((tmp_path / "other" / CARD).read_text()) | {"id": "renamed"}).write(
        tmp_path / "renamed"
    )
    registry.add(tmp_path / "renamed")
    assert registry.add(new).id == "new"


def test_a_finished_tower_is_added_by_one_rename(tmp_path: Path) -> None:
    """The folder is the tower from then on, report and all, and is not activated."""
    registry = activated(tmp_path / "home", "a")
    new = source(tmp_path / "home" / "jobs" / "7", name="tuned", value=3)
    (new / "report").mkdir()
    (new / "report" / "index.html").write_text("a report")
    written = everything(new)
    assert registry.add(new) == registry.card("tuned")
    assert not new.exists()
    assert everything(tmp_path / "home" / "towers" / "tuned") == written
    assert registry.active(SPACE) == "a"


def test_an_id_that_is_taken_is_refused_with_a_free_one(tmp_path: Path) -> None:
    """Even where that tower is damaged; the new one stays where it is."""
    registry = Registry(tmp_path)
    for name in ("fashion-de", "fashion-de-2"):
        source(tmp_path / "towers" / name, name=name)
    (tmp_path / "towers" / "fashion-de" / CARD).unlink()
    new = source(tmp_path / "new", name="fashion-de", value=3)
    with pytest.raises(TowerError, match=r"fashion-de is taken: .* call this one fashion-de-3$"):
        registry.add(new)
    assert (new / WEIGHTS).is_file()


def test_a_free_id_is_one_that_a_tower_can_have(tmp_path: Path) -> None:
    """The one that is wanted if no tower has it; else a number follows, within 64 characters."""
    registry = Registry(tmp_path)
    assert registry.free_id("x" * 64) == "x" * 64
    source(tmp_path / "towers" / ("x" * 64), name="x" * 64)
    assert registry.free_id("x" * 64) == "x" * 62 + "-2"


def test_weights_of_another_card_are_not_added(tmp_path: Path) -> None:
    """They are checked against the card's hash before anything is moved."""
    new = source(tmp_path / "new", name="tuned")
    shutil.copyfile(source(tmp_path / "other", value=9) / WEIGHTS, new / WEIGHTS)
    with pytest.raises(TowerError, match="weights and card are of different towers"):
        Registry(tmp_path / "home").add(new)
    assert Registry(tmp_path / "home").cards() == []


def test_both_bundled_towers_are_registered_and_base_answers(tmp_path: Path) -> None:
    """The tuned one is there to be chosen, and nothing but a choice activates it: not even a second build."""
    source(tmp_path / "shipped" / "base")
    source(tmp_path / "shipped" / "fashion-de", name="fashion-de", value=2)
    registry = Registry(tmp_path / "home")
    for _ in range(2):
        assert register_bundled(registry, tmp_path / "shipped").id == "base"
        assert [(tower.card.id, tower.active) for tower in registry.towers()] == [
            ("base", True),
            ("fashion-de", False),
        ]


@pytest.mark.parametrize("space", [None, OTHER_SPACE])
def test_base_alone_is_registered_where_no_tuned_one_fits(tmp_path: Path, space: str | None) -> None:
    """It does not ship, or is of the space of an older base."""
    source(tmp_path / "shipped" / "base")
    if space is not None:
        source(tmp_path / "shipped" / "fashion-de", name="fashion-de", space=space)
    registry = Registry(tmp_path / "home")
    register_bundled(registry, tmp_path / "shipped")
    assert [card.id for card in registry.cards()] == ["base"]
    assert registry.active(OTHER_SPACE) is None
