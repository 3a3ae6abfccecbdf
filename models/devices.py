"""Where towers compute."""

from __future__ import annotations

import os

import torch

from models.towers import Device, TowerError

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
