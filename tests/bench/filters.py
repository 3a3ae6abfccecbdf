"""Filters and facets over 100,000 items: their time inside the service, and what an inverted file misses."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine import Engine
from app.query import Search, TextTerm
from indexer import ann, nearest
from indexer.columns import Mask
from indexer.filter import Selection
from indexer.store import IndexVersion
from models.towers import Vectors
from tests.bench.strewn import ITEMS, strewn

_RECALL_AT = 20
_BY_CHANCE = {"0.1%": 1, "1%": 10, "5%": 50, "10%": 100, "50%": 500}
"""Share → shelves of the thousand, over which items are strewn."""
_FACETS = ["colour", "pattern", "price", "sizes", "in_stock"]


def measure() -> Iterator[tuple[str, str]]:
    shop = strewn()
    engine = Engine(shop.home)
    engine.refresh()
    index = engine.served.index
    built = index.manifest.ann
    yield (
        f"{len(index):,} items, strewn around those of {shop.catalogue.name}",
        f"{built['type']}, nprobe {built['nprobe']}, recall@20 {built['recall@20']}",
    )
    for query in shop.queries:
        engine.search([TextTerm(query)], Search(limit=1))  # remembered from now on
    yield from _first_use(index)
    yield from _times(engine, shop.queries)
    yield from _facets(engine, shop.queries)
    vectors = np.stack([engine.served.encoder.encode(query) for query in shop.queries])
    yield from _recall(index, vectors, shop.shown)
    yield from _crossing(index, vectors)


def _shelves(share: str) -> dict[str, Any]:
    return {"shelf": {"lt": _BY_CHANCE[share]}}


def _first_use(index: IndexVersion) -> Iterator[tuple[str, str]]:
    """Before anything has been encoded."""
    started = time.perf_counter()
    described = index.descriptions
    yield f"GET /fields, the first time ({len(described)} fields)", _told(time.perf_counter() - started)
    for name in ("colour", "sizes", "sku"):
        started = time.perf_counter()
        distinct = len(index.columns[name].values)
        seconds = time.perf_counter() - started
        yield f"a filter's first use of {name} ({distinct:,} different)", f"{_told(seconds)} more"


def _times(engine: Engine, queries: list[str]) -> Iterator[tuple[str, str]]:
    yield "search without a filter, median", _told(_median(engine, queries))
    for share in _BY_CHANCE:
        filter = _shelves(share)
        yield f"filter that keeps {share}, {_RECALL_AT} hits, median", _told(_median(engine, queries, filter))
    filter = {
        "colour": ["red", "blue", "Red", "Blue"],
        "price": {"gte": 20, "lte": 60},
        "sizes": "M",
        "in_stock": True,
    }
    kept = engine.search([TextTerm(queries[0])], Search(limit=1, filter=filter)).total
    yield f"four conditions that keep {kept:,}, median", _told(_median(engine, queries, filter))


def _facets(engine: Engine, queries: list[str]) -> Iterator[tuple[str, str]]:
    """Each query with and without, one after the other, so that a busy machine slows both."""
    for told, filter in (("without a filter", {}), ("with a filter of 10%", _shelves("10%"))):
        more = []
        for query in queries:
            without = _seconds(engine, query, filter)
            more.append(_seconds(engine, query, filter, _FACETS) - without)
        yield f"{len(_FACETS)} facets {told} add, median", _told(median(more))


def _median(engine: Engine, queries: list[str], filter: Mapping[str, Any] | None = None) -> float:
    return median(_seconds(engine, query, filter or {}) for query in queries)


def _seconds(engine: Engine, query: str, filter: Mapping[str, Any], facets: list[str] | None = None) -> float:
    answer = engine.search([TextTerm(query)], Search(limit=_RECALL_AT, filter=filter, facets=facets or []))
    assert len(answer.hits) == min(_RECALL_AT, answer.total)
    return answer.search_seconds


def _recall(index: IndexVersion, queries: Vectors, shown: list[str]) -> Iterator[tuple[str, str]]:
    """Filters by chance, and by what the pictures show: then those that pass may all lie far from a query."""
    filters: dict[str, dict[str, Any]] = {share: _shelves(share) for share in ("1%", "10%", "50%")}
    for name in shown:
        facet = index.descriptions[name].facet
        assert isinstance(facet, dict)
        value = next(iter(facet))
        filters[f"{name} {value}"] = {name: value}
        filters[f"{name} not {value}"] = {name: {"not": value}}
    scores = queries @ np.asarray(index.vectors, dtype=np.float32).T
    for told, filter in filters.items():
        passing = Selection(index.columns, filter).passing()
        recalls = [_found(index, query, passing, own) for query, own in zip(queries, scores, strict=True)]
        yield (
            f"recall@{_RECALL_AT}, {told}: {passing.mean():.1%} pass",
            f"{np.mean(recalls):.4f}, of the worst query {min(recalls):.2f}",
        )


def _found(
    index: IndexVersion, query: NDArray[np.float32], passing: Mask, scores: NDArray[np.float32]
) -> float:
    rows = index.search(query, _RECALL_AT, passing=passing).rows
    truth = np.argsort(np.where(passing, -scores, 2), kind="stable")[:_RECALL_AT]
    return len(np.intersect1d(rows, truth)) / _RECALL_AT


def _crossing(index: IndexVersion, queries: Vectors) -> Iterator[tuple[str, str]]:
    """The three ways to search what passes: where the next one becomes worth it."""
    standing = nearest.COMPARED_DIRECTLY, ann.LEAST_COMPARED
    ways = {"looked up": (ITEMS, 1), "FAISS, all lists": (0, ITEMS), "nearest lists": (0, 1)}
    try:
        for share in _BY_CHANCE:
            passing = Selection(index.columns, _shelves(share)).passing()
            took = []
            for way, limits in ways.items():
                nearest.COMPARED_DIRECTLY, ann.LEAST_COMPARED = limits
                took.append(f"{way} {_told(median(_searched(index, query, passing) for query in queries))}")
            yield f"of {passing.sum():,} that pass, 20 items, median", ", ".join(took)
    finally:
        nearest.COMPARED_DIRECTLY, ann.LEAST_COMPARED = standing


def _searched(index: IndexVersion, query: NDArray[np.float32], passing: Mask) -> float:
    started = time.perf_counter()
    index.search(query, _RECALL_AT, passing=passing)
    return time.perf_counter() - started


def _told(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms"
