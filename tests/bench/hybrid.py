"""Words and pictures together: what words gain, by their weight, and what they cost over 100,000 items."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import mean, median

from app.engine import Engine
from app.query import Search, TextTerm
from indexer.fusion import DEFAULT_WEIGHT
from indexer.store import IndexVersion
from models.metrics import hits, reciprocal_rank
from models.queries import read_pairs
from tests.bench.photographs import drawings, photographs, serve
from tests.bench.strewn import strewn
from tests.conftest import SHARED

_WEIGHTS = (0, 0.1, 0.2, 0.3, 0.5, 1)
_MEASURES = (hits(20), reciprocal_rank(20))
_VALIDATION = Path(__file__).parents[2] / "models" / "validation" / "hm-val.jsonl"
_MOST = 300
"""Queries of a set; of larger ones so many are drawn."""
_NAMED = 100
Asked = dict[str, set[str]]
"""Query → the items that are right."""


def measure() -> Iterator[tuple[str, str]]:
    if engine := photographs():
        yield from _on_photographs(engine)
    for told, colour, kind in (("German", "colour_de", "kind_de"), ("English", "colour", "kind")):
        asked = _described(drawings().served.index, colour, kind)
        yield from _found(drawings(), f"the drawn shop in {told}", asked, _WEIGHTS)
    yield from _named(drawings())
    yield from _times()


def _on_photographs(garments: Engine) -> Iterator[tuple[str, str]]:
    """`garments` are those of H&M's test split."""
    for split in ("val", "test"):
        weights = _WEIGHTS if split == "val" else (0, DEFAULT_WEIGHT)
        engine = serve(SHARED / "myntra.jsonl", SHARED / "myntra.tar", split)
        index = engine.served.index
        yield from _found(engine, f"myntra {split}, three words of a name", _parts(index), weights)
        yield from _found(engine, f"myntra {split}, brand and kind", _brands(index), weights)
    engine = serve(SHARED / "hm.jsonl", SHARED / "hm.tar", "val")
    for language in ("de", "en", "fr"):
        asked = _asked(_VALIDATION, lang=language)
        yield from _found(engine, f"hm-val in {language}, English texts", asked, _WEIGHTS)
    for split in ("val", "test"):
        weights = _WEIGHTS if split == "val" else (0, DEFAULT_WEIGHT)
        asked = _asked(SHARED / "fashion-de.jsonl", split=split)
        yield from _found(garments, f"fashion-de {split}, English texts", asked, weights)


def _parts(index: IndexVersion) -> Asked:
    """Of every item three words of its name, in any order."""
    random = Random(0)
    asked: Asked = defaultdict(set)
    for item, name in zip(index.ids(range(len(index))), index.column("name"), strict=True):
        words = str(name).lower().split()
        if len(words) > 3:
            asked[" ".join(random.sample(words, 3))].add(item)
    return asked


def _brands(index: IndexVersion) -> Asked:
    """What stands before "men" or "women" in a name is the brand: with the kind, all that are so."""
    asked: Asked = defaultdict(set)
    columns = zip(index.ids(range(len(index))), index.column("name"), index.column("type"), strict=True)
    for item, name, kind in columns:
        words = str(name).lower().split()
        ends = [
            at for at, word in enumerate(words) if word in {"men", "women", "unisex", "boys", "girls", "kids"}
        ]
        if kind and ends and ends[0]:
            asked[f"{' '.join(words[: ends[0]])} {str(kind).lower()}"].add(item)
    return asked


def _asked(path: Path, *, split: str | None = None, lang: str | None = None) -> Asked:
    asked: Asked = defaultdict(set)
    for pair in read_pairs(path, split=split, lang=lang):
        asked[pair.query].add(pair.item)
    return asked


def _described(index: IndexVersion, colour: str, kind: str) -> Asked:
    asked: Asked = defaultdict(set)
    columns = zip(index.ids(range(len(index))), index.column(colour), index.column(kind), strict=True)
    for item, shown, what in columns:
        asked[f"{shown} {what}"].add(item)
    return asked


def _found(engine: Engine, told: str, asked: Asked, weights: tuple[float, ...]) -> Iterator[tuple[str, str]]:
    queries = Random(0).sample(list(asked), min(len(asked), _MOST))
    for weight in weights:
        search = Search(limit=20, lexical=weight, fold_duplicates=False, exclusion=False)
        values: list[list[float]] = [[] for _ in _MEASURES]
        for query in queries:
            ranked = [hit.id for hit in engine.search([TextTerm(query)], search).hits]
            for value, measure in zip(values, _MEASURES, strict=True):
                value.append(measure(ranked, asked[query]))
        shown = ", ".join(
            f"{measure} {mean(value):.3f}" for measure, value in zip(_MEASURES, values, strict=True)
        )
        yield f"{told} ({len(queries)}), weight {weight}", shown


def _named(engine: Engine) -> Iterator[tuple[str, str]]:
    """What is typed in full, by the default and by a weight that is hardly one."""
    index = engine.served.index
    titles = dict(zip(index.ids(range(len(index))), index.column("title"), strict=True))
    items = Random(0).sample(list(titles), _NAMED)
    for weight in (None, 0.01):
        search = Search(limit=1, lexical=weight)
        by_id = [engine.search([TextTerm(item.upper())], search).hits[0].id == item for item in items]
        by_title = [
            titles[engine.search([TextTerm(str(titles[item]))], search).hits[0].id] == titles[item]
            for item in items
        ]
        shown = f"by its id {mean(by_id):.3f}, one of its title by that {mean(by_title):.3f}"
        yield f"item first, weight {'by default' if weight is None else weight}", shown


def _times() -> Iterator[tuple[str, str]]:
    """Each query with and without words, one after the other."""
    shop = strewn()
    engine = Engine(shop.home)
    engine.refresh()
    index = engine.served.index
    columns = [index.column(name) for name in shop.shown[:2]]
    rows = Random(0).sample(range(len(index)), 100)
    common = [" ".join(str(column[row]) for column in columns) for row in rows]
    asked = {
        "two words that many have": common,
        "words that few have": shop.queries,
        "an article number": [str(index.column("sku")[row]) for row in rows[:50]],
    }
    for told, queries in asked.items():
        for query in queries:
            engine.search([TextTerm(query)], Search(limit=1))  # remembered from now on
        for filtered, filter in (("", {}), (" and a filter of 10%", {"shelf": {"lt": 100}})):
            without = Search(lexical=0, filter=filter)
            more, all_of_it = [], []
            for query in queries:
                before = _seconds(engine, query, without)
                all_of_it.append(_seconds(engine, query, Search(filter=filter)))
                more.append(all_of_it[-1] - before)
            shown = f"{1000 * median(more):.2f} ms, of {1000 * median(all_of_it):.2f} ms"
            yield f"{told}{filtered}, words add", shown


def _seconds(engine: Engine, query: str, search: Search) -> float:
    """Of one search, its query being remembered: what it works, not what it waits for on a shared machine."""
    started = time.thread_time()
    engine.search([TextTerm(query)], search)
    return time.thread_time() - started
