"""Pictures to vectors: in order, each once, and nothing stops the rest."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.embed import BATCH, embed, embed_items
from indexer.items import Item
from indexer.source import Source
from models.pictures import MAX_BYTES
from models.preprocessing import Pixels, Preprocessing
from models.towers import ImageTower, Vectors

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class MeanColour:
    """An image tower of three dimensions: a picture's mean colour, made a unit vector."""

    name = "mean-colour"
    space = "0" * 16
    dim = 3
    preprocessing = Preprocessing(8, "letterbox", "bilinear", mean=(0.0,) * 3, std=(1.0,) * 3)

    def __init__(self) -> None:
        self.seen = 0

    def encode(self, pixels: Pixels) -> Vectors:
        self.seen += len(pixels)
        means = pixels.reshape(len(pixels), -1, 3).mean(axis=1).astype(np.float32)
        unit: Vectors = means / np.linalg.norm(means, axis=1, keepdims=True)
        return unit


@pytest.fixture
def tower() -> MeanColour:
    return MeanColour()


def picture(folder: Path, name: str, colour: tuple[int, int, int], kind: str = "PNG") -> Source:
    path = folder / name
    Image.new("RGB", (9, 9), colour).save(path, kind)
    return Source(str(path))


def file(folder: Path, name: str, content: bytes) -> Source:
    (folder / name).write_bytes(content)
    return Source(str(folder / name))


def test_a_vector_stands_where_its_picture_does(tmp_path: Path, tower: MeanColour) -> None:
    """Through several batches and threads, the order of the sources is kept."""
    sources = [picture(tmp_path, name, colour) for name, colour in COLOURS.items()]
    chosen = [n * 7 % 3 for n in range(5 * BATCH)]
    outcomes = list(embed([sources[n] for n in chosen], tower))
    found = [int(outcome.vector.argmax()) for outcome in outcomes if outcome.vector is not None]
    assert found == chosen


def test_a_picture_has_a_unit_vector_and_the_hash_of_its_bytes(tmp_path: Path, tower: MeanColour) -> None:
    """Red is (1, 0, 0) in float16; the SHA-256 is the file's, so that a changed file is noticed."""
    source = picture(tmp_path, "red.png", COLOURS["red"])
    (outcome,) = embed([source], tower)
    assert outcome.vector is not None
    assert outcome.vector.dtype == np.float16
    assert outcome.vector.tolist() == [1, 0, 0]
    assert outcome.sha256 == hashlib.sha256((tmp_path / "red.png").read_bytes()).hexdigest()
    assert (outcome.known, outcome.reason) == (False, "")


def test_what_is_known_is_not_embedded_again(tmp_path: Path, tower: MeanColour) -> None:
    """A known picture is hashed and passed on without a vector, whatever file it lies in."""
    red, blue = (picture(tmp_path, f"{name}.png", COLOURS[name]) for name in ("red", "blue"))
    moved = file(tmp_path, "moved.png", (tmp_path / "red.png").read_bytes())
    known = {hashlib.sha256((tmp_path / "red.png").read_bytes()).hexdigest()}
    outcomes = list(embed([red, blue, moved], tower, known))
    assert [outcome.known for outcome in outcomes] == [True, False, True]
    assert [outcome.vector is None for outcome in outcomes] == [True, False, True]
    assert tower.seen == 1


def test_what_cannot_be_read_gets_a_reason(tmp_path: Path, tower: MeanColour) -> None:
    """Missing, empty, no picture and too large each have a reason, and the pictures between are embedded."""
    good = picture(tmp_path, "good.png", COLOURS["green"])
    huge = file(tmp_path, "huge.jpg", b"")
    os.truncate(huge.file, MAX_BYTES + 1)
    bad = [
        Source(str(tmp_path / "gone.jpg")),
        file(tmp_path, "empty.jpg", b""),
        file(tmp_path, "a.jpg", b"text"),
        huge,
    ]
    outcomes = list(embed([source for one in bad for source in (one, good)], tower))
    reasons = [outcome.reason for outcome in outcomes]
    assert reasons[1::2] == [""] * 4
    assert [outcome.vector is not None for outcome in outcomes] == [False, True] * 4
    for reason, expected in zip(
        reasons[::2],
        ["gone.jpg cannot be opened", "the file is empty", "the file is none of", "the limit is 10,000,000"],
        strict=True,
    ):
        assert expected in reason


def test_a_batch_without_a_picture_embeds_nothing(tmp_path: Path, tower: MeanColour) -> None:
    """The tower is not asked for the vectors of no pictures."""
    empty = file(tmp_path, "empty.jpg", b"")
    assert all(outcome.reason for outcome in embed([empty] * (2 * BATCH), tower))
    assert tower.seen == 0


def test_no_pictures_are_no_outcomes(tower: MeanColour) -> None:
    """An empty catalogue is no special case."""
    assert list(embed([], tower)) == []


def test_a_wrong_extension_does_not_matter(tmp_path: Path, tower: MeanColour) -> None:
    """A PNG that is called .jpg, or .txt, is what its bytes say."""
    sources = [picture(tmp_path, name, COLOURS["blue"]) for name in ("a.jpg", "a.txt", "a")]
    assert [outcome.reason for outcome in embed(sources, tower)] == [""] * 3


def test_sources_are_taken_as_they_are_needed(tmp_path: Path, tower: MeanColour) -> None:
    """Memory does not grow with the catalogue: at the first outcome, only some batches have been taken."""
    empty = file(tmp_path, "empty.jpg", b"")
    taken = 0

    def sources() -> Iterator[Source]:
        nonlocal taken
        for _ in range(10_000):
            taken += 1
            yield empty

    outcomes = embed(sources(), tower)
    next(outcomes)
    assert taken <= BATCH * (2 * (os.cpu_count() or 1) + 1)
    assert 1 + sum(1 for _ in outcomes) == 10_000


def test_a_build_that_ends_early_ends_the_threads(tmp_path: Path, tower: MeanColour) -> None:
    """Closing what was half read waits for nothing that had not begun."""
    outcomes = embed([picture(tmp_path, "red.png", COLOURS["red"])] * 1_000, tower)
    next(outcomes)
    outcomes.close()
    assert tower.seen < 1_000


def test_a_failing_tower_is_no_pictures_fault(tmp_path: Path) -> None:
    """What the tower raises ends the build; it is not put down to the pictures."""

    class Broken(MeanColour):
        def encode(self, pixels: Pixels) -> Vectors:
            raise MemoryError("out of memory")

    with pytest.raises(MemoryError):
        list(embed([picture(tmp_path, "red.png", COLOURS["red"])], Broken()))


def test_a_jpeg_is_scaled_while_it_is_decoded(tmp_path: Path) -> None:
    """A picture that is decoded at a quarter has the vector of the whole one, to rounding."""
    y, x = np.mgrid[:400, :600]
    busy = Image.fromarray(np.stack([x % 256, y % 256, (x + y) % 256], axis=2).astype(np.uint8))
    jpeg, png = io.BytesIO(), io.BytesIO()
    busy.save(jpeg, "JPEG", quality=95)
    Image.open(jpeg).save(png, "PNG")
    tower: ImageTower = MeanColour()
    sources = [file(tmp_path, "a.jpg", jpeg.getvalue()), file(tmp_path, "a.png", png.getvalue())]
    scaled, whole = (outcome.vector for outcome in embed(sources, tower))
    assert scaled is not None
    assert whole is not None
    assert float(scaled @ whole) > 0.999


def test_items_come_with_their_pictures(tmp_path: Path, tower: MeanColour) -> None:
    """Each with as many outcomes as it has pictures, in order; who ends early leaves no thread behind."""
    red, blue, empty = (
        picture(tmp_path, "red.png", COLOURS["red"]),
        picture(tmp_path, "blue.png", COLOURS["blue"]),
        file(tmp_path, "empty.jpg", b""),
    )
    items = [Item("a", (red, empty), {}), Item("b", (blue,), {}), Item("c", (empty, blue, red), {})]
    found = list(embed_items(items, tower))
    assert [item.id for item, _ in found] == ["a", "b", "c"]
    assert [[source for source, _ in pictures] for _, pictures in found] == [
        list(item.pictures) for item in items
    ]
    assert [[bool(one.reason) for _, one in pictures] for _, pictures in found] == [
        [False, True],
        [False],
        [True, False, False],
    ]
    before = threading.active_count()
    with closing(embed_items(items * 500, tower)) as embedded:
        next(embedded)
        assert threading.active_count() > before
    assert threading.active_count() == before
