"""Pictures to vectors by a device of its own: as on every core, whatever the device's decoder rejects.

Here the device is the CPU, and its decoder of JPEGs is Pillow's; the tests on a GPU are in test_gpu.py.
"""

from __future__ import annotations

import io
import threading
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from indexer import pipeline, reading
from indexer.embed import embed
from indexer.pipeline import BATCH, embed_on_device
from indexer.prepare import Embedded
from indexer.source import Source
from indexer.vectors import VectorRows
from models.preprocessing import Pixels, Preprocessing
from models.towers import DeviceTower, Vectors
from tests.indexer.test_damaged import damaged, odd, without_pillow


class MeanColours:
    """A tower of twelve dimensions: the mean colours of a picture's quarters, made a unit vector."""

    name = "mean-colours"
    space = "0" * 16
    dim = 12
    preprocessing = Preprocessing(16, "letterbox", "bicubic", mean=(0.0,) * 3, std=(1.0,) * 3)
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode(self, pixels: Pixels) -> Vectors:
        vectors: Vectors = self.encode_pixels(torch.from_numpy(pixels)).numpy()
        return vectors

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        self.batches.append(len(pixels))
        quarters = (
            pixels.float().reshape(len(pixels), 2, 8, 2, 8, 3).mean(dim=(2, 4)).reshape(len(pixels), 12)
        )
        return torch.nn.functional.normalize(quarters, dim=1)

    def replica(self, device: torch.device) -> DeviceTower:
        raise AssertionError("there is one CPU")


class PillowDecoder:
    """Rejects a batch that holds one of `bad`, as a GPU's decoder does, without saying which it is."""

    def __init__(self, bad: frozenset[bytes] = frozenset()) -> None:
        self.bad = bad
        self.taken = 0

    def __call__(self, jpegs: list[Tensor]) -> Sequence[Tensor]:
        files = [jpeg.numpy().tobytes() for jpeg in jpegs]
        if not self.bad.isdisjoint(files):
            raise RuntimeError("nvjpeg: 5")
        self.taken += len(files)
        pictures = [Image.open(io.BytesIO(file)).convert("RGB") for file in files]
        return [torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous() for picture in pictures]


def jpeg(number: int, size: tuple[int, int] = (24, 18)) -> bytes:
    """A picture of four colours, another for each number."""
    colours = np.random.default_rng(number).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(colours).resize(size, Image.Resampling.NEAREST).save(file, "JPEG", quality=95)
    return file.getvalue()


def written(folder: Path, files: Sequence[bytes]) -> list[Source]:
    for number, data in enumerate(files):
        (folder / f"{number}.jpg").write_bytes(data)
    return [Source(str(folder / f"{number}.jpg")) for number in range(len(files))]


def assert_alike(found: Sequence[Embedded], expected: Sequence[Embedded]) -> None:
    """The same hashes and reasons in the same places, and vectors that differ by rounding alone."""
    assert [(one.sha256, one.known, one.reason) for one in found] == [
        (one.sha256, one.known, one.reason) for one in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert (one.vector is None) == (other.vector is None)
        if one.vector is not None and other.vector is not None:
            assert float(one.vector.astype(np.float32) @ other.vector.astype(np.float32)) > 0.998


def test_it_gives_what_the_cores_give(tmp_path: Path) -> None:
    """JPEGs, of which the decoder takes all, among other formats: the same outcomes, in the same order."""
    png = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(png, "PNG")
    files = [png.getvalue() if number % 7 == 3 else jpeg(number, (10 + number, 30)) for number in range(60)]
    sources, decoder = written(tmp_path, files), PillowDecoder()
    assert_alike(
        list(embed_on_device(sources, MeanColours(), (), decoder)), list(embed(sources, MeanColours()))
    )
    assert decoder.taken == sum(number % 7 != 3 for number in range(60))


def test_a_rejected_picture_costs_its_neighbours_nothing(tmp_path: Path) -> None:
    """Of 100 JPEGs in one batch the decoder rejects three: it decodes the other 97, Pillow those three."""
    files = [jpeg(number) for number in range(100)]
    sources = written(tmp_path, files)
    decoder = PillowDecoder(frozenset((files[0], files[50], files[51])))
    found = list(embed_on_device(sources, MeanColours(), (), decoder))
    assert_alike(found, list(embed(sources, MeanColours())))
    assert decoder.taken == 97


def test_damaged_files_have_the_reasons_that_they_have_on_the_cores(tmp_path: Path) -> None:
    """Over 200 damaged and odd files, named in quarantine word for word as without a GPU."""
    random = Random(0)
    files = [data for make in (without_pillow, odd, damaged) for _, data in make(random)]
    sources = written(tmp_path, files)
    found = list(embed_on_device(sources, MeanColours(), (), PillowDecoder()))
    expected = list(embed(sources, MeanColours()))
    assert [one.reason for one in found] == [one.reason for one in expected]
    assert [one.vector is None for one in found] == [one.vector is None for one in expected]
    assert sum(bool(one.reason) for one in found) > 100


def test_without_a_decoder_the_cores_decode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torchvision has none for this device, the tower is still on it."""
    monkeypatch.setattr(pipeline, "jpeg_decoder", lambda device: None)
    sources = written(tmp_path, [jpeg(number) for number in range(40)])
    tower = MeanColours()
    assert_alike(list(embed_on_device(sources, tower)), list(embed(sources, MeanColours())))
    assert tower.batches == [40]


def test_torchvision_without_a_gpu_is_no_decoder() -> None:
    """It is asked for one picture before it is relied on."""
    assert pipeline.jpeg_decoder(torch.device("cuda", 0)) is None or torch.cuda.is_available()


def test_the_tower_gets_large_batches(tmp_path: Path) -> None:
    """1,200 pictures are five batches, the last as large as what is left; known ones are not among them."""
    (source,) = written(tmp_path, [jpeg(0)])
    tower = MeanColours()
    assert sum(1 for _ in embed_on_device([source] * 1_200, tower, (), PillowDecoder())) == 1_200
    assert tower.batches == [BATCH] * 4 + [1_200 - 4 * BATCH]
    known = {next(iter(embed([source], tower))).sha256}
    tower.batches.clear()
    found = list(embed_on_device([source] * 1_200, tower, known, PillowDecoder()))
    assert all(one.known for one in found)
    assert tower.batches == []


def test_large_pictures_are_decoded_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as fit into the GPU's memory; the order is kept."""
    monkeypatch.setattr(pipeline, "_PIXELS_AT_ONCE", 1_000)
    sources = written(tmp_path, [jpeg(number) for number in range(9)])  # of 432 pixels each
    sizes: list[int] = []

    class Counting(PillowDecoder):
        def __call__(self, jpegs: list[Tensor]) -> Sequence[Tensor]:
            sizes.append(len(jpegs))
            return super().__call__(jpegs)

    found = list(embed_on_device(sources, MeanColours(), (), Counting()))
    assert_alike(found, list(embed(sources, MeanColours())))
    assert sizes == [2, 2, 2, 2, 1]


def test_no_pictures_are_no_outcomes() -> None:
    """An empty catalogue is no special case."""
    assert list(embed_on_device([], MeanColours(), (), PillowDecoder())) == []


def test_a_failing_tower_is_no_pictures_fault(tmp_path: Path) -> None:
    """What the tower raises ends the build; it is not put down to the pictures."""

    class Broken(MeanColours):
        def encode_pixels(self, pixels: Tensor) -> Tensor:
            raise MemoryError("out of memory")

    with pytest.raises(MemoryError):
        list(embed_on_device(written(tmp_path, [jpeg(0)]), Broken(), (), PillowDecoder()))


def test_a_build_that_ends_early_ends_the_threads(tmp_path: Path) -> None:
    """Closing what was half read leaves no thread behind, and not everything was read."""
    before = threading.active_count()
    taken = 0

    def sources() -> Iterator[Source]:
        nonlocal taken
        for _ in range(40 * BATCH):
            taken += 1
            yield source

    (source,) = written(tmp_path, [jpeg(0)])
    outcomes = embed_on_device(sources(), MeanColours(), (), PillowDecoder())
    next(outcomes)
    outcomes.close()
    assert taken < 20 * BATCH
    assert threading.active_count() == before


@pytest.mark.parametrize("on_device", [True, False], ids=["device", "cores"])
def test_memory_does_not_grow_with_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_device: bool
) -> None:
    """Of a catalogue four times as long, its vectors of a kilobyte written to disk as they come, the peak is
    the same but for what is kept of each picture, which is its hash."""
    monkeypatch.setattr(pipeline, "BATCH", 64)
    monkeypatch.setattr(pipeline, "_BATCHES_AHEAD", 3)
    monkeypatch.setattr(reading, "CHUNK", 8)
    (source,) = written(tmp_path, [jpeg(0)])
    count = 600

    class Wide(MeanColours):
        dim = 512

        def encode_pixels(self, pixels: Tensor) -> Tensor:
            return torch.nn.functional.pad(super().encode_pixels(pixels), (0, 500))

    def peak(pictures: int) -> int:
        rows = VectorRows(tmp_path / "vectors.npy", Wide.dim)
        sources = (source for _ in range(pictures))
        outcomes = (
            embed_on_device(sources, Wide(), (), PillowDecoder()) if on_device else embed(sources, Wide())
        )
        tracemalloc.start()
        try:
            for outcome in outcomes:
                rows.add(outcome.sha256, outcome.vector)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            rows.finish()

    peak(count)  # what is loaded once
    short, long = peak(count), peak(4 * count)
    assert np.load(tmp_path / "vectors.npy").shape == (4 * count, Wide.dim)
    assert long - short < 3 * count * 150 + 600_000 < 3 * count * 2 * Wide.dim
