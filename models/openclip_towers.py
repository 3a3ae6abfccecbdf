"""The towers of open_clip's models, once their modules are built."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from models.batches import by_length
from models.cards import Card, OfCard, read_state, write_weights
from models.devices import OnDevice
from models.openclip_tokenizer import Ids
from models.preprocessing import Preprocessing
from models.towers import TowerError, Vectors

FAMILY = "open-clip-text"
PIECES_PER_BATCH = {"cpu": 4_096, "cuda": 65_536}
"""Bounds the memory of one forward pass, padding counted: on a CPU about 60 MB for a tower of 12 layers."""


class TextModule(nn.Module):
    """Ids → unit vectors of the shared space."""

    def __init__(self, text: nn.Module) -> None:
        """`text` is the text side of an open_clip model."""
        super().__init__()
        self.text = text

    def forward(self, ids: Tensor) -> Tensor:
        """(texts, dim) float32, each row of length 1."""
        features = self._features(ids)
        return F.normalize(features.float(), dim=1)

    def _features(self, ids: Tensor) -> Tensor:
        mask: Tensor | None = getattr(self.text, "attn_mask", None)
        length = ids.shape[1]
        if mask is None or length == self.text.context_length:
            found = self.text(ids)
        else:
            # open_clip's transformer takes its causal mask as long as its context; texts may be shorter.
            found = functional_call(self.text, {"attn_mask": mask[:length, :length]}, (ids,))
        features: Tensor = found[0] if isinstance(found, tuple) else found  # CoCa's gives its tokens, too
        return features


class ImageModule(nn.Module):
    """Pixels → unit vectors of the shared space."""

    mean: Tensor
    std: Tensor

    def __init__(self, visual: nn.Module, preprocessing: Preprocessing, dtype: torch.dtype) -> None:
        """`visual` is the image side of an open_clip model; it computes in `dtype`."""
        super().__init__()
        self.visual = visual.to(dtype)
        self.dtype = dtype
        shape = (1, 3, 1, 1)
        self.register_buffer("mean", torch.tensor(preprocessing.mean).view(shape), persistent=False)
        self.register_buffer("std", torch.tensor(preprocessing.std).view(shape), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """(pictures, size, size, 3) uint8 → (pictures, dim) float32, each row of length 1."""
        planes = (pixels.permute(0, 3, 1, 2) - self.mean) / self.std
        found = self.visual(planes.to(self.dtype))
        features: Tensor = found[0] if isinstance(found, tuple) else found  # CoCa's gives its tokens, too
        return F.normalize(features.float(), dim=1)


class Patches(nn.Module):
    """A convolution whose patches do not overlap, as the matrix product that it is: (pictures, channels,
    height, width) → (pictures, features, rows, columns). On a GPU it takes a quarter of the time."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.size = convolution.kernel_size
        self.weight = nn.Parameter(convolution.weight.detach().flatten(1), requires_grad=False)
        self.bias = convolution.bias

    def forward(self, planes: Tensor) -> Tensor:
        pictures, channels, height, width = planes.shape
        high, wide = self.size
        rows, columns = height // high, width // wide
        whole = planes[:, :, : rows * high, : columns * wide]  # a rest is left out, as there
        cut = whole.reshape(pictures, channels, rows, high, columns, wide)
        patches = cut.permute(0, 2, 4, 1, 3, 5)
        made = F.linear(patches.flatten(3), self.weight, self.bias)
        return made.permute(0, 3, 1, 2)


def cut_into_patches(visual: nn.Module) -> None:
    """Replaces the convolution that cuts pictures into patches, where there is one, by a matrix product."""
    for name, module in [*visual.named_modules()]:
        if isinstance(module, nn.Conv2d) and _cuts(module):
            visual.set_submodule(name, Patches(module))


def _cuts(convolution: nn.Conv2d) -> bool:
    """Whether it takes a picture's colours, patch by patch, each pixel once."""
    is_plain = convolution.padding == (0, 0) and convolution.dilation == (1, 1)
    return convolution.in_channels == 3 and convolution.kernel_size == convolution.stride and is_plain


class OpenClipInput:
    """How texts become what a text side of open_clip reads."""

    def __init__(self, ids: Ids, text: nn.Module) -> None:
        """`text` is asked what padding means to it; its weights are not looked at."""
        self._ids = ids
        self.shortest = 1 if _may_be_shorter(text, ids.padding) else ids.length
        """What every row is padded to at least."""

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, cut to what the tower reads, without padding."""
        return self._ids(texts)

    def collate(self, ids: Sequence[Sequence[int]]) -> tuple[Tensor]:
        """(texts, longest) int64; (texts, all that the tower reads) where padding has a meaning for it."""
        longest = max(self.shortest, *map(len, ids))
        padded = torch.full((len(ids), longest), self._ids.padding)
        for row, values in enumerate(ids):
            padded[row, : len(values)] = torch.tensor(values)
        return (padded,)


class OpenClipText(OfCard, OpenClipInput):
    """A text tower of open_clip, or a version that was tuned from one; on the device of its module."""

    def __init__(self, card: Card, module: TextModule, ids: Ids, folder: Path | None) -> None:
        """`folder` holds the version that `module` was opened from; without one there is none to tune."""
        super().__init__(ids, module.text)
        self.card = card
        self.module: nn.Module = module.eval()
        self._folder = folder
        self.head, self.layers = _parts(module)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim); texts of like length share a forward pass, whatever their order."""
        device = next(self.module.parameters()).device
        ids = self.tokenize(texts)
        lengths = [max(self.shortest, len(row)) for row in ids]
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for rows in by_length(lengths, PIECES_PER_BATCH[device.type]):
            with torch.inference_mode():
                batch = self.collate([ids[row] for row in rows])
                vectors[rows] = self.module(*(part.to(device) for part in batch)).cpu().numpy()
        return vectors

    def write(self, folder: Path, **card: Any) -> Card:
        """Writes what differs from the version that was opened, in float16, as a version into `folder`."""
        if self._folder is None:
            raise TowerError(f"{self.id} is not registered yet: index with it, then tune it")
        _, before = read_state(self._folder)
        changed = {
            name: tensor.detach().cpu().half()
            for name, tensor in self.module.state_dict().items()
            if not torch.equal(tensor.detach().cpu().float(), before[name].float())
        }
        folder.mkdir(parents=True, exist_ok=True)
        written = Card(
            **card
            | {
                "family": FAMILY,
                "dim": self.dim,
                "weights": write_weights(folder, changed),
                "parent": {"id": self.card.id, "weights": self.card.weights},
                "differences": True,
            }
        )
        written.write(folder)
        return written


class OpenClipImage(OnDevice):
    """The image tower of an open_clip model; in bfloat16 on a GPU, in float32 on a CPU."""

    def __init__(
        self,
        *,
        name: str,
        space: str,
        dim: int,
        preprocessing: Preprocessing,
        visual: nn.Module,
        device: torch.device,
        compiled: bool,
    ) -> None:
        """`visual` is the image side of an open_clip model; `compiled`: by torch.compile."""
        self.name, self.space, self.dim = name, space, dim
        self.preprocessing = preprocessing
        self._compiled = compiled
        self._place(visual, device)

    def _place(self, visual: nn.Module, device: torch.device) -> None:
        self.device, self._visual = device, visual
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        if device.type == "cuda":
            cut_into_patches(visual)
        module = ImageModule(visual, self.preprocessing, dtype).eval()
        module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.module = torch.compile(module) if self._compiled else module

    def replica(self, device: torch.device) -> OpenClipImage:
        """The same tower on another device."""
        other = copy.copy(self)
        other._place(copy.deepcopy(self._visual), device)
        return other


def _may_be_shorter(text: nn.Module, padding: int) -> bool:
    """Whether padding changes no vector: the text side masks it, or never looks at what follows a text."""
    if hasattr(text, "pooler"):  # of transformers; the other pooler takes what it should leave out
        masks: bool = text.config.pad_token_id == padding  # type: ignore[union-attr, assignment]
        return masks and type(text.pooler).__name__ != "MaxPooler"
    causal = getattr(text, "attn_mask", None) is not None and text.cls_emb is None
    ends_at = {"argmax": padding == 0, "eos": padding != text.eos_id, "first": True}
    return causal and ends_at.get(str(text.pool_type), False)


def _parts(module: nn.Module) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The beginnings of the names of the head's parameters, and of each layer's: the embeddings are one."""
    lists = ((name, part) for name, part in module.named_modules() if isinstance(part, nn.ModuleList))
    prefix, blocks = next(lists)  # the outermost
    outside = [name for name, _ in module.named_parameters() if not name.startswith(f"{prefix}.")]
    embeddings = tuple(name for name in outside if "emb" in name)
    head = tuple(name for name in outside if name not in embeddings)
    return head, [embeddings, *((f"{prefix}.{place}.",) for place in range(len(blocks)))]
