"""Pictures changed as another photographer might have taken them, on the device that trains.

Catalogues show garments before a plain backdrop; shoppers' own pictures do not. So some garments are cut from
their backdrop and set before a piece of another photograph (the "cut and paste" of Dwibedi, Misra & Hebert
2017, arXiv:1708.01642), turned and lit more freely than a studio would.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

TOLERANCE = 14
"""How far a pixel of a backdrop may be from its colour, in levels of 256."""
CUT = (0.04, 0.75)
"""A garment covers this much of a picture; less, and the backdrop has leaked into it (white on white)."""
SCENE = 0.97
"""A picture of which more than this is not backdrop is a scene to set garments before."""


@dataclass(frozen=True)
class Studio:
    """Pictures, where the garment is in each, which of them can be set before a scene, and the scenes."""

    pixels: Tensor
    """(n, h, w, 3) uint8."""
    garment: Tensor
    """(n, h, w) uint8, 255 in the garment and 0 in the backdrop."""
    movable: Tensor
    """(n,) bool."""
    scenes: Tensor
    """Numbers of pictures."""

    @classmethod
    def of(cls, pixels: Tensor) -> Studio:
        parts = [cutout(part) for part in torch.split(pixels, 256)]
        share = torch.cat([part.flatten(1).float().mean(1) for part in parts])
        low, high = CUT
        return cls(
            pixels,
            torch.cat([part.to(torch.uint8) * 255 for part in parts]),
            (share > low) & (share < high),
            (share > SCENE).nonzero().flatten(),
        )

    def changed(self, pictures: Tensor, size: int, staged: float) -> Tensor:
        """(pictures, size, size, 3) float: moved a little; a share of `staged` of them before a scene."""
        n, device = len(pictures), self.pixels.device
        planes = self.pixels[pictures].permute(0, 3, 1, 2).float()
        chosen = torch.rand(n, device=device) < staged
        if not len(self.scenes):
            chosen = torch.zeros_like(chosen)
        chosen = (chosen & self.movable[pictures]).nonzero().flatten()
        out = _relit(_moved(planes, _grid(n, size, device), fill=255.0), 0.0)
        if len(chosen):
            # A garment fills a third of a catalogue's picture, and most of a shopper's: it is enlarged.
            grid = _grid(len(chosen), size, device, angle=0.5, scale=(0.5, 0.95), shift=0.12)
            garment = _moved(self.garment[pictures[chosen], None].float(), grid, fill=0.0) / 255
            before = self.scenes[torch.randint(len(self.scenes), (len(chosen),), device=device)]
            scene = self.pixels[before].permute(0, 3, 1, 2).float()
            # From a hundredth of a photograph, which is a smooth surface, to most of it.
            around = _grid(len(chosen), size, device, angle=3.1, scale=(0.1, 0.8), shift=0.2)
            scene = F.grid_sample(scene, around, padding_mode="reflection", align_corners=False)
            set_before = garment * _moved(planes[chosen], grid, fill=255.0) + (1 - garment) * scene
            out[chosen] = _relit(set_before, 0.08)
        return out.permute(0, 2, 3, 1)


def cutout(pixels: Tensor) -> Tensor:
    """(n, h, w, 3) uint8 → (n, h, w) bool: all but the plain backdrop that reaches the picture's edge.

    The backdrop's colour is the median along the edge of the picture inside its white letterbox.
    """
    levels = pixels.float()
    white = (pixels >= 254).all(3)
    inside = _box(white, 0)
    ring = inside & ~_box(white, 3)
    colour = torch.where(ring[..., None], levels, torch.nan).flatten(1, 2).nanmedian(1).values
    near = (levels - colour[:, None, None]).abs().amax(3) <= TOLERANCE
    open_ = (near | white | ~inside).float()[:, None]
    # A flood from the edge, one pixel a step, until nothing more is reached.
    flood = torch.zeros_like(open_)
    flood[:, :, [0, -1]], flood[..., [0, -1]] = open_[:, :, [0, -1]], open_[..., [0, -1]]
    reached = -1.0
    while (now := float(flood.sum())) != reached:
        reached = now
        for _ in range(16):
            flood = F.max_pool2d(flood, 3, stride=1, padding=1) * open_
    # One pixel more, since edges carry the backdrop's colour.
    return F.max_pool2d(flood, 3, stride=1, padding=1)[:, 0] == 0


def _box(white: Tensor, margin: int) -> Tensor:
    """(n, h, w) bool: inside the smallest box that holds all that is not white, less a margin."""
    sides = []
    for axis in (1, 2):
        filled = (~white).any(3 - axis)
        place = torch.arange(filled.shape[1], device=white.device)
        first = filled.int().argmax(1, keepdim=True) + margin
        last = filled.shape[1] - 1 - filled.flip(1).int().argmax(1, keepdim=True) - margin
        sides.append((place >= first) & (place <= last))
    return sides[0][:, :, None] & sides[1][:, None, :]


def _grid(
    n: int,
    size: int,
    device: torch.device,
    *,
    angle: float = 0.14,
    scale: tuple[float, float] = (0.75, 1.15),
    shift: float = 0.1,
) -> Tensor:
    """Where n pictures are sampled: mirrored, turned by up to `angle` (radians), scaled and moved."""

    def between(low: float, high: float) -> Tensor:
        return torch.empty(n, device=device).uniform_(low, high)

    turn, zoom = between(-angle, angle), between(*scale)
    mirror = (torch.rand(n, device=device) < 0.5).float() * 2 - 1
    stretch = between(0.92, 1.08)
    cos, sin = turn.cos() * zoom, turn.sin() * zoom
    moves = torch.stack(
        [
            cos * mirror * stretch,
            -sin,
            between(-shift, shift),
            sin * mirror * stretch,
            cos,
            between(-shift, shift),
        ],
        1,
    ).view(n, 2, 3)
    return F.affine_grid(moves, [n, 3, size, size], align_corners=False)


def _moved(planes: Tensor, grid: Tensor, *, fill: float) -> Tensor:
    # grid_sample fills with zero: shifted, so that zero is what should be around.
    return F.grid_sample(planes - fill, grid, padding_mode="zeros", align_corners=False) + fill


def _relit(planes: Tensor, cast: float) -> Tensor:
    """Lighter or darker, more or less colourful; hues stay but for a `cast` of the light, since shoppers ask
    for colours."""
    n, device = len(planes), planes.device

    def between(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.empty(n, channels, 1, 1, device=device).uniform_(low, high)

    grey = planes.mean(1, keepdim=True)
    planes = grey + (planes - grey) * between(0.85, 1.15)
    planes = planes * between(1 - cast, 1 + cast, 3)
    return ((planes - 127) * between(0.85, 1.15) + 127 + between(-16, 16)).clamp(0, 255)
