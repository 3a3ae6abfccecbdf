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

from models.cards import CARD, WEIGHTS, Card, content_hash, read_card, read_weights, space_of
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
