"""Trains the bundled towers: `python -m models.pretrain --table hm.jsonl=2.5 … --out models/weights`.

Two encoders that were trained apart become one space, in two stages:

1. both sides together, with the contrastive loss of CLIP (Radford et al. 2021, arXiv:2103.00020): a picture
   against its text in English, in German and in one of six other languages, beside parallel text without
   pictures (teaching by translation: Reimers & Gurevych 2020, arXiv:2004.09813);
2. the text side alone, against the pictures' vectors, now fixed (the reverse of LiT: Zhai et al. 2022,
   arXiv:2111.07991): a step costs a tenth, so it sees far more text.

What is shipped is an exponential moving average of the weights, in float16. The file reads downward in the
order of the run.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from models import corpus
from models.bundled import PREPROCESSING, ImageModule, TextModule, write_tower
from models.corpus import POOLS, Picture, Texts, Told
from models.phrases import Scope, Text
from models.sentence_encoder import Batch, Tokenizer, load_pretrained

MARGIN = 256
"""Pictures are kept this large, so that a crop of PREPROCESSING.size loses little."""


@dataclass(frozen=True)
class Config:
    """One run. Each field is an option of the command line."""

    steps: int = 2400
    batch: int = 1024
    parallel_batch: int = 512
    backbone_lr: float = 6e-4
    encoder_lr: float = 3e-4
    heads_lr: float = 1e-3
    weight_decay: float = 0.05
    warmup: int = 100
    parallel_weight: float = 0.5
    piece_dropout: float = 0.05
    average: float = 0.998
    """Decay of the moving average, in steps."""
    text_steps: int = 2000
    text_batch: int = 1024
    text_lr: float = 3e-4
    views: int = 4
    """Vectors of each picture in the second stage: one as it is, the others of changed copies."""
    texts: int = 16
    """Texts of each picture and pool, times the weight of its table."""
    seed: int = 0
    workers: int = 16
    every: int = 400
    """Steps between two looks at the validation sets."""


# The data, on the device.


@dataclass(frozen=True)
class TextStore:
    """Texts as pieces on the device; a batch is a row of numbers of texts."""

    ids: Tensor
    lengths: Tensor
    scope: Tensor
    same: Tensor

    @classmethod
    def of(cls, texts: Texts, device: torch.device) -> TextStore:
        tensors = (torch.from_numpy(array).to(device) for array in (texts.ids, texts.lengths, texts.scope, texts.same))
        return cls(*tensors)

    def batch(self, rows: Tensor, dropout: float = 0.0) -> Batch:
        """The pieces of these texts, cut to the longest; `dropout` blanks that share of the pieces."""
        lengths = self.lengths[rows]
        ids = self.ids[rows, : int(lengths.max())].long()
        if dropout:
            # Piece 0 is the padding's; inside the length it stands for a word that was not understood.
            ids = ids.masked_fill(torch.rand(ids.shape, device=ids.device) < dropout, 0)
        return Batch(ids, lengths)


@dataclass(frozen=True)
class Lesson:
    """Training data on the device: pictures (where a stage needs them), their texts, and how often each is drawn."""

    pixels: Tensor
    texts: TextStore
    start: Tensor
    size: Tensor
    groups: Tensor
    """(3, pictures): product, kind and colour, kind, in the order of Scope."""
    weights: Tensor

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """(pictures (count,), texts (pools, count)): pictures by weight, and a text of each pool for each."""
        pictures = torch.multinomial(self.weights, count, replacement=False)
        chance = torch.rand(len(POOLS), count, device=pictures.device)
        size = self.size[pictures].T
        return pictures, self.start[pictures].T + (chance * size).long().clamp(max=size - 1)


def lesson(
    tables: Sequence[tuple[list[Picture], float]], config: Config, device: torch.device
) -> Lesson:
    pictures = [picture for table, _ in tables for picture in table]
    weights = np.repeat([weight for _, weight in tables], [len(table) for table, _ in tables])
    told = corpus.tell(pictures, [max(4, round(config.texts * w)) for w in weights], config.seed, config.workers)
    pixels = corpus.decode(pictures, replace(PREPROCESSING, size=MARGIN), config.workers)
    groups = np.stack([told.product, told.tone, told.kind])
    return Lesson(
        torch.from_numpy(pixels).to(device),
        TextStore.of(told.texts, device),
        torch.from_numpy(told.start).to(device),
        torch.from_numpy(told.size).to(device),
        torch.from_numpy(groups).to(device),
        torch.from_numpy(weights).float().to(device),
    )


def changed(pixels: Tensor) -> Tensor:
    """Pictures (n, MARGIN, MARGIN, 3) uint8 as another photographer might have taken them, at the towers' size.

    Mirrored, turned, moved and scaled a little, lighter or darker; hues stay, since shoppers ask for colours.
    """
    n, device = len(pixels), pixels.device

    def between(low: float, high: float) -> Tensor:
        return torch.empty(n, device=device).uniform_(low, high)

    angle, scale = between(-0.14, 0.14), between(0.8, 1.12)
    mirror = (torch.rand(n, device=device) < 0.5).float() * 2 - 1
    stretch = between(0.92, 1.08)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    moves = torch.stack(
        [cos * mirror * stretch, -sin, between(-0.1, 0.1), sin * mirror * stretch, cos, between(-0.1, 0.1)], 1
    ).view(n, 2, 3)
    size = PREPROCESSING.size
    grid = F.affine_grid(moves, [n, 3, size, size], align_corners=False)
    # 255 is white, the letterbox's own padding: shifted to zero, which is what grid_sample fills with.
    planes = pixels.permute(0, 3, 1, 2).float() - 255
    planes = F.grid_sample(planes, grid, padding_mode="zeros", align_corners=False) + 255
    contrast, light = between(0.85, 1.15).view(n, 1, 1, 1), between(-16, 16).view(n, 1, 1, 1)
    saturation = between(0.85, 1.15).view(n, 1, 1, 1)
    grey = planes.mean(1, keepdim=True)
    planes = (grey + (planes - grey) * saturation - 127) * contrast + 127 + light
    return planes.clamp(0, 255).permute(0, 2, 3, 1)


# The loss.


def contrast(left: Tensor, right: Tensor, scale: Tensor, wrong: Tensor) -> Tensor:
    """CLIP's loss over matching rows of two batches; pairs outside `wrong` that do not match are left out."""
    logits = scale * left @ right.T
    own = torch.eye(len(left), dtype=torch.bool, device=left.device)
    logits = logits.masked_fill(~(wrong | own), -torch.inf)
    target = torch.arange(len(left), device=left.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def against(groups: Tensor, scope: Tensor, same: Tensor) -> Tensor:
    """(n, n) where text j is a wrong answer for picture i: another product, to which the text does not apply."""
    fits = groups[Scope.PRODUCT, :, None] == groups[Scope.PRODUCT]
    for wider in (Scope.KIND_AND_COLOUR, Scope.KIND):
        fits |= (scope == wider) & (groups[wider, :, None] == groups[wider])
    return ~(fits | (same[:, None] == same))


class Pair(nn.Module):
    """Both towers and the temperature, as one thing to train and to average."""

    def __init__(self) -> None:
        super().__init__()
        self.image = ImageModule()
        self.text = TextModule()
        self.log_scale = nn.Parameter(torch.tensor(20.0).log())

    @property
    def scale(self) -> Tensor:
        return self.log_scale.exp().clamp(max=100)


def losses(
    pair: Pair, vectors: Tensor, pictures: Tensor, rows: Tensor, data: Lesson, parallel: Parallel, config: Config
) -> Tensor:
    """Pictures' vectors against their texts, and texts against their translations."""
    english, foreign = parallel.draw(config.parallel_batch)
    said = [*rows, english, foreign]
    store = torch.cat([torch.zeros(rows.numel()), torch.ones(2 * len(english))]).bool()
    batch = joined(data.texts.batch(rows.flatten(), config.piece_dropout), parallel.texts.batch(torch.cat([english, foreign]), config.piece_dropout))
    del store
    parts = pair.text(batch).float().split([len(part) for part in said])
    groups = data.groups[:, pictures]
    loss = vectors.new_zeros(())
    for row, text in zip(rows, parts, strict=False):
        wrong = against(groups, data.texts.scope[row], data.texts.same[row])
        loss = loss + contrast(vectors, text, pair.scale, wrong) / len(rows)
    same = parallel.texts.same
    wrong = (same[english, None] != same[english]) & (same[foreign, None] != same[foreign])
    return loss + config.parallel_weight * contrast(parts[-2], parts[-1], pair.scale, wrong)
