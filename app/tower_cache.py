"""The towers that are open: those that searches encode with, as many at a time as memory is meant for."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from PIL import Image

from app.encoding import QueryEncoder, Vector
from app.metrics import Metrics
from indexer.store import IndexVersion
from models.calibration import Calibration, read_calibration
from models.cards import Card
from models.registry import Registry
from models.towers import Device, ImageTower, Runtime, TextTower, TowerError, open_tower

KNOWN_QUERY = "rotes Kleid"
"""Warms a tower, and tells whether the service answers."""
_logger = logging.getLogger("vitrine")


@dataclass(frozen=True)
class TowerEncoder:
    """A text tower that is open, and what its card says of it; once that says otherwise, there is another one
    of these around the same `queries`."""

    card: Card
    calibration: Calibration | None
    queries: QueryEncoder

    @property
    def tower(self) -> TextTower:
        return self.queries.tower

    def encode(self, text: str) -> Vector:
        """As QueryEncoder does."""
        return self.queries.encode(text)


def _with_card(card: Card, queries: QueryEncoder) -> TowerEncoder:
    """Without a calibration where the card's is damaged, which is logged: only relevance rests on it."""
    try:
        calibration = read_calibration(card.calibration, card.dim)
    except TowerError as error:
        _logger.error("text tower %s searches without relevance: %s", card.id, error)
        calibration = None
    return TowerEncoder(card, calibration, queries)


class TowerCache:
    """Text towers by their id, and an index's image tower; each opened when it is first asked for.

    Safe to use from several threads.
    """

    def __init__(
        self, registry: Registry, size: int, device: Device, runtime: Runtime, metrics: Metrics
    ) -> None:
        """`size` text towers are held at most; `device` and `runtime` are what they answer by."""
        self._registry = registry
        self._device: Device = device
        self._runtime: Runtime = runtime
        self._metrics = metrics
        self._encoders: LRUCache[tuple[str, str], TowerEncoder] = LRUCache(size)
        self._bookkeeping = threading.Lock()
        self._opening_text = threading.Lock()
        self._image: ImageTower | None = None
        self._opening_image = threading.Lock()
        self._encoding_picture = threading.Lock()

    def encoder(self, index: IndexVersion, tower: str) -> TowerEncoder:
        """The tower by its present card, loaded if need be; SpaceMismatch if its space is not the index's."""
        card = self._registry.card(tower)
        index.require_space("text", tower, card.space)
        encoder = self._opened(card)
        if encoder is not None:
            return encoder
        # One at a time, as each may take a gigabyte and a minute; those that are open answer meanwhile.
        with self._opening_text:
            encoder = self._opened(card)
            if encoder is None:
                opened = self._registry.open(tower, self._device, self._runtime)
                encoder = _with_card(card, QueryEncoder(opened, self._metrics.batches.observe))
                encoder.encode(KNOWN_QUERY)
                with self._bookkeeping:
                    self._encoders[_key(card)] = encoder
        return encoder

    def encode_picture(self, index: IndexVersion, picture: Image.Image) -> NDArray[np.float32]:
        """(dim,) by the index's image tower, which is opened when a picture first asks for it: text searches
        never need it."""
        with self._opening_image:
            if self._image is None or self._image.name != index.manifest.image_tower:
                self._image = open_tower(index.manifest.image_tower, "image", self._device)
            tower = self._image
        index.require_space("image", tower.name, tower.space)
        with self._encoding_picture:
            # One at a time: pictures must not take every core from the searches by words.
            vector: NDArray[np.float32] = tower.encode(tower.preprocessing(picture)[None])[0]
        return vector

    def _opened(self, card: Card) -> TowerEncoder | None:
        with self._bookkeeping:
            encoder = self._encoders.get(_key(card))
            if encoder is not None and encoder.card != card:
                encoder = self._encoders[_key(card)] = _with_card(card, encoder.queries)
            return encoder


def _key(card: Card) -> tuple[str, str]:
    # An id alone does not tell: it may have been deleted, and given to other weights.
    return card.id, card.weights
