"""The recipe of a fine-tuning: its settings, which of them a tower decides, and which cannot be followed."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from models.torchvision_operators import declare_missing_operators
from models.towers import TrainableText

MAX_BATCH = 4_096
"""Pairs. The loss compares each with each: twice as many are four times the memory there."""
TRAINABLE = r"all|projection|last:[1-9][0-9]{0,2}|lora(:[1-9][0-9]{0,2})?"
RANK = 16
"""Of adapters, where none is said."""


class BadConfig(ValueError):
    """A recipe that cannot be followed; the message says what there is instead."""


@dataclass(frozen=True)
class Config:
    """One run. What is None is left to the tower: see `settle`."""

    epochs: int = 6
    batch: int = 250
    """Pairs of a step, MAX_BATCH at most."""
    lr: float | None = None
    """The peak of the learning rate."""
    weight_decay: float = 0.1
    warmup: float = 0.1
    """Share of the steps of a stage."""
    optimiser: str = "adamw"
    """Any of timm's, by its name there."""
    clip: str = "norm"
    """norm, or agc: adaptive gradient clipping (Brock et al. 2021, arXiv:2102.06171)."""
    scale: str | float | None = None
    """The factor of the similarities in the loss, or learnable."""
    trainable: str = "all"
    """all, last:N (the last N layers, and the head), projection (the head alone), lora or lora:RANK (low-rank
    adapters of every layer, and the head)."""
    head_first: int = 0
    """Epochs of the head alone, before those of `trainable`."""
    patience: int = 3
    """Epochs without a better mRR@20 on the validation part after which a stage ends."""
    negatives: int = 1024
    """Items drawn anew in each step as further wrong answers, of those that no validation row names."""
    precision: str = "auto"
    """fp32; bf16: the forward pass in bfloat16, over weights in float32; auto: bf16 on a GPU that has it."""
    microbatch: int | None = None
    """Texts that are in memory at a time; None: all of the batch. What is learnt stays the same."""
    gradient_checkpointing: bool = False
    """Compute layers twice rather than keep their insides (Chen et al. 2016, arXiv:1604.06174)."""
    seed: int = 0


TRANSLATION = Config(epochs=12)
"""For `align`, in which a language moves further than queries do in `finetune`."""


@dataclass(frozen=True)
class Usual:
    """What suits a family of towers where a recipe leaves it open. `rates` are the peaks of the learning rate
    by what learns; what is missing there cannot."""

    scale: float
    rates: Mapping[str, float]
    translation: float | None = None
    """The rate of `align`, where it is another."""


BUNDLED = Usual(scale=20.0, rates=dict.fromkeys(("all", "last", "projection"), 3e-4), translation=1e-3)
"""As models/LOG.md found it."""
TRANSFORMER = Usual(scale=100.0, rates={"all": 5e-5, "last": 5e-5, "projection": 3e-4, "lora": 2e-4})
"""The scale that CLIP was trained to, since a tower is best tuned with the loss of its training (Goyal et al.
2023, arXiv:2212.00638). The rates are those of transformers tuned whole, the highest in use, since a
shop's pairs make few steps (Devlin et al. 2019, arXiv:1810.04805), and by adapters (Dettmers et al. 2023,
arXiv:2305.14314); a head alone, which is shallow, bears more."""
_FAMILIES = {"bundled-text": BUNDLED}


def check(config: Config) -> None:
    """Raises BadConfig for a recipe that no tower can follow, before anything is read."""
    least = {"epochs": 1, "batch": 2, "patience": 1, "head_first": 0, "negatives": 0, "weight_decay": 0}
    for name, value in least.items():
        if not getattr(config, name) >= value:
            raise BadConfig(f"{name} is {getattr(config, name)}: it must be {value} or more")
    if config.batch > MAX_BATCH:
        raise BadConfig(f"batch is {config.batch}: it must be {MAX_BATCH:,} or less")
    if config.microbatch is not None and config.microbatch < 1:
        raise BadConfig(f"microbatch is {config.microbatch}: it must be 1 or more")
    if config.lr is not None and not 0 < config.lr < math.inf:
        raise BadConfig(f"lr is {config.lr}: it must be a number above 0")
    if not 0 <= config.warmup < 1:
        raise BadConfig(f"warmup is {config.warmup}: it is a share of the steps, from 0 to below 1")
    if config.clip not in ("norm", "agc"):
        raise BadConfig(f"clip is {config.clip!r}: choose norm or agc")
    if config.precision not in ("auto", "fp32", "bf16"):
        raise BadConfig(f"precision is {config.precision!r}: choose auto, fp32 or bf16")
    number = isinstance(config.scale, float | int) and config.scale > 0
    if config.scale not in (None, "learnable") and not number:
        raise BadConfig(f"scale is {config.scale!r}: choose learnable, or a number above 0")
    _kind_of(config.trainable)
    _check_optimiser(config.optimiser)


def settle(config: Config, tower: TrainableText, *, translation: bool = False) -> Config:
    """The recipe as this tower follows it, with nothing left open; `translation`: by `align`.

    A settled recipe stays as it is. Raises BadConfig where the tower cannot follow it.
    """
    check(config)
    suited, kind, depth = usual(tower), _kind_of(config.trainable), len(tower.layers)
    choices = f"choose all, last:1 to last:{depth}, "
    choices += "projection, lora or lora:RANK" if "lora" in suited.rates else "or projection"
    if kind not in suited.rates:
        raise BadConfig(
            f"trainable is {config.trainable}, which is for transformers; the text tower {tower.id} is none: "
            f"{choices}"
        )
    if kind == "last" and _number_of(config.trainable) > depth:
        raise BadConfig(
            f"trainable is {config.trainable}, the text tower {tower.id} has {depth} layers: {choices}"
        )
    rate = suited.translation if translation and suited.translation else suited.rates[kind]
    precision = config.precision
    if precision == "auto":
        precision = "bf16" if _has_bf16(device_of(tower)) else "fp32"
    return replace(
        config,
        lr=rate if config.lr is None else config.lr,
        scale=suited.scale if config.scale is None else config.scale,
        precision=precision,
    )


def usual(tower: TrainableText) -> Usual:
    """What suits a tower of this family."""
    return _FAMILIES.get(tower.card.family, TRANSFORMER)


def learning(trainable: str, tower: TrainableText) -> tuple[str, ...]:
    """The tower's own weights that learn, by the beginnings of their names; adapters come on top."""
    kind = _kind_of(trainable)
    if kind == "all":
        return ("",)
    if kind == "last":
        last = tower.layers[-_number_of(trainable) :]
        return (*tower.head, *(name for layer in last for name in layer))
    return tuple(tower.head)


def rank_of(trainable: str) -> int | None:
    """The rank of the adapters; None where there are none."""
    return _number_of(trainable) if _kind_of(trainable) == "lora" else None


def device_of(tower: TrainableText) -> torch.device:
    return next(tower.module.parameters()).device


def create_optimiser(
    decaying: list[nn.Parameter], others: list[nn.Parameter], config: Config
) -> torch.optim.Optimizer:
    """The recipe's, over these parameters."""
    groups = [
        {"params": decaying, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimiser: torch.optim.Optimizer = _timm().create_optimizer_v2(groups, opt=config.optimiser, lr=config.lr)
    return optimiser


def _kind_of(trainable: str) -> str:
    """all, last, projection or lora. Raises BadConfig."""
    if re.fullmatch(TRAINABLE, trainable) is None:
        raise BadConfig(f"trainable is {trainable!r}: choose all, last:N, projection, lora or lora:RANK")
    return trainable.partition(":")[0]


def _number_of(trainable: str) -> int:
    """The number after the colon; where there is none, the usual rank."""
    return int(trainable.partition(":")[2] or RANK)


def _has_bf16(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _timm() -> Any:
    """timm's optimisers; their import takes seconds, and nothing needs them before a run."""
    declare_missing_operators()
    import timm.optim  # noqa: PLC0415

    return timm.optim


def _check_optimiser(name: str) -> None:
    known: list[str] = _timm().list_optimizers()
    if name not in known:
        near = difflib.get_close_matches(name, known) or ["adamw"]
        raise BadConfig(f"timm has no optimiser {name!r}; near are: {', '.join(near)}")
    if _timm().get_optimizer_info(name).second_order:
        raise BadConfig(f"the optimiser {name} needs second derivatives, which are not computed: try adamw")
    try:
        _timm().create_optimizer_v2([nn.Parameter(torch.zeros(2, 2))], opt=name, lr=1.0)
    except (ImportError, RuntimeError, AssertionError) as error:
        raise BadConfig(f"the optimiser {name} does not run here ({error}): try adamw") from None
