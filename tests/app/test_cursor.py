"""Cursors: what they are bound to, and what they are not."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from app.cursor import BadCursor, CursorExpired, Cursors
from app.query import ItemTerm, PictureTerm, Search, Term, TextTerm
from models.cards import Card

RED = Image.new("RGB", (2, 3), "red")
TERMS: list[Term] = [TextTerm("Kleid"), ItemTerm("a", 0.5), PictureTerm(RED, "12ab")]
SEARCH = Search(limit=5, filter={"price": {"lt": 5, "gt": 1}, "colour": ["red"]}, facets=["colour"])
TOWER = Card("base", "family", "space", 8, "weights", calibration={"facts": {}})
CURSOR = Cursors(TERMS, SEARCH, "v1", TOWER).write(5)


def test_a_cursor_leads_back_to_its_rank() -> None:
    """It is short, and fit for a URL."""
    assert Cursors(TERMS, SEARCH, "v1", TOWER).read(CURSOR) == 5
    assert len(CURSOR) == 24
    assert CURSOR.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "changes",
    [
        {"limit": 50},
        {"facets": []},
        {"cursor": "x"},
        {"filter": {"colour": ["red"], "price": {"gt": 1, "lt": 5}}},
    ],
)
def test_what_does_not_change_the_order_may_change(changes: dict[str, Any]) -> None:
    """The limit, the facets, the order of a filter's members."""
    assert Cursors(TERMS, replace(SEARCH, **changes), "v1", TOWER).read(CURSOR) == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"filter": {}},
        {"collapse": "product"},
        {"fold_duplicates": False},
        {"diversity": 0.1},
        {"min_relevance": 0.5},
        {"lexical": 0.0},
        {"text_tower": "base"},
    ],
)
def test_another_search_is_refused(changes: dict[str, Any]) -> None:
    """The cure is told: to send the same request."""
    with pytest.raises(BadCursor, match="the same request"):
        Cursors(TERMS, replace(SEARCH, **changes), "v1", TOWER).read(CURSOR)


@pytest.mark.parametrize(
    ("place", "other"),
    [
        (0, TextTerm("Rock")),
        (0, ItemTerm("Kleid")),
        (1, ItemTerm("a", 0.6)),
        (2, PictureTerm(RED, "34cd")),
        (2, PictureTerm(RED, "12ab", 0.5)),
    ],
)
def test_another_query_is_refused(place: int, other: Term) -> None:
    """Of any kind of term, and by any of its members."""
    terms = [*TERMS[:place], other, *TERMS[place + 1 :]]
    with pytest.raises(BadCursor, match="another search"):
        Cursors(terms, SEARCH, "v1", TOWER).read(CURSOR)


@pytest.mark.parametrize(("index", "tower"), [("v2", TOWER), ("v1", replace(TOWER, weights="others"))])
def test_what_is_not_served_any_more_expires_its_cursors(index: str, tower: Card) -> None:
    """Another index version or another tower, be it of the same id, ranks otherwise."""
    with pytest.raises(CursorExpired, match="search again"):
        Cursors(TERMS, SEARCH, index, tower).read(CURSOR)


def test_another_calibration_expires_the_cursors_of_a_cut() -> None:
    """And no other cursor: what it says of hits does not order them."""
    again = replace(TOWER, calibration=None)
    assert Cursors(TERMS, SEARCH, "v1", again).read(CURSOR) == 5
    cut = replace(SEARCH, min_relevance=0.5)
    cursor = Cursors(TERMS, cut, "v1", TOWER).write(5)
    assert Cursors(TERMS, cut, "v1", replace(TOWER)).read(cursor) == 5
    with pytest.raises(CursorExpired, match="search again"):
        Cursors(TERMS, cut, "v1", again).read(cursor)


@pytest.mark.parametrize(
    "text", ["", "x", CURSOR[:-1], CURSOR + "AAAA", "é" * 24, "A" * 24, "=" * 24, f" {CURSOR}"]
)
def test_what_we_did_not_write_is_no_cursor(text: str) -> None:
    """Cut, lengthened or made up."""
    with pytest.raises(BadCursor):
        Cursors(TERMS, SEARCH, "v1", TOWER).read(text)


@pytest.mark.parametrize("rank", [0, 1_000, 65_535])
def test_a_rank_that_cannot_be_asked_for_is_refused(rank: int) -> None:
    """No page begins there: the first has no cursor, and the last rank is 1,000."""
    packed = base64.urlsafe_b64decode(CURSOR)
    with pytest.raises(BadCursor):
        Cursors(TERMS, SEARCH, "v1", TOWER).read(
            base64.urlsafe_b64encode(rank.to_bytes(2, "big") + packed[2:]).decode()
        )
