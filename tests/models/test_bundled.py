"""The towers that ship: one space, unit vectors, and folders that are refused where they disagree."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from models.bundled import (
    DIM,
    IMAGE_FAMILY,
    PREPROCESSING,
    SHIPPED,
    TEXT_FAMILY,
    BundledImage,
    BundledText,
    ImageModule,
    open_image,
    open_text,
    read_text,
    write_tower,
)
from models.cards import CARD, WEIGHTS, Card, content_hash, read_card, read_weights, space_of
from models.preprocessing import Pixels
from models.towers import BUNDLED, TowerError, open_tower


@pytest.fixture(scope="module")
def text() -> BundledText:
    return open_text()


@pytest.fixture(scope="module")
def image() -> BundledImage:
    return open_image(device="cpu")


def noise(pictures: int) -> Pixels:
    size = PREPROCESSING.size
    return np.random.default_rng(0).integers(0, 256, (pictures, size, size, 3), dtype=np.uint8)


def test_both_sides_are_of_one_space(text: BundledText, image: BundledImage) -> None:
    """The text tower was trained for the image tower's space, and both have its 512 dimensions."""
    assert text.space == image.space
    assert text.dim == image.dim == DIM


def test_the_space_follows_from_weights_and_preprocessing(image: BundledImage) -> None:
    """The card's space is computed anew from what the card says."""
    assert image.space == space_of(image.card.weights, PREPROCESSING)


def test_what_ships_is_at_most_40_megabytes() -> None:
    """All bundled weights and cards together."""
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()) <= 40_000_000


def test_text_becomes_unit_vectors(text: BundledText) -> None:
    """One float32 row of length 1 for each text, an empty one and a very long one included."""
    vectors = text.encode(["rotes Kleid", "", "Kleid " * 1_000])
    assert (vectors.shape, vectors.dtype.name) == ((3, DIM), "float32")
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_text_becomes_no_vectors(text: BundledText) -> None:
    """An empty list is no special case for the caller."""
    assert text.encode([]).shape == (0, DIM)


def test_a_texts_vector_is_its_own(text: BundledText) -> None:
    """Among texts of all lengths, which need several passes, each vector is where its text is, and is the
    one that the text has alone."""
    texts = [f"{n} " + "Kleid " * (n * 7 % 100) for n in range(100)]
    together = text.encode(texts)
    alone = np.concatenate([text.encode([texts[n]]) for n in range(0, 100, 9)])
    assert np.allclose(together[::9], alone, atol=1e-5)


def test_pictures_become_unit_vectors(image: BundledImage) -> None:
    """One float32 row of length 1 for each picture."""
    vectors = image.encode(noise(2))
    assert (vectors.shape, vectors.dtype.name) == ((2, DIM), "float32")
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_pictures_vector_is_its_own(image: BundledImage) -> None:
    """A picture has the same vector alone and among others."""
    pictures = noise(3)
    alone = np.concatenate([image.encode(pictures[n : n + 1]) for n in range(3)])
    assert np.allclose(image.encode(pictures), alone, atol=1e-4)


def test_they_are_opened_by_name(text: BundledText) -> None:
    """`bundled` names both sides; a folder names a tower version."""
    assert open_tower(BUNDLED, "text").id == text.id
    assert open_tower(BUNDLED, "image").name == read_card(SHIPPED / "image").id
    assert open_tower(SHIPPED / "base", "text").id == text.id


@pytest.mark.parametrize("name", ["bundles", ""])
def test_an_unknown_name_is_refused(name: str) -> None:
    """The error repeats the name and says which there are."""
    with pytest.raises(TowerError, match=f"there is no tower called '{name}': .*give bundled, "):
        open_tower(name, "text")


def test_one_side_is_not_taken_for_the_other() -> None:
    """Text weights are not opened as an image tower, nor the other way round; both families are named."""
    with pytest.raises(TowerError, match=f"'{IMAGE_FAMILY}', not '{TEXT_FAMILY}'"):
        open_text(SHIPPED / "image")
    with pytest.raises(TowerError, match=f"'{TEXT_FAMILY}', not '{IMAGE_FAMILY}'"):
        open_image(SHIPPED / "base")


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a CUDA device")
def test_a_device_that_is_not_there_is_refused() -> None:
    """The error says what was asked for and the cure."""
    with pytest.raises(TowerError, match="torch sees no CUDA device: use --device cpu"):
        open_image(device="cuda")


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """Whole weights of another shape, under an honest card, are refused with the first that is missing."""
    tensors = {"head.0.weight": torch.zeros(2, 2)}
    safetensors.torch.save_file(tensors, tmp_path / WEIGHTS)
    Card("other", TEXT_FAMILY, space="0" * 16, dim=DIM, weights=content_hash(tensors)).write(tmp_path)
    with pytest.raises(
        TowerError, match=f"the weights of other do not fit the family {TEXT_FAMILY}: Missing"
    ):
        open_text(tmp_path)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """One NaN among the weights would find nothing for any query, in silence."""
    card, module = read_text(SHIPPED / "base")
    with torch.no_grad():
        module.head[0].get_parameter("bias")[3] = torch.nan
    write_tower(tmp_path / "broken", module, id="broken", space=card.space)
    with pytest.raises(TowerError, match=r"head\.0\.bias of tower broken holds what is no number"):
        open_text(tmp_path / "broken")


def test_a_written_text_tower_is_opened_again(text: BundledText, tmp_path: Path) -> None:
    """Written in float16 under its own id with its parent, it answers as before to that rounding."""
    parent = {"id": text.id, "weights": text.card.weights}
    _, module = read_text(SHIPPED / "base")
    written = write_tower(tmp_path, module, id="tuned", space=text.space, parent=parent)
    tuned = open_text(tmp_path)
    assert tuned.card == written
    assert (tuned.id, tuned.space, tuned.card.parent) == ("tuned", text.space, parent)
    queries = ["rotes Kleid", "blaue Jeans"]
    assert (tuned.encode(queries) * text.encode(queries)).sum(axis=1).min() > 0.9999


def test_a_written_image_tower_keeps_its_space(image: BundledImage, tmp_path: Path) -> None:
    """The weights that ship are float16 already, so the same weights span the same space."""
    module = ImageModule()
    module.load_state_dict(read_weights(SHIPPED / "image", image.card))
    written = write_tower(tmp_path, module, id="again")
    assert written.space == image.space
    assert written.family == IMAGE_FAMILY
    assert written.preprocessing is not None
    assert written.preprocessing["size"] == PREPROCESSING.size


def test_a_copied_folder_is_the_same_tower(text: BundledText, tmp_path: Path) -> None:
    """A tower's folder needs nothing beside it."""
    folder = shutil.copytree(SHIPPED / "base", tmp_path / "copy")
    assert open_text(folder).card == text.card
    assert {file.name for file in folder.iterdir()} >= {CARD, WEIGHTS}
