"""From a picture to the square that an image tower reads."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from models.preprocessing import Fit, Preprocessing
from models.torchvision_operators import declare_missing_operators

Interpolation = Literal["bilinear", "bicubic"]


def letterbox(size: int) -> Preprocessing:
    return Preprocessing(size, "letterbox", "bicubic", mean=(127.0,) * 3, std=(128.0,) * 3)


def black(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height))


def test_a_wide_picture_has_white_above_and_below() -> None:
    """4 × 2 black pixels in a square of 4 are the two middle rows."""
    square = letterbox(4)(black(4, 2))
    assert square[:, 0, 0].tolist() == [255, 0, 0, 255]


def test_a_tall_picture_has_white_left_and_right() -> None:
    """2 × 4 black pixels in a square of 4 are the two middle columns."""
    square = letterbox(4)(black(2, 4))
    assert square[0, :, 0].tolist() == [255, 0, 0, 255]


def test_an_odd_rest_of_white_goes_below() -> None:
    """5 × 2 in a square of 5 leaves three white rows: one above, two below."""
    square = letterbox(5)(black(5, 2))
    assert square[:, 0, 0].tolist() == [255, 0, 0, 255, 255]


def test_a_square_picture_fills_the_square() -> None:
    """No white is left, whether it is scaled up or down."""
    assert letterbox(8)(black(3, 3)).max() == 0
    assert letterbox(8)(black(30, 30)).max() == 0


def test_a_line_keeps_one_pixel() -> None:
    """1 × 1,000 would be a hundredth of a pixel wide in a square of 8, and is one."""
    square = letterbox(8)(black(1, 1_000))
    assert (square[:, :, 0] == 0).sum(axis=1).tolist() == [1] * 8


def test_the_result_is_a_square_of_bytes() -> None:
    """Whatever the picture, the tower gets (size, size, 3) of uint8, in the order red, green, blue."""
    square = letterbox(224)(Image.new("RGB", (640, 480), (1, 2, 3)))
    assert (square.shape, square.dtype.name) == ((224, 224, 3), "uint8")
    assert square[112, 112].tolist() == [1, 2, 3]


def test_interpolation_is_the_one_that_is_named() -> None:
    """A step of black to white overshoots no value when bilinear, and rings when bicubic."""
    step = Image.fromarray(
        np.repeat(np.array([[[60] * 3, [60] * 3, [200] * 3, [200] * 3]], np.uint8), 4, axis=0)
    )
    bicubic = letterbox(16)
    bilinear = dataclasses.replace(bicubic, interpolation="bilinear")
    assert (bilinear(step).min(), bilinear(step).max()) == (60, 200)
    assert bicubic(step).min() < 60


SIZES = [(64, 64), (63, 64), (97, 51), (51, 97), (200, 33), (33, 200), (8, 9), (1, 7), (32, 32), (640, 40)]


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [32, 33])
@pytest.mark.parametrize("fit", ["shortest", "squash", "longest"])
def test_squares_are_open_clips_to_the_pixel(fit: Fit, size: int, interpolation: Interpolation) -> None:
    """Of pictures of odd shapes, larger and smaller than the square: cut, distorted, or padded with black."""
    declare_missing_operators()
    from open_clip.transform import PreprocessCfg, image_transform_v2  # noqa: PLC0415

    zero, one = (0.0,) * 3, (1.0,) * 3
    config = PreprocessCfg(size=size, mean=zero, std=one, interpolation=interpolation, resize_mode=fit)
    reference = image_transform_v2(config, is_train=False)
    ours = Preprocessing(size, fit, interpolation, mean=(0.0,) * 3, std=(255.0,) * 3)
    for width, height in SIZES:
        values = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
        picture = Image.fromarray(values)
        expected = (reference(picture) * 255).round().byte().permute(1, 2, 0).numpy()
        assert np.array_equal(ours(picture), expected), (width, height)


@pytest.mark.parametrize("fit", ["letterbox", "shortest", "squash", "longest"])
@pytest.mark.parametrize(("width", "height"), [(1, 40_000), (40_000, 1), (1, 1)])
def test_any_shape_becomes_a_square(fit: Fit, width: int, height: int) -> None:
    """A line of 40,000 pixels, too, which would be scaled to nine million before its middle is taken; and it
    can be written to, as torch wants it."""
    square = dataclasses.replace(letterbox(224), fit=fit)(black(width, height))
    assert (square.shape, square.dtype.name) == ((224, 224, 3), "uint8")
    assert square.flags.writeable


def test_the_middle_of_a_long_picture_is_kept() -> None:
    """Twenty times as wide as high: its middle, red, fills the square."""
    picture = Image.new("RGB", (400, 20), "blue")
    picture.paste("red", (190, 0, 210, 20))
    square = dataclasses.replace(letterbox(20), fit="shortest")(picture)
    assert np.unique(square.reshape(-1, 3), axis=0).tolist() == [[255, 0, 0]]


def test_it_cannot_be_changed() -> None:
    """It is part of a space's hash."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        letterbox(8).size = 9  # type: ignore[misc]
