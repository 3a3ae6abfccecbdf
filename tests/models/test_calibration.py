"""Calibration: from margins to probabilities, and back from a card."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import pytest

from models.calibration import (
    Asked,
    Calibration,
    Curve,
    alike,
    auroc,
    calibrate,
    calibration_error,
    first_hits,
    nonsense,
    read_calibration,
    without_those_asked,
)
from models.gallery import Gallery
from models.queries import Pair
from models.towers import TowerError, Vectors

DIM = 8
COLOURS = ("red", "blue", "green", "black")


class Compass:
    """A tower that knows four colours, each its own direction, and turns anything else away from all pictures
    by chance; a `blur` of 1 knows nothing."""

    id, space, dim = "compass", "s", DIM

    def __init__(self, blur: float = 0.0) -> None:
        self.blur = blur

    def encode(self, texts: Sequence[str]) -> Vectors:
        rows = []
        for text in texts:
            noise = np.random.default_rng(list(text.encode())).standard_normal(DIM)
            noise[: len(COLOURS)] *= 0.2
            row = noise / np.linalg.norm(noise)
            if text.split()[0] in COLOURS:
                row = self.blur * row + (1 - self.blur) * np.eye(DIM)[COLOURS.index(text.split()[0])]
            rows.append(row / np.linalg.norm(row))
        return np.array(rows, dtype=np.float32)


@pytest.fixture
def asked() -> Asked:
    """Four items, one of each colour, and ten ways to ask for each."""
    gallery = Gallery(
        [f"item-{colour}" for colour in COLOURS], np.eye(DIM, dtype=np.float32)[:4], lambda: None
    )
    pairs = [Pair(f"{colour} {number}", f"item-{colour}") for colour in COLOURS for number in range(10)]
    return Asked(pairs, gallery)


def test_real_queries_come_out_probable_and_nonsense_does_not(asked: Asked) -> None:
    """Every real query's first hit is right here, and none of nonsense."""
    tower = Compass()
    found = calibrate(tower, [asked])
    real, unknown = tower.encode(["red dress"])[0], tower.encode(["Bohrmaschine"])[0]
    best = found.relevance(np.array([1.0], dtype=np.float32), real)[0]
    scores = asked.gallery.vectors @ unknown
    assert best > 0.9
    assert found.relevance(scores.max(keepdims=True), unknown)[0] < 0.1


def test_a_tower_that_errs_more_is_less_sure(asked: Asked) -> None:
    """Half of the answers are made wrong: a sure tower's best hits are right half of the time."""
    swapped = [
        Pair(pair.query, "item-nowhere" if row % 2 else pair.item) for row, pair in enumerate(asked.pairs)
    ]
    found = calibrate(Compass(), [Asked(swapped, asked.gallery)])
    query = Compass().encode(["red dress"])[0]
    assert found.relevance(np.array([1.0], dtype=np.float32), query)[0] == pytest.approx(0.5, abs=0.1)


def test_relevance_rises_with_the_score(asked: Asked) -> None:
    found = calibrate(Compass(0.3), [asked])
    chances = found.relevance(np.linspace(-1, 1, 50, dtype=np.float32), np.eye(DIM, dtype=np.float32)[0])
    assert (np.diff(chances) >= 0).all()
    assert chances.min() >= 0
    assert chances.max() <= 1


def test_the_background_counts_for_a_query(asked: Asked) -> None:
    """The same cosine says less of a query that is near to every picture."""
    found = calibrate(Compass(), [asked])
    near_to_all = np.array([0.5] * 4 + [0] * 4, dtype=np.float32)
    one = np.eye(DIM, dtype=np.float32)[0]
    half = np.array([0.5], dtype=np.float32)
    assert found.relevance(half, near_to_all)[0] < found.relevance(half, one)[0]


def test_a_calibration_survives_its_card(asked: Asked) -> None:
    """To the four decimals and the float16 that the card holds."""
    found = calibrate(Compass(), [asked])
    again = read_calibration(found.on_card(), DIM)
    assert again is not None
    query = Compass().encode(["blue"])[0]
    scores = np.linspace(-1, 1, 9, dtype=np.float32)
    np.testing.assert_allclose(again.relevance(scores, query), found.relevance(scores, query), atol=2e-3)
    assert again.facts == found.facts


def test_a_card_without_calibration_has_none() -> None:
    assert read_calibration(None, DIM) is None


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    "damage",
    [
        {"background": "%"},
        {"background": base64.b64encode(np.full(DIM, NAN, "<f2").tobytes()).decode()},
        {"direction": base64.b64encode(np.full(DIM, INFINITY, "<f2").tobytes()).decode()},
        {"right": None},
        {"right": {"slope": NAN, "intercept": 0}},
        {"right": {"slope": 10**400, "intercept": 0}},
        {"sense": {"slope": -1, "intercept": 0}},
        {"sense": {"slope": 1, "intercept": NAN}},
    ],
)
def test_a_damaged_calibration_is_refused(asked: Asked, damage: dict[str, object]) -> None:
    """With the cure; and so is one of other dimensions."""
    card = calibrate(Compass(), [asked]).on_card()
    with pytest.raises(TowerError, match="calibrate it again"):
        read_calibration(card | damage, DIM)
    with pytest.raises(TowerError, match="8 dimensions"):
        read_calibration(card, DIM + 1)


def test_a_hit_that_is_alike_is_right() -> None:
    """Another item of the same product, or of the same kind and colour, is as right as what was asked for."""
    gallery = Gallery(["a", "b"], np.eye(DIM, dtype=np.float32)[:2], lambda: None)
    pairs = [Pair("red", "b")]
    background = np.zeros(DIM, dtype=np.float32)
    names = {"kind": {"a": "dress", "b": "dress"}, "colour": {"a": "red", "b": "red"}}
    told = alike(names, {"a": "1", "b": "2"})
    assert not first_hits(Compass(), Asked(pairs, gallery), background).right[0]
    assert first_hits(Compass(), Asked(pairs, gallery, lambda _: told), background).right[0]
    assert alike({}, {"a": "1"}) == {"a": frozenset({"product 1"})}


def test_the_two_lists_of_nonsense_share_no_query() -> None:
    """Curves are tested on 200 that they were not fitted to."""
    fit, test = nonsense("fit"), nonsense("test")
    assert len(test) == len(set(test)) == 200
    assert not {query.lower() for query in fit} & {query.lower() for query in test}


def test_what_a_shop_is_asked_for_is_no_nonsense_to_it() -> None:
    """A shop for tools is asked for drills."""
    assert without_those_asked(["Bohrmaschine", "asdfgh"], {"rote bohrmaschine 800 Watt"}) == ["asdfgh"]


def test_the_calibration_error_is_the_gap_of_expected_and_found() -> None:
    """Ten at 0.85 of which five are right are 0.35 off, ten at 0.05 with none right 0.05: 0.2 in the mean."""
    chances = np.array([0.85] * 10 + [0.05] * 10)
    right = np.array([True] * 5 + [False] * 15)
    assert calibration_error(chances, right) == pytest.approx(0.2)


def test_auroc_is_the_chance_to_be_above() -> None:
    """Of four comparisons two are won, one is a tie."""
    assert auroc(np.array([1.0, 3.0]), np.array([0.0, 3.0])) == pytest.approx(2.5 / 4)


def test_curves_multiply() -> None:
    """At a margin of 0 both are one half."""
    none = np.zeros(DIM, dtype=np.float32)
    found = Calibration(none, none, Curve(1, 0), Curve(2, 0), {})
    assert found.probability(np.zeros(1), 0.0)[0] == pytest.approx(0.25)


def test_a_query_that_points_the_shops_way_is_believed_more() -> None:
    """Of two queries with the same margin, the one that the direction favours."""
    direction = np.eye(DIM, dtype=np.float32)[0]
    found = Calibration(np.zeros(DIM, dtype=np.float32), direction, Curve(1, 0), Curve(2, 0), {})
    score = np.array([0.5], dtype=np.float32)
    first, second = np.eye(DIM, dtype=np.float32)[:2]
    assert found.relevance(score, first)[0] > found.relevance(score, second)[0]
