"""A tower's card: what its weights are, where they come from, and the hashes that tie them to a space."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from models.preprocessing import Preprocessing
from models.towers import TowerError

CARD = "card.json"
WEIGHTS = "weights.safetensors"
ROOT = "model"
"""The folder in a root version's own, where its family keeps what every version tuned from it shares."""
MAX_ID = 64
State = dict[str, Tensor]
"""Name → tensor, as a module's `state_dict` gives it."""
_ID = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{MAX_ID - 1}}}")


@dataclass(frozen=True)
class Card:
    """`space` is, for an image tower, what it spans; for a text tower, what it was trained for.

    `weights` is the content hash of the weights, which a child names as its parent's; `parent` is None
    for a tower that was trained from public encoders. `differences`: the weights are only what differs
    from the parent's, without which the tower cannot be opened. `calibration`: what a text tower's scores
    mean, as models/calibration.py writes it.
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
    calibration: dict[str, Any] | None = None

    def write(self, folder: Path) -> None:
        text = json.dumps(asdict(self), ensure_ascii=False, indent=2)
        (folder / CARD).write_text(text + "\n", encoding="utf-8")


class OfCard:
    """A text tower, as far as its card describes it."""

    card: Card

    @property
    def id(self) -> str:
        return self.card.id

    @property
    def space(self) -> str:
        return self.card.space

    @property
    def dim(self) -> int:
        return self.card.dim


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


def read_weights(folder: Path, card: Card) -> State:
    """The tensors of a tower's folder; TowerError if they are not the ones its card describes."""
    path = folder / WEIGHTS
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors: State = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
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


def write_weights(folder: Path, tensors: State) -> str:
    """Writes a tower's tensors; returns their content hash, for its card."""
    write_tensors(folder / WEIGHTS, tensors)
    return content_hash(tensors)


def write_tensors(path: Path, tensors: State) -> None:
    """Of any device and layout; none may share its memory with another."""
    safetensors.torch.save_file(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path
    )
    path.chmod(0o644)  # safetensors leaves it to its owner alone


def sync(folder: Path) -> None:
    """What is in a folder outlives a power cut from here on."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())


def read_state(folder: Path) -> tuple[Card, State]:
    """A tower's card and all of its tensors, with those of its ancestors among the sibling folders where it
    holds only what differs from them.

    The tensors have the types of the oldest ancestor's. TowerError where one is missing, or does not fit.
    """
    card = read_card(folder)
    state: State = {}
    for version in reversed([folder, *ancestors(folder)]):
        of = read_card(version)
        for name, tensor in read_weights(version, of).items():
            before = state.get(name)
            if of.differences and (before is None or before.shape != tensor.shape):
                was = "has none" if before is None else f"has the shape {tuple(before.shape)} there"
                raise TowerError(
                    f"{name} of {of.id} has the shape {tuple(tensor.shape)}, its parent {was}: "
                    "they are of different towers; copy both again"
                )
            state[name] = tensor if before is None else tensor.to(before.dtype)
    return card, state


def ancestors(folder: Path) -> list[Path]:
    """The folders of the towers without which this one cannot be opened, its parent first; reads no weights.

    TowerError where one is not among the sibling folders.
    """
    found: list[Path] = []
    card = read_card(folder)
    while card.differences:
        parent = _parent(folder, card)
        if parent in (folder, *found):
            raise TowerError(f"{card.id} is its own ancestor by its card: copy the tower again")
        found.append(parent)
        card = read_card(parent)
    return found


def root_of(folder: Path) -> Path:
    """The folder of the tower that a tower was tuned from in the end; its own if it was not tuned."""
    return [folder, *ancestors(folder)][-1]


def _parent(folder: Path, card: Card) -> Path:
    parent = card.parent or {}
    for sibling in sorted(folder.parent.iterdir()):
        if not is_id(sibling.name) or not (sibling / CARD).is_file():
            continue
        with contextlib.suppress(TowerError):
            if read_card(sibling).weights == parent.get("weights"):
                return sibling
    raise parent_missing(card, folder.parent)


def parent_missing(card: Card, folder: Path) -> TowerError:
    """What is wrong with a tower that holds only differences, where its parent is not in `folder`."""
    parent = card.parent or {}
    return TowerError(
        f"{card.id} holds only what differs from {parent.get('id')!r} with the content hash "
        f"{parent.get('weights')}, which is not here: copy that tower into {folder}"
    )


def content_hash(tensors: State) -> str:
    """Hash of names, types, shapes and values, whatever file they lie in; 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        # As bytes, since numpy knows no bfloat16; not copied, since a table of embeddings has a gigabyte.
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def space_of(weights: str, preprocessing: Preprocessing) -> str:
    """The space that an image tower spans: 16 hexadecimal digits over its weights and its preprocessing.

    Precision, device and code path do not enter: they move a vector by rounding only.
    """
    specification = json.dumps(asdict(preprocessing), sort_keys=True)
    return hashlib.sha256(f"{weights}\n{specification}".encode()).hexdigest()[:16]
