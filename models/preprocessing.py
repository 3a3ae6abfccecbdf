"""How a picture becomes the pixels that an image tower reads: the specification that is part of its space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
"""(height, width, 3) RGB of one picture, or (pictures, height, width, 3) of a batch."""

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Preprocessing:
    """A square of `size` pixels; `letterbox` keeps the whole picture and pads the short side with white.

    `mean` and `std` are on the scale of 0 to 255 and are applied by the tower, on its own device.
    """

    size: int
    fit: Literal["letterbox"]
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, picture: Image.Image) -> Pixels:
        """(size, size, 3) uint8; the picture must be RGB, as `open_picture` gives it."""
        scale = self.size / max(picture.size)
        width, height = (max(1, round(side * scale)) for side in picture.size)
        resized = picture.resize((width, height), _FILTERS[self.interpolation])
        square = np.full((self.size, self.size, 3), 255, dtype=np.uint8)
        top, left = (self.size - height) // 2, (self.size - width) // 2
        square[top : top + height, left : left + width] = np.asarray(resized)
        return square
