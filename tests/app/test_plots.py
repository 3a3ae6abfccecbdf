"""The plots: what they say, and that they lie in a page without disturbing it."""

from __future__ import annotations

import re
import warnings
from xml.etree import ElementTree

from app.plots import Point, curves, growth, intervals

SURE = Point(0.5, 0.4, 0.6)


def test_each_mean_is_written_beside_its_row() -> None:
    """Two towers, two rows: the rows' names once, four means; a faded row goes without."""
    texts = [text.text for text in ElementTree.fromstring(two_rows()).iter("text")]
    assert texts.count("red") == texts.count("blue") == 1
    assert [text for text in texts if text in ("0.50", "0.70", "0.25")] == ["0.50", "0.70", "0.25", "0.50"]
    faded = [text.text for text in ElementTree.fromstring(two_rows(faded=[0])).iter("text")]
    assert [text for text in faded if text in ("0.50", "0.70", "0.25")] == ["0.70", "0.50"]


def two_rows(**options: list[int]) -> str:
    towers = [[SURE, Point(0.7, 0.6, 0.8)], [Point(0.25, 0.2, 0.3), SURE]]
    return intervals("Colours", ["red", "blue"], towers, **options)


def test_a_plot_is_named_and_wears_the_colours_of_the_page() -> None:
    """One element with a role and a label; properties instead of colours; no style that rules the page, no
    address, and no id that is not referred to."""
    for svg in (two_rows(), curves("Ranks", [[0.1, 0.5, 0.9]] * 3, x="rank"), growing()):
        root = ElementTree.fromstring(svg)
        assert (root.tag, root.get("role")) == ("svg", "img")
        assert root.get("aria-label") in ("Colours", "Ranks", "Growth")
        assert "var(--tower-2)" in svg
        assert re.findall(r"(?:fill|stroke): #\w+", svg) == []
        assert "<style" not in svg
        assert "://" not in svg
        ids = {element.get("id") for element in root.iter()} - {None}
        assert {f"#{name}" for name in ids} == set(re.findall(r"#[\w]+", svg))


def test_two_plots_share_no_id() -> None:
    """They stand in one document; the same plot is the same text again."""
    one, other = intervals("one", ["red"], [[SURE]]), intervals("other", ["red"], [[SURE]])
    ids = [set(re.findall(r' id="(\w+)"', svg)) for svg in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert one == intervals("one", ["red"], [[SURE]])


def test_a_name_of_any_script_or_none_is_a_label() -> None:
    """Tags are escaped, dollars are no formula, a control character is replaced, a long name is cut, and
    letters that the measuring font lacks are no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = intervals("t", ["<b>$a$", "a\x00b", "赤い", "x" * 99], [[SURE] * 4])
    texts = [text.text for text in ElementTree.fromstring(svg).iter("text")]
    assert [text for text in texts if text and not text[0].isdigit()] == [
        "<b>$a$",
        "a\N{REPLACEMENT CHARACTER}b",
        "赤い",
        "x" * 23 + "…",
    ]


def growing() -> str:
    return growth("Growth", [100, 200], [SURE, Point(0.7, 0.6, 0.8)], 0.45, x="pairs")


def test_amounts_and_means_are_written_along_a_growing_line() -> None:
    """Two amounts below, and a mean at each point."""
    texts = {text.text for text in ElementTree.fromstring(growing()).iter("text")}
    assert {"100", "200", "0.50", "0.70", "pairs"} <= texts
