"""What the engine is asked: weighted terms, and the options of one search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image


@dataclass(frozen=True)
class TextTerm:
    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class ItemTerm:
    item: str
    weight: float = 1.0


@dataclass(frozen=True)
class PictureTerm:
    picture: Image.Image
    sha256: str
    """Of its file: what tells it from other pictures, sooner than its pixels would."""
    weight: float = 1.0


MAX_RANK = 1_000
"""The last rank that can be asked for."""

Term = TextTerm | ItemTerm | PictureTerm


@dataclass(frozen=True)
class Search:
    """Everything that a search is asked beside its terms; the members are those of POST /search."""

    limit: int = 20
    offset: int = 0
    text_tower: str | None = None
    filter: Mapping[str, Any] = field(default_factory=dict)
    facets: Sequence[str] = ()
    collapse: str | None = None
    fold_duplicates: bool = True
    diversity: float = 0.0
    cursor: str | None = None
    min_relevance: float | None = None
    lexical: float | None = None
    exclusion: bool = True
