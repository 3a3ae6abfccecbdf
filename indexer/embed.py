"""Pictures → vectors, as fast as the machine allows: on its GPUs, or on every core."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice

import numpy as np
import torch

from indexer.items import Item
from indexer.pipeline import embed_on_device
from indexer.prepare import Bytes, Embedded, Prepared, decode, read
from indexer.source import Source
from models.towers import DeviceTower, ImageTower

BATCH = 4
"""Pictures that a core embeds at a time: what a layer makes of more leaves its cache, and who ends the work
waits for them. 4 are a fifth faster than 16 with the bundled tower, and as fast with ViT-B/32."""
_BATCHES_AHEAD = 2


def embed_items(
    items: Sequence[Item], tower: ImageTower, known: Collection[str] = ()
) -> Generator[tuple[Item, list[tuple[Source, Embedded]]], None, None]:
    """Each item with its pictures and what became of them, in their order; who ends early closes it."""
    sources = (source for item in items for source in item.pictures)
    with closing(embed(sources, tower, known)) as outcomes:
        for item in items:
            yield item, [(source, next(outcomes)) for source in item.pictures]


def embed(
    sources: Iterable[Source], tower: ImageTower, known: Collection[str] = ()
) -> Generator[Embedded, None, None]:
    """What becomes of each picture, in the order of `sources`.

    A picture whose SHA-256 is in `known` is read and hashed, not decoded. A picture that cannot be read
    gets a reason; nothing that a file holds stops the others. Memory does not grow with their number.
    """
    if isinstance(tower, DeviceTower) and tower.device.type == "cuda":
        return embed_on_device(sources, tower, known)
    return _embed_on_cores(sources, tower, known)


def _embed_on_cores(
    sources: Iterable[Source], tower: ImageTower, known: Collection[str]
) -> Generator[Embedded, None, None]:
    """Each thread reads, decodes and embeds a batch of its own."""
    threads = len(os.sched_getaffinity(0))
    waiting: deque[Future[list[Embedded]]] = deque()
    remaining = iter(sources)
    batches = iter(lambda: list(islice(remaining, BATCH)), [])
    # Decoding, resizing and the tower release the interpreter's lock. Each of our threads is one to torch:
    # threads that share a layer wait for each other at its end, and on busy cores that halves the speed.
    with ThreadPoolExecutor(threads, "embed", initializer=lambda: torch.set_num_threads(1)) as pool:
        try:
            for batch in islice(batches, threads * _BATCHES_AHEAD):
                waiting.append(pool.submit(_embed_batch, batch, tower, known))
            while waiting:
                yield from waiting.popleft().result()
                for batch in islice(batches, 1):
                    waiting.append(pool.submit(_embed_batch, batch, tower, known))
        finally:
            pool.shutdown(cancel_futures=True)


def _embed_batch(sources: Iterable[Source], tower: ImageTower, known: Collection[str]) -> list[Embedded]:
    found = (read(source, known) for source in sources)
    outcomes = [decode(one, tower.preprocessing) if isinstance(one, Bytes) else one for one in found]
    pixels = [outcome for outcome in outcomes if isinstance(outcome, Prepared)]
    vectors = tower.encode(np.stack([one.pixels for one in pixels])).astype(np.float16) if pixels else ()
    embedded = (Embedded(one.sha256, vector) for one, vector in zip(pixels, vectors, strict=True))
    return [next(embedded) if isinstance(outcome, Prepared) else outcome for outcome in outcomes]
