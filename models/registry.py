"""Text towers on disk: the versions in a home, and which one is active in each space.

towers/<id>/         card.json  weights.safetensors      (immutable; a folder copied here is a tower)
towers/active.json   space → tower id, replaced by one rename
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import filelock

from models.cards import CARD, WEIGHTS, Card, is_id, read_card, read_weights
from models.towers import TextTower, Tokenizer, TowerError, open_tokenizer, open_tower


class TowerNotFound(TowerError):
    """No tower of this id is in the home."""


class Registry:
    """The towers of one home. Safe to use from several processes."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "towers"

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

    def open(self, tower: str) -> TextTower:
        """Loads a registered tower. Raises TowerNotFound or TowerError."""
        self.card(tower)
        return open_tower(self._folder / tower, "text")

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
        """Makes a tower the active one of its own space."""
        card = self.card(tower)
        with self._lock():
            self._write_active(self._read_active() | {card.space: tower})
        return card

    def add_own(self, source: Path) -> Card:
        """Registers a space's own text side from `source`, and activates it if the space has no active one.

        Its id is the one on its card; where other weights hold that id already, a part of its hash is
        added. Calling it again changes nothing, but for damaged weights, which it restores.
        """
        own = read_card(source)
        with self._lock():
            card = self._registered(own)
            if card is None:
                card = self._copy(source, own)
            elif not self._is_whole(card):
                shutil.copyfile(source / WEIGHTS, self._folder / card.id / WEIGHTS)
            if card.space not in (active := self._read_active()):
                self._write_active(active | {card.space: card.id})
        return card

    def _is_whole(self, card: Card) -> bool:
        try:
            read_weights(self._folder / card.id, card)
        except TowerError:
            return False
        return True

    def _registered(self, own: Card) -> Card | None:
        same = (card for card in self.cards() if (card.weights, card.space) == (own.weights, own.space))
        return next(same, None)

    def _copy(self, source: Path, own: Card) -> Card:
        taken = (self._folder / own.id).exists()
        card = replace(own, id=f"{own.id}-{own.weights[:8]}") if taken else own
        staging = self._folder / f".adding-{card.id}"
        shutil.rmtree(staging, ignore_errors=True)
        shutil.copytree(source, staging)
        card.write(staging)
        staging.rename(self._folder / card.id)
        return card

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

    def _write_active(self, active: dict[str, str]) -> None:
        new = self._folder / ".active.json"
        with new.open("w", encoding="utf-8") as file:
            json.dump(active, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        new.rename(self._folder / "active.json")
