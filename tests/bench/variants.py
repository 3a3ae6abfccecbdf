"""Variants and near twins: what is folded among photographs, and what ranking costs over 100,000 items."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from statistics import median

import numpy as np
from PIL import Image

from app.answer import Answer
from app.engine import Engine
from app.query import Search, TextTerm
from indexer.ranking import NEAR_TWINS
from indexer.store import IndexVersion, open_current
from models.pictures import MAX_BYTES, open_picture
from models.towers import open_tower
from tests.bench.strewn import strewn

_RESAVED, _PAGES = 100, 5
_NEAR = (0.99, 0.9925, 0.995, 0.9975)


def measure() -> Iterator[tuple[str, str]]:
    shop = strewn()
    first = open_current(shop.first)
    yield from _pairs(first)
    yield from _resaved(first)
    engine = Engine(shop.home)
    engine.refresh()
    for query in shop.queries:
        engine.search([TextTerm(query)], Search(limit=1))  # remembered from now on
    yield from _times(engine, shop.queries)
    yield from _pages(engine, shop.queries)


def _pairs(index: IndexVersion) -> Iterator[tuple[str, str]]:
    """Every two photographs that are near: whose they are."""
    vectors = np.asarray(index.vectors, dtype=np.float32)
    cosines = np.triu(vectors @ vectors.T, 1)
    hashes, products, colours = (
        np.array(values, dtype=str)
        for values in (index.hashes(), index.column("product"), index.column("colour"))
    )
    one, other = np.where(cosines >= min(_NEAR))
    same_file = hashes[one] == hashes[other]
    product, colour = products[one] == products[other], colours[one] == colours[other]
    for near in _NEAR:
        there = cosines[one, other] >= near
        yield (
            f"pairs of {len(index):,} pictures at {near} or nearer",
            f"{there.sum()}: {(there & same_file).sum()} the same file, "
            f"{(there & ~same_file & product & ~colour).sum()} two colours of a product, "
            f"{(there & ~same_file & ~(product & ~colour)).sum()} others",
        )
    one, other = np.where((products[:, None] == products) & (colours[:, None] != colours))
    yield "two colours of a product, the nearest", f"{cosines[one, other].max():.4f}"


def _resaved(index: IndexVersion) -> Iterator[tuple[str, str]]:
    """Pictures that were saved again, or scaled: how many are found to be the same."""
    tower = open_tower(index.manifest.image_tower, "image")
    chosen = np.random.default_rng(0).permutation(len(index))[:_RESAVED]
    pictures = [open_picture(index.picture(int(row))[0].read(MAX_BYTES)) for row in chosen]
    changes: dict[str, Callable[[Image.Image], Image.Image]] = {
        "as a JPEG of quality 90": lambda picture: _saved(picture, "JPEG", 90),
        "as a JPEG of quality 75": lambda picture: _saved(picture, "JPEG", 75),
        "as a WebP of quality 80": lambda picture: _saved(picture, "WEBP", 80),
        "three quarters the size": lambda picture: picture.resize(
            (picture.width * 3 // 4, picture.height * 3 // 4), Image.Resampling.LANCZOS
        ),
        "5% brighter": lambda picture: picture.point(lambda value: min(255, round(1.05 * value))),
        "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    }
    for told, change in changes.items():
        found = tower.encode(np.stack([tower.preprocessing(change(picture)) for picture in pictures]))
        cosines = (found * index.vectors[chosen].astype(np.float32)).sum(axis=1)
        yield f"folded when {told}", f"{np.mean(cosines >= NEAR_TWINS):.0%}"


def _saved(picture: Image.Image, format: str, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, format, quality=quality)
    return Image.open(file).convert("RGB")


def _times(engine: Engine, queries: list[str]) -> Iterator[tuple[str, str]]:
    """Each query with and without, one after the other, so that a busy machine slows both."""
    plain = Search(fold_duplicates=False, lexical=0)
    filtered = Search(fold_duplicates=False, lexical=0, filter={"shelf": {"lt": 1}})
    deep = Search(fold_duplicates=False, lexical=0, offset=980)
    compared = {
        "folding adds, 20 hits, median": (plain, Search(lexical=0)),
        "folding adds, 20 hits of a filter that keeps 0.1%": (
            filtered,
            Search(lexical=0, filter=filtered.filter),
        ),
        "folding adds, hits 981 to 1,000": (deep, Search(lexical=0, offset=980)),
        "collapsing by product adds": (plain, Search(lexical=0, collapse="product", fold_duplicates=False)),
        "collapsing by colour adds": (plain, Search(lexical=0, collapse="colour", fold_duplicates=False)),
        "diversity adds": (plain, Search(lexical=0, diversity=0.3, fold_duplicates=False)),
    }
    for told, (without, with_it) in compared.items():
        more, all_of_it = [], []
        for query in queries:
            before = _seconds(engine, query, without)
            all_of_it.append(_seconds(engine, query, with_it))
            more.append(all_of_it[-1] - before)
        yield told, f"{1000 * median(more):.2f} ms, of {1000 * median(all_of_it):.2f} ms"


def _seconds(engine: Engine, query: str, search: Search) -> float:
    """Of one search, the encoding of the query left out."""
    started = time.perf_counter()
    answer = engine.search([TextTerm(query)], search)
    assert answer.hits
    return time.perf_counter() - started - answer.encode_seconds


def _pages(engine: Engine, queries: list[str]) -> Iterator[tuple[str, str]]:
    twice = listed = 0
    for query in queries:
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(_PAGES):
            answer = engine.search(
                [TextTerm(query)], Search(collapse="product", diversity=0.3, cursor=cursor)
            )
            seen += _ids(answer)
            cursor = answer.next
            if cursor is None:
                break
        twice += len(seen) - len(set(seen))
        listed += len(seen)
    told = f"{_PAGES} pages of {len(queries)} queries, collapsed and set apart, by cursor"
    yield told, f"{twice} of {listed:,} items come twice"


def _ids(answer: Answer) -> list[str]:
    return [one.id for hit in answer.hits for one in (hit, *hit.variants, *hit.duplicates)]
