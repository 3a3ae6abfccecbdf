"""What a fine-tuning learns from: rows of a query and its item, checked, and as tensors in batches."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.queries import Pair
from models.recipe import Config, device_of
from models.towers import TrainableText, Vectors


class BadExamples(ValueError):
    """Arrays that disagree, or too few of them to learn from; the message says which."""


@dataclass(frozen=True)
class Examples:
    """Rows of a query, its item's row in the vectors, and how much the row counts in training (usually 1)."""

    queries: Sequence[str]
    items: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, pairs: Sequence[Pair], ids: Sequence[str]) -> Examples:
        """These pairs, over vectors whose rows are the items `ids`."""
        rows = {item: row for row, item in enumerate(ids)}
        return cls(
            [pair.query for pair in pairs],
            np.array([rows[pair.item] for pair in pairs], dtype=np.int64),
            np.array([pair.weight for pair in pairs], dtype=np.float32),
        )


@dataclass(frozen=True)
class Lesson:
    """Training and validation part as the loop reads them; the tensors are on the tower's device."""

    ids: list[list[int]]
    """Pieces of each training query."""
    weights: Tensor
    """Of the training rows; their mean is 1."""
    shared: Tensor
    """(3, training rows): item, product and query text, as numbers."""
    val_ids: list[list[int]]
    """Pieces of each distinct validation query."""
    asked: Tensor
    """For each validation row, which of these it asks."""
    val_items: Tensor
    vectors: Tensor
    others: Tensor
    """(3, items) item, product and -1 for no text, of those items that no validation row names."""
    digest: str
    """Of everything above."""

    @classmethod
    def of(
        cls,
        train: Examples,
        val: Examples,
        *,
        vectors: Vectors,
        groups: NDArray[np.int64],
        tower: TrainableText,
    ) -> Lesson:
        """Raises BadExamples."""
        _check(train, val, vectors=vectors, groups=groups, dim=tower.dim)
        texts = _numbered([" ".join(query.split()).casefold() for query in train.queries])
        shared = np.stack([train.items, groups[train.items], texts])
        if (shared == shared[:, :1]).any(axis=0).all():
            raise BadExamples(
                f"the {len(train.items)} training rows share an item, a product or a query with the first: "
                "nothing tells them apart; add pairs of other items"
            )
        distinct = list(dict.fromkeys(val.queries))
        number = {query: row for row, query in enumerate(distinct)}
        asked = np.array([number[query] for query in val.queries])
        weights = (train.weights / train.weights.mean(dtype=np.float64)).astype(np.float32)
        rest = np.setdiff1d(np.arange(len(vectors)), val.items)
        others = np.stack([rest, groups[rest], np.full(len(rest), -1)])
        ids, val_ids = tower.tokenize(train.queries), tower.tokenize(distinct)
        digest = hashlib.sha256(json.dumps([ids, val_ids]).encode())
        for array in (weights, shared, asked, val.items, vectors, others):
            digest.update(np.ascontiguousarray(array).data)
        device = device_of(tower)
        weights_, shared_, asked_, items_, vectors_, others_ = (
            torch.from_numpy(array).to(device)
            for array in (weights, shared, asked, val.items, vectors, others)
        )
        return cls(ids, weights_, shared_, val_ids, asked_, items_, vectors_, others_, digest.hexdigest())

    def batches(self, config: Config, stage: int, epoch: int) -> list[NDArray[np.int64]]:
        """The rows of an epoch's steps: all of them, in an order that the seed, stage and epoch decide."""
        order = np.random.default_rng([config.seed, stage, epoch]).permutation(len(self.ids))
        return np.array_split(order, self.steps(config))

    def steps(self, config: Config) -> int:
        """Of an epoch; all are of like size, since a small rest would have few wrong answers."""
        return math.ceil(len(self.ids) / config.batch)


def _numbered(texts: Sequence[str]) -> NDArray[np.int64]:
    """Equal texts get equal numbers."""
    return np.unique(np.array(texts), return_inverse=True)[1].astype(np.int64)


def _check(train: Examples, val: Examples, *, vectors: Vectors, groups: NDArray[np.int64], dim: int) -> None:
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise BadExamples(f"the vectors are of shape {vectors.shape}, the tower's of (items, {dim})")
    if len(groups) != len(vectors):
        raise BadExamples(f"there are {len(vectors)} vectors, but products of {len(groups)} items")
    for name, part in (("training", train), ("validation", val)):
        sizes = {len(part.queries), len(part.items), len(part.weights)}
        if len(sizes) > 1:
            raise BadExamples(
                f"the {name} part has {len(part.queries)} queries, {len(part.items)} items and "
                f"{len(part.weights)} weights: one of each makes a row"
            )
        if not sizes - {0}:
            raise BadExamples(f"the {name} part is empty")
        if part.items.min() < 0 or part.items.max() >= len(vectors):
            raise BadExamples(
                f"the {name} part names items {part.items.min()} to {part.items.max()}, "
                f"but there are {len(vectors)} vectors"
            )
        if not (np.isfinite(part.weights).all() and part.weights.min() >= 0 and part.weights.max() > 0):
            raise BadExamples(f"the weights of the {name} part must be numbers from 0 on, not all of them 0")
