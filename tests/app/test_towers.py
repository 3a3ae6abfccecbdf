"""`vitrine towers`: the list, and the tower that answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from indexer.store import indexes
from models.registry import Registry
from tests.app.test_cli import Vitrine, assert_one_line, vitrine
from tests.app.test_explain import OTHER_SPACE

__all__ = ["vitrine"]


@pytest.fixture
def workshop(home: Path, tmp_path: Path) -> Path:
    """A home with "tuned" beside the active base, and "foreign", which is active in another space."""
    copy = tmp_path / "workshop"
    shutil.copytree(home, copy, symlinks=True)
    base = Registry(copy).card("base")
    parent = {"id": base.id, "weights": base.weights}
    for name, change in [("tuned", {"parent": parent}), ("foreign", {"space": OTHER_SPACE})]:
        folder = copy / "towers" / name
        shutil.copytree(copy / "towers" / "base", folder)
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        (folder / "card.json").write_text(json.dumps(card | {"id": name} | change), encoding="utf-8")
    Registry(copy).activate("foreign")
    return copy


def test_the_list_marks_the_active_towers(vitrine: Vitrine, workshop: Path) -> None:
    """A line for each, by id, with its space, and its parent where it has one."""
    space = Registry(workshop).card("base").space
    assert vitrine("towers", "list", "--home", workshop).out.splitlines() == [
        f"* base        space {space}",
        f"  fashion-de  space {space}  from base",
        f"* foreign     space {OTHER_SPACE}",
        f"  tuned       space {space}  from base",
    ]


def test_an_empty_home_lists_nothing(vitrine: Vitrine, tmp_path: Path) -> None:
    """stdout stays empty, stderr says where towers come from, and asking creates nothing."""
    ran = vitrine("towers", "list", "--home", tmp_path / "home")
    assert (ran.status, ran.out) == (0, "")
    assert "vitrine index CATALOGUE" in ran.err
    assert not (tmp_path / "home").exists()


def test_a_tower_is_activated_rolled_back_and_deleted(vitrine: Vitrine, workshop: Path) -> None:
    """Each says what it did in one line, and searches are answered accordingly."""

    def answering() -> object:
        ran = vitrine("search", "Kleid", "--limit", 1, "--json", "--home", workshop)
        return json.loads(ran.out)["text_tower"]

    assert vitrine("towers", "activate", "tuned", "--home", workshop).out == "activated tuned\n"
    assert answering() == "tuned"
    assert vitrine("towers", "rollback", "--home", workshop).out == "activated base\n"
    assert answering() == "base"
    assert vitrine("towers", "delete", "tuned", "--home", workshop).out == "deleted tuned\n"
    assert not (workshop / "towers" / "tuned").exists()


def test_rolling_back_is_about_the_indexs_space(vitrine: Vitrine, workshop: Path) -> None:
    """ "foreign" was activated last, but in another space: there is nothing to go back to in this one."""
    vitrine("towers", "activate", "tuned", "--home", workshop)
    Registry(workshop).activate("foreign")
    assert vitrine("towers", "rollback", "--home", workshop).out == "activated base\n"
    ran = vitrine("towers", "rollback", "--home", workshop)
    assert_one_line(ran, 2, "no tower to roll back to: base is active")


def test_without_an_index_the_only_space_is_meant(vitrine: Vitrine, workshop: Path) -> None:
    """With two spaces in use the error asks for an id; with one left there is no doubt."""
    shutil.rmtree(indexes(workshop))
    vitrine("towers", "activate", "tuned", "--home", workshop)
    ran = vitrine("towers", "rollback", "--home", workshop)
    assert_one_line(ran, 2, "active in 2 spaces", "activate a tower by its id")
    shutil.rmtree(workshop / "towers" / "foreign")
    assert vitrine("towers", "rollback", "--home", workshop).out == "activated base\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("activate", "nobody"), "there are: base, fashion-de, foreign, tuned"),
        (("delete", "nobody"), "there are: base, fashion-de, foreign, tuned"),
        (("delete", "base"), "base is the active tower of the space"),
        (("activate",), "Missing argument 'ID'"),
        ((), "Missing command"),
        (("promote",), "No such command 'promote'"),
    ],
)
def test_wrong_input_is_one_line(
    vitrine: Vitrine, workshop: Path, arguments: tuple[str, ...], told: str
) -> None:
    """On stderr, with exit 2, and every tower stays as it was."""
    home = ("--home", workshop) if arguments else ()
    before = Registry(workshop).towers()
    assert_one_line(vitrine("towers", *arguments, *home), 2, told)
    assert Registry(workshop).towers() == before
