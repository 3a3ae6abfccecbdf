"""Where towers compute."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch import Tensor

from models.preprocessing import Pixels
from models.towers import Device, TowerError, Vectors

_QUEUES = "32"
"""As many as torch's own streams of a kind: with CUDA's 8, what is independent waits for one another."""


def torch_device(name: Device) -> torch.device:
    """`auto` is the GPU where there is one. Raises TowerError for one that is not there."""
    if name == "cpu":
        return torch.device("cpu")
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", _QUEUES)  # read when torch first looks for a GPU
    if torch.cuda.is_available():
        return torch.device("cuda")
    if name == "cuda":
        raise TowerError("--device cuda was asked for, but torch sees no CUDA device: use --device cpu")
    return torch.device("cpu")


class OnDevice:
    """An image tower whose `module` makes vectors of pixels on its `device`."""

    device: torch.device
    module: Callable[[Tensor], Tensor]

    def encode(self, pixels: Pixels) -> Vectors:
        """(pictures, size, size, 3) uint8 → (pictures, dim)."""
        vectors: Vectors = self.encode_pixels(torch.from_numpy(pixels).to(self.device)).cpu().numpy()
        return vectors

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        """The same on `device`, which is not waited for."""
        with torch.inference_mode():
            return self.module(pixels)
