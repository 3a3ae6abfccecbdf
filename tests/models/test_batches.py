"""Rows of like length share a batch."""

from __future__ import annotations

from models.batches import by_length


def test_a_batch_is_bounded_padding_counted() -> None:
    """Of 1, 9, 2 and 3 pieces the three short rows, padded to 3, are 9; with the long one they were 36."""
    assert list(by_length([1, 9, 2, 3], 9)) == [[0, 2, 3], [1]]


def test_a_row_that_is_too_long_is_alone() -> None:
    """It has to be done all the same."""
    assert list(by_length([20, 1, 30], 10)) == [[1], [0], [2]]


def test_equal_lengths_keep_their_order() -> None:
    """So that a run repeats."""
    assert list(by_length([2, 2, 2], 4)) == [[0, 1], [2]]


def test_no_row_is_no_batch() -> None:
    """Nothing is asked of the tower."""
    assert list(by_length([], 10)) == []
