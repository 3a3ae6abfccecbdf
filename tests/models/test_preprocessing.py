"""From a picture to the square that an image tower reads."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from models.preprocessing import Preprocessing


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


def test_it_cannot_be_changed() -> None:
    """It is part of a space's hash."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        letterbox(8).size = 9  # type: ignore[misc]
