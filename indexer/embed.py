"""Pictures → vectors: each thread reads, decodes and embeds a batch of its own."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.source import Source, SourceGone, TooLarge
from models.pictures import MAX_BYTES, PictureError, open_picture
from models.preprocessing import Pixels, Preprocessing
from models.towers import ImageTower

BATCH = 16
_BATCHES_AHEAD = 2


@dataclass(frozen=True)
class Embedded:
    """What became of one picture: exactly one of a new `vector` (dim,), `known`, or a `reason` why not."""

    sha256: str = ""
    vector: NDArray[np.float16] | None = None
    known: bool = False
    reason: str = ""


def embed(sources: Iterable[Source], tower: ImageTower, known: Collection[str] = ()) -> Iterator[Embedded]:
    """What becomes of each picture, in the order of `sources`.

    A picture whose SHA-256 is in `known` is read and hashed, not decoded. A picture that cannot be read
    gets a reason; nothing that a file holds stops the others. Memory does not grow with their number.
    """
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
    outcomes = [_prepare(source, tower.preprocessing, known) for source in sources]
    pixels = [outcome for outcome in outcomes if isinstance(outcome, _Prepared)]
    vectors = tower.encode(np.stack([one.pixels for one in pixels])).astype(np.float16) if pixels else ()
    embedded = (Embedded(one.sha256, vector) for one, vector in zip(pixels, vectors, strict=True))
    return [next(embedded) if isinstance(outcome, _Prepared) else outcome for outcome in outcomes]


@dataclass(frozen=True)
class _Prepared:
    sha256: str
    pixels: Pixels


def _prepare(source: Source, preprocessing: Preprocessing, known: Collection[str]) -> _Prepared | Embedded:
    try:
        data = source.read(MAX_BYTES)
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 in known:
            return Embedded(sha256, known=True)
        return _Prepared(sha256, preprocessing(open_picture(data, at_least=preprocessing.size)))
    except (SourceGone, TooLarge, PictureError) as error:
        return Embedded(reason=str(error))
