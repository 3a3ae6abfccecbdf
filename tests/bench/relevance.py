"""Relevance: whether its probabilities come true, and what a cut by them leaves of sense and nonsense."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from statistics import median

import numpy as np

from app.calibration import alike_in
from app.engine import Engine
from app.pairs import products
from app.query import Search, TextTerm
from models.calibration import (
    Asked,
    auroc,
    calibration_error,
    first_hits,
    nonsense,
    nonsense_hits,
    read_calibration,
)
from models.gallery import Gallery
from models.queries import read_pairs
from models.registry import Registry
from tests.bench.photographs import drawings, photographs
from tests.conftest import SHARED

CUT = 0.05
"""What the page asks for."""
_RESAMPLED = 1_000
_TOWERS = ("base", "fashion-de")


def measure() -> Iterator[tuple[str, str]]:
    for shop, engine in (("drawn", drawings()), ("H&M", photographs())):
        for tower in _TOWERS if engine else ():
            assert engine is not None
            search = Search(limit=1, min_relevance=CUT, text_tower=tower, lexical=0.0)
            empty = [not engine.search([TextTerm(query)], search).hits for query in nonsense("test")]
            yield f"{shop}, {tower}: no hit for {len(empty)} nonsense queries", f"{np.mean(empty):.3f}"
    if (engine := photographs()) is not None:
        for tower in _TOWERS:
            yield from _probabilities(engine, tower)
        yield "relevance of 100 hits, median", f"{median(_seconds(engine)) * 1e6:.0f} µs"


def _probabilities(engine: Engine, name: str) -> Iterator[tuple[str, str]]:
    """The first hits of the test queries and of nonsense, both searched exactly."""
    index, registry = engine.served.index, Registry(engine.home)
    ids = index.ids(range(len(index)))
    gallery = Gallery(ids, index.item_vectors(), lambda: None)
    pairs = read_pairs(SHARED / "fashion-de.jsonl", split="test")
    told = partial(alike_in, index, dict(zip(ids, products(index), strict=True)))
    tower = registry.open(name)
    calibration = read_calibration(registry.card(name).calibration, tower.dim)
    assert calibration is not None
    real = first_hits(tower, Asked(pairs, gallery, told), calibration.background)
    none = nonsense_hits(tower, nonsense("test"), gallery, calibration.background)
    of_real, of_none = (calibration.of_first(hits) for hits in (real, none))
    chances, right = np.concatenate([of_real, of_none]), np.concatenate([real.right, none.right])
    random = np.random.default_rng(0)
    draws = [random.integers(0, len(chances), len(chances)) for _ in range(_RESAMPLED)]
    errors = [calibration_error(chances[drawn], right[drawn]) for drawn in draws]
    low, high = np.percentile(errors, [2.5, 97.5])
    itself = first_hits(tower, Asked(pairs, gallery), calibration.background).right
    itself = np.concatenate([itself, none.right])
    vectors = tower.encode([pair.query for pair in pairs])
    rows = [index.row(pair.item) for pair in pairs]
    margins = (vectors * gallery.vectors[np.array(rows)]).sum(axis=1) - vectors @ calibration.background
    yield (
        f"{name}: calibration error, {len(of_real)} real queries, {len(of_none)} nonsense",
        f"{calibration_error(chances, right):.3f}, resampled [{low:.3f}, {high:.3f}]",
    )
    yield f"{name}: first hits right, expected", f"{real.right.mean():.3f}, {of_real.mean():.3f}"
    yield f"{name}: AUROC, real against nonsense", f"{auroc(of_real, of_none):.4f}"
    yield f"{name}: AUROC, first hit right against wrong", f"{auroc(chances[right], chances[~right]):.3f}"
    yield f"{name}: … only the very item is right", f"{auroc(chances[itself], chances[~itself]):.3f}"
    lost = calibration.probability(margins, vectors @ calibration.direction) < CUT
    yield f"{name}: items of real queries that a cut at {CUT} takes away", f"{lost.mean():.3f}"


def _seconds(engine: Engine) -> Iterator[float]:
    encoder = engine.served.encoder
    query, scores = encoder.encode("rotes Kleid"), np.linspace(0.1, 0.4, 100, dtype=np.float32)
    assert encoder.calibration is not None
    for _ in range(_RESAMPLED):
        started = time.perf_counter()
        encoder.calibration.relevance(scores, query)
        yield time.perf_counter() - started
