"""vectors.npy, written row by row: what NumPy would have saved, or nothing where nothing changed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.vectors import VectorRows

DIM = 8


def random(rows: int) -> NDArray[np.float16]:
    return np.random.default_rng(rows).standard_normal((rows, DIM)).astype(np.float16)


@pytest.mark.parametrize("count", [1, 9, 1_000])
def test_the_file_is_the_one_that_numpy_saves(tmp_path: Path, count: int) -> None:
    """Byte by byte, however many rows it comes to have."""
    rows = VectorRows(tmp_path / "v.npy", DIM)
    for number, vector in enumerate(random(count)):
        rows.add(str(number), vector)
    assert rows.finish()
    saved = io.BytesIO()
    np.save(saved, random(count))
    assert (tmp_path / "v.npy").read_bytes() == saved.getvalue()
    assert (len(rows), rows.embedded) == (count, count)


def again(path: Path, names: str, before: str) -> tuple[list[list[float]] | None, int]:
    """The vectors after a build of the pictures `names`, each a letter, where those of `before` were known,
    and how many had to be embedded; None where no file was written."""
    alphabet = dict(zip("abcdefgh", random(8), strict=True))
    rows = VectorRows(path, DIM, (list(before), np.array([alphabet[letter] for letter in before])))
    for letter in names:
        rows.add(letter, None if letter in rows.known else alphabet[letter])
    if not rows.finish():
        assert not path.exists()
        return None, rows.embedded
    written: NDArray[np.float16] = np.load(path)
    assert np.array_equal(written, np.array([alphabet[letter] for letter in names]))
    return written.tolist(), rows.embedded


@pytest.mark.parametrize(
    ("names", "embedded"),
    [
        ("abcde", 1),
        ("abc", 0),
        ("eabcd", 1),
        ("acbd", 0),
        ("abed", 1),
        ("aabcd", 0),
        ("h", 1),
    ],
)
def test_what_is_known_is_taken_from_before(tmp_path: Path, names: str, embedded: int) -> None:
    """One more at the end, one less, one in front, two that changed places, another, one twice, all new."""
    vectors, new = again(tmp_path / "v.npy", names, "abcd")
    assert vectors is not None
    assert new == embedded


def test_the_same_pictures_in_the_same_order_are_not_written(tmp_path: Path) -> None:
    """The file of the version before can be linked; a picture that it has twice changes nothing."""
    assert again(tmp_path / "v.npy", "abcd", "abcd") == (None, 0)
    assert again(tmp_path / "v.npy", "abab", "abab") == (None, 0)


def test_what_is_given_up_is_closed(tmp_path: Path) -> None:
    """A build that fails leaves no file open."""
    rows = VectorRows(tmp_path / "v.npy", DIM)
    rows.add("a", random(1)[0])
    rows.close()
    with pytest.raises(ValueError, match="closed"):
        rows.add("b", random(1)[0])
