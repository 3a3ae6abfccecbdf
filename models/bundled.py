"""The bundled towers: the default, with no network and no GPU needed.

Text: the multilingual sentence encoder of `sentence_encoder.py` and a residual MLP. Image: EfficientNet-Lite2
(Tan & Le 2019, arXiv:1905.11946, in its Lite form) and a projection. Both end in 512 dimensions. They were
trained together by `pretrain.py`; the weights lie in `weights/`, each beside its card.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.batches import by_length
from models.cards import WEIGHTS, Card, OfCard, content_hash, read_card, read_weights, space_of
from models.devices import OnDevice, torch_device
from models.fused import fuse
from models.half_linear import halve
from models.preprocessing import Preprocessing
from models.sentence_encoder import WIDTH, Batch, SentenceEncoder, TypedTokenizer, collate
from models.torchvision_operators import declare_missing_operators
from models.towers import Device, TowerError, Vectors

DIM = 512
TEXT_FAMILY = "bundled-text"
IMAGE_FAMILY = "bundled-image"
IMAGE_MODEL = "tf_efficientnet_lite2"
FEATURES = 1280
PREPROCESSING = Preprocessing(
    size=224, fit="letterbox", interpolation="bicubic", mean=(127.0,) * 3, std=(128.0,) * 3
)
PIECES_PER_BATCH = 4096
"""Bounds the memory of one forward pass, padding counted: about 60 MB."""

SHIPPED = Path(__file__).parent / "weights"


class TextModule(nn.Module):
    """Piece ids → unit vectors of the shared space."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = SentenceEncoder()
        self.head = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, DIM))

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """(texts, DIM), each row of length 1; of a Batch."""
        sentence = self.encoder(Batch(ids, lengths))
        return F.normalize(sentence + self.head(sentence), dim=1)


class ImageModule(nn.Module):
    """Pixels → unit vectors of the shared space."""

    mean: Tensor
    std: Tensor

    def __init__(self, preprocessing: Preprocessing = PREPROCESSING) -> None:
        super().__init__()
        declare_missing_operators()
        import timm  # noqa: PLC0415 - takes seconds, and a service that answers text never needs it

        self.backbone = timm.create_model(IMAGE_MODEL, pretrained=False, num_classes=0)
        self.projection = nn.Linear(FEATURES, DIM, bias=False)
        shape = (1, 3, 1, 1)
        self.register_buffer("mean", torch.tensor(preprocessing.mean).view(shape), persistent=False)
        self.register_buffer("std", torch.tensor(preprocessing.std).view(shape), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """(pictures, size, size, 3) uint8 → (pictures, DIM), each row of length 1."""
        # The permuted view of rows of RGB *is* the channels-last layout, in which CPUs convolve fastest.
        planes = (pixels.permute(0, 3, 1, 2).to(self.mean.dtype) - self.mean) / self.std
        return F.normalize(self.projection(self.backbone(planes)).float(), dim=1)


class BundledInput:
    """How texts become what the module reads: alike in all towers of the family."""

    def __init__(self) -> None:
        self.tokenizer = TypedTokenizer()

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, to its end however long it is."""
        return self.tokenizer(texts)

    def respelled(self, text: str) -> str:
        """The text as the tokenizer reads it, but for capitals and compounds in two words."""
        return self.tokenizer.respelled(text)

    def collate(self, ids: Sequence[Sequence[int]]) -> Batch:
        return collate(ids)


class BundledText(OfCard, BundledInput):
    """A text tower: `base`, or any version that was tuned from it; on the device of its module."""

    head = ("head.",)
    layers = (
        ("encoder.project.", "encoder.project_norm."),
        ("encoder.branches.",),
        ("encoder.norm.", "encoder.pool."),
        ("encoder.dense0.", "encoder.dense1.", "encoder.skip1."),
        ("encoder.dense2.", "encoder.dense3.", "encoder.skip3."),
    )

    def __init__(self, card: Card, module: TextModule) -> None:
        super().__init__()
        self.card = card
        self.module: nn.Module = module.eval()

    def write(self, folder: Path, **card: Any) -> Card:
        """Writes the present weights, all of them, as a version into `folder`."""
        return write_tower(folder, self.module, **card)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim); texts of like length share a forward pass, whatever their order."""
        device = self.module.get_buffer("encoder.table.codes").device
        ids = self.tokenize(texts)
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for rows in by_length([len(row) for row in ids], PIECES_PER_BATCH):
            with torch.inference_mode():
                batch = self.collate([ids[row] for row in rows])
                vectors[rows] = self.module(*(part.to(device) for part in batch)).cpu().numpy()
        return vectors


class BundledImage(OnDevice):
    """The image tower of the bundled space."""

    module: ImageModule

    def __init__(self, card: Card, module: ImageModule, device: torch.device) -> None:
        self.card = card
        self.device = device
        self.preprocessing = PREPROCESSING
        self.module = module.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if device.type == "cuda":
            self.module.half()

    @property
    def name(self) -> str:
        return self.card.id

    @property
    def space(self) -> str:
        return self.card.space

    @property
    def dim(self) -> int:
        return self.card.dim

    def replica(self, device: torch.device) -> BundledImage:
        """The same tower on another device."""
        return BundledImage(self.card, copy.deepcopy(self.module), device)


def open_text(folder: Path = SHIPPED / "base") -> BundledText:
    """The text tower in `folder`, to answer with; it runs on the CPU, where a query takes a millisecond."""
    card, module = read_text(folder)
    halve(module)
    return BundledText(card, module)


def read_text(folder: Path) -> tuple[Card, TextModule]:
    """The card and the module of the text tower in `folder`, as they were trained and can be trained on."""
    card = _text_card(folder)
    module = TextModule()
    _load(module, folder, card)
    return card, module


def open_tokenizer(folder: Path = SHIPPED / "base") -> TypedTokenizer:
    """How the text tower in `folder` takes a text apart: all of this family do it alike."""
    _text_card(folder)
    return TypedTokenizer()


def open_image(folder: Path = SHIPPED / "image", device: Device = "auto") -> BundledImage:
    """The image tower in `folder`, on the GPU where there is one unless told otherwise."""
    card = read_card(folder)
    if card.family != IMAGE_FAMILY:
        raise TowerError(f"tower {card.id} is of the family {card.family!r}, not {IMAGE_FAMILY!r}")
    module = ImageModule()
    _load(module, folder, card)
    fuse(module.eval())
    return BundledImage(card, module, torch_device(device))


def write_tower(folder: Path, module: nn.Module, **card: Any) -> Card:
    """Writes the folder of a TextModule or an ImageModule: weights in float16, and the card with their hash.

    An image tower's space follows from its weights; a text tower's is told in `card`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: tensor.detach().cpu().half() if tensor.is_floating_point() else tensor.detach().cpu()
        for name, tensor in module.state_dict().items()
    }
    weights = content_hash(tensors)
    if isinstance(module, ImageModule):
        card |= {
            "family": IMAGE_FAMILY,
            "space": space_of(weights, PREPROCESSING),
            "preprocessing": asdict(PREPROCESSING),
        }
    else:
        card |= {"family": TEXT_FAMILY}
    safetensors.torch.save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, folder / WEIGHTS
    )
    (folder / WEIGHTS).chmod(0o644)  # safetensors leaves it to its owner alone
    written = Card(dim=DIM, weights=weights, **card)
    written.write(folder)
    return written


def _text_card(folder: Path) -> Card:
    card = read_card(folder)
    if card.family != TEXT_FAMILY:
        raise TowerError(f"tower {card.id} is of the family {card.family!r}, not {TEXT_FAMILY!r}")
    return card


def _load(module: nn.Module, folder: Path, card: Card) -> None:
    tensors = read_weights(folder, card)
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise TowerError(f"the weights of {card.id} do not fit the family {card.family}: {first}") from None
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise TowerError(
                f"{name} of tower {card.id} holds what is no number: train it again, or delete it"
            )
