"""The drawn guard set: what it asks for, in which languages, and that its pictures are embedded once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from indexer import guards
from indexer.drawn import garments
from indexer.guards import GARMENTS, SEED, DrawnGuard, drawn_guard, guard_pairs
from models.phrases import LANGUAGES
from models.preprocessing import Pixels, Preprocessing
from models.towers import Vectors


class Colours:
    """An image tower in small: a picture's mean colour, and a fourth dimension that makes it of length 1."""

    name, space, dim = "colours", "colours", 4
    preprocessing = Preprocessing(16, "letterbox", "bicubic", (0.0,) * 3, (1.0,) * 3)

    def encode(self, pixels: Pixels) -> Vectors:
        means = pixels.mean(axis=(1, 2)) / 512
        rest = np.sqrt(1 - (means**2).sum(axis=1, keepdims=True))
        vectors: Vectors = np.concatenate([means, rest], axis=1).astype(np.float32)
        return vectors


class Never:
    """A tower that must not be opened."""

    def __call__(self) -> Colours:
        raise AssertionError("the vectors were there already")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six garments."""
    monkeypatch.setattr(guards, "GARMENTS", 6)


def quiet(_: int, __: int) -> None:
    """Nobody looks."""


def test_every_garment_is_asked_for_in_eight_languages() -> None:
    """160 garments of as many colours and kinds, each in one query a language; what shares a query answers
    it. The same in every run."""
    shop = garments(SEED, GARMENTS)
    pairs = guard_pairs(shop)
    assert Counter(pair.lang for pair in pairs) == dict.fromkeys(LANGUAGES, GARMENTS)
    assert {pair.item for pair in pairs} == {garment.id for garment in shop}
    assert guard_pairs(shop) == pairs


def test_garments_of_one_colour_and_kind_answer_the_same_queries() -> None:
    """A second black dress, say, is as right as the first."""
    shop = garments(SEED, GARMENTS)
    twin = shop[0].__class__(**{**vars(shop[0]), "id": "twin"})
    pairs = guard_pairs([*shop, twin])
    asked = {pair.query for pair in pairs if pair.item == "twin"}
    assert asked == {pair.query for pair in pairs if pair.item == shop[0].id}


def test_queries_name_colour_and_kind() -> None:
    """Of the first garment, in German and English, whatever the order."""
    (garment,) = garments(SEED, 1)
    told = {pair.lang: pair.query.lower() for pair in guard_pairs([garment])}
    assert garment.colour.split()[-1] in told["en"]
    assert garment.kind in told["en"]
    assert len(set(told.values())) > len(told) // 2


@pytest.mark.usefixtures("few")
def test_pictures_are_embedded_once(tmp_path: Path) -> None:
    """The second time the tower is not even opened, and the vectors are the same; a row for each garment, of
    length 1."""
    told: list[tuple[int, int]] = []
    first = drawn_guard(tmp_path, "colours", Colours, lambda done, total: told.append((done, total)))
    assert told[-1] == (6, 6)
    assert first.vectors.shape == (6, 4)
    assert np.allclose(np.linalg.norm(first.vectors, axis=1), 1, atol=1e-3)
    second: DrawnGuard = drawn_guard(tmp_path, "colours", Never(), quiet)
    assert (second.pairs, second.ids) == (first.pairs, first.ids)
    assert np.array_equal(second.vectors, first.vectors)
    assert [path.name for path in (tmp_path / "guards").iterdir()] == ["colours.npz"]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"not a zip"])
def test_a_damaged_file_is_made_again(tmp_path: Path, content: bytes) -> None:
    """Half a file says nothing."""
    path = tmp_path / "guards" / "colours.npz"
    path.parent.mkdir()
    path.write_bytes(content)
    found = drawn_guard(tmp_path, "colours", Colours, quiet)
    again = drawn_guard(tmp_path, "colours", Never(), quiet)
    assert np.array_equal(again.vectors, found.vectors)


def test_vectors_of_other_garments_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six garments before, seven now."""
    monkeypatch.setattr(guards, "GARMENTS", 6)
    drawn_guard(tmp_path, "colours", Colours, quiet)
    monkeypatch.setattr(guards, "GARMENTS", 7)
    assert len(drawn_guard(tmp_path, "colours", Colours, quiet).vectors) == 7


@pytest.mark.usefixtures("few")
def test_drawing_can_be_ended(tmp_path: Path) -> None:
    """By what is told of it; then no vectors are kept."""

    def end(_: int, __: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drawn_guard(tmp_path, "colours", Colours, end)
    assert not (tmp_path / "guards").exists()
