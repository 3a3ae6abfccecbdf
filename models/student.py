"""A text tower while it learns: a copy of it, what of the copy learns, and how texts pass through it."""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable, Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.batches import by_length
from models.cards import State
from models.lora import adapt, is_adapter, merged, original
from models.recipe import Config, device_of, learning, rank_of
from models.towers import TrainableText

TEXTS_PER_PASS = 32
"""On a CPU. Texts of like length share a pass: less padding, and a cancelled run ends within one pass."""
PIECES_PER_PASS = 32_768
"""On a GPU, which takes as long for a few texts as for hundreds; padding counted."""


class Cancelled(Exception):
    """Training was asked to stop, and did."""


class Student:
    """Learns without dropout: a text has one vector at a time, so cached gradients are exact, runs repeat."""

    def __init__(self, tower: TrainableText, config: Config, cancelled: Callable[[], bool]) -> None:
        """`config` is settled for the tower, which stays as it is; `cancelled` is asked before every pass."""
        self.device = device_of(tower)
        self._tower, self._config, self.cancelled = tower, config, cancelled
        # Buffers do not learn: they are shared, such as the bundled tower's table of 65 MB.
        module = copy.deepcopy(tower.module, {id(buffer): buffer for buffer in tower.module.buffers()})
        self._module: nn.Module = module.eval()
        rank = rank_of(config.trainable)
        if rank is not None:
            adapt(self._module, [name for layer in tower.layers for name in layer], rank, config.seed)
            self._module.to(self.device)
        if config.gradient_checkpointing:
            _recompute(self._module, [name for layer in tower.layers for name in layer])
        self._least = tower.collate(tower.tokenize(["a"]))[0].shape[1]
        self.learn(config.trainable)
        self._learnable = {name: part for name, part in self._module.named_parameters() if part.requires_grad}

    def learn(self, trainable: str) -> None:
        """From now on this part learns, no more than the recipe's."""
        own, adapted = learning(trainable, self._tower), rank_of(trainable) is not None
        for name, parameter in self._module.named_parameters():
            learns = adapted if is_adapter(name) else original(name).startswith(own)
            parameter.requires_grad_(learns)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What learns now."""
        return [part for part in self._learnable.values() if part.requires_grad]

    def decays(self, parameter: nn.Parameter) -> bool:
        """Not biases and norms; nor embeddings: pieces that no query holds stay where they are."""
        return parameter.ndim > 1 and id(parameter) not in self._embeddings

    def encode(self, ids: Sequence[list[int]]) -> Tensor:
        """(texts, dim) float32, in their order. Raises Cancelled."""
        passes = self._passes(ids)
        with self._autocast():
            parts = [self._pass(ids, rows) for rows in passes]
        order = torch.tensor([*chain.from_iterable(passes)], device=self.device).argsort()
        return torch.cat(parts)[order]

    def backward(self, ids: Sequence[list[int]], gradients: Tensor) -> None:
        """Adds to the gradients of what learns, given those of the texts' vectors (texts, dim); only one pass
        of the texts is in memory at a time (Gao et al. 2021, arXiv:2101.06983). Raises Cancelled."""
        for rows in self._passes(ids):
            with self._autocast():
                vectors = self._pass(ids, rows)
            torch.autograd.backward(vectors, gradients[rows])

    def kept(self) -> dict[str, Tensor]:
        """All that may learn in the run, by its names here: not copies."""
        return {name: part.detach() for name, part in self._learnable.items()}

    def restore(self, kept: dict[str, Tensor]) -> None:
        for name, part in self.kept().items():
            part.copy_(kept[name])

    def changed(self) -> State:
        """What differs from the tower, by its names there. What adapters add is in it."""
        own = {original(name): part for name, part in self.kept().items() if not is_adapter(name)}
        if rank_of(self._config.trainable) is not None:
            own |= merged(self._module)
        before = self._tower.module.state_dict()
        return {name: part.cpu() for name, part in own.items() if not torch.equal(part, before[name])}

    @functools.cached_property
    def _embeddings(self) -> set[int]:
        return {id(part.weight) for part in self._module.modules() if isinstance(part, nn.Embedding)}

    def _passes(self, ids: Sequence[list[int]]) -> list[list[int]]:
        """The rows of each pass, shorter texts first."""
        most, pieces = self._config.microbatch or len(ids), PIECES_PER_PASS
        if self.device.type == "cpu":
            most, pieces = min(most, TEXTS_PER_PASS), sys.maxsize
        batches = by_length([max(self._least, len(row)) for row in ids], pieces)
        return [rows[start : start + most] for rows in batches for start in range(0, len(rows), most)]

    def _pass(self, ids: Sequence[list[int]], rows: Sequence[int]) -> Tensor:
        if self.cancelled():
            raise Cancelled
        batch = self._tower.collate([ids[row] for row in rows])
        vectors: Tensor = self._module(*(part.to(self.device, non_blocking=True) for part in batch))
        return vectors.float()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._config.precision == "bf16")


def _recompute(module: nn.Module, layers: Sequence[str]) -> None:
    """Has each layer's inside computed again in the backward pass, not kept."""
    # Not by the libraries' own switches: that of transformers works in training mode alone, with its dropout.
    again = functools.partial(checkpoint, use_reentrant=False, preserve_rng_state=False)
    parts = dict(module.named_modules())
    for name in layers:
        if (layer := parts.get(name.removesuffix("."))) is not None:
            layer.forward = functools.partial(again, layer.forward)
