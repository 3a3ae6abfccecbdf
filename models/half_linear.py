"""A linear layer for answering on a CPU: its weights in float16, its arithmetic in float32.

A short query reads every weight once and does little with each, so half the bytes are half the time
(FBGEMM: Khudia et al. 2021, arXiv:2101.05615). Our weights are shipped in float16: nothing is rounded here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class HalfLinear(nn.Module):
    """Gives what the nn.Linear that it is made from gives, and cannot be trained."""

    def __init__(self, linear: nn.Linear) -> None:
        """Raises RuntimeError where this build of torch has no such kernel for the processor."""
        super().__init__()
        self._packed: Any = torch.ops.quantized.linear_prepack_fp16(linear.weight.detach(), linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) float32 → (…, out) float32."""
        y: Tensor = torch.ops.quantized.linear_dynamic_fp16(x, self._packed)
        return y


def halve(module: nn.Module) -> None:
    """Replaces every nn.Linear inside `module`; leaves all as they are where there is no kernel for it."""
    layers = [
        (parent, name, child)
        for parent in module.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear)
    ]
    try:
        replaced = [(parent, name, HalfLinear(child)) for parent, name, child in layers]
    except RuntimeError:
        return
    for parent, name, half in replaced:
        setattr(parent, name, half)
