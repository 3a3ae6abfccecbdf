"""Towers and an index → hits: what the service and the terminal search with."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from PIL import Image

from app.encoding import QueryEncoder, Vector
from app.metrics import Metrics
from indexer import store
from indexer.ann import SearchDevice, require_gpu
from indexer.items import Value
from indexer.store import IndexVersion, SpaceMismatch
from models.registry import Registry
from models.towers import Device, ImageTower, Reading, Runtime, TowerError, open_tower

_logger = logging.getLogger("vitrine")
KNOWN_QUERY = "rotes Kleid"
"""Warms a tower, and tells whether the service answers."""
_SECONDS_TO_RETRY = 5.0


class ItemNotFound(LookupError):
    """The served index has no item of this id."""


class ZeroQuery(ValueError):
    """The weighted terms cancel each other out: there is no direction to search in."""


@dataclass(frozen=True)
class TextTerm:
    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class ItemTerm:
    item: str
    weight: float = 1.0


@dataclass(frozen=True)
class PictureTerm:
    picture: Image.Image
    weight: float = 1.0


Term = TextTerm | ItemTerm | PictureTerm


@dataclass(frozen=True)
class Hit:
    id: str
    score: float
    fields: dict[str, Value]


@dataclass(frozen=True)
class Answer:
    """`text_tower` is None where no text was encoded; times are in seconds."""

    hits: list[Hit]
    total: int
    index: str
    text_tower: str | None
    encode_seconds: float
    search_seconds: float


@dataclass(frozen=True)
class Served:
    """One index and the text tower that is active in its space: a request keeps the pair it began with."""

    index: IndexVersion
    encoder: QueryEncoder


@dataclass(frozen=True)
class _Refused:
    """A state of the disk that could not be taken up, why, and when it is worth another look."""

    state: tuple[str | None, str]
    reason: str
    again: float


class Engine:
    """Searches the current index of a home; takes up a new version or another active tower while it answers.

    Safe to use from several threads.
    """

    def __init__(
        self,
        home: Path,
        *,
        towers_in_memory: int = 3,
        device: Device = "auto",
        runtime: Runtime = "torch",
        index_device: SearchDevice = "cpu",
        metrics: Metrics | None = None,
    ) -> None:
        """Opens nothing yet: `refresh` does. `runtime` is what text towers answer by; `device`, where towers
        do by torch; `index_device`, where the index is searched. Raises NoGpu where that is not there.
        """
        if index_device == "cuda":
            require_gpu()
        if runtime != "torch":
            from models.onnx_text import require_extras  # noqa: PLC0415 - an extra, which most do without

            require_extras()
        self.home = home
        self.device = device
        self.runtime = runtime
        self.index_device = index_device
        self.metrics = metrics or Metrics()
        self._registry = Registry(home)
        self._served: Served | None = None
        self._refused: _Refused | None = None
        self._refreshing = threading.Lock()
        self._encoders: LRUCache[tuple[str, str], QueryEncoder] = LRUCache(towers_in_memory)
        self._bookkeeping = threading.Lock()
        self._opening_tower = threading.Lock()
        self._image_tower: ImageTower | None = None
        self._opening_image_tower = threading.Lock()
        self._encoding_picture = threading.Lock()

    def refresh(self) -> None:
        """Takes up what is current on disk, if it is not what is served already.

        The new pair is opened and warmed beside the old one, then takes its place at once. Raises NoIndex,
        IndexDamaged, TowerError or SpaceMismatch; what was served before is served on.
        """
        with self._refreshing:
            before = self._served
            version = store.current_version(self.home)
            if before is not None and before.index.version == version:
                index = before.index
            else:
                index = store.open_current(self.home, self.index_device)
            tower = self._registry.active(index.space)
            if tower is None:
                raise SpaceMismatch(
                    f"index {index.version} is of the space {index.space}, in which no text tower is active: "
                    "reindex with an image tower that is installed, or activate a tower of this space"
                )
            if before is not None and index is before.index and tower == before.encoder.tower.id:
                return
            encoder = self._encoder(index, tower)
            index.search(encoder.encode(KNOWN_QUERY), 1)
            self._served = Served(index, encoder)
            self.metrics.items.set(len(index))
            self.metrics.pictures.set(index.manifest.pictures)
            if before is not None:
                self.metrics.swaps.inc()

    def refresh_if_changed(self) -> None:
        """`refresh`, for a loop: what cannot be taken up is logged once, and tried again now and then."""
        state: tuple[str | None, str] = (None, "")
        try:
            state = (store.current_version(self.home), self._active_state())
            if self._served is None and state[0] is None:
                return
            refused = self._refused
            if refused is not None and refused.state == state and time.monotonic() < refused.again:
                return
            self.refresh()
            self._refused = None
        except (store.NoIndex, store.IndexDamaged, TowerError, SpaceMismatch) as error:
            if self._refused is None or self._refused.reason != str(error):
                self.metrics.failed_swaps.inc()
                _logger.error("not taken up, the version before is served on: %s", error)
            self._refused = _Refused(state, str(error), time.monotonic() + _SECONDS_TO_RETRY)

    def _active_state(self) -> str:
        try:
            return str((self.home / "towers" / "active.json").stat().st_mtime_ns)
        except FileNotFoundError:
            return ""

    @property
    def served(self) -> Served:
        """What is served now. Raises NoIndex."""
        if self._served is None:
            raise store.NoIndex(self._reason_for_none())
        return self._served

    def _reason_for_none(self) -> str:
        if self._refused is not None:
            return self._refused.reason
        if self._refreshing.locked():
            return "the index and its text tower are being opened: try again in a moment"
        return "there is no index yet: vitrine index CATALOGUE, with this service's home"

    def search(
        self,
        terms: Sequence[Term],
        *,
        limit: int,
        offset: int = 0,
        text_tower: str | None = None,
        served: Served | None = None,
    ) -> Answer:
        """The items nearest to the normalised sum of weight × unit vector of `terms`.

        `served` keeps searches that belong together to one index: what the property said before the first.
        Raises NoIndex, ItemNotFound, TowerNotFound, TowerError, SpaceMismatch, ZeroQuery.
        """
        served = served or self.served
        started = time.perf_counter()
        encoder = served.encoder if text_tower is None else self._encoder(served.index, text_tower)
        query = self._query(terms, served.index, encoder)
        encode_seconds = time.perf_counter() - started
        has_text = any(isinstance(term, TextTerm) for term in terms)
        tower = encoder.tower.id if has_text or text_tower is not None else None
        return self._answer(
            served.index,
            query,
            limit=limit,
            offset=offset,
            tower=tower,
            encode_seconds=encode_seconds,
        )

    def similar(self, item: str, *, limit: int, offset: int = 0) -> Answer:
        """The items nearest to an item, itself left out. Raises NoIndex, ItemNotFound."""
        served = self.served
        query = self._query([ItemTerm(item)], served.index, served.encoder)
        row = self._row(served.index, item)
        return self._answer(served.index, query, limit=limit, offset=offset, without=row)

    def explain(self, text: str, *, text_tower: str | None = None) -> dict[str, Reading]:
        """What each text tower of the served index's space reads of a text, the active one first; or what one
        tower does, of whatever space. Loads no tower, so it drives none out of memory.

        Raises NoIndex, TowerNotFound, TowerError.
        """
        space = self.served.index.space
        if text_tower is None:
            tokenizers = self._registry.open_tokenizers(space)
        else:
            tokenizers = {text_tower: self._registry.open_tokenizer(text_tower)}
        return {tower: tokenizer.read(text) for tower, tokenizer in tokenizers.items()}

    def fields(self, item: str) -> tuple[IndexVersion, int, dict[str, Value]]:
        """The served index, the item's row in it and its fields. Raises NoIndex, ItemNotFound."""
        index = self.served.index
        row = self._row(index, item)
        return index, row, index.fields([row])[0]

    def _answer(
        self,
        index: IndexVersion,
        query: Vector,
        *,
        limit: int,
        offset: int,
        tower: str | None = None,
        encode_seconds: float = 0.0,
        without: int | None = None,
    ) -> Answer:
        started = time.perf_counter()
        found = index.search(query, offset + limit, without=without)
        # Rounding can lift a cosine a hair above 1.
        rows, scores = found.rows[offset:], found.scores[offset:].clip(-1, 1)
        fields = zip(index.ids(rows), scores, index.fields(rows), strict=True)
        hits = [Hit(item, float(score), row_fields) for item, score, row_fields in fields]
        search_seconds = time.perf_counter() - started
        self.metrics.encoding.observe(encode_seconds)
        self.metrics.searching.observe(search_seconds)
        total = len(index) - (without is not None)
        return Answer(hits, total, index.version, tower, encode_seconds, search_seconds)

    def _query(self, terms: Sequence[Term], index: IndexVersion, encoder: QueryEncoder) -> Vector:
        """(dim,) of length 1."""
        total = np.zeros(index.manifest.dim, dtype=np.float32)
        for term in terms:
            total += np.float32(term.weight) * self._vector(term, index, encoder)
        length = float(np.linalg.norm(total))
        if length < 1e-6:
            raise ZeroQuery("the weighted terms cancel each other out: change a weight")
        query: Vector = total / length
        return query

    def _vector(self, term: Term, index: IndexVersion, encoder: QueryEncoder) -> NDArray[np.float32]:
        if isinstance(term, TextTerm):
            return encoder.encode(term.text)
        if isinstance(term, ItemTerm):
            return index.item_vector(self._row(index, term.item))
        tower = self._image(index)
        with self._encoding_picture:
            # One at a time: pictures must not take every core from the searches by words.
            vector: Vector = tower.encode(tower.preprocessing(term.picture)[None])[0]
        return vector

    def _row(self, index: IndexVersion, item: str) -> int:
        row = index.row(item)
        if row is None:
            raise ItemNotFound(f"index {index.version} has no item {item!r}")
        return row

    def _encoder(self, index: IndexVersion, tower: str) -> QueryEncoder:
        """The tower, loaded if need be; SpaceMismatch if it is not of the index's space."""
        card = self._registry.card(tower)
        index.require_space("text", tower, card.space)
        # An id alone does not tell: it may have been deleted, and given to other weights.
        key = (card.id, card.weights)
        encoder = self._opened(key)
        if encoder is not None:
            return encoder
        # One at a time, as each may take a gigabyte and a minute; those that are open answer meanwhile.
        with self._opening_tower:
            encoder = self._opened(key)
            if encoder is None:
                opened = self._registry.open(tower, self.device, self.runtime)
                encoder = QueryEncoder(opened, self.metrics.batches.observe)
                encoder.encode(KNOWN_QUERY)
                with self._bookkeeping:
                    self._encoders[key] = encoder
        return encoder

    def _opened(self, key: tuple[str, str]) -> QueryEncoder | None:
        with self._bookkeeping:
            return self._encoders.get(key)

    def _image(self, index: IndexVersion) -> ImageTower:
        """The index's image tower, loaded when a picture first asks for it: text searches never need it."""
        with self._opening_image_tower:
            if self._image_tower is None or self._image_tower.name != index.manifest.image_tower:
                self._image_tower = open_tower(index.manifest.image_tower, "image", self.device)
            tower = self._image_tower
        index.require_space("image", tower.name, tower.space)
        return tower
