"""What the engine answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.query import Term
from indexer.facets import Facet
from indexer.items import Value

MOST_LISTED = 30
"""Variants of a hit, and duplicates of it."""


@dataclass(frozen=True)
class Interpreted:
    """What a query was taken to mean: `terms` are what is encoded and summed, `asked` those that came;
    `excluded` is what words like "ohne" told to leave out; `normalised` is the query as it is spelled, None
    where it was spelled so, or is not one text."""

    terms: Sequence[Term]
    asked: Sequence[Term]
    excluded: Sequence[str] = ()
    normalised: str | None = None


@dataclass(frozen=True)
class Listed:
    """An item that a hit stands for too."""

    id: str
    score: float
    fields: dict[str, Value]


@dataclass(frozen=True)
class Hit(Listed):
    """`relevance` is None where the tower's scores say nothing of it. Variants are best first, and so are
    duplicates; of each MOST_LISTED at most."""

    relevance: float | None = None
    variants: Sequence[Listed] = ()
    duplicates: Sequence[Listed] = ()


@dataclass(frozen=True)
class Answer:
    """`total` counts the items that pass the filter; `facets` is None where none was asked for, and counts
    those of sufficient relevance alone where `facets_over` says so; `text_tower` is None where no text was
    encoded; `next` is the cursor of the next page, None at the end; times are in seconds."""

    hits: list[Hit]
    total: int
    interpreted: Interpreted
    facets: dict[str, Facet] | None
    facets_over: Literal["filter", "relevance"]
    index: str
    text_tower: str | None
    next: str | None
    encode_seconds: float
    search_seconds: float


@dataclass(frozen=True)
class Embedded:
    """Unit vectors in the order of what was given; `pieces` counts what the text tower read of the texts."""

    vectors: Sequence[NDArray[np.float32]]
    text_tower: str
    pieces: int
