"""Low-rank adapters on the layers of a transformer (LoRA: Hu et al. 2022, arXiv:2106.09685); the only import
of peft, and only while something learns: what they add is added to the weights in the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.torchvision_operators import declare_missing_operators

ALPHA = 32
"""What adapters add is scaled by ALPHA / rank, so that one learning rate suits all ranks."""

_ADAPTER = ".lora_"


def adapt(module: nn.Module, layers: Sequence[str], rank: int, seed: int) -> None:
    """Adds adapters to all matrices of the linear and attention layers under these names (all of them:
    Dettmers et al. 2023, arXiv:2305.14314). The seed decides where they start; at first they add nothing."""
    peft = _peft()
    linear, packed = _targets(module, tuple(layers))
    config = peft.LoraConfig(r=rank, lora_alpha=ALPHA, target_modules=linear, target_parameters=packed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        peft.inject_adapter_in_model(config, module)


def is_adapter(name: str) -> bool:
    """Whether a parameter of an adapted module, by its name, is an adapter's."""
    return _ADAPTER in name


def original(name: str) -> str:
    """The name that a parameter of an adapted module, other than an adapter's, had before."""
    return name.replace(".base_layer.", ".")


@torch.no_grad()
def merged(module: nn.Module) -> dict[str, Tensor]:
    """The adapted weights with what the adapters add, by their original names."""
    from peft.tuners.lora import LoraLayer  # noqa: PLC0415 - as in _peft

    adapted: list[tuple[str, Any]] = [
        (name, part) for name, part in module.named_modules() if isinstance(part, LoraLayer)
    ]
    weights: dict[str, Tensor] = {}
    for name, part in adapted:
        parameter = getattr(part, "parameter_name", "weight")
        before = part.get_base_layer().get_parameter(parameter)
        weights[original(f"{name}.{parameter}")] = before + part.get_delta_weight("default")
    return weights


def _targets(module: nn.Module, layers: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The linear layers by name; and the parameters that hold an attention's three matrices in one.

    The matrix after torch's own attention is left out: it is applied elsewhere than in its layer, where an
    adapter would not be noticed.
    """
    attentions = [
        name
        for name, part in module.named_modules()
        if name.startswith(layers) and isinstance(part, nn.MultiheadAttention)
    ]
    linear = [
        name
        for name, part in module.named_modules()
        if name.startswith(layers)
        and isinstance(part, nn.Linear)
        and not name.startswith(tuple(f"{attention}." for attention in attentions))
    ]
    return linear, [f"{attention}.in_proj_weight" for attention in attentions]


def _peft() -> Any:
    """peft takes seconds to load."""
    declare_missing_operators()
    import peft  # noqa: PLC0415

    return peft
