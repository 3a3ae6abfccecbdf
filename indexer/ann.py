"""The FAISS index of a version: its type by size, its recall measured; the only import of faiss."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from indexer.batching import BatchedSearch, Found
from models.towers import Device

SearchDevice = Literal["cpu", "cuda"]
Rows = NDArray[np.bool_]
"""(rows,) of each row, whether it is meant."""

EXACT_UP_TO = 50_000
"""Pictures up to which every vector is compared: 2 ms a query on one core, at 512 dimensions."""
RECALL_AT = 20
LEAST_RECALL = 0.98
LEAST_COMPARED = 2_500
"""Rows that a search among some rows compares at least: of so many, none is left out."""
_TRAINING_VECTORS_PER_LIST = 64
_ROWS_AT_ONCE = 65_536
_BYTES_ON_GPU = 4 << 30
"""Of vectors, while an index is filled: a larger one is filled in parts."""
_GPU_WORKSPACE = 256 << 20
_MOST_ON_GPU = 2_048
"""Rows that a GPU finds for a query, and lists that it visits: more are left to the CPU."""


class NoGpu(RuntimeError):
    """A search on the GPU was asked for, and there is none, or no FAISS for it; the message says the cure."""


def _faiss() -> Any:
    # FAISS for GPUs finds CUDA's libraries where torch has loaded its own before.
    import torch  # noqa: F401, PLC0415

    try:
        import faiss  # noqa: PLC0415 - the error below is for who lacks it, not for who never searches
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "FAISS is not installed: pip install 'vitrine[cpu]', or 'vitrine[gpu]' beside CUDA (not both)"
        ) from None
    return faiss


class Neighbours:
    """Finds the rows of the nearest vectors by inner product, which for unit vectors is the cosine."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self._list_of = _lists(index) if isinstance(index, _faiss().IndexIVF) else None

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, queries: NDArray[np.float32], count: int) -> Found:
        """(queries, count) scores, falling, and rows; rows are -1 where fewer were found: an inverted file
        visits its first ring alone.

        Safe to call from several threads.
        """
        scores, rows = self._index.search(np.ascontiguousarray(queries, dtype=np.float32), count)
        return scores, rows

    def rings(self, query: NDArray[np.float32], passing: Rows | None = None) -> list[range]:
        """In which order an inverted file is to be visited for `query` (dim,): ranges of its lists, the
        nearest first, each four times as far as the one before. Exact indexes are one ring.

        The first is what a search of all visits. Where only the rows that are `passing` (rows,) count, it is
        as many lists as hold LEAST_COMPARED of them, or twice as many as a search of all compares: so few
        rows are searched exactly, and many with no less recall, even where all of them lie far from the
        query.
        """
        if self._list_of is None:
            return [range(1)]
        lists = int(self._index.nlist)
        end = int(self._index.nprobe) if passing is None else self._visited(query, self._list_of, passing)
        ends = [end]
        while ends[-1] < lists:
            ends.append(min(4 * ends[-1], lists))
        return [range(start, end) for start, end in itertools.pairwise([0, *ends])]

    def search_ring(
        self, query: NDArray[np.float32], count: int, ring: range, passing: Rows | None = None
    ) -> Found:
        """The same as `search` for one query, of the rows that are `passing` in the lists of `ring`."""
        if ring.start > 0:
            passing = self._beyond(query, ring.start) & (True if passing is None else passing)
        if passing is None:
            return self.search(query[None], count)
        faiss = _faiss()
        selector = faiss.IDSelectorBitmap(np.packbits(passing, bitorder="little"))
        if self._list_of is None:
            parameters = faiss.SearchParameters(sel=selector)
        else:
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=ring.stop)
        scores, rows = self._index.search(query[None], count, params=parameters)
        return scores, rows

    def _visited(self, query: NDArray[np.float32], list_of: NDArray[np.int32], passing: Rows) -> int:
        """How many of a query's nearest lists hold as many passing rows as are to be compared."""
        lists = int(self._index.nlist)
        held = np.bincount(list_of, weights=passing, minlength=lists)
        unfiltered = self._index.nprobe * len(self) / lists
        short = np.cumsum(held[self._nearest_lists(query)]) < max(LEAST_COMPARED, 2 * unfiltered)
        return min(int(short.sum()) + 1, lists)

    def _beyond(self, query: NDArray[np.float32], start: int) -> Rows:
        """The rows outside of the `start` lists nearest to the query."""
        outside = np.ones(int(self._index.nlist), dtype=np.bool_)
        outside[self._nearest_lists(query)[:start]] = False
        rows: Rows = outside[self._list_of]
        return rows

    def _nearest_lists(self, query: NDArray[np.float32]) -> NDArray[np.int64]:
        nearest: NDArray[np.int64] = self._index.quantizer.search(query[None], int(self._index.nlist))[1][0]
        return nearest

    def write(self, path: Path) -> None:
        try:
            _faiss().write_index(self._index, str(path))
        except RuntimeError as error:
            raise OSError(f"{path.name} could not be written: {error}") from None


class GpuNeighbours:
    """The same, by a copy in the memory of the first GPU; safe to use from several threads.

    The copy goes when nobody holds this any more. Scores are those of the CPU, to the rounding of float16.
    """

    def __init__(self, index: Any) -> None:
        self._on_cpu = Neighbours(index)
        self._on_gpu = BatchedSearch(lambda: Neighbours(_copied_to_gpu(index)))
        self._most = _MOST_ON_GPU if getattr(index, "nprobe", 1) <= _MOST_ON_GPU else 0

    def __len__(self) -> int:
        return len(self._on_cpu)

    def search(self, queries: NDArray[np.float32], count: int) -> Found:
        return (self._on_gpu if count <= self._most else self._on_cpu).search(queries, count)

    def rings(self, query: NDArray[np.float32], passing: Rows | None = None) -> list[range]:
        return self._on_cpu.rings(query, passing)

    def search_ring(
        self, query: NDArray[np.float32], count: int, ring: range, passing: Rows | None = None
    ) -> Found:
        """Of some rows by the CPU, as FAISS selects none in an inverted file on a GPU."""
        if passing is None and ring.start == 0:
            return self.search(query[None], count)
        return self._on_cpu.search_ring(query, count, ring, passing)


def read(path: Path, device: SearchDevice = "cpu") -> Neighbours | GpuNeighbours:
    """Raises NoGpu where `device` is "cuda" and FAISS has none."""
    if device == "cuda":
        require_gpu()
    index = _faiss().read_index(str(path))
    return Neighbours(index) if device == "cpu" else GpuNeighbours(index)


def has_gpu() -> bool:
    return bool(_faiss().get_num_gpus())


def require_gpu() -> None:
    """Raises NoGpu where FAISS has none."""
    if not has_gpu():
        raise NoGpu(
            "the index is to be searched on a GPU, and FAISS sees none: on a host with CUDA install "
            "'vitrine[gpu]' in place of 'vitrine[cpu]', or set VITRINE_INDEX_DEVICE=cpu"
        )


def _lists(inverted: Any) -> NDArray[np.int32]:
    """(rows,) the list that each row is in."""
    list_of = np.empty(inverted.ntotal, dtype=np.int32)
    for one in range(inverted.nlist):
        ids, length = inverted.invlists.get_ids(one), inverted.invlists.list_size(one)
        list_of[_faiss().rev_swig_ptr(ids, length)] = one
    return list_of


def build(
    vectors: NDArray[np.float16], queries: Callable[[], NDArray[np.float32]], device: Device = "auto"
) -> tuple[Neighbours, dict[str, str | int | float]]:
    """The index of `vectors` (rows, dim), and what the manifest records of it.

    Up to EXACT_UP_TO rows it is exact: the float16 values as stored, all compared. Above, it is an
    inverted file over the same values (Jégou, Douze & Schmid 2011, "Product quantization for nearest
    neighbor search", section IV: the coarse quantiser alone); the number of lists that a search visits
    is doubled until recall@20 against the exact answer, over `queries()` (n, dim), is at least
    LEAST_RECALL. Queries should be of the kind that will be asked: text vectors lie apart from picture
    vectors, and an index tuned on the latter misses more.

    A large one is built on the GPU where FAISS has one, unless `device` is "cpu"; any host can serve it.
    """
    faiss = _faiss()
    rows, dim = vectors.shape
    if rows <= EXACT_UP_TO:
        exact = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        for _, block in _blocks(vectors):
            exact.add(block)
        return Neighbours(exact), {"type": "SQfp16", "exact": True}
    lists = int(4 * np.sqrt(rows))
    quantiser = faiss.IndexFlatIP(dim)
    inverted = faiss.IndexIVFScalarQuantizer(
        quantiser, dim, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    inverted.by_residual = False  # the values themselves, as in the exact index, not differences to a centre
    chosen = np.random.default_rng(0).permutation(rows)[: lists * _TRAINING_VECTORS_PER_LIST]
    training = vectors[np.sort(chosen)].astype(np.float32)
    on_gpu = device != "cpu" and has_gpu()
    if on_gpu:
        inverted = _filled_on_gpu(inverted, training, vectors)
    else:
        inverted.train(training)
        for _, block in _blocks(vectors):
            inverted.add(block)
    asked = queries()
    inverted.nprobe, recall = _tune(inverted, _nearest(vectors, asked, on_gpu), asked, lists)
    return Neighbours(inverted), {
        "type": f"IVF{lists},SQfp16",
        "exact": False,
        "nprobe": int(inverted.nprobe),
        f"recall@{RECALL_AT}": recall,
        "recall_queries": len(asked),
    }


def _blocks(
    vectors: NDArray[np.float16], first: int = 0, end: int | None = None
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Some rows at a time, and where they begin: in float32 all would take twice the memory."""
    end = len(vectors) if end is None else min(end, len(vectors))
    for start in range(first, end, _ROWS_AT_ONCE):
        yield start, vectors[start : min(end, start + _ROWS_AT_ONCE)].astype(np.float32)


def _gpu() -> Any:
    """What indexes on the GPU share, for one thread."""
    resources = _faiss().StandardGpuResources()
    resources.setTempMemory(_GPU_WORKSPACE)
    return resources


def _filled_on_gpu(empty: Any, training: NDArray[np.float32], vectors: NDArray[np.float16]) -> Any:
    """An inverted file like `empty`, trained and filled there, in the memory of the CPU."""
    faiss = _faiss()
    on_gpu = faiss.index_cpu_to_gpu(_gpu(), 0, empty)
    on_gpu.train(training)
    filled = None
    rows_at_once = _BYTES_ON_GPU // (2 * vectors.shape[1])
    for first in range(0, len(vectors), rows_at_once):
        for start, block in _blocks(vectors, first, first + rows_at_once):
            on_gpu.add_with_ids(block, np.arange(start, start + len(block)))
        part = faiss.index_gpu_to_cpu(on_gpu)
        if filled is None:
            filled = part
        else:
            filled.merge_from(part, 0)
        on_gpu.reset()
    return filled


def _copied_to_gpu(index: Any) -> Any:
    faiss = _faiss()
    if isinstance(index, faiss.IndexIVF):
        return faiss.index_cpu_to_gpu(_gpu(), 0, index)
    config = faiss.GpuIndexFlatConfig()
    config.useFloat16 = True
    exact = faiss.GpuIndexFlatIP(_gpu(), index.d, config)
    for start in range(0, index.ntotal, _ROWS_AT_ONCE):
        exact.add(index.reconstruct_n(start, min(_ROWS_AT_ONCE, index.ntotal - start)))
    return exact


def _nearest(vectors: NDArray[np.float16], queries: NDArray[np.float32], on_gpu: bool) -> NDArray[np.int64]:
    """(queries, RECALL_AT) the rows of the nearest of all vectors."""
    faiss = _faiss()
    resources = _gpu() if on_gpu else None
    best = faiss.ResultHeap(len(queries), RECALL_AT, keep_max=True)
    for start, block in _blocks(vectors):
        count = min(RECALL_AT, len(block))
        if resources is None:
            scores, rows = faiss.knn(queries, block, count, faiss.METRIC_INNER_PRODUCT)
        else:
            scores, rows = faiss.knn_gpu(resources, queries, block, count, metric=faiss.METRIC_INNER_PRODUCT)
        best.add_result(scores, rows + start)
    best.finalize()
    nearest: NDArray[np.int64] = best.I
    return nearest


def _tune(
    inverted: Any, truth: NDArray[np.int64], queries: NDArray[np.float32], lists: int
) -> tuple[int, float]:
    probes = 8
    while True:
        inverted.nprobe = min(probes, lists)
        found = inverted.search(queries, RECALL_AT)[1]
        pairs = zip(truth, found, strict=True)
        recall = float(np.mean([len(np.intersect1d(one, other)) / RECALL_AT for one, other in pairs]))
        if recall >= LEAST_RECALL or probes >= lists:
            return int(inverted.nprobe), round(recall, 4)
        probes *= 2
