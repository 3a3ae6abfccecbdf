"""How well a tower bears German as people type it: a query set perturbed in named ways, and what that costs.

Each perturbation is a function of a text and of what is drawn at random; it leaves a text alone that it does
not concern. The suite knows German words by `glossary.tsv`, so that it needs nothing to be downloaded.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

import numpy as np

from models.evaluate import DEPTH, Search
from models.metrics import reciprocal_rank
from models.phrases import glossary
from models.queries import Pair
from models.towers import TextTower

DRAWS = 3
"""How often each query is perturbed, at random where the perturbation is."""
_TEXTS_AT_ONCE = 256

Perturbation = Callable[[str, Random], str]

_WORD = re.compile(r"[^\W\d_]+")
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_DROPPED = str.maketrans("äöüÄÖÜ", "aouAOU")
_ENDINGS = ("", "e", "er", "es", "en")
_SHADES = (
    "hell",
    "dunkel",
    "zart",
    "alt",
    "marine",
    "khaki",
    "oliv",
    "mint",
    "rost",
    "wein",
    "creme",
    "grau",
)
# fmt: off
_PLURALS = {
    "kleid": "kleider", "rock": "röcke", "hose": "hosen", "bluse": "blusen", "hemd": "hemden",
    "shirt": "shirts", "top": "tops", "jacke": "jacken", "mantel": "mäntel", "blazer": "blazers",
    "pulli": "pullis", "hoodie": "hoodies", "weste": "westen", "tasche": "taschen", "schuh": "schuhe",
    "gürtel": "gürteln", "mütze": "mützen", "hut": "hüte", "kappe": "kappen", "schal": "schals",
    "tuch": "tücher", "kette": "ketten", "armband": "armbänder", "ring": "ringe", "uhr": "uhren",
    "brille": "brillen", "body": "bodys", "bh": "bhs", "anzug": "anzüge", "overall": "overalls",
    "jumpsuit": "jumpsuits", "cardigan": "cardigans", "parka": "parkas", "rucksack": "rucksäcke",
    "bikini": "bikinis", "tunika": "tuniken", "kragen": "krägen", "ausschnitt": "ausschnitte",
    "muster": "mustern", "schlitz": "schlitze", "print": "prints", "gummibund": "gummibünde",
}
_SIZES = ("Gr. 38", "Gr. M", "Größe 42", "XL", "in L", "XXL", "W32 L34", "Gr. 36/38")
_BRANDS = ("Esprit", "Only", "Vero Moda", "Tom Tailor", "Zara", "Mango", "Levi's", "Jack & Jones")
_ENGLISH = {"damen": "women", "herren": "men", "kinder": "kids"}
# fmt: on


def _umlauts_written_out(text: str, _: Random) -> str:
    return text.translate(_SPELLED_OUT)


def _umlauts_dropped(text: str, _: Random) -> str:
    return text.translate(_DROPPED)


def _sharp_s(text: str, _: Random) -> str:
    return text.replace("ß", "ss")


def _lower(text: str, _: Random) -> str:
    return text.lower()


def _upper(text: str, _: Random) -> str:
    return text.upper()


def _split(text: str, _: Random) -> str:
    """ "Spitzenmidirock" as "Spitzen Midirock", "hellblau" as "hell blau", "Sport-BH" as "Sport BH"."""
    return re.sub(r"(?<=\w)-(?=\w)", " ", _WORD.sub(lambda found: _in_two(found[0]), text))


def _joined(text: str, _: Random) -> str:
    """ "Jeans Rock" as "Jeansrock", "Sport-BH" as "SportbH"."""
    words = re.split(r"([ -])", text)
    for place in range(len(words) - 3, -1, -2):
        first, between, second = words[place : place + 3]
        if (between == "-" or {first.lower(), second.lower()} <= _nouns()) and first and second:
            words[place : place + 3] = [first + second[0].lower() + second[1:]]
    return "".join(words)


def _inflected(text: str, random: Random) -> str:
    """Another ending for every adjective, and nouns in the plural."""
    return _WORD.sub(lambda found: _in_another_form(found[0], random), text)


def _swapped(text: str, random: Random) -> str:
    def typed(word: str) -> str:
        places = [place for place in range(1, len(word) - 1) if word[place] != word[place + 1]]
        place = random.choice(places or [0])
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]

    return _mistyped(text, random, typed)


def _dropped(text: str, random: Random) -> str:
    def typed(word: str) -> str:
        place = random.randrange(1, len(word))
        return word[:place] + word[place + 1 :]

    return _mistyped(text, random, typed)


def _doubled(text: str, random: Random) -> str:
    def typed(word: str) -> str:
        place = random.randrange(1, len(word))
        return word[:place] + word[place] + word[place:]

    return _mistyped(text, random, typed)


def _with_english(text: str, random: Random) -> str:
    """One colour, kind or audience by its English name."""
    places = [found for found in re.finditer(r"[^\W\d_]+(?:-[^\W\d_]+)*", text) if _in_english(found[0])]
    if not places:
        return text
    found = random.choice(places)
    return text[: found.start()] + _in_english(found[0]) + text[found.end() :]


def _with_size(text: str, random: Random) -> str:
    return f"{text} {random.choice(_SIZES)}"


def _with_brand(text: str, random: Random) -> str:
    return f"{random.choice(_BRANDS)} {text}"


PERTURBATIONS: Mapping[str, Perturbation] = {
    "umlauts written out": _umlauts_written_out,
    "umlauts dropped": _umlauts_dropped,
    "ss for ß": _sharp_s,
    "all lower case": _lower,
    "all upper case": _upper,
    "compounds split": _split,
    "compounds joined": _joined,
    "other endings": _inflected,
    "letters swapped": _swapped,
    "letter dropped": _dropped,
    "letter doubled": _doubled,
    "an English word": _with_english,
    "a size added": _with_size,
    "a brand added": _with_brand,
}


def perturbed(text: str, name: str, seed: int) -> str:
    """The text as the perturbation of this name types it; the same for the same text and seed."""
    return PERTURBATIONS[name](text, Random(f"{seed} {text}"))


@dataclass(frozen=True)
class Drop:
    """One perturbation over the queries that it changes; the means are 0 where it changes none."""

    perturbation: str
    queries: int
    plain: float
    """mRR@20 of these queries as they were."""
    perturbed: float
    """mRR@20 of these queries perturbed, over `DRAWS` draws."""

    @property
    def relative(self) -> float:
        """What is lost of the plain mean; below 0 where the perturbation helps."""
        return 1 - self.perturbed / self.plain if self.plain else 0.0


@dataclass(frozen=True)
class Robustness:
    """`plain` is mRR@20 over all queries."""

    tower: str
    queries: int
    plain: float
    drops: list[Drop]

    @property
    def mean_drop(self) -> float:
        """Of the perturbations that change any query, each counting once."""
        changing = [drop.relative for drop in self.drops if drop.queries]
        return sum(changing) / len(changing) if changing else 0.0

    @property
    def summary(self) -> dict[str, Any]:
        drops = {
            drop.perturbation: {name: value for name, value in asdict(drop).items() if name != "perturbation"}
            | {"drop": drop.relative}
            for drop in self.drops
        }
        return {"queries": self.queries, "mRR@20": self.plain, "mean_drop": self.mean_drop, "drops": drops}


def robustness(tower: TextTower, pairs: Sequence[Pair], search: Search) -> Robustness:
    """mRR@20 of every distinct query of `pairs`, plain and perturbed; its relevant items are those of all its
    rows."""
    relevant: dict[str, dict[str, None]] = {}
    for pair in pairs:
        relevant.setdefault(pair.query, {})[pair.item] = None
    # Queries that differ may read alike once perturbed: what is found is by text, what is right by query.
    found: dict[str, Sequence[str]] = {}
    texts = perturbed_texts(pairs)
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        batch = texts[start : start + _TEXTS_AT_ONCE]
        found.update(zip(batch, search(tower.encode(batch), DEPTH), strict=True))
    measure = reciprocal_rank(DEPTH)

    def value(text: str, query: str) -> float:
        return measure(found[text], relevant[query])

    plain = {query: value(query, query) for query in relevant}
    drops = []
    for name in PERTURBATIONS:
        drawn = [(query, _draws(query, name)) for query in relevant]
        changed = [(query, draws) for query, draws in drawn if any(text != query for text in draws)]
        drops.append(
            Drop(
                name,
                len(changed),
                _mean([plain[query] for query, _ in changed]),
                _mean([value(text, query) for query, draws in changed for text in draws]),
            )
        )
    return Robustness(tower.id, len(plain), _mean(list(plain.values())), drops)


def perturbed_texts(pairs: Sequence[Pair]) -> list[str]:
    """Each text that `robustness` encodes, once: the queries, and what perturbations make of them."""
    queries = dict.fromkeys(pair.query for pair in pairs)
    drawn = (text for query in queries for name in PERTURBATIONS for text in _draws(query, name))
    return list(queries | dict.fromkeys(drawn))


def _draws(query: str, name: str) -> list[str]:
    return [perturbed(query, name, seed) for seed in range(DRAWS)]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _mistyped(text: str, random: Random, typed: Callable[[str], str]) -> str:
    """One word of five letters or more typed wrongly, if there is one; never its first letter."""
    places = [found for found in _WORD.finditer(text) if len(found[0]) >= 5]
    if not places:
        return text
    found = random.choice(places)
    return text[: found.start()] + typed(found[0]) + text[found.end() :]


def _in_two(word: str) -> str:
    """A compound as two words, if both are known; of several ways, the one with the longest second word."""
    lower = word.lower()
    for place in range(3, len(word) - 2):
        first, second = lower[:place], lower[place:]
        known = first in _first_halves() or first.removesuffix("s") in _first_halves()
        if known and second in _nouns():
            return f"{word[:place]} {second.title() if word[0].isupper() else second}"
        if first in _SHADES and _adjective(second) in _colours():
            return f"{word[:place]} {second}"
    return word


def _in_another_form(word: str, random: Random) -> str:
    stem = _adjective(word)
    if stem and word.lower() != stem:
        return stem + random.choice([ending for ending in _ENDINGS if stem + ending != word])
    lower = word.lower()
    for length in range(len(lower), 1, -1):
        if plural := _PLURALS.get(lower[-length:]):
            head = word[: len(word) - length]
            return head + (plural if head or word.islower() else plural.title())
    return word


def _adjective(word: str) -> str:
    """The stem of an adjective that the glossary has, in any form; empty for other words."""
    lower = word.lower()
    for ending in ("", "e", "er", "es", "en", "em"):
        if lower.endswith(ending) and (stem := lower.removesuffix(ending)) in _adjectives():
            return stem
    return ""


def _in_english(word: str) -> str:
    return _english().get(word.lower()) or _english().get(_adjective(word)) or ""


@functools.cache
def _colours() -> frozenset[str]:
    return frozenset(name for entry in glossary()["colour"] for name in entry.words["de"])


@functools.cache
def _adjectives() -> frozenset[str]:
    words = {
        detail[1:]
        for entry in glossary()["attribute"]
        for detail in entry.words["de"]
        if detail.startswith("~") and " " not in detail
    }
    return _colours() | words


@functools.cache
def _nouns() -> frozenset[str]:
    """Kinds, audiences and the nouns among details, each in the form that the glossary has, in lower case."""
    told = [
        text.partition(":")[0].strip("~=-")
        for entries in glossary().values()
        for entry in entries
        for text in entry.words["de"]
    ]
    words = {word for text in told for word in re.split(r"[ -]", text)}
    return frozenset(word.lower() for word in words if len(word) > 2 and word[0].isupper() and word.isalpha())


@functools.cache
def _first_halves() -> frozenset[str]:
    halves = {
        detail[:-1].lower()
        for entries in glossary().values()
        for entry in entries
        for detail in entry.words["de"]
        if detail.endswith("-")
    }
    return _nouns() | halves


@functools.cache
def _english() -> Mapping[str, str]:
    """A German colour, kind or audience in lower case → its English name."""
    found = dict(_ENGLISH)
    for role in ("colour", "kind"):
        for entry in glossary()[role]:
            for name in entry.words["de"]:
                found.setdefault(name.partition(":")[0].lower(), entry.words["en"][0])
    return found
