"""A tower's card: what its weights are, where they come from, and the hashes that tie them to a space."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
from torch import Tensor

from models.preprocessing import Preprocessing
from models.towers import TowerError

CARD = "card.json"
WEIGHTS = "weights.safetensors"
MAX_ID = 64
_ID = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{MAX_ID - 1}}}")


@dataclass(frozen=True)
class Card:
    """`space` is, for an image tower, what it spans; for a text tower, what it was trained for.

    `weights` is the content hash of the weights, which a child names as its parent's; `parent` is None
    for a tower that was trained from public encoders. `differences`: the weights are only what differs
    from the parent's, without which the tower cannot be opened.
    """

    id: str
    family: str
    space: str
    dim: int
    weights: str
    preprocessing: dict[str, Any] | None = None
    parent: dict[str, str] | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    data: list[dict[str, Any]] = field(default_factory=list)
    terms: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    created: str = ""
    differences: bool = False

    def write(self, folder: Path) -> None:
        text = json.dumps(asdict(self), ensure_ascii=False, indent=2)
        (folder / CARD).write_text(text + "\n", encoding="utf-8")


def is_id(text: str) -> bool:
    """Whether a tower may be called this."""
    return _ID.fullmatch(text) is not None


def read_card(folder: Path) -> Card:
    """The card of a tower's folder; TowerError where it is missing, damaged or names another kind of id."""
    path = folder / CARD
    try:
        card = Card(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise TowerError(f"{folder} is not a tower: it has no {CARD}") from None
    except (ValueError, TypeError) as error:
        raise TowerError(f"{path} is not a tower's card: {error}") from None
    if not isinstance(card.id, str) or not is_id(card.id):
        raise TowerError(f"{path} names the id {card.id!r}, which does not match {_ID.pattern}")
    return card


def read_weights(folder: Path, card: Card) -> dict[str, Tensor]:
    """The tensors of a tower's folder; TowerError if they are not the ones its card describes."""
    path = folder / WEIGHTS
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise TowerError(f"tower {card.id} has no {WEIGHTS} in {folder}: copy the whole folder") from None
    except safetensors.SafetensorError as error:
        raise TowerError(f"{path} is damaged ({error}): copy the tower again") from None
    found = content_hash(tensors)
    if found != card.weights:
        raise TowerError(
            f"{path} has the content hash {found}, its card says {card.weights}: "
            "weights and card are of different towers; copy the tower again"
        )
    return tensors


def content_hash(tensors: dict[str, Tensor]) -> str:
    """Hash of names, types, shapes and values, whatever file they lie in; 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def space_of(weights: str, preprocessing: Preprocessing) -> str:
    """The space that an image tower spans: 16 hexadecimal digits over its weights and its preprocessing.

    Precision, device and code path do not enter: they move a vector by rounding only.
    """
    specification = json.dumps(asdict(preprocessing), sort_keys=True)
    return hashlib.sha256(f"{weights}\n{specification}".encode()).hexdigest()[:16]
