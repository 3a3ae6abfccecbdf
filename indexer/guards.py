"""The drawn guard set: garments that a tuned tower must still find, asked for in eight languages.

They belong to no shop, so a tower that learnt one shop's words and forgot everything else loses here. The
pictures are drawn, and embedded by the space's image tower once per home:

    guards/<space>.npz      vectors, and the hash of what they are of
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.drawn import Garment, draw, garments
from models import phrases
from models.queries import Pair
from models.towers import ImageTower, Vectors

NAME = "drawn garments"
GARMENTS = 160
SEED = 1000
"""Neither the demo's, nor one that the bundled towers were trained on."""
_AT_ONCE = 4


@dataclass(frozen=True)
class DrawnGuard:
    """Who asks for what, and the pictures to find it in; `ids` are the rows of `vectors`."""

    pairs: list[Pair]
    ids: list[str]
    vectors: Vectors


def drawn_guard(
    home: Path, space: str, open_images: Callable[[], ImageTower], report: Callable[[int, int], None]
) -> DrawnGuard:
    """The guard set of a space; its image tower is opened only where the home has no vectors of it yet.

    `report` is told (done, of how many) between pictures, and may raise to end it.
    """
    shop = garments(SEED, GARMENTS)
    vectors = _read(_path(home, space), _subject(shop))
    if vectors is None:
        vectors = _embed(shop, open_images(), report)
        write_vectors(home, space, vectors)
    return DrawnGuard(guard_pairs(shop), [garment.id for garment in shop], vectors.astype(np.float32))


def guard_pairs(shop: list[Garment]) -> list[Pair]:
    """For every garment one query in each language, of its colour and kind; all garments of that colour and
    kind answer it."""
    alike: dict[tuple[str, str], list[str]] = {}
    for garment in shop:
        alike.setdefault((garment.colour, garment.kind), []).append(garment.id)
    return [
        Pair(query, item, language)
        for (colour, kind), items in alike.items()
        for language, query in _queries(colour, kind).items()
        for item in items
    ]


def _queries(colour: str, kind: str) -> Mapping[str, str]:
    """Language → how a shopper might ask, the same in every run."""
    found = phrases.facts({"colour": colour, "kind": kind})
    queries = {}
    for language in phrases.LANGUAGES:
        random = Random(f"{language} {colour} {kind}")
        text = phrases.phrase(found, language, random)
        while text.scope is not phrases.Scope.KIND_AND_COLOUR:  # the colour is left out now and then
            text = phrases.phrase(found, language, random)
        queries[language] = text.text
    return queries


def _embed(shop: list[Garment], tower: ImageTower, report: Callable[[int, int], None]) -> NDArray[np.float16]:
    def encode(start: int) -> Vectors:
        pictures = [draw(garment, SEED) for garment in shop[start : start + _AT_ONCE]]
        return tower.encode(np.stack([tower.preprocessing(picture) for picture in pictures]))

    parts = []
    # As in embed.py: threads of our own, each of which is one to torch.
    with ThreadPoolExecutor(
        len(os.sched_getaffinity(0)), "guards", initializer=lambda: torch.set_num_threads(1)
    ) as pool:
        try:
            for part in pool.map(encode, range(0, len(shop), _AT_ONCE)):
                parts.append(part)
                report(sum(map(len, parts)), len(shop))
        finally:
            pool.shutdown(cancel_futures=True)
    return np.concatenate(parts).astype(np.float16)


def _read(path: Path, subject: str) -> NDArray[np.float16] | None:
    """None where there is no file, or one of other garments, or a damaged one."""
    try:
        with np.load(path, allow_pickle=False) as held:
            vectors: NDArray[np.float16] = held["vectors"]
            return vectors if str(held["subject"]) == subject else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def write_vectors(home: Path, space: str, vectors: NDArray[np.float16]) -> None:
    """Keeps the garments' vectors, in their order, for the next time; by one rename."""
    path = _path(home, space)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{space}-{os.getpid()}.npz")
    try:
        np.savez(new, vectors=vectors, subject=np.array(_subject(garments(SEED, GARMENTS))))
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _path(home: Path, space: str) -> Path:
    return home / "guards" / f"{space}.npz"


def _subject(shop: list[Garment]) -> str:
    return hashlib.sha256(repr((SEED, shop)).encode()).hexdigest()
