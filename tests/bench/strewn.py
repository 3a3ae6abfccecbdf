"""A shop of 100,000 items, strewn around a few real ones: made once for all that is measured on it."""

from __future__ import annotations

import csv
import functools
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.progress import progress
from indexer.build import BuildConfig, build
from indexer.drawn import write_demo
from indexer.items import Value
from indexer.store import IndexVersion, open_current
from models.registry import Registry
from tests.conftest import SHARED
from tests.shops import publish_shop

ITEMS = 100_000
_QUERIES, _SOURCES, _NEIGHBOURS = 100, 2_000, 30
_OWN = {
    "product": "integer",
    "price": "number",
    "sizes": "list",
    "in_stock": "boolean",
    "sku": "string",
    "shelf": "integer",
}


@dataclass(frozen=True)
class Strewn:
    """`home` holds the shop, `first` an index of the items that it is strewn around; `shown` are the fields
    that say what a picture shows."""

    home: Path
    first: Path
    catalogue: Path
    shown: list[str]
    queries: list[str]


@dataclass(frozen=True)
class _Source:
    """What is strewn: pictures, the fields that describe them, and what is asked for."""

    catalogue: Path
    images: Path | None
    shown: list[str]
    queries: list[str]


@functools.cache
def strewn() -> Strewn:
    """It is there until the process ends."""
    folder = Path(_kept().name)
    source = _photographs() if SHARED.is_dir() else _drawn(folder)
    _stock(source, folder / "home", folder / "source")
    return Strewn(
        folder / "home", folder / "source", source.catalogue, source.shown, source.queries[:_QUERIES]
    )


@functools.cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _photographs() -> _Source:
    with (SHARED / "fashion-de.jsonl").open(encoding="utf-8") as file:
        queries = list(dict.fromkeys(json.loads(line)["query"] for line in file))
    return _Source(
        SHARED / "hm.jsonl", SHARED / "hm.tar", ["type", "colour", "pattern", "section"], _mixed(queries)
    )


def _drawn(folder: Path) -> _Source:
    catalogue = write_demo(folder / "demo")
    with catalogue.open(encoding="utf-8", newline="") as file:
        queries = sorted({f"{row['colour_de']} {row['kind_de']}" for row in csv.DictReader(file)})
    return _Source(catalogue, None, ["kind", "colour", "pattern"], _mixed(queries))


def _mixed(queries: list[str]) -> list[str]:
    return [queries[place] for place in np.random.default_rng(0).permutation(len(queries))]


def _stock(source: _Source, home: Path, folder: Path) -> None:
    """Fills a home with items that each have the fields of one of the source's first, and a vector between
    that one's and a neighbour's, moved in a direction of its own: what is seen and what is said agree, as
    they do in a shop."""
    with progress() as report:
        config = BuildConfig(source.catalogue, images=source.images, limit=_SOURCES)
        build(folder, config, lambda step: report(step.stage, step.done, step.total))
    first = open_current(folder)
    random = np.random.default_rng(0)
    of = random.integers(len(first), size=ITEMS)
    shown = {name: first.column(name) for name in source.shown}
    price, shelf = random.gamma(4, 15, ITEMS).round(2).tolist(), random.integers(1000, size=ITEMS).tolist()
    fields: list[dict[str, Value]] = [
        {name: column[of[row]] for name, column in shown.items()}
        | {
            "product": int(of[row]) * 10 + row % 10,  # five variants, more or less
            "price": price[row],
            "sizes": ["S", "M", "L", "XL"][row % 3 : row % 5],
            "in_stock": row % 10 > 0,
            "sku": f"{row:08}",
            "shelf": shelf[row],
        }
        for row in range(ITEMS)
    ]
    tuning = Registry(folder).open("base").encode(source.queries[_QUERIES:][:512])
    types = dict.fromkeys(source.shown, "string") | _OWN
    publish_shop(home, _strewn(first, of, random), range(ITEMS), fields, types, queries=tuning)


def _strewn(first: IndexVersion, of: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.float16]:
    pictures = np.asarray(first.vectors, dtype=np.float32)
    nearest = np.argsort(-(pictures @ pictures.T), axis=1)[:, :_NEIGHBOURS]
    other = pictures[nearest[of, random.integers(_NEIGHBOURS, size=ITEMS)]]
    own = random.standard_normal(other.shape, dtype=np.float32)
    own *= 0.35 / np.linalg.norm(own, axis=1, keepdims=True)
    vectors = pictures[of] + random.random((ITEMS, 1), dtype=np.float32) * (other - pictures[of]) + own
    unit: NDArray[np.float16] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    return unit
