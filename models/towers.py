"""What a tower promises, and how one is opened by name.

A tower turns text or pictures into unit vectors of one shared space. A text tower searches any index of
vectors of its space; two spaces are never compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.preprocessing import Pixels, Preprocessing

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from models.cards import Card

Vectors = NDArray[np.float32]
"""(rows, dim) float32, each row of length 1."""

Device = Literal["auto", "cpu", "cuda"]
Runtime = Literal["torch", "onnx", "onnx-int8"]
"""What a text tower answers by: torch, or ONNX Runtime on the CPU, in float32 or in 8 bits."""

BUNDLED = "bundled"
"""The name of the towers that ship with Vitrine: the default, no network needed."""


class TowerError(ValueError):
    """A tower cannot be opened; the message names it, what is wrong and the cure."""


@dataclass(frozen=True)
class Piece:
    """What a tower takes of a text at a time. All that is not known has one id, and so one meaning."""

    text: str
    """As the tokenizer spells it; one that marks where a word begins does so with ▁."""
    id: int
    known: bool


@dataclass(frozen=True)
class Reading:
    """What a tower reads of a text, without the marks for begin and end that every text gets.

    Joined, the pieces are the text as the tower normalises it, so they show what it changes or drops.
    """

    pieces: tuple[Piece, ...]
    cut: bool
    """Whether the text went on, past what the tower reads."""

    @property
    def unknown(self) -> int:
        return sum(not piece.known for piece in self.pieces)


class Tokenizer(Protocol):
    """Text → pieces. Safe to call from several threads."""

    def read(self, text: str) -> Reading: ...


class TextTower(Protocol):
    """Text → vectors. Safe to call from one thread at a time."""

    @property
    def id(self) -> str: ...
    @property
    def space(self) -> str: ...
    @property
    def dim(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim), in the order of the texts; a text's vector does not depend on its neighbours."""
        ...


class TextInput(Protocol):
    """How texts become what a tower's module reads. Safe to call from one thread at a time."""

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, cut to what the tower reads, without padding."""
        ...

    def collate(self, ids: Sequence[Sequence[int]]) -> tuple[Tensor, ...]:
        """What the module takes, on the CPU: padded to the longest, or to the tower's own fixed length."""
        ...


@runtime_checkable
class Respelling(Protocol):
    """What a text tower is too if it mends the spelling of what it reads."""

    def respelled(self, text: str) -> str:
        """The text as its words are spelled; the vectors of both are equal."""
        ...


class TrainableText(TextTower, TextInput, Protocol):
    """A text tower in full precision, as it was trained and can be trained on.

    A module reads what `collate` makes of what `tokenize` says: `module(*collate(tokenize(texts)))` is
    (texts, dim), differentiable, each row of length 1. Every family of towers has this form, so that one loop
    trains them all, one exporter writes them all, and a new family needs neither.
    """

    module: nn.Module

    @property
    def card(self) -> Card: ...
    @property
    def head(self) -> tuple[str, ...]:
        """The parameters after the last layer, by the beginnings of their names in `module`."""
        ...

    @property
    def layers(self) -> Sequence[tuple[str, ...]]:
        """The parameters of each layer, in the same way, from the input on."""
        ...

    def write(self, folder: Path, **card: Any) -> Card:
        """Writes the module's present weights as a version into `folder`; `card` as in `models.cards`."""
        ...


class ImageTower(Protocol):
    """Pictures → vectors, in two steps so that the first can run in other threads than the second."""

    @property
    def name(self) -> str: ...
    @property
    def space(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def preprocessing(self) -> Preprocessing: ...

    def encode(self, pixels: Pixels) -> Vectors:
        """(pictures, size, size, 3) as `preprocessing` makes them → (pictures, dim)."""
        ...


@runtime_checkable
class DeviceTower(ImageTower, Protocol):
    """An image tower that takes pictures on its device as well, from any thread."""

    @property
    def device(self) -> torch.device: ...

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        """(pictures, size, size, 3) uint8 → (pictures, dim), both on `device`, which is not waited for.

        On a GPU it may be recorded, so it is to compute the same way for every batch of a size.
        """
        ...

    def replica(self, device: torch.device) -> DeviceTower:
        """The same tower on another device."""
        ...


@overload
def open_tower(name: str | Path, side: Literal["text"], device: Device = "auto") -> TextTower: ...
@overload
def open_tower(name: str | Path, side: Literal["image"], device: Device = "auto") -> ImageTower: ...
def open_tower(
    name: str | Path, side: Literal["text", "image"], device: Device = "auto"
) -> TextTower | ImageTower:
    """Opens one side of the towers called `name`: `bundled`, a model of open_clip by one of the names in
    `models.openclip_names`, or, for a text tower, the Path of a version's folder.

    Raises TowerError for a name that is not known, a damaged folder, or a device that is not there.
    """
    # Imported here: torch takes a second to load, and who only reads the protocols should not wait for it.
    from models import bundled, openclip  # noqa: PLC0415

    if side == "image":
        return (
            bundled.open_image(device=device) if name == BUNDLED else openclip.open_image(str(name), device)
        )
    if name == BUNDLED:
        return bundled.open_text()
    if isinstance(name, Path) and _is_bundled(name):
        return bundled.open_text(name)
    return openclip.open_text(name, device)


def open_tokenizer(name: str | Path) -> Tokenizer:
    """How the text tower called `name`, as in `open_tower`, takes a text apart; loads none of its weights.

    Raises TowerError for a name that is not known, or a card that is damaged or of another kind of tower.
    """
    from models import bundled, openclip  # noqa: PLC0415 - as in open_tower

    if name == BUNDLED:
        return bundled.open_tokenizer()
    if isinstance(name, Path) and _is_bundled(name):
        return bundled.open_tokenizer(name)
    return openclip.open_tokenizer(name)


def open_trainable(folder: Path, device: Device = "auto") -> TrainableText:
    """The tower version in `folder`, of any family, in full precision. Raises TowerError."""
    from models import bundled, openclip  # noqa: PLC0415 - as in open_tower
    from models.devices import torch_device  # noqa: PLC0415

    if not _is_bundled(folder):
        return openclip.open_trainable(folder, device)
    card, module = bundled.read_text(folder)
    return bundled.BundledText(card, module.to(torch_device(device)))


def open_input(folder: Path) -> TextInput:
    """How texts become what the module of the version in `folder` reads; loads no weights.

    Raises TowerError.
    """
    from models import bundled, openclip  # noqa: PLC0415 - as in open_tower

    return bundled.BundledInput() if _is_bundled(folder) else openclip.open_input(folder)


def _is_bundled(folder: Path) -> bool:
    """Whether a version is of the bundled towers' families, by its card. Raises TowerError."""
    from models.cards import read_card  # noqa: PLC0415 - as in open_tower

    return read_card(folder).family.startswith(BUNDLED)
