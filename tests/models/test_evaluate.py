"""A tower on a query set: a tiny tower that knows three words, over a gallery of three items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.evaluate import evaluate
from models.queries import Pair
from models.towers import Vectors

WORDS = ["rot", "grün", "blau"]
GALLERY = {f"item-{word}": np.eye(3, dtype=np.float32)[n] for n, word in enumerate(WORDS)}


class ThreeWords:
    """A text tower of three dimensions: one for each word that it knows."""

    id = "three-words"
    space = "0" * 16
    dim = 3

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        counts = np.array([[text.count(word) for word in WORDS] for text in texts], dtype=np.float32)
        unit: Vectors = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return unit


def search(queries: Vectors, depth: int) -> list[list[str]]:
    """Every item of the gallery by its cosine, the first of equals first."""
    ids = list(GALLERY)
    scores = queries @ np.stack(list(GALLERY.values())).T
    return [[ids[row] for row in np.argsort(-line, kind="stable")[:depth]] for line in scores]


def test_a_summary_is_the_means_over_queries() -> None:
    """ "rot" finds its item first. "blau" asks for the green one, and the ranking is blau, rot, grün: the
    ranks are 1 and 3."""
    pairs = [Pair("rot", "item-rot"), Pair("blau", "item-grün")]
    summary = evaluate(ThreeWords(), pairs, search).summary
    assert summary == {
        "queries": 2,
        "hits@20": 1.0,
        "mRR@20": pytest.approx((1 + 1 / 3) / 2),
        "mAP@20": pytest.approx((1 + 1 / 3) / 2),
        "DCG@20": pytest.approx((1 + 0.5) / 2),
        "R@1": 0.5,
        "R@10": 1.0,
    }


def test_rows_of_one_query_are_one_query_with_several_answers() -> None:
    """Both items of "rot blau" lie at the top: a recall at 1 of a half, an average precision of 1."""
    pairs = [Pair("rot blau", "item-rot"), Pair("rot blau", "item-blau"), Pair("rot blau", "item-rot")]
    evaluation = evaluate(ThreeWords(), pairs, search)
    assert evaluation.summary["queries"] == 1
    assert evaluation.values["rot blau"]["R@1"] == 0.5
    assert evaluation.values["rot blau"]["mAP@20"] == 1


def test_an_item_that_the_index_lacks_is_not_found() -> None:
    """It counts as zero, and is not left out."""
    pairs = [Pair("rot", "item-rot"), Pair("grün", "sold out")]
    summary = evaluate(ThreeWords(), pairs, search).summary
    assert (summary["queries"], summary["hits@20"]) == (2, 0.5)


def test_every_distinct_query_is_encoded_once() -> None:
    """600 queries, each on two rows and more than one batch, are asked in order and once."""
    queries = ["rot " * (n + 1) for n in range(600)]
    tower = ThreeWords()
    evaluation = evaluate(tower, [Pair(query, "item-rot") for query in queries * 2], search)
    assert tower.asked == queries
    assert list(evaluation.values) == queries
    assert evaluation.summary["R@1"] == 1


def test_an_evaluation_names_its_tower() -> None:
    """Results of several towers stand side by side."""
    assert evaluate(ThreeWords(), [Pair("rot", "item-rot")], search).tower == "three-words"
