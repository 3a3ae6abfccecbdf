"""An index in the hands of one thread: asked by many, searched for several at once, let go in the end."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import ann
from indexer.batching import BatchedSearch, Found, Searchable

DIM, ROWS = 16, 500


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float16]:
    rows = np.random.default_rng(0).standard_normal((ROWS, DIM))
    unit: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float16)


@pytest.fixture(scope="module")
def index(vectors: NDArray[np.float16]) -> ann.Neighbours:
    return ann.build(vectors, lambda: vectors[:1].astype(np.float32), "cpu")[0]


class Watched:
    """A real index that remembers who asked it for how many, and waits at a gate."""

    def __init__(self, index: Searchable) -> None:
        self.index = index
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.sizes: list[int] = []
        self.threads: set[int] = set()

    def __len__(self) -> int:
        return len(self.index)

    def search(self, queries: NDArray[np.float32], count: int) -> Found:
        self.entered.release()
        self.gate.wait()
        self.sizes.append(len(queries))
        self.threads.add(threading.get_ident())
        return self.index.search(queries, count)


def test_many_threads_get_what_the_index_itself_finds(
    index: ann.Neighbours, vectors: NDArray[np.float16]
) -> None:
    """Each gets the rows of its own queries, as many as it asked for, whoever was searched for with it."""
    watched = Watched(index)
    batched = BatchedSearch(lambda: watched)
    assert len(batched) == ROWS
    asked = [(vectors[n : n + 1 + n % 3].astype(np.float32), 1 + n % 7) for n in range(300)]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda one: batched.search(*one), asked))
    for (queries, count), (scores, rows) in zip(asked, found, strict=True):
        expected_scores, expected_rows = index.search(queries, count)
        assert np.array_equal(rows, expected_rows)
        assert np.allclose(scores, expected_scores, atol=1e-6)
    assert len(watched.threads) == 1
    assert threading.get_ident() not in watched.threads
    batched.close()


def test_those_who_wait_share_the_next_search(index: ann.Neighbours, vectors: NDArray[np.float16]) -> None:
    """While one query is searched for, nine more arrive: they are one search."""
    watched = Watched(index)
    batched = BatchedSearch(lambda: watched)
    watched.gate.clear()
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(batched.search, vectors[:1].astype(np.float32), 1)
        watched.entered.acquire()
        others = [pool.submit(batched.search, vectors[n : n + 1].astype(np.float32), 1) for n in range(1, 10)]
        while batched._waiting.qsize() < 9:
            threading.Event().wait(0.001)
        watched.gate.set()
        assert [int(one.result()[1][0, 0]) for one in (first, *others)] == list(range(10))
    assert watched.sizes == [1, 9]
    batched.close()


def test_what_the_index_raises_reaches_all_who_asked(vectors: NDArray[np.float16]) -> None:
    """Nobody waits for ever, and the next query is searched for."""

    class Failing:
        def __len__(self) -> int:
            return 1

        def search(self, queries: NDArray[np.float32], count: int) -> Found:
            raise MemoryError("the GPU is full")

    batched = BatchedSearch(Failing)
    for _ in range(2):
        with pytest.raises(MemoryError):
            batched.search(vectors[:1].astype(np.float32), 1)
    batched.close()


def test_what_opening_raises_is_raised() -> None:
    """There is no object then, and no thread."""
    before = threading.active_count()

    def missing() -> Searchable:
        raise OSError("no such index")

    with pytest.raises(OSError, match="no such index"):
        BatchedSearch(missing)
    assert threading.active_count() == before


def test_the_index_goes_with_the_last_who_held_it(index: ann.Neighbours) -> None:
    """As when a new version is taken up: its memory is free, and its thread has ended."""
    there: list[weakref.ref[Watched]] = []

    def opened() -> Searchable:
        watched = Watched(index)
        there.append(weakref.ref(watched))
        return watched

    batched = BatchedSearch(opened)
    thread = batched._thread
    assert there[0]() is not None
    del batched
    gc.collect()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert there[0]() is None


def test_a_closed_index_says_so(index: ann.Neighbours, vectors: NDArray[np.float16]) -> None:
    """Rather than keep who asks waiting."""
    batched = BatchedSearch(lambda: index)
    batched.close()
    with pytest.raises(RuntimeError, match="closed"):
        batched.search(vectors[:1].astype(np.float32), 1)


def test_without_a_gpu_there_is_no_search_on_one(index: ann.Neighbours, tmp_path: Path) -> None:
    """The error says what is missing and both cures."""
    index.write(tmp_path / "index.faiss")
    if ann.has_gpu():
        pytest.skip("FAISS sees a GPU here")
    with pytest.raises(ann.NoGpu, match=r"vitrine\[gpu\].* VITRINE_INDEX_DEVICE=cpu"):
        ann.read(tmp_path / "index.faiss", "cuda")
