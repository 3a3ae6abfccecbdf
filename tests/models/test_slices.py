"""Slices of a handful of queries."""

from __future__ import annotations

from models.evaluate import QueryResult
from models.slices import Slice, slices


def result(
    query: str = "Hose", *, langs: tuple[str, ...] = (), relevant: tuple[str, ...] = ()
) -> QueryResult:
    return QueryResult(query, langs, relevant, (), {})


def test_a_query_is_in_the_slice_of_each_of_its_languages() -> None:
    """The first query is German and English, the last one of no language; the largest slice is first."""
    asked = [result(langs=langs) for langs in (("de", "en"), ("en",), ())]
    assert slices(asked, {})["language"] == [Slice("en", (0, 1)), Slice("de", (0,))]


def test_lengths_are_in_words_and_stand_by_length() -> None:
    """Of 9, 2, 3, 8, 4 and 1 words."""
    asked = [result("rot " * words) for words in (9, 2, 3, 8, 4, 1)]
    assert slices(asked, {})["length"] == [
        Slice("1–2", (1, 5)),
        Slice("3–4", (2, 4)),
        Slice("5–8", (3,)),
        Slice("9+", (0,)),
    ]


def test_a_query_has_the_value_of_its_first_relevant_item_that_has_one() -> None:
    """`x` has no colour, so the first query is green as `g` is; the third finds none and is in no slice."""
    asked = [result(relevant=items) for items in (("x", "g", "r"), ("r", "g"), ("x",), ("r",))]
    found = slices(asked, {"colour": {"g": "green", "r": "red"}})
    assert found == {"colour": [Slice("red", (1, 3)), Slice("green", (0,))]}


def test_a_dimension_of_one_slice_is_left_out() -> None:
    """All are German, short and red: no slice says more than the whole."""
    asked = [result(langs=("de",), relevant=("r",))] * 3
    assert slices(asked, {"colour": {"r": "red"}, "kind": {}}) == {}


def test_rare_values_are_joined() -> None:
    """14 colours, of which colour n has n queries: the two rarest, of 1 and 2, are one slice of 3, and it is
    the last although the third rarest is not larger."""
    colours = [f"colour {number:02}" for number in range(14, 0, -1) for _ in range(number)]
    value_of = {colour: colour for colour in colours}
    found = slices([result(relevant=(colour,)) for colour in colours], {"colour": value_of})["colour"]
    assert [part.name for part in found] == [*(f"colour {number:02}" for number in range(14, 2, -1)), "other"]
    assert [len(part.rows) for part in found] == [*range(14, 2, -1), 3]


def test_equally_frequent_values_stand_by_name() -> None:
    """Which is first does not depend on the order of the queries."""
    asked = [result(langs=(lang,)) for lang in ("pl", "de", "nl")]
    assert [part.name for part in slices(asked, {})["language"]] == ["de", "nl", "pl"]
