"""An index that one thread alone may touch, for many threads: what waits together is searched together."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_QUERIES_AT_ONCE = 1024

Found = tuple[NDArray[np.float32], NDArray[np.int64]]
"""(queries, count) scores, falling, and rows; rows are -1 where fewer were found."""


class Searchable(Protocol):
    """What finds the rows of the nearest vectors by inner product."""

    def __len__(self) -> int: ...

    def search(self, queries: NDArray[np.float32], count: int) -> Found: ...


@dataclass(frozen=True)
class _Asked:
    queries: NDArray[np.float32]
    count: int
    answer: Future[Found]


_Waiting = queue.SimpleQueue[_Asked | None]  # None: that was all


class BatchedSearch:
    """The index that `open_index` opens, opened and searched by one thread; safe to use from several.

    A query that meets an idle index is searched for at once; those that arrive while it is busy share the
    next search. The index is let go, with its memory, when nobody holds this any more, or at `close`.
    """

    def __init__(self, open_index: Callable[[], Searchable]) -> None:
        """Raises what `open_index` does."""
        self._waiting: _Waiting = queue.SimpleQueue()
        opened: Future[int] = Future()
        # The thread knows the queue, not this object: else nobody could let go of it.
        self._thread = threading.Thread(
            target=_serve, args=(open_index, self._waiting, opened), name="index", daemon=True
        )
        self._thread.start()
        self._end = weakref.finalize(self, self._waiting.put, None)
        self._length = opened.result()

    def __len__(self) -> int:
        return self._length

    def search(self, queries: NDArray[np.float32], count: int) -> Found:
        """Raises what the index does, for all that were searched for together."""
        if not self._end.alive:
            raise RuntimeError("the index is closed")
        answer: Future[Found] = Future()
        self._waiting.put(_Asked(queries, count, answer))
        return answer.result()

    def close(self) -> None:
        """Waits until the index is let go; what was asked before is answered."""
        self._end()
        self._thread.join()


def _serve(open_index: Callable[[], Searchable], waiting: _Waiting, opened: Future[int]) -> None:
    try:
        index = open_index()
        opened.set_result(len(index))
    except BaseException as error:
        opened.set_exception(error)
        return
    for together in _batches(waiting):
        try:
            scores, rows = index.search(
                np.concatenate([one.queries for one in together]), max(one.count for one in together)
            )
        except Exception as error:
            # Whoever waits must hear of it, not wait for ever.
            for one in together:
                one.answer.set_exception(error)
            continue
        start = 0
        for one in together:
            end = start + len(one.queries)
            one.answer.set_result((scores[start:end, : one.count], rows[start:end, : one.count]))
            start = end


def _batches(waiting: _Waiting) -> Iterator[list[_Asked]]:
    """All that waits, up to a limit, as soon as anything does."""
    asked = waiting.get()
    while asked is not None:
        together = [asked]
        queries = len(asked.queries)
        while queries < _QUERIES_AT_ONCE:
            try:
                asked = waiting.get_nowait()
            except queue.Empty:
                break
            if asked is None:
                yield together
                return
            together.append(asked)
            queries += len(asked.queries)
        yield together
        asked = waiting.get()
