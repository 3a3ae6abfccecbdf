"""A picture's preprocessing as matrix products, for many pictures at once, on any device."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from models.blending import blend
from models.preprocessing import BLACK, WHITE, Preprocessing

_PIXELS_AT_ONCE = 1 << 25
"""Bounds the memory of what shares a product: less than 1 GB in float16."""
_ALIKE = 256
"""Pictures whose sides differ by less may share a product: zeros fill up what the smaller ones lack."""
_MIDDLE = 128
_RADIUS = {"bilinear": 1.0, "bicubic": 2.0}


def preprocess(
    pictures: Sequence[Tensor], preprocessing: Preprocessing, halved: Sequence[int] | None = None
) -> Tensor:
    """(pictures, size, size, 3) uint8 from pictures of any sizes, (3, height, width) uint8, on their device.

    What `Preprocessing.__call__` makes of each, to rounding: the same filter, as Pillow computes it. None may
    be longer than LONGEST_SHAPE times its width. `halved` says of each whether its decoder has repeated
    colours of which there was one for several pixels (`models.blending`).
    """
    size = preprocessing.size
    pixels = torch.empty((len(pictures), size, size, 3), dtype=torch.uint8, device=pictures[0].device)
    for rows, shared in _alike(pictures, halved or [0] * len(pictures)):
        squares = _squares([pictures[row] for row in rows], preprocessing, shared)
        if len(rows) == len(pictures):
            return squares
        pixels[torch.tensor(rows).to(pixels.device, non_blocking=True)] = squares
    return pixels


def _alike(pictures: Sequence[Tensor], halved: Sequence[int]) -> Iterator[tuple[list[int], int]]:
    """The rows of pictures of like sizes, never more than may share a product, and how all are halved."""
    groups: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for row, (picture, how) in enumerate(zip(pictures, halved, strict=True)):
        _, height, width = picture.shape
        groups[height // _ALIKE, width // _ALIKE, how].append(row)
    for (high, wide, how), rows in groups.items():
        at_once = max(1, _PIXELS_AT_ONCE // ((high + 1) * (wide + 1) * _ALIKE**2))
        for start in range(0, len(rows), at_once):
            yield rows[start : start + at_once], how


def _squares(pictures: Sequence[Tensor], preprocessing: Preprocessing, halved: int) -> Tensor:
    """(pictures, size, size, 3) uint8"""
    sides = [(picture.shape[1], picture.shape[2]) for picture in pictures]
    if len(set(sides)) == 1:
        sides = sides[:1]  # and so one set of weights
        stacked = torch.stack(list(pictures))
    else:
        stacked = _filled_up(pictures, sides)
    if halved:
        stacked = blend(stacked, halved)
    # On a GPU float16 multiplies several times as fast; counted from the middle, a byte's values leave it
    # twice as fine a rest.
    stacked = stacked.to(torch.float16 if stacked.is_cuda else torch.float32).sub_(_MIDDLE)
    resized = [preprocessing.resized(width, height) for height, width in sides]
    heights = [(height, new) for (height, _), (_, new) in zip(sides, resized, strict=True)]
    widths = [(width, new) for (_, width), (new, _) in zip(sides, resized, strict=True)]
    rows = _axis(heights, preprocessing, stacked, stacked.shape[2])
    columns = _axis(widths, preprocessing, stacked, stacked.shape[3])
    # Rounded in between, as Pillow does: what the filter overshoots at a white ground must not come back.
    squares = _bytes(rows.weights @ _bytes(stacked @ columns.weights.mT)).add_(_MIDDLE).to(torch.uint8)
    if preprocessing.fit in ("letterbox", "longest"):
        beyond = ~(rows.covered[..., None] & columns.covered[..., None, :])
        squares.masked_fill_(beyond, WHITE if preprocessing.fit == "letterbox" else BLACK)
    return squares.permute(0, 2, 3, 1)


def _bytes(values: Tensor) -> Tensor:
    """What they are as bytes, counted from the middle; in place."""
    return values.round_().clamp_(-_MIDDLE, 255 - _MIDDLE)


def _filled_up(pictures: Sequence[Tensor], sides: Sequence[tuple[int, int]]) -> Tensor:
    """(pictures, 3, height, width) of the highest and the widest, each picture in the corner of its own; its
    last row and column come twice again, so that its colours blend into nothing else."""
    high, wide = (max(lengths) for lengths in zip(*sides, strict=True))
    filled = torch.zeros((len(pictures), 3, high, wide), dtype=torch.uint8, device=pictures[0].device)
    for place, picture, (height, width) in zip(filled, pictures, sides, strict=True):
        place[:, :height, :width] = picture
        place[:, :height, width : width + 2] = picture[:, :, -1:]
        place[:, height : height + 2, : width + 2] = place[:, height - 1 : height, : width + 2]
    return filled


@dataclass(frozen=True)
class _Axis:
    """What the rows (or columns) of squares take of those of the pictures: (pictures, 1, size, length); and
    (pictures, 1, size) whether there is a picture."""

    weights: Tensor
    covered: Tensor


def _axis(lengths: Sequence[tuple[int, int]], preprocessing: Preprocessing, like: Tensor, span: int) -> _Axis:
    """Of pictures of these lengths, and of what each is brought to; `span` is the longest."""
    scales = tuple((length, new, _corner(preprocessing, new)) for length, new in lengths)
    if len(scales) > 1:
        return _build(scales, preprocessing, like.dtype, like.device, span)
    # Kept apart by the queue of work that computes it, for no other may read it before it is done.
    queue = torch.cuda.current_stream(like.device).cuda_stream if like.is_cuda else 0
    return _kept(scales, preprocessing, like.dtype, like.device, queue)


@lru_cache(maxsize=256)
def _kept(
    scales: tuple[tuple[int, int, int]],
    preprocessing: Preprocessing,
    dtype: torch.dtype,
    device: torch.device,
    _queue: int,
) -> _Axis:
    return _build(scales, preprocessing, dtype, device, scales[0][0])


def _build(
    scales: Sequence[tuple[int, int, int]],
    preprocessing: Preprocessing,
    dtype: torch.dtype,
    device: torch.device,
    span: int,
) -> _Axis:
    """The filter at each place of a square, zero beyond the picture, whose length, whose length in the square
    and whose begin there are `scales`.

    As in Pillow, the filter is widened where a picture is made smaller, and begins and ends at whole pixels.
    """
    sent = torch.tensor(scales, dtype=torch.float32).to(device, non_blocking=True)
    length, resized, offset = sent.T[..., None, None, None]
    scale = length / resized
    widened = scale.clamp(min=1)
    places = torch.arange(preprocessing.size, device=device)[:, None] - offset
    centres = (places + 0.5) * scale
    pixels = torch.arange(span, device=device)
    reach = _RADIUS[preprocessing.interpolation] * widened
    taken = (pixels >= (centres - reach + 0.5).floor()) & (pixels < (centres + reach + 0.5).floor())
    covered = (places >= 0) & (places < resized)
    distance = (pixels + 0.5 - centres).abs() / widened
    values = _bicubic(distance) if preprocessing.interpolation == "bicubic" else (1 - distance).clamp(min=0)
    values = torch.where(taken & covered & (pixels < length), values, 0)
    weights = values / values.sum(dim=-1, keepdim=True).where(covered, 1)
    return _Axis(weights.to(dtype), covered[..., 0])


def _corner(preprocessing: Preprocessing, resized: int) -> int:
    """Where a side of this length begins in the square; before it where the picture is cut."""
    if preprocessing.fit == "shortest":
        return -round((resized - preprocessing.size) / 2)
    return (preprocessing.size - resized) // 2


def _bicubic(distance: Tensor) -> Tensor:
    """Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -1/2."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance < 1, near, torch.where(distance < 2, far, 0))
