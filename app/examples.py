"""What a report shows of an evaluation: queries worth a look, and the pictures that each tower found."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.images import ImageGone, Images, Width
from indexer.store import IndexVersion
from models.evaluate import Evaluation, QueryResult

MOST = 12
"""Examples in a gallery, at most."""
SHOWN = 8
"""Pictures of an answer."""
_FOUND = 4
"""Of what is found first few are enough: most queries are."""
_LATE = 5
"""A right item behind this rank was found late."""
_MEASURE = "mRR@20"


@dataclass(frozen=True)
class Tile:
    """An item as a picture: a data: address, or "" where `reason` says why there is none."""

    title: str
    picture: str
    reason: str


@dataclass(frozen=True)
class Answer:
    """A tower's first items, and whether each is right; `tower` is its place among the evaluations."""

    tower: int
    rank: int | None
    tiles: list[tuple[Tile, bool]]


@dataclass(frozen=True)
class Example:
    """`wanted` is the first right item that the index has; `others` counts the right items beside it."""

    query: str
    langs: tuple[str, ...]
    wanted: Tile
    others: int
    answers: list[Answer]


@dataclass(frozen=True)
class Gallery:
    """`note` says of which queries there are `total`."""

    title: str
    note: str
    total: int
    examples: list[Example]


@dataclass(frozen=True)
class _Choice:
    """A gallery before it is hung: the queries, those to be shown first in front, and the towers to show."""

    title: str
    note: str
    rows: list[int]
    towers: Sequence[int]
    most: int = MOST


def galleries(
    evaluations: Sequence[Evaluation], index: IndexVersion, between: Callable[[], None] = lambda: None
) -> list[Gallery]:
    """With one tower, what it found first, late and not at all; with more, what each of the others improved
    and damaged against the first, the most first, and what none of them found.

    The evaluations answer the same queries. `between` is called between two examples, and may raise. A
    gallery without examples is kept: it says something too.
    """
    choices = _compared(evaluations) if len(evaluations) > 1 else _alone(evaluations[0])
    tiles = _Tiles(index)

    def example(row: int, towers: Sequence[int]) -> Example:
        between()
        return _example(evaluations, row, towers, tiles)

    return [
        Gallery(
            choice.title,
            choice.note,
            len(choice.rows),
            [example(row, choice.towers) for row in choice.rows[: choice.most]],
        )
        for choice in choices
    ]


def first_rank(result: QueryResult) -> int | None:
    """The rank of the first right item, counted from 1; None where none was found."""
    return next((rank for rank, item in enumerate(result.ranked, start=1) if item in result.relevant), None)


def _alone(evaluation: Evaluation) -> Iterator[_Choice]:
    ranks = [first_rank(result) or 0 for result in evaluation.results]
    first = [row for row, rank in enumerate(ranks) if rank == 1]
    late = sorted((row for row, rank in enumerate(ranks) if rank > _LATE), key=lambda row: -ranks[row])
    missed = [row for row, rank in enumerate(ranks) if rank == 0]
    yield _Choice("Found first", "have a right item at rank 1", _spread(first, _FOUND), [0], _FOUND)
    yield _Choice("Found late", f"have their first right item behind rank {_LATE}, the last first", late, [0])
    yield _Choice("Not found", "have no right item in the answer", _spread(missed), [0])


def _compared(evaluations: Sequence[Evaluation]) -> Iterator[_Choice]:
    baseline, *others = evaluations
    for place, other in enumerate(others, start=1):
        gains = other.values(_MEASURE) - baseline.values(_MEASURE)
        improved = sorted((row for row, gain in enumerate(gains) if gain > 0), key=lambda row: -gains[row])
        damaged = sorted((row for row, gain in enumerate(gains) if gain < 0), key=lambda row: gains[row])
        note = f"have a right item {{}} in {other.tower} than in {baseline.tower}, the largest change first"
        yield _Choice(f"Most improved by {other.tower}", note.format("higher"), improved, [0, place])
        yield _Choice(f"Most damaged by {other.tower}", note.format("lower"), damaged, [0, place])
    missed = [
        row
        for row, results in enumerate(zip(*(one.results for one in evaluations), strict=True))
        if all(first_rank(result) is None for result in results)
    ]
    note = "have no right item in any answer"
    yield _Choice("Not found by any", note, _spread(missed), range(len(evaluations)))


def _spread(rows: list[int], count: int = MOST) -> list[int]:
    """The same rows, with `count` from all over the query set in front: its neighbours are often alike."""
    chosen = [rows[place * len(rows) // count] for place in range(count)] if len(rows) > count else rows
    return [*chosen, *sorted(set(rows) - set(chosen))]


def _example(evaluations: Sequence[Evaluation], row: int, towers: Sequence[int], tiles: _Tiles) -> Example:
    asked = evaluations[0].results[row]
    answers = []
    for tower in towers:
        result = evaluations[tower].results[row]
        found = [(tiles[item], item in asked.relevant) for item in result.ranked[:SHOWN]]
        answers.append(Answer(tower, first_rank(result), found))
    wanted = next((item for item in asked.relevant if item in tiles), asked.relevant[0])
    return Example(asked.query, asked.langs, tiles[wanted], len(asked.relevant) - 1, answers)


class _Tiles:
    """item id → its tile, each made once."""

    def __init__(self, index: IndexVersion) -> None:
        self._index = index
        self._images = Images()
        self._made: dict[str, Tile] = {}

    def __contains__(self, item: str) -> bool:
        return self._index.row(item) is not None

    def __getitem__(self, item: str) -> Tile:
        if item not in self._made:
            self._made[item] = self._make(item)
        return self._made[item]

    def _make(self, item: str) -> Tile:
        row = self._index.row(item)
        if row is None:
            return Tile(item, "", "not in the index")
        fields = self._index.fields([row])[0]
        title = str(fields.get("title") or fields.get("name") or item)
        source, sha256 = self._index.picture(self._index.picture_rows(row)[0])
        try:
            picture = self._images.render(source, sha256, Width.TILE, "WEBP")
        except ImageGone as gone:
            return Tile(title, "", f"picture gone: {gone}")
        return Tile(title, f"data:image/webp;base64,{base64.b64encode(picture).decode()}", "")
