"""Finding neighbours: exact against the inverted file that larger catalogues get (100,000 × 512)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import faiss
import numpy as np

from indexer import ann
from models.towers import Vectors

_ROWS, _DIM, _KINDS = 100_000, 512, 300


def measure() -> Iterator[tuple[str, str]]:
    faiss.omp_set_num_threads(1)
    random = np.random.default_rng(0)
    # Clustered as a catalogue is: some hundred kinds of things, each thing unlike its kind in its own way.
    kinds = random.standard_normal((_KINDS, _DIM), dtype=np.float32)
    vectors = _unit(
        kinds[random.integers(_KINDS, size=_ROWS)] + random.standard_normal((_ROWS, _DIM), dtype=np.float32)
    )
    queries = _unit(
        kinds[random.integers(_KINDS, size=200)] + random.standard_normal((200, _DIM), dtype=np.float32)
    )
    started = time.perf_counter()
    inverted, description = ann.build(vectors.astype(np.float16), lambda: queries)
    yield "building the inverted file", f"{time.perf_counter() - started:.1f} s"
    exact, _ = ann.build(vectors[: ann.EXACT_UP_TO].astype(np.float16), lambda: queries)
    slow = _seconds(exact, queries) * _ROWS / ann.EXACT_UP_TO
    fast = _seconds(inverted, queries)
    yield f"{description['type']}, nprobe {description['nprobe']}, recall@20", f"{description['recall@20']}"
    yield "one query, one core", f"{1000 * fast:.2f} ms ({slow / fast:.1f} × the speed of comparing all)"


def _unit(
    rows: Vectors,
) -> Vectors:
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _seconds(index: ann.Neighbours, queries: Vectors) -> float:
    started = time.perf_counter()
    for query in queries:
        index.search(query[None], 20)
    return (time.perf_counter() - started) / len(queries)
