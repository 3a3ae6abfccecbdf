"""Distinct German queries, as many as a benchmark asks for."""

from __future__ import annotations

import itertools

_ADJECTIVES = ("rote", "blaue", "grüne", "schwarze", "weiße", "gelbe", "rosa", "graue", "braune", "lila")
_NOUNS = (
    "Jacke", "Hose", "Bluse", "Tasche", "Mütze", "Jeans", "Weste", "Strickjacke", "Shorts", "Leggings",
    "Sneaker", "Stiefel", "Sandalen", "Handschuhe", "Socken",
)  # fmt: skip
_DETAILS = ("aus Leder", "mit Streifen", "mit Kapuze", "für Damen", "für Herren", "ohne Muster", "im Angebot")
_SIZES = range(30, 60)


def distinct(count: int) -> list[str]:
    """No two alike; 31,500 at most."""
    words = itertools.product(_SIZES, _DETAILS, _NOUNS, _ADJECTIVES)
    return [
        f"{adjective} {noun} {detail} Größe {size}"
        for size, detail, noun, adjective in itertools.islice(words, count)
    ]
