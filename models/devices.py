"""Where towers compute."""

from __future__ import annotations

import torch

from models.towers import Device, TowerError


def torch_device(name: Device) -> torch.device:
    """`auto` is the GPU where there is one. Raises TowerError for one that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise TowerError("--device cuda was asked for, but torch sees no CUDA device: use --device cpu")
    return torch.device(name)
