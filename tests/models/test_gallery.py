"""Exact search: the best first, ties in order, and it can be ended."""

from __future__ import annotations

import numpy as np
import pytest

from models import gallery
from models.gallery import Gallery


def quiet() -> None:
    """Nobody wants it to end."""


def test_the_nearest_come_first_and_ties_in_their_order() -> None:
    """Of the unit vectors at 0°, 90°, 0° and 60°, the first axis finds first and third, then the fourth."""
    vectors = np.array([[1, 0], [0, 1], [1, 0], [0.5, 0.75**0.5]], dtype=np.float32)
    found = Gallery(["a", "b", "c", "d"], vectors, quiet)
    axes = np.eye(2, dtype=np.float32)
    assert found.search(axes, 3) == [["a", "c", "d"], ["b", "d", "a"]]


def test_of_many_that_tie_with_the_last_the_first_ones_are_found() -> None:
    """Five equal vectors, of which two are asked for."""
    vectors = np.ones((5, 1), dtype=np.float32)
    assert Gallery(list("abcde"), vectors, quiet).search(vectors[:1], 2) == [["a", "b"]]


def test_more_than_there_are_is_all() -> None:
    """Two items, depth 20."""
    vectors = np.eye(2, dtype=np.float32)
    assert Gallery(["a", "b"], vectors, quiet).search(vectors[1:], 20) == [["b", "a"]]


def test_passes_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 queries among 50 items in one pass, and in passes of one query."""
    random = np.random.default_rng(0)
    vectors = random.standard_normal((50, 8)).astype(np.float32)
    queries = random.standard_normal((100, 8)).astype(np.float32)
    found = Gallery([str(row) for row in range(50)], vectors, quiet)
    whole = found.search(queries, 10)
    best = (-(queries @ vectors.T)).argsort(axis=1, kind="stable")[:, :10]
    assert whole == [[str(row) for row in rows] for rows in best]
    monkeypatch.setattr(gallery, "_SCORES_PER_PASS", 1)
    assert found.search(queries, 10) == whole


def test_a_search_can_be_ended_between_two_passes() -> None:
    """What is called before a pass may raise."""

    def end() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Gallery(["a"], np.ones((1, 1), dtype=np.float32), end).search(np.ones((1, 1), dtype=np.float32), 1)
