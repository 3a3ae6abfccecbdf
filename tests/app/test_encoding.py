"""Many threads, one text tower: what shares a batch, what is remembered, what an error does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from app.encoding import QueryEncoder, Vector
from models.towers import Vectors

PATIENCE = 10.0


class CountingTower:
    """A text's vector points along its length's dimension; every batch is noted.

    The text "hold" waits until `released` is set, and "bad" cannot be encoded.
    """

    id = "counting"
    space = "0000000000000000"
    dim = 8

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.held = threading.Event()
        self.released = threading.Event()
        self.inside = 0
        self.most_inside = 0

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        self.batches.append(list(texts))
        if "hold" in texts:
            self.held.set()
            assert self.released.wait(PATIENCE)
        self.inside -= 1
        if "bad" in texts:
            raise ValueError("a bad text")
        return np.eye(self.dim, dtype=np.float32)[[len(text) % self.dim for text in texts]]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)


class Crowd:
    """Threads that ask while the tower is held; `let_go` gives their outcomes, in their order."""

    def __init__(self, encoder: QueryEncoder, tower: CountingTower) -> None:
        self._encoder = encoder
        self._tower = tower
        self._pool = ThreadPoolExecutor(200)
        self._first = self._pool.submit(encoder.encode, "hold")
        assert tower.held.wait(PATIENCE)

    def ask(self, texts: Sequence[str]) -> list[Future[Vector]]:
        before = len(self._encoder._waiting)
        futures = [self._pool.submit(self._encoder.encode, text) for text in texts]
        wait_until(lambda: len(self._encoder._waiting) == before + len(texts))
        return futures

    def let_go(self) -> None:
        self._tower.released.set()
        self._pool.shutdown(wait=True)
        self._first.result()


@pytest.fixture
def tower() -> CountingTower:
    return CountingTower()


@pytest.fixture
def observed() -> list[int]:
    """Batch sizes, as the metrics are told."""
    return []


@pytest.fixture
def encoder(tower: CountingTower, observed: list[int]) -> QueryEncoder:
    return QueryEncoder(tower, observed.append)


def test_an_idle_tower_encodes_a_query_at_once(encoder: QueryEncoder, tower: CountingTower) -> None:
    """One query, one batch of one: nothing waits for company."""
    started = time.perf_counter()
    vector = encoder.encode("abc")
    assert time.perf_counter() - started < 0.1
    assert vector.tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert tower.batches == [["abc"]]


def test_a_repeated_query_is_remembered(encoder: QueryEncoder, tower: CountingTower) -> None:
    """The tower sees a text once; others are their own texts."""
    first, second = encoder.encode("abc"), encoder.encode("abc")
    encoder.encode("abc ")
    assert np.array_equal(first, second)
    assert tower.batches == [["abc"], ["abc "]]


def test_queries_that_meet_a_busy_tower_share_a_batch(
    encoder: QueryEncoder, tower: CountingTower, observed: list[int]
) -> None:
    """Twenty that wait behind one are encoded together, each gets its own vector."""
    crowd = Crowd(encoder, tower)
    texts = ["x" * length for length in range(1, 21)]
    futures = crowd.ask(texts)
    crowd.let_go()
    assert [int(future.result().argmax()) for future in futures] == [len(text) % 8 for text in texts]
    assert tower.batches[0] == ["hold"]
    assert sorted(tower.batches[1]) == sorted(texts)
    assert observed == [1, 20]


def test_the_tower_is_asked_by_one_thread_at_a_time(encoder: QueryEncoder, tower: CountingTower) -> None:
    """A tower promises no more than that."""
    tower.released.set()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(encoder.encode, [f"{number}" for number in range(400)]))
    assert tower.most_inside == 1
    assert sorted(text for batch in tower.batches for text in batch) == sorted(map(str, range(400)))


def test_a_crowd_is_encoded_in_batches_of_bounded_size(encoder: QueryEncoder, tower: CountingTower) -> None:
    """150 waiting queries do not become one huge batch, and none is forgotten."""
    crowd = Crowd(encoder, tower)
    futures = crowd.ask([f"text {number}" for number in range(150)])
    crowd.let_go()
    assert all(future.result() is not None for future in futures)
    assert [len(batch) for batch in tower.batches] == [1, 64, 64, 22]


def test_an_error_reaches_everyone_who_waits(
    encoder: QueryEncoder, tower: CountingTower, observed: list[int]
) -> None:
    """A batch that fails, fails for all in it, naming the tower; nobody waits for ever."""
    crowd = Crowd(encoder, tower)
    futures = crowd.ask(["good", "bad", "fine"])
    crowd.let_go()
    for future in futures:
        with pytest.raises(RuntimeError, match="counting") as caught:
            future.result()
        assert isinstance(caught.value.__cause__, ValueError)
    assert observed == [1]


def test_the_next_query_after_an_error_works(encoder: QueryEncoder, tower: CountingTower) -> None:
    """An error is not remembered, and leaves nothing locked."""
    for _ in range(2):
        with pytest.raises(RuntimeError):
            encoder.encode("bad")
    assert encoder.encode("ab").argmax() == 2
    assert tower.batches == [["bad"], ["bad"], ["ab"]]
