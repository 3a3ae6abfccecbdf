"""Towers and an index → hits: what the service and the terminal search with."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.answer import Answer, Embedded, Interpreted
from app.cursor import Cursors
from app.encoding import Vector
from app.hits import Relevance, hits_of
from app.hybrid import candidates as words_and_pictures
from app.hybrid import named as named_in_full
from app.hybrid import relevant_only
from app.interpretation import interpret
from app.metrics import Metrics
from app.query import ItemTerm, Search, Term, TextTerm
from app.tower_cache import KNOWN_QUERY, TowerCache, TowerEncoder
from indexer import store
from indexer.ann import SearchDevice, require_gpu
from indexer.columns import Mask
from indexer.facets import Facet, facets_of
from indexer.filter import Selection
from indexer.items import Value
from indexer.ranking import Relevant, Scores
from indexer.store import IndexVersion, SpaceMismatch
from models.cards import CARD
from models.registry import Registry
from models.towers import Device, Reading, Respelling, Runtime, TowerError

_logger = logging.getLogger("vitrine")
_SECONDS_TO_RETRY = 5.0
_PLAIN = Search()


class ItemNotFound(LookupError):
    """The served index has no item of this id."""


class DimensionsRefused(ValueError):
    """A tower was not trained for vectors of so many dimensions."""


class ZeroQuery(ValueError):
    """The weighted terms cancel each other out: there is no direction to search in."""


class NoRelevance(ValueError):
    """A least relevance was asked for where scores say nothing of it; the message says the cure."""


@dataclass(frozen=True)
class Served:
    """One index and the text tower that is active in its space: a request keeps the pair it began with."""

    index: IndexVersion
    encoder: TowerEncoder


@dataclass(frozen=True)
class _Refused:
    """A state of the disk that could not be taken up, why, and when it is worth another look."""

    state: tuple[str | None, str]
    reason: str
    again: float


def _at_least(least: float, relevance: Relevance) -> Callable[[Scores], NDArray[np.bool_]]:
    """Which scores are of at least this relevance; all, where there is none to speak of."""

    def relevant(scores: Scores) -> NDArray[np.bool_]:
        told = relevance(scores)
        return np.ones(len(scores), dtype=np.bool_) if told is None else told >= least

    return relevant


def _require_relevance(terms: Sequence[Term], encoder: TowerEncoder) -> None:
    """NoRelevance where nothing can be said of how relevant a hit is."""
    if not _is_one_text(terms):
        raise NoRelevance("relevance is known of a query that is one text: leave min_relevance out")
    if encoder.calibration is None:
        raise NoRelevance(
            f"text tower {encoder.tower.id} is not calibrated: leave min_relevance out, or calibrate it by "
            "`vitrine calibrate QUERIES`"
        )


def _is_one_text(terms: Sequence[Term]) -> bool:
    return len(terms) == 1 and isinstance(terms[0], TextTerm) and terms[0].weight > 0


def _facets(
    index: IndexVersion,
    names: Sequence[str],
    selection: Selection,
    without: Collection[int],
    relevant: NDArray[np.int64] | None,
) -> dict[str, Facet]:
    """Over the items that pass, `without` those that the query names; where given, over `relevant` alone."""
    counted = np.ones(len(index), dtype=np.bool_)
    if relevant is not None:
        counted[:] = False
        counted[relevant] = True
    counted[list(without)] = False
    return facets_of(index.columns, names, selection, counted)


def _total(index: IndexVersion, passing: Mask | None, without: Collection[int]) -> int:
    """The items that can be found."""
    if passing is None:
        return len(index) - len(without)
    return int(passing.sum()) - int(passing[list(without)].sum())


class Engine:
    """Searches the current index of a home; takes up a new version, another active tower or a new card
    of it while it answers.

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
        """Opens nothing yet: `refresh` does. `runtime` is what text towers answer by; `device`, where they do
        by torch, and image towers always; `index_device`, where the index is searched. Raises TowerError, or
        NoGpu, where that is not there.
        """
        if device == "cuda":  # towers open later, and one by one: a first look would be a request's
            from models.devices import torch_device  # noqa: PLC0415 - loads torch

            torch_device(device)
        if index_device == "cuda":
            require_gpu()
        if runtime != "torch":
            from models.onnx_text import require_extras  # noqa: PLC0415 - an extra, which most do without

            require_extras()
        self.home = home
        self.index_device = index_device
        self.metrics = metrics or Metrics()
        self._registry = Registry(home)
        self._served: Served | None = None
        self._refused: _Refused | None = None
        self._refreshing = threading.Lock()
        self._towers = TowerCache(self._registry, towers_in_memory, device, runtime, self.metrics)

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
            card = self._registry.card(tower)
            if before is not None and index is before.index and card == before.encoder.card:
                return
            encoder = self._towers.encoder(index, tower)
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
            state = (store.current_version(self.home), self._towers_state())
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

    def _towers_state(self) -> str:
        """Another one after what is active, or any card, was written."""
        towers = self.home / "towers"
        state = []
        for path in (towers / "active.json", *sorted(towers.glob(f"*/{CARD}"))):
            # One that is being deleted or written may be gone again by now.
            with contextlib.suppress(FileNotFoundError):
                state.append(f"{path} {path.stat().st_mtime_ns}")
        return "\n".join(state)

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

    def search(self, terms: Sequence[Term], search: Search = _PLAIN, served: Served | None = None) -> Answer:
        """The items nearest to the normalised sum of weight × unit vector of `terms`, of those that pass the
        filter; with counts of the fields that `search.facets` names, over all that pass.

        `served` keeps searches that belong together to one index: what the property said before the first.
        Raises NoIndex, ItemNotFound, TowerNotFound, TowerError, SpaceMismatch, ZeroQuery, UnknownField,
        BadFilter, BadFacet, BadCursor, CursorExpired, NoRelevance.
        """
        served = served or self.served
        index, encoder = served.index, served.encoder
        selecting = time.perf_counter()
        selection = Selection(index.columns, search.filter)
        passing = selection.passing() if search.filter else None
        encoding = time.perf_counter()
        if search.text_tower is not None:
            encoder = self._towers.encoder(index, search.text_tower)
        if search.min_relevance is not None:
            _require_relevance(terms, encoder)
        interpreted = self._interpret(terms, search, encoder)
        query = self._query(interpreted.terms, index, encoder)
        ranking = time.perf_counter()
        has_text = any(isinstance(term, TextTerm) for term in terms)
        # Who names items knows them, and asks for others like them.
        named = {
            self._row(index, term.item) for term in terms if isinstance(term, ItemTerm) and term.weight > 0
        }
        cursors = Cursors(terms, search, index.version, encoder.card)
        offset = search.offset if search.cursor is None else cursors.read(search.cursor)
        relevance = functools.partial(self._relevance, query=query, interpreted=interpreted, encoder=encoder)
        candidates = words_and_pictures(
            index, query, interpreted, search.lexical, passing=passing, without=named
        )
        relevant = None
        if search.min_relevance is not None:
            relevant = _at_least(search.min_relevance, relevance)
            candidates = relevant_only(candidates, relevant)
        hits, more = hits_of(
            index, query, candidates, search, offset, passing=passing, without=named, relevance=relevance
        )
        counted = None
        if search.facets and relevant is not None and index.exact:
            counted = Relevant(index.nearest(query), relevant).all().rows
            counted = np.concatenate([counted, named_in_full(index, interpreted, search.lexical)])
        facets = _facets(index, search.facets, selection, named, counted) if search.facets else None
        done = time.perf_counter()
        return self._observed(
            Answer(
                hits=hits,
                total=_total(index, passing, named),
                interpreted=interpreted,
                facets=facets,
                facets_over="filter" if counted is None else "relevance",
                index=index.version,
                text_tower=encoder.tower.id if has_text or search.text_tower is not None else None,
                next=cursors.write(offset + search.limit) if more else None,
                encode_seconds=ranking - encoding,
                search_seconds=encoding - selecting + done - ranking,
            )
        )

    def similar(self, item: str, *, limit: int, offset: int = 0) -> Answer:
        """The items nearest to an item, itself left out: `limit` of them from `offset` on. Raises NoIndex,
        ItemNotFound."""
        served = self.served
        index = served.index
        interpreted = Interpreted([ItemTerm(item)], [ItemTerm(item)])
        query = self._query(interpreted.terms, index, served.encoder)
        started = time.perf_counter()
        itself = [self._row(index, item)]
        plain = Search(limit=limit, fold_duplicates=False)
        hits, _ = hits_of(
            index,
            query,
            index.nearest(query, without=itself),
            plain,
            offset,
            passing=None,
            without=itself,
            relevance=lambda scores: None,
        )
        return self._observed(
            Answer(
                hits=hits,
                total=len(index) - 1,
                interpreted=interpreted,
                facets=None,
                facets_over="filter",
                index=index.version,
                text_tower=None,
                next=None,
                encode_seconds=0.0,
                search_seconds=time.perf_counter() - started,
            )
        )

    def _interpret(self, terms: Sequence[Term], search: Search, encoder: TowerEncoder) -> Interpreted:
        """What is encoded for these terms."""
        tower = encoder.tower
        respelled = tower.respelled if isinstance(tower, Respelling) else None
        return interpret(terms, exclusion=search.exclusion, respelled=respelled)

    def _relevance(
        self, scores: Scores, query: Vector, interpreted: Interpreted, encoder: TowerEncoder
    ) -> NDArray[np.float32] | None:
        """Of each score the probability that its hit is right, never falling as scores rise; None where the
        tower is not calibrated, or the query is not one text that wants something."""
        calibration = encoder.calibration
        wants = any(term.weight > 0 for term in interpreted.terms)
        if calibration is None or not wants or not _is_one_text(interpreted.asked):
            return None
        return calibration.relevance(scores, query)

    def _observed(self, answer: Answer) -> Answer:
        self.metrics.encoding.observe(answer.encode_seconds)
        self.metrics.searching.observe(answer.search_seconds)
        return answer

    def embed(
        self,
        inputs: Iterable[str | Image.Image],
        *,
        text_tower: str | None = None,
        dimensions: int | None = None,
    ) -> Embedded:
        """The vectors of texts by a tower of the served index's space, by default the active one, and those
        of pictures by its image tower. Takes one input after the other.

        Raises NoIndex, TowerNotFound, TowerError, SpaceMismatch, DimensionsRefused.
        """
        served = self.served
        encoder = served.encoder
        if text_tower is not None:
            encoder = self._towers.encoder(served.index, text_tower)
        tower = encoder.tower
        if dimensions not in (None, tower.dim):
            raise DimensionsRefused(
                f"tower {tower.id} has {tower.dim} dimensions, and no tower gives fewer yet: leave "
                "dimensions out"
            )
        tokenizer = self._registry.open_tokenizer(tower.id)
        vectors: list[Vector] = []
        pieces = 0
        for given in inputs:
            if isinstance(given, str):
                vectors.append(encoder.encode(given))
                pieces += len(tokenizer.read(given).pieces)
            else:
                vectors.append(self._towers.encode_picture(served.index, given))
        return Embedded(vectors, tower.id, pieces)

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

    def _query(self, terms: Sequence[Term], index: IndexVersion, encoder: TowerEncoder) -> Vector:
        """(dim,) of length 1."""
        total = np.zeros(index.manifest.dim, dtype=np.float32)
        for term in terms:
            total += np.float32(term.weight) * self._vector(term, index, encoder)
        length = float(np.linalg.norm(total))
        if length < 1e-6:
            raise ZeroQuery("the weighted terms cancel each other out: change a weight")
        query: Vector = total / length
        return query

    def _vector(self, term: Term, index: IndexVersion, encoder: TowerEncoder) -> NDArray[np.float32]:
        if isinstance(term, TextTerm):
            return encoder.encode(term.text)
        if isinstance(term, ItemTerm):
            return index.item_vector(self._row(index, term.item))
        return self._towers.encode_picture(index, term.picture)

    def _row(self, index: IndexVersion, item: str) -> int:
        row = index.row(item)
        if row is None:
            raise ItemNotFound(f"index {index.version} has no item {item!r}")
        return row
