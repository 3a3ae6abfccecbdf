"""The preprocessing as matrix products: the same pixels as Pillow's, for pictures of any size together."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from indexer.drawn import draw, garments
from models.blending import HALVED_ACROSS, HALVED_DOWN
from models.preprocessing import Preprocessing
from models.resampling import preprocess

Interpolation = Literal["bilinear", "bicubic"]
FITS: list[Literal["letterbox", "shortest", "squash", "longest"]] = [
    "letterbox",
    "shortest",
    "squash",
    "longest",
]


def tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def differences(pictures: list[Image.Image], preprocessing: Preprocessing) -> list[float]:
    """Of each picture, the mean difference to what Pillow makes of it, in steps of 255."""
    ours = preprocess([tensor(picture) for picture in pictures], preprocessing).numpy().astype(int)
    theirs = np.stack([preprocessing(picture) for picture in pictures]).astype(int)
    assert ours.shape == theirs.shape
    return [float(difference.mean()) for difference in np.abs(ours - theirs)]


def to_square(size: int, fit: str = "letterbox", interpolation: Interpolation = "bicubic") -> Preprocessing:
    return Preprocessing(size, fit, interpolation, mean=(0.0,) * 3, std=(1.0,) * 3)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def drawn() -> list[Image.Image]:
    """Drawn garments, each in a size of its own."""
    sizes = [(300, 300), (200, 300), (301, 224), (60, 90), (640, 250), (224, 224), (97, 500)]
    return [
        draw(garment, 0).resize(size) for garment, size in zip(garments(0, len(sizes)), sizes, strict=True)
    ]


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [64, 224])
def test_drawn_pictures_become_what_pillow_makes_of_them(
    drawn: list[Image.Image], size: int, fit: str, interpolation: Interpolation
) -> None:
    """Made smaller or larger, padded, cut or distorted, many sizes in one call: a third of a step at most."""
    assert max(differences(drawn, to_square(size, fit, interpolation))) < 0.35


@pytest.mark.parametrize("fit", FITS)
def test_photographs_become_what_pillow_makes_of_them(shared_data: Path, fit: str) -> None:
    """Of three sizes, for each way to fit: a quarter of a step on average."""
    photographs = []
    for name in ("hm", "flickr8k", "myntra"):
        with tarfile.open(shared_data / f"{name}.tar") as tar:
            files = [tar.extractfile(member) for member, _ in zip(tar, range(12), strict=False)]
            photographs += [Image.open(io.BytesIO(file.read())).convert("RGB") for file in files if file]
    assert max(differences(photographs, to_square(224, fit))) < 0.25


@pytest.mark.parametrize("fit", FITS)
def test_odd_sizes_are_no_special_case(fit: str) -> None:
    """Noise of one pixel, of a line, of primes; what overshoots is cut later than Pillow does, so a little
    more is allowed."""
    random = np.random.default_rng(0)
    sides = [(1, 1), (1, 16), (16, 1), (3, 5), (223, 225), (509, 701), (37, 500)]
    noise = [Image.fromarray(random.integers(0, 256, (*side, 3), dtype=np.uint8)) for side in sides]
    assert max(differences(noise, to_square(32, fit))) < 0.5


def decoded_twice(picture: Image.Image, halved: int) -> tuple[Image.Image, Image.Image]:
    """A picture whose colours were stored for several pixels at a time, as libjpeg decodes it, and as a
    decoder does that repeats them."""
    brightness, *colours = (np.array(channel, np.float64) for channel in picture.convert("YCbCr").split())
    across, down = halved & HALVED_ACROSS, halved & HALVED_DOWN
    blended, repeated = [], []
    for colour in colours:
        stored = colour[:: 2 if down else 1, :: 2 if across else 1]
        spread = blend(stored) if across else stored
        spread = blend(spread.T).T if down else spread
        even, odd = (8, 7) if across and down else (4, 8)
        rounding = np.where(np.arange(spread.shape[1 if across else 0]) % 2, odd, even) / 16
        blended.append(np.floor(spread + (rounding if across else rounding[:, None])))
        repeated.append(stored.repeat(2 if down else 1, 0).repeat(2 if across else 1, 1))
    height, width = brightness.shape
    return tuple(  # type: ignore[return-value]
        rgb(brightness, *(one[:height, :width] for one in of)) for of in (blended, repeated)
    )


def blend(stored: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice as wide: each value is three quarters of its own and one of its neighbour's."""
    before = np.concatenate([stored[:, :1], stored[:, :-1]], axis=1)
    after = np.concatenate([stored[:, 1:], stored[:, -1:]], axis=1)
    both = np.stack([0.75 * stored + 0.25 * before, 0.75 * stored + 0.25 * after], axis=2)
    return both.reshape(len(stored), -1)


def rgb(brightness: NDArray[np.float64], blue: NDArray[np.float64], red: NDArray[np.float64]) -> Image.Image:
    blue, red = blue - 128, red - 128
    channels = [1.402 * red, -0.344136 * blue - 0.714136 * red, 1.772 * blue]
    values = np.stack([brightness + channel for channel in channels], axis=2)
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("halved", [HALVED_ACROSS, HALVED_DOWN, HALVED_ACROSS | HALVED_DOWN])
def test_repeated_colours_are_blended_as_libjpeg_does(drawn: list[Image.Image], halved: int) -> None:
    """Decoders on GPUs repeat the colours that a JPEG stores once for several pixels. From what they give, of
    whole and odd sizes, alone and among others, the square is made that libjpeg's picture would give: a
    hundredth of a step away, and a quarter of one or more without that."""
    pictures = [decoded_twice(picture, halved) for picture in drawn]
    sent = [tensor(repeated) for _, repeated in pictures]
    expected = np.stack([to_square(224)(blended) for blended, _ in pictures]).astype(int)
    how = [halved] * len(sent)
    together = preprocess(sent, to_square(224), how).numpy()
    alone = np.concatenate([preprocess([one], to_square(224), [halved]).numpy() for one in sent])
    plain = preprocess(sent, to_square(224)).numpy()
    for made, limit in ((together, 0.02), (alone, 0.02)):
        assert np.abs(made - expected).mean() < limit
    assert np.abs(plain - expected).mean() > 0.1


def test_a_picture_does_not_depend_on_its_neighbours(drawn: list[Image.Image]) -> None:
    """Alone, or with others that share its product, it has the same pixels to a step."""
    together = preprocess([tensor(picture) for picture in drawn], to_square(224)).int()
    for picture, pixels in zip(drawn, together, strict=True):
        alone = preprocess([tensor(picture)], to_square(224))[0].int()
        assert (alone - pixels).abs().max() <= 1


def test_there_may_be_more_than_one_product_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty pictures, three at a time, are in their order."""
    monkeypatch.setattr("models.resampling._PIXELS_AT_ONCE", 3 * 256 * 256)
    pictures = [torch.full((3, 20, 30), grey, dtype=torch.uint8) for grey in range(0, 200, 10)]
    assert preprocess(pictures, to_square(8))[:, 4, 4, 0].tolist() == list(range(0, 200, 10))
