"""The FAISS index: exact where it is small, and where it is not, as good as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import ann

CENTRES, ROWS, DIM = 60, 4_000, 64


@pytest.fixture(scope="module")
def clustered() -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """4,000 unit vectors around 60 centres, as a shop's pictures lie around its kinds; and 100 queries that
    lie apart from them all, as texts do from pictures."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(CENTRES, DIM))
    apart = random.normal(size=DIM) * 2

    def near(count: int, shift: NDArray[np.float64] | float) -> NDArray[np.float64]:
        points = centres[random.integers(0, CENTRES, count)] + random.normal(size=(count, DIM)) * 0.5 + shift
        normal: NDArray[np.float64] = points / np.linalg.norm(points, axis=1, keepdims=True)
        return normal

    return near(ROWS, 0).astype(np.float16), near(100, apart).astype(np.float32)


def nearest(
    vectors: NDArray[np.float16], queries: NDArray[np.float32], count: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores and rows of the nearest vectors, by comparing them all."""
    scores = queries @ vectors.astype(np.float32).T
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(scores, rows, axis=1), rows


def recall(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    pairs = zip(found, truth, strict=True)
    return float(np.mean([len(set(one) & set(other)) / len(other) for one, other in pairs]))


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above 50,000 vectors a build takes a minute; the same code meets the same question above 2,000."""
    monkeypatch.setattr(ann, "EXACT_UP_TO", 2_000)


def test_a_small_index_is_exact(clustered: tuple[NDArray[np.float16], NDArray[np.float32]]) -> None:
    """Up to the limit every vector is compared, as it is stored, and the manifest says so."""
    vectors, queries = clustered
    neighbours, description = ann.build(vectors, lambda: queries)
    assert description == {"type": "SQfp16", "exact": True}
    assert len(neighbours) == ROWS
    scores, rows = neighbours.search(queries, 20)
    expected_scores, expected_rows = nearest(vectors, queries, 20)
    assert np.allclose(scores, expected_scores, atol=1e-5)
    assert recall(rows, expected_rows) > 0.999  # of two scores that differ by rounding alone, either may come


def test_the_limit_itself_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 vectors at a limit of 100 all are compared."""
    monkeypatch.setattr(ann, "EXACT_UP_TO", 100)
    vectors = np.eye(100, 104, dtype=np.float16)
    assert ann.build(vectors, lambda: vectors[:5].astype(np.float32))[1]["exact"] is True


@pytest.mark.usefixtures("small_limit")
def test_a_large_index_has_the_recall_that_it_records(
    clustered: tuple[NDArray[np.float16], NDArray[np.float32]],
) -> None:
    """Above the limit it is an inverted file; its recall@20 is at least 0.98, and the one in the manifest is
    what comparing everything confirms."""
    vectors, queries = clustered
    neighbours, description = ann.build(vectors, lambda: queries)
    lists = int(4 * np.sqrt(ROWS))
    assert description["type"] == f"IVF{lists},SQfp16"
    assert description["exact"] is False
    assert description["recall_queries"] == len(queries)
    found = recall(neighbours.search(queries, 20)[1], nearest(vectors, queries, 20)[1])
    assert found >= 0.98
    assert description["recall@20"] == pytest.approx(found, abs=0.002)


@pytest.mark.usefixtures("small_limit")
def test_a_large_index_visits_more_lists_where_it_must() -> None:
    """Vectors without any structure are the worst case: nearly all lists are visited, and recall is kept."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(2_500, 64)).astype(np.float16)
    queries = random.normal(size=(50, 64)).astype(np.float32)
    _, description = ann.build(vectors, lambda: queries)
    assert int(description["nprobe"]) > 8
    assert float(description["recall@20"]) >= 0.98


@pytest.mark.usefixtures("small_limit")
def test_a_large_index_finds_each_of_its_vectors(
    clustered: tuple[NDArray[np.float16], NDArray[np.float32]],
) -> None:
    """Asked for a vector that it holds, its first row is that one, with the cosine 1."""
    vectors, queries = clustered
    neighbours, _ = ann.build(vectors, lambda: queries)
    scores, rows = neighbours.search(vectors[::100].astype(np.float32), 1)
    assert rows[:, 0].tolist() == list(range(0, ROWS, 100))
    assert np.allclose(scores, 1, atol=2e-3)


@pytest.mark.parametrize("limit", [2_000, 50_000])
def test_it_is_read_as_it_was_written(
    limit: int,
    clustered: tuple[NDArray[np.float16], NDArray[np.float32]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of either type, the file answers as the index in memory did, number of visited lists included."""
    monkeypatch.setattr(ann, "EXACT_UP_TO", limit)
    vectors, queries = clustered
    neighbours, _ = ann.build(vectors, lambda: queries)
    neighbours.write(tmp_path / "index.faiss")
    again = ann.read(tmp_path / "index.faiss")
    assert len(again) == ROWS
    (scores, rows), (scores_again, rows_again) = neighbours.search(queries, 20), again.search(queries, 20)
    assert np.array_equal(scores, scores_again)
    assert np.array_equal(rows, rows_again)


@pytest.mark.parametrize("limit", [2_000, 50_000])
@pytest.mark.parametrize("share", [0.002, 0.05, 0.9])
def test_only_passing_rows_are_found(
    limit: int,
    share: float,
    clustered: tuple[NDArray[np.float16], NDArray[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of either type an index compares fewer than LEAST_COMPARED passing rows exactly, and says where there
    are no more of them."""
    monkeypatch.setattr(ann, "EXACT_UP_TO", limit)
    vectors, queries = clustered
    neighbours, _ = ann.build(vectors, lambda: queries)
    passing = np.random.default_rng(1).random(ROWS) < share
    expected, _ = nearest(vectors[passing], queries, 20)
    there = expected.shape[1]
    for query, best in zip(queries, expected, strict=True):
        scores, rows = neighbours.search_ring(query, 20, neighbours.rings(query, passing)[0], passing)
        assert passing[rows[0, :there]].all()
        assert np.allclose(scores[0, :there], best, atol=1e-5)
        assert (rows[0, there:] == -1).all()
    nothing = np.zeros(ROWS, bool)
    assert (neighbours.search_ring(query, 20, neighbours.rings(query, nothing)[0], nothing)[1] == -1).all()


@pytest.fixture
def few_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inverted file of 4,000 vectors that a search among some rows does not visit whole."""
    monkeypatch.setattr(ann, "EXACT_UP_TO", 2_000)
    monkeypatch.setattr(ann, "LEAST_COMPARED", 200)


@pytest.mark.usefixtures("few_compared")
@pytest.mark.parametrize("kind", ["any half", "any tenth", "the other side"])
def test_among_many_passing_rows_recall_is_kept(
    kind: str, clustered: tuple[NDArray[np.float16], NDArray[np.float32]]
) -> None:
    """0.98 and more, even where all that passes lies across a plane, so that the lists around the query hold
    little of it."""
    vectors, queries = clustered
    neighbours, _ = ann.build(vectors, lambda: queries)
    random = np.random.default_rng(1)
    chance, plane = random.random(ROWS), random.normal(size=DIM)
    recalls = []
    for query in queries:
        across = (vectors @ plane > 0) != (query @ plane > 0)
        passing = {"any half": chance < 0.5, "any tenth": chance < 0.1, "the other side": across}[kind]
        found = neighbours.search_ring(query, 20, neighbours.rings(query, passing)[0], passing)[1]
        scores = vectors.astype(np.float32) @ query
        truth = np.argsort(np.where(passing, -scores, 2), kind="stable")[None, :20]
        assert passing[found].all()
        recalls.append(recall(found, truth))
    assert np.mean(recalls) >= 0.98


@pytest.mark.usefixtures("few_compared")
@pytest.mark.parametrize("share", [None, 0.5])
def test_the_rings_around_a_query_hold_every_row_once(
    share: float | None, clustered: tuple[NDArray[np.float16], NDArray[np.float32]]
) -> None:
    """However few lists are visited for twenty: with a filter and without one. A ring begins where the one
    before it ends."""
    vectors, queries = clustered
    neighbours, _ = ann.build(vectors, lambda: queries)
    passing = None if share is None else np.random.default_rng(1).random(ROWS) < share
    for query in queries[:5]:
        rings = neighbours.rings(query, passing)
        assert len(rings) > 1
        found = [neighbours.search_ring(query, ROWS, ring, passing)[1][0] for ring in rings]
        rows = np.concatenate(found)
        everything = np.arange(ROWS) if passing is None else np.flatnonzero(passing)
        assert np.array_equal(np.sort(rows[rows >= 0]), everything)


def test_fewer_vectors_than_asked_for() -> None:
    """Two vectors fill two of three places, best first; the third row is -1."""
    vectors = np.eye(2, 8, dtype=np.float16)
    neighbours, _ = ann.build(vectors, lambda: vectors.astype(np.float32))
    scores, rows = neighbours.search(np.eye(1, 8, 1, dtype=np.float32), 3)
    assert rows.tolist() == [[1, 0, -1]]
    assert scores[0, :2].tolist() == [1, 0]


def test_the_same_build_gives_the_same_file(
    clustered: tuple[NDArray[np.float16], NDArray[np.float32]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The choice of training vectors is seeded, so two builds of one catalogue can be compared by hash."""
    monkeypatch.setattr(ann, "EXACT_UP_TO", 2_000)
    for name in ("a", "b"):
        ann.build(clustered[0], lambda: clustered[1])[0].write(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
