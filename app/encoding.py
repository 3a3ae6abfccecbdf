"""Query text → vector: concurrent queries share a batch, repeated ones are remembered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from models.towers import TextTower

Vector = NDArray[np.float32]

REMEMBERED = 10_000
"""Vectors kept per tower: 20 MB at 512 dimensions."""
_TEXTS_AT_ONCE = 64


@dataclass
class _Waiting:
    text: str
    vector: Vector | None = None
    error: Exception | None = None


class QueryEncoder:
    """One text tower, for many threads.

    A query that meets an idle tower is encoded at once. Those that arrive while it is busy wait together,
    and the first of them to get the tower encodes for all: batches grow with the load and with nothing
    else, and no query ever waits for a batch to fill.
    """

    def __init__(self, tower: TextTower, observe_batch: Callable[[int], None]) -> None:
        """`observe_batch` is told the size of every batch."""
        self.tower = tower
        self._observe_batch = observe_batch
        self._remembered: LRUCache[str, Vector] = LRUCache(REMEMBERED)
        self._waiting: list[_Waiting] = []
        self._bookkeeping = threading.Lock()
        # Held while the tower works. Who waited leaves through it one after the other, which also keeps
        # them from all searching the index at once: measured faster than waking every one for itself.
        self._busy = threading.Lock()

    def encode(self, text: str) -> Vector:
        """(dim,) of length 1; not to be written to, since others hold it too."""
        with self._bookkeeping:
            remembered = self._remembered.get(text)
            if remembered is not None:
                return remembered
            mine = _Waiting(text)
            self._waiting.append(mine)
        while mine.vector is None and mine.error is None:
            with self._busy:
                if mine.vector is None and mine.error is None:
                    self._encode_waiting()
        if mine.vector is None:
            raise RuntimeError(f"tower {self.tower.id} could not encode a query") from mine.error
        return mine.vector

    def _encode_waiting(self) -> None:
        with self._bookkeeping:
            batch, self._waiting = self._waiting[:_TEXTS_AT_ONCE], self._waiting[_TEXTS_AT_ONCE:]
        try:
            vectors = self.tower.encode([waiting.text for waiting in batch])
        except Exception as error:
            # Whoever waits must hear of it, not wait for ever.
            for waiting in batch:
                waiting.error = error
            return
        self._observe_batch(len(batch))
        for waiting, vector in zip(batch, vectors, strict=True):
            waiting.vector = vector
        with self._bookkeeping:
            self._remembered.update(
                (waiting.text, waiting.vector) for waiting in batch if waiting.vector is not None
            )
