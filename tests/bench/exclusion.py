"""Words that exclude: the share of the first 20 items that have it, taken literally and understood."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from statistics import fmean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine import Engine
from app.query import Search, TextTerm
from models import phrases
from models.exclusion import parse
from models.queries import read_pairs
from tests.bench.photographs import drawings, photographs
from tests.conftest import SHARED

_DEPTH, _EACH = 20, 300
"""Items looked at, and queries of one sort."""
_COLOUR = {
    "de": ("{kind} nicht {it}", "{kind}, aber nicht {it}", "{kind} außer {it}", "{kind} nicht in {it}"),
    "en": ("{kind} not {it}", "{kind} except {it}", "{kind}, no {it}"),
    "fr": ("{kind} pas {it}", "{kind} sauf {it}"),
    "it": ("{kind} non {it}", "{kind} tranne {it}"),
    "es": ("{kind} que no sea {it}", "{kind} excepto {it}"),
    "pl": ("{kind} nie {it}", "{kind} oprócz {it}"),
    "nl": ("{kind} niet {it}", "{kind} behalve {it}"),
    "tr": ("{it} olmayan {kind}",),
}
_PART = {
    "de": ("{kind} ohne {it}", "{kind}, keine {it}"),
    "en": ("{kind} without {it}", "{kind}, no {it}"),
    "fr": ("{kind} sans {it}",),
    "it": ("{kind} senza {it}",),
    "es": ("{kind} sin {it}",),
    "pl": ("{kind} bez {it}",),
    "nl": ("{kind} zonder {it}", "{kind}, geen {it}"),
}
_PATTERNS = {
    ("Stripe", "striped"): "Streifen stripes rayures righe rayas pasków strepen",
    ("Check", "checked"): "Karos checks carreaux quadri cuadros kratki ruiten",
    ("floral",): "Blumen flowers fleurs fiori flores kwiatów bloemen",
    ("Dot", "dotted"): "Punkte dots pois pois lunares kropek stippen",
}
_TOLD = {
    "sleeves": (r"(?<!cap )sleeves?\b", "Ärmel sleeves manches maniche mangas rękawów mouwen"),
    "buttons": (r"\bbutton", "Knöpfe buttons boutons bottoni botones guzików knopen"),
    "a collar": (r"\bcollar", "Kragen collar col colletto cuello kołnierzyka kraag"),
    "a hood": (r"\bhood", "Kapuze hood capuche cappuccio capucha kaptura capuchon"),
}
"""What descriptions tell of, and how; what they do not mention may be there all the same."""


@dataclass(frozen=True)
class _Asked:
    """`has` says of each item whether it has what is excluded, `wanted` whether it is of the wanted kind."""

    query: str
    wanted: NDArray[np.bool_]
    has: NDArray[np.bool_]


@dataclass(frozen=True)
class _Catalogue:
    engine: Engine
    kinds: list[str]
    """Of each item."""
    fields: list[dict[str, Any]]

    def holding(self, name: str, *values: str) -> NDArray[np.bool_]:
        return np.array([row.get(name) in values for row in self.fields])


def measure() -> Iterator[tuple[str, str]]:
    shops = {"drawn": drawings()} | ({"H&M": found} if (found := photographs()) else {})
    for name, engine in shops.items():
        index = engine.served.index
        fields = index.fields(range(len(index)))
        kinds = [str(row.get("type") or row.get("kind")) for row in fields]
        for sort, asked in _sorts(_Catalogue(engine, kinds, fields)).items():
            if asked:
                yield f"{name}, {sort}: {len(asked)} queries", _compared(engine, asked)
    queries = ["Kleid ohne Ärmel", "Jacke, aber nicht schwarz", "schwarzes Kleid mit V-Ausschnitt"]
    yield "to understand a query, median", f"{median(_seconds(queries)) * 1e6:.0f} µs"
    if SHARED.is_dir():
        yield from _left_alone()


def _compared(engine: Engine, asked: list[_Asked]) -> str:
    shares: dict[bool, list[float]] = {True: [], False: []}
    of_kind: dict[bool, list[float]] = {True: [], False: []}
    for one in asked:
        for understood in (False, True):
            search = Search(limit=_DEPTH, exclusion=understood, fold_duplicates=False)
            hits = engine.search([TextTerm(one.query)], search).hits
            rows = np.array([engine.served.index.row(hit.id) for hit in hits])
            shares[understood].append(float(one.has[rows].mean()))
            of_kind[understood].append(float(one.wanted[rows].mean()))
    literally, understood_ = fmean(shares[False]), fmean(shares[True])
    return (
        f"{literally:.3f} literally, {understood_:.3f} understood: {understood_ / literally:.2f} of it; "
        f"of the wanted kind {fmean(of_kind[False]):.2f}, {fmean(of_kind[True]):.2f}"
    )


def _sorts(shop: _Catalogue) -> dict[str, list[_Asked]]:
    """Queries by what they exclude, of every kind of which 20 items lack it: so none has to be found."""
    sorts: dict[str, list[_Asked]] = {name: [] for name in ("a colour", "a pattern", *_TOLD)}
    random = Random(0)
    for kind, count in Counter(shop.kinds).items():
        entry = next((one for one in phrases.glossary()["kind"] if kind.lower() in one.names), None)
        if entry is None or count < _DEPTH:
            continue
        wanted = np.array([one == kind for one in shop.kinds])
        for colour in phrases.glossary()["colour"]:
            has = np.array([str(row.get("colour")).lower() in colour.names for row in shop.fields])
            sorts["a colour"] += _queries(entry, colour.words, _COLOUR, (wanted, has), random)
        for values, words in _PATTERNS.items():
            has = shop.holding("pattern", *values)
            sorts["a pattern"] += _queries(entry, _spelt(words), _PART, (wanted, has), random)
        for name, (pattern, words) in _TOLD.items():
            told = [str(row.get("description") or row.get("title_en")).lower() for row in shop.fields]
            has = np.array(
                [bool(re.search(pattern, text)) and "without sleeves" not in text for text in told]
            )
            sorts[name] += _queries(entry, _spelt(words), _PART, (wanted, has), random)
    return {name: random.sample(asked, min(_EACH, len(asked))) for name, asked in sorts.items()}


def _spelt(words: str) -> dict[str, tuple[str, ...]]:
    """As a row of the glossary has them."""
    return {language: (word,) for language, word in zip(_PART, words.split(), strict=True)}


def _queries(
    kind: phrases.Entry,
    words: Mapping[str, tuple[str, ...]],
    patterns: Mapping[str, tuple[str, ...]],
    items: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    random: Random,
) -> Iterator[_Asked]:
    """One in each language; none where too few of the kind lack it, or none at all has it. `items`: which are
    wanted, and which have what is excluded."""
    wanted, has = items
    if (wanted & ~has).sum() < _DEPTH or not (wanted & has).any():
        return
    for language, forms in patterns.items():
        text = random.choice(forms).format(kind=_first(kind.words[language]), it=_first(words[language]))
        yield _Asked(text, wanted, has)


def _first(words: tuple[str, ...]) -> str:
    return words[0].split(":")[0].lstrip("~!=").split("/")[0]


def _seconds(queries: list[str]) -> Iterator[float]:
    for _ in range(300):
        for query in queries:
            started = time.perf_counter()
            parse(query)
            yield time.perf_counter() - started


def _left_alone() -> Iterator[tuple[str, str]]:
    """What is not to change: people's own queries that exclude nothing; and how many are taken to exclude."""
    queries = [pair.query for pair in read_pairs(SHARED / "fashion-de.jsonl")]
    excluding = [query for query in queries if parse(query).excluded]
    cue = re.compile(r"\b(ohne|nicht|kein\w*)\b", re.IGNORECASE)
    unasked = [query for query in excluding if not cue.search(query)]
    yield (
        f"fashion-de, {len(queries):,} queries",
        f"{len(excluding)} exclude, {len(unasked)} of them without a word that does",
    )
