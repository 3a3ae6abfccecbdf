"""Folded normalisation answers as the layers apart do."""

from __future__ import annotations

import torch
from torch import nn

from models.bundled import ImageModule
from models.fused import fuse


def test_a_fused_tower_answers_as_before() -> None:
    """Random weights and statistics: the vectors differ by rounding, and no normalisation is left."""
    torch.manual_seed(0)
    module = ImageModule()
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
    module.eval()
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        before = module(pixels)
        fuse(module)
        after = module(pixels)
    assert (before - after).abs().max() < 1e-4
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in module.modules())
