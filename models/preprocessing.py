"""How a picture becomes the pixels that an image tower reads: the specification that is part of its space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
"""(height, width, 3) RGB of one picture, or (pictures, height, width, 3) of a batch."""

Fit = Literal["letterbox", "shortest", "squash", "longest"]

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
WHITE, BLACK = 255, 0
LONGEST_SHAPE = 16
"""Times its width: what is higher would be scaled to a picture of any size before its middle is taken."""


@dataclass(frozen=True)
class Preprocessing:
    """A square of `size` pixels. `letterbox` keeps the whole picture and pads the short side with white,
    `longest` with black; `shortest` fills the square and keeps the picture's middle; `squash` distorts it.

    The last three are open_clip's, to the pixel. `mean` and `std` are on the scale of 0 to 255 and are
    applied by the tower, on its own device.
    """

    size: int
    fit: Fit
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, picture: Image.Image) -> Pixels:
        """(size, size, 3) uint8; the picture must be RGB, as `open_picture` gives it."""
        if self.fit == "shortest":
            picture = _without_ends(picture)
        pixels = np.asarray(picture.resize(self.resized(*picture.size), _FILTERS[self.interpolation]))
        height, width = pixels.shape[:2]
        if self.fit == "shortest":
            top, left = round((height - self.size) / 2), round((width - self.size) / 2)
            return pixels[top : top + self.size, left : left + self.size].copy()
        square = np.full((self.size, self.size, 3), WHITE if self.fit == "letterbox" else BLACK, np.uint8)
        top, left = (self.size - height) // 2, (self.size - width) // 2
        square[top : top + height, left : left + width] = pixels
        return square

    def resized(self, width: int, height: int) -> tuple[int, int]:
        """What width and height become before the picture is cut or padded, both around its centre."""
        if self.fit == "squash":
            return self.size, self.size
        if self.fit == "shortest":
            short = min(width, height)
            return self.size * width // short, self.size * height // short
        if self.fit == "longest":
            ratio = max(width, height) / self.size
            return max(1, round(width / ratio)), max(1, round(height / ratio))
        scale = self.size / max(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))


def _without_ends(picture: Image.Image) -> Image.Image:
    """The middle of a picture that is very long or high; any other as it is."""
    width, height = picture.size
    longest = LONGEST_SHAPE * min(width, height)
    if max(width, height) <= longest:
        return picture
    left, top = max(0, width - longest) // 2, max(0, height - longest) // 2
    return picture.crop((left, top, left + min(width, longest), top + min(height, longest)))
