"""Text towers on disk: the versions in a home, and which one is active in each space.

towers/<id>/         card.json  weights.safetensors      (immutable; a folder copied here is a tower)
                     model/      (of a model of open_clip: its configuration and its tokenizer's files)
towers/active.json   space → tower id, replaced by one rename
towers/history.json  space → the ids that were active before, the last one last: the way that `rollback` goes
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import filelock

from models.cards import CARD, MAX_ID, Card, is_id, parent_missing, read_card, read_weights, sync
from models.towers import (
    BUNDLED,
    Device,
    ImageTower,
    Runtime,
    TextTower,
    Tokenizer,
    TowerError,
    open_tokenizer,
    open_tower,
)


class TowerNotFound(TowerError):
    """No tower of this id is in the home."""


class TowerInUse(TowerError):
    """A tower that cannot be deleted: it is active, or another one holds no more than differences from it."""


@dataclass(frozen=True)
class Registered:
    """A tower that is here, and whether it is the active one of its space."""

    card: Card
    active: bool


class Registry:
    """The towers of one home. Safe to use from several processes."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "towers"
        self._exports = home / "onnx"

    def cards(self) -> list[Card]:
        """The cards of all towers here, by id; a folder without a readable card is passed over."""
        if not self._folder.is_dir():
            return []
        found = []
        for folder in sorted(self._folder.iterdir()):
            if not is_id(folder.name) or not (folder / CARD).is_file():
                continue
            try:
                found.append(self.card(folder.name))
            except TowerError:
                continue
        return found

    def card(self, tower: str) -> Card:
        """Raises TowerNotFound, or TowerError where the folder is damaged."""
        folder = self._folder / tower
        if not is_id(tower) or not (folder / CARD).is_file():
            known = ", ".join(card.id for card in self.cards())
            raise TowerNotFound(f"no tower {tower!r} is registered; there are: {known or 'none yet'}")
        card = read_card(folder)
        if card.id != tower:
            raise TowerError(f"the card in towers/{tower} is of {card.id!r}: rename the folder to that id")
        return card

    def towers(self) -> list[Registered]:
        """All towers here, by id, as `cards` finds them."""
        active = self._read_active()
        return [Registered(card, active.get(card.space) == card.id) for card in self.cards()]

    def open(self, tower: str, device: Device = "auto", runtime: Runtime = "torch") -> TextTower:
        """Loads a registered tower, by torch on the device, or by ONNX Runtime, which is for the CPU: for it
        a tower is exported once, which may take a minute.

        Raises TowerNotFound or TowerError.
        """
        self._require_parent(self.card(tower))
        folder = self._folder / tower
        if runtime == "torch":
            return open_tower(folder, "text", device)
        from models.onnx_text import open_onnx  # noqa: PLC0415 - an extra, which most do without

        return open_onnx(folder, self._exports, "int8" if runtime == "onnx-int8" else "fp32")

    def open_tokenizer(self, tower: str) -> Tokenizer:
        """How a registered tower takes a text apart. Raises TowerNotFound or TowerError."""
        self.card(tower)
        return open_tokenizer(self._folder / tower)

    def open_tokenizers(self, space: str) -> dict[str, Tokenizer]:
        """How every tower of a space takes a text apart: the active tower first, then by id.

        One that cannot be opened is passed over; TowerNotFound if none is left.
        """
        active = self.active(space)
        found = {}
        for card in sorted(self.cards(), key=lambda card: card.id != active):
            if card.space == space:
                with contextlib.suppress(TowerError):
                    found[card.id] = self.open_tokenizer(card.id)
        if not found:
            raise TowerNotFound(
                f"no text tower of the space {space} is registered: copy one into {self._folder}"
            )
        return found

    def active(self, space: str) -> str | None:
        """The id of the tower that answers searches of this space when none is named."""
        return self._read_active().get(space)

    def activate(self, tower: str) -> Card:
        """Makes a tower the active one of its own space; `rollback` goes back to the one before.

        Raises TowerNotFound, or TowerError where it is damaged.
        """
        with self._lock():
            card = self.card(tower)
            self._require_whole(card)
            active = self._read_active()
            before = active.get(card.space)
            if before not in (None, tower):
                history = self._read_history()
                # First the history: cut short here, it ends in what is still active, which is skipped.
                self._write("history.json", history | {card.space: [*history.get(card.space, []), before]})
            self._write("active.json", active | {card.space: tower})
        return card

    def rollback(self, space: str) -> Card:
        """Makes the tower active that was so before the present one; called again, the one before that.

        Passes over those that have been deleted or damaged since. TowerError if none is left.
        """
        with self._lock():
            active, history = self._read_active(), self._read_history()
            before = history.get(space, [])
            while before:
                card = self._usable(before.pop(), space)
                if card is not None and card.id != active.get(space):
                    # First what is active: cut short here, the history ends in it, which is skipped.
                    self._write("active.json", active | {space: card.id})
                    self._write("history.json", history)
                    return card
        present = active.get(space)
        now = f"{present} is active" if present else "none is active"
        raise TowerError(
            f"there is no tower to roll back to: {now} in the space {space}, and none that was before it is "
            "still here; activate one by its id"
        )

    def delete(self, tower: str) -> None:
        """Removes a tower, whole or damaged, and forgets that it was ever active.

        Raises TowerNotFound, or TowerInUse for one that is active or that others hold only differences from.
        """
        folder = self._folder / tower
        with self._lock():
            if not is_id(tower) or not folder.is_dir():
                self.card(tower)  # says that there is none, and which there are
            self._require_unused(tower)
            history = self._read_history()
            if any(tower in before for before in history.values()):
                # Another tower may be given this id: that one was never active.
                kept = {space: [one for one in before if one != tower] for space, before in history.items()}
                self._write("history.json", kept)
            gone = self._folder / f".deleting-{tower}"
            shutil.rmtree(gone, ignore_errors=True)
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def add(self, folder: Path) -> Card:
        """Registers a finished tower by one rename of its folder, which must lie on the home's own disk.

        TowerError where its weights are not those on its card, its id is taken (the error names a free one),
        or the tower that it holds the differences from is not here; the folder is then left as it is.
        """
        card = read_card(folder)
        read_weights(folder, card)
        self._require_parent(card)
        sync(folder)
        with self._lock():
            if (self._folder / card.id).exists():
                raise TowerError(
                    f"the id {card.id} is taken: delete that tower, or call this one {self.free_id(card.id)}"
                )
            folder.rename(self._folder / card.id)
        return card

    def free_id(self, wanted: str) -> str:
        """`wanted`, or the first of wanted-2, wanted-3 … that no tower here has."""
        tower, number = wanted, 1
        while (self._folder / tower).exists():
            number += 1
            tower = f"{wanted[: MAX_ID - len(f'-{number}')]}-{number}"
        return tower

    def add_own(self, own: Card, write: Callable[[Path], object]) -> Card:
        """Registers a space's own text side, and activates it if the space has no active one.

        `write` fills a folder with all but the card. The id is the one on the card; where other weights hold
        that already, a part of the hash is added. Calling it again changes nothing, and writes nothing, but
        for damaged weights, which it restores, and a calibration, which a card from before it lacks.
        """
        with self._lock():
            card = self._registered(own)
            if card is None:
                card = self._renamed(own)
                self._staged(card, write).rename(self._folder / card.id)
            elif not self._is_whole(card):
                staging = self._staged(card, write)
                shutil.copytree(staging, self._folder / card.id, copy_function=os.replace, dirs_exist_ok=True)
                shutil.rmtree(staging)
            elif card.calibration is None and own.calibration is not None:
                card = self._calibrated(card, own.calibration)
            if card.space not in (active := self._read_active()):
                self._write("active.json", active | {card.space: card.id})
        return card

    def set_calibration(self, tower: str, calibration: dict[str, Any]) -> Card:
        """Puts what a tower's scores mean on its card, by one rename. Raises TowerNotFound or TowerError."""
        with self._lock():
            return self._calibrated(self.card(tower), calibration)

    def _calibrated(self, card: Card, calibration: dict[str, Any]) -> Card:
        calibrated = replace(card, calibration=calibration)
        staging = self._folder / f".calibrating-{card.id}"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        calibrated.write(staging)
        sync(staging)
        (staging / CARD).replace(self._folder / card.id / CARD)
        staging.rmdir()
        return calibrated

    def _usable(self, tower: str, space: str) -> Card | None:
        try:
            card = self.card(tower)
            self._require_whole(card)
        except TowerError:
            return None
        return card if card.space == space else None

    def _require_whole(self, card: Card) -> None:
        """TowerError if the tower could not be opened: a service that starts with it would not answer."""
        self._require_parent(card)
        read_weights(self._folder / card.id, card)

    def _require_unused(self, tower: str) -> None:
        for space, active in self._read_active().items():
            if active == tower:
                raise TowerInUse(
                    f"{tower} is the active tower of the space {space}: activate another one, then delete it"
                )
        cards = self.cards()
        weights = {card.weights for card in cards if card.id == tower}
        for child in cards:
            if child.differences and child.parent is not None and child.parent.get("weights") in weights:
                raise TowerInUse(
                    f"{child.id} holds only what differs from {tower}: delete {child.id} first, or keep both"
                )

    def _require_parent(self, card: Card) -> None:
        """TowerError if the card's tower needs another one's weights, and they are not here."""
        if not card.differences:
            return
        parent = card.parent or {}
        if parent.get("weights") not in {other.weights for other in self.cards()}:
            raise parent_missing(card, self._folder)

    def _is_whole(self, card: Card) -> bool:
        try:
            read_weights(self._folder / card.id, card)
        except TowerError:
            return False
        return True

    def _registered(self, own: Card) -> Card | None:
        same = (card for card in self.cards() if (card.weights, card.space) == (own.weights, own.space))
        return next(same, None)

    def _renamed(self, own: Card) -> Card:
        if not (self._folder / own.id).exists():
            return own
        part = f"-{own.weights[:8]}"
        return replace(own, id=f"{own.id[: MAX_ID - len(part)]}{part}")

    def _staged(self, card: Card, write: Callable[[Path], object]) -> Path:
        staging = self._folder / f".adding-{card.id}"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        write(staging)
        card.write(staging)
        sync(staging)
        return staging

    def _lock(self) -> filelock.BaseFileLock:
        self._folder.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(self._folder / ".lock", timeout=60)

    def _read_active(self) -> dict[str, str]:
        path = self._folder / "active.json"
        try:
            active: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise TowerError(f"{path} is not JSON ({error}): delete it, and activate a tower") from None
        if not isinstance(active, dict):
            raise TowerError(f"{path} does not map spaces to towers: delete it, and activate a tower")
        return active

    def _read_history(self) -> dict[str, list[str]]:
        """Empty where there is none, or none that can be read: then there is nothing to roll back to."""
        try:
            history = json.loads((self._folder / "history.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        if not isinstance(history, dict):
            return {}
        return {
            space: [tower for tower in before if isinstance(tower, str)]
            for space, before in history.items()
            if isinstance(before, list)
        }

    def _write(self, name: str, content: object) -> None:
        """Replaces a file of the towers' folder by one rename."""
        new = self._folder / f".{name}"
        with new.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        new.rename(self._folder / name)


def open_space(
    registry: Registry, name: str, device: Device = "auto", *, compiled: bool = False
) -> tuple[ImageTower, Card]:
    """The image tower called `name`, and the card of its space's own text side, which is registered.

    A model's weights are read once for both. `compiled`: the image tower by torch.compile.

    Raises TowerError.
    """
    from models import bundled, openclip  # noqa: PLC0415 - who only asks which towers are there needs neither

    if name != BUNDLED:
        image, own = openclip.open_sides(name, device, compiled=compiled)
        return image, registry.add_own(own.card, own.write)
    if compiled:
        raise TowerError(
            "the bundled image tower is not compiled: leave out --compile, or name another tower"
        )
    return bundled.open_image(device=device), register_bundled(registry, bundled.SHIPPED)


def register_bundled(registry: Registry, shipped: Path) -> Card:
    """Registers the text towers that ship in the folder `shipped`; returns the card of the space's own one.

    `base` becomes the active tower of a space that has none, `fashion-de` never does by itself; it is left
    out where it does not ship, or for another space.
    """
    base = _add_shipped(registry, shipped / "base")
    tuned = shipped / "fashion-de"
    # A space that has its own text side has an active one: adding a second leaves that as it is.
    if tuned.is_dir() and read_card(tuned).space == base.space:
        _add_shipped(registry, tuned)
    return base


def _add_shipped(registry: Registry, source: Path) -> Card:
    return registry.add_own(
        read_card(source), lambda folder: shutil.copytree(source, folder, dirs_exist_ok=True)
    )
