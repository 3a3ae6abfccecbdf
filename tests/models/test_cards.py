"""A tower's card, the hash of its weights, and the space that follows from them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from models.cards import (
    CARD,
    WEIGHTS,
    Card,
    ancestors,
    content_hash,
    read_card,
    read_state,
    read_weights,
    root_of,
    space_of,
    write_weights,
)
from models.preprocessing import Preprocessing
from models.towers import TowerError

TENSORS = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([[3.0]], dtype=torch.float16)}
SQUARE = Preprocessing(224, "letterbox", "bicubic", mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0))


def card(**changes: Any) -> Card:
    plain = Card("base", "bundled-text", space="5" * 16, dim=512, weights=content_hash(TENSORS))
    return dataclasses.replace(plain, **changes)


def tower(folder: Path) -> Path:
    safetensors.torch.save_file(TENSORS, folder / WEIGHTS)
    card().write(folder)
    return folder


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every member survives, umlauts too."""
    written = card(
        parent={"id": "base", "weights": "0" * 64},
        recipe={"steps": 1_700},
        data=[{"name": "hm", "rows": 6_591}],
        terms="für Forschung",
        metrics={"hits@20": 0.5},
        created="2025-01-01T00:00:00+00:00",
    )
    written.write(tmp_path)
    assert read_card(tmp_path) == written
    assert "für Forschung" in (tmp_path / CARD).read_text(encoding="utf-8")


def test_a_folder_without_a_card_is_no_tower(tmp_path: Path) -> None:
    """The error names the folder and what it lacks."""
    with pytest.raises(TowerError, match=r"is not a tower: it has no card\.json"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        "{}",
        '{"id": "a", "colour": "red"}',
        "\udcff",
        json.dumps({**dataclasses.asdict(card()), "id": 5}),
    ],
    ids=["cut", "list", "null", "empty", "unknown member", "not UTF-8", "numeric id"],
)
def test_what_is_no_card_is_refused(tmp_path: Path, text: str) -> None:
    """A damaged or foreign card.json is a TowerError that names the file, whatever it holds."""
    (tmp_path / CARD).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(TowerError, match=r"card\.json"):
        read_card(tmp_path)


@pytest.mark.parametrize("name", ["", "Base", "../base", "a/b", ".hidden", "a b", "a" * 65, "a\n"])
def test_an_id_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    """An id becomes a folder's name and part of a URL, so it has few characters, 64 at most."""
    card(id=name).write(tmp_path)
    with pytest.raises(TowerError, match="does not match"):
        read_card(tmp_path)


@pytest.mark.parametrize("name", ["a", "0", "fashion-de", "base-1.2_x", "a" * 64])
def test_an_id_of_the_allowed_characters_is_read(tmp_path: Path, name: str) -> None:
    """Lower case, digits, dot, line and underscore, up to 64."""
    card(id=name).write(tmp_path)
    assert read_card(tmp_path).id == name


def test_weights_are_read_where_they_are_the_cards(tmp_path: Path) -> None:
    """Names, types and values come back."""
    tensors = read_weights(tower(tmp_path), card())
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_weights_of_another_tower_are_refused(tmp_path: Path) -> None:
    """The error names both hashes."""
    other = card(weights="0" * 64)
    with pytest.raises(TowerError, match=f"{content_hash(TENSORS)}, its card says {'0' * 64}"):
        read_weights(tower(tmp_path), other)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    """A folder that was copied in part says so."""
    (tower(tmp_path) / WEIGHTS).unlink()
    with pytest.raises(TowerError, match=r"has no weights\.safetensors in .*copy the whole folder"):
        read_weights(tmp_path, card())


@pytest.mark.parametrize("length", [0, 5, 60])
def test_cut_weights_are_damaged(tmp_path: Path, length: int) -> None:
    """A file that ends early is refused with the cure."""
    path = tower(tmp_path) / WEIGHTS
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(TowerError, match=r"weights\.safetensors is damaged .*copy the tower again"):
        read_weights(tmp_path, card())


def test_a_flipped_bit_in_the_weights_is_noticed(tmp_path: Path) -> None:
    """The last byte belongs to a value; another value is another hash."""
    path = tower(tmp_path) / WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(TowerError, match="its card says"):
        read_weights(tmp_path, card())


def test_a_content_hash_is_of_the_content() -> None:
    """The order of the tensors does not count; a name, type, shape or value does."""
    found = content_hash(TENSORS)
    assert re.fullmatch("[0-9a-f]{64}", found)
    assert content_hash(dict(reversed(TENSORS.items()))) == found
    others = [
        {"c": TENSORS["a"], "b": TENSORS["b"]},
        TENSORS | {"a": TENSORS["a"].double()},
        TENSORS | {"a": TENSORS["a"][:, None]},
        TENSORS | {"a": torch.tensor([1.0, 2.5])},
        {"a": TENSORS["a"]},
    ]
    assert len({found, *map(content_hash, others)}) == 6


def test_a_content_hash_sees_values_not_memory() -> None:
    """A transposed view and its copy hold the same values."""
    view = torch.arange(6.0).view(2, 3).T
    assert content_hash({"a": view}) == content_hash({"a": view.contiguous()})


def test_a_content_hash_is_of_any_type() -> None:
    """bfloat16, which numpy does not know, booleans, single values, and tensors without any."""
    tensors = {
        "a": torch.ones(3, dtype=torch.bfloat16),
        "b": torch.tensor(True),
        "c": torch.tensor(1.5),
        "d": torch.empty(0, 4),
    }
    assert content_hash(tensors) != content_hash(tensors | {"a": torch.zeros(3, dtype=torch.bfloat16)})


def family(folder: Path) -> dict[str, Path]:
    """A root of three tensors, a child with another `b` in half precision, and its child with an `a`."""
    found: dict[str, Path] = {}
    parent: dict[str, str] | None = None
    for name, tensors in {
        "root": {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0]), "c": torch.tensor([4])},
        "child": {"b": torch.tensor([0.1], dtype=torch.float16)},
        "grandchild": {"a": torch.tensor([5.0, 6.0], dtype=torch.float16)},
    }.items():
        found[name] = folder / name
        found[name].mkdir(parents=True)
        weights = write_weights(found[name], tensors)
        card(id=name, weights=weights, parent=parent, differences=parent is not None).write(found[name])
        parent = {"id": name, "weights": weights}
    return found


def test_a_tower_that_was_not_tuned_is_its_own_state(tmp_path: Path) -> None:
    """The tensors of its file, and nothing of its neighbours."""
    folders = family(tmp_path)
    found, state = read_state(folders["root"])
    assert found == read_card(folders["root"])
    assert {name: tensor.tolist() for name, tensor in state.items()} == {"a": [1, 2], "b": [3], "c": [4]}
    assert root_of(folders["root"]) == folders["root"]


def test_differences_are_laid_over_the_ancestors(tmp_path: Path) -> None:
    """Each tensor is the youngest's that has it, in the root's precision; the card is the tower's own."""
    folders = family(tmp_path)
    found, state = read_state(folders["grandchild"])
    assert found.id == "grandchild"
    assert {name: tensor.dtype for name, tensor in state.items()} == {
        "a": torch.float32,
        "b": torch.float32,
        "c": torch.int64,
    }
    assert state["a"].tolist() == [5, 6]
    assert state["b"].tolist() == pytest.approx([0.1], abs=1e-4)
    assert ancestors(folders["grandchild"]) == [folders["child"], folders["root"]]
    assert root_of(folders["grandchild"]) == folders["root"]


def test_a_parent_is_found_by_its_weights(tmp_path: Path) -> None:
    """It was copied here under another id."""
    folders = family(tmp_path)
    folders["root"].rename(tmp_path / "base-1234")
    dataclasses.replace(read_card(tmp_path / "base-1234"), id="base-1234").write(tmp_path / "base-1234")
    assert read_state(folders["child"])[1]["c"].tolist() == [4]


def test_a_missing_parent_is_named(tmp_path: Path) -> None:
    """By its id and hash, and where it is to be copied."""
    folders = family(tmp_path)
    weights = read_card(folders["root"]).weights
    folders["root"].rename(tmp_path / ".root")
    with pytest.raises(TowerError, match=f"from 'root' with the content hash {weights}, which is not here"):
        read_state(folders["grandchild"])


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ({"b": torch.zeros(2)}, r"b of odd has the shape \(2,\), its parent has the shape \(1,\) there"),
        ({"z": torch.zeros(2)}, r"z of odd has the shape \(2,\), its parent has none"),
    ],
)
def test_differences_that_do_not_fit_are_refused(
    tensors: dict[str, torch.Tensor], told: str, tmp_path: Path
) -> None:
    """A card may name any parent; what the file holds must be of its shape."""
    root = read_card(family(tmp_path)["root"])
    (tmp_path / "odd").mkdir()
    weights = write_weights(tmp_path / "odd", tensors)
    parent = {"id": "root", "weights": root.weights}
    card(id="odd", weights=weights, parent=parent, differences=True).write(tmp_path / "odd")
    with pytest.raises(TowerError, match=told):
        read_state(tmp_path / "odd")


def test_a_tower_that_is_its_own_ancestor_is_refused(tmp_path: Path) -> None:
    """Only a forged card says so; it must not be followed for ever."""
    folder = family(tmp_path)["child"]
    own = read_card(folder)
    dataclasses.replace(own, parent={"id": "child", "weights": own.weights}).write(folder)
    with pytest.raises(TowerError, match="child is its own ancestor"):
        read_state(folder)


def test_a_space_is_the_hash_of_weights_and_specification() -> None:
    """Written out by hand: if this changes, every index on disk is orphaned."""
    specification = (
        '{"fit": "letterbox", "interpolation": "bicubic", "mean": [1.0, 2.0, 3.0], '
        '"size": 224, "std": [4.0, 5.0, 6.0]}'
    )
    expected = hashlib.sha256(f"{'0' * 64}\n{specification}".encode()).hexdigest()[:16]
    assert space_of("0" * 64, SQUARE) == expected


@pytest.mark.parametrize(
    "change",
    [{"size": 260}, {"interpolation": "bilinear"}, {"mean": (0.0,) * 3}, {"std": (1.0,) * 3}],
    ids=lambda change: next(iter(change)),
)
def test_another_preprocessing_is_another_space(change: dict[str, Any]) -> None:
    """Vectors of pictures that were prepared otherwise must not be compared."""
    assert space_of("0" * 64, dataclasses.replace(SQUARE, **change)) != space_of("0" * 64, SQUARE)


def test_other_weights_are_another_space() -> None:
    """One digit is enough."""
    assert space_of("0" * 64, SQUARE) != space_of("0" * 63 + "1", SQUARE)
