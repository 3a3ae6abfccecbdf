"""The FAISS index of a version: its type by size, its recall measured; the only import of faiss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 50_000
"""Pictures up to which every vector is compared: 2 ms a query on one core, at 512 dimensions."""
RECALL_AT = 20
LEAST_RECALL = 0.98
_TRAINING_VECTORS_PER_LIST = 64


def _faiss() -> Any:
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

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, queries: NDArray[np.float32], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(queries, count) scores, falling, and rows; rows are -1 where fewer were found.

        Safe to call from several threads.
        """
        scores, rows = self._index.search(np.ascontiguousarray(queries, dtype=np.float32), count)
        return scores, rows

    def write(self, path: Path) -> None:
        try:
            _faiss().write_index(self._index, str(path))
        except RuntimeError as error:
            raise OSError(f"{path.name} could not be written: {error}") from None


def read(path: Path) -> Neighbours:
    return Neighbours(_faiss().read_index(str(path)))


def build(
    vectors: NDArray[np.float16], queries: Callable[[], NDArray[np.float32]]
) -> tuple[Neighbours, dict[str, str | int | float]]:
    """The index of `vectors` (rows, dim), and what the manifest records of it.

    Up to EXACT_UP_TO rows it is exact: the float16 values as stored, all compared. Above, it is an
    inverted file over the same values (Jégou, Douze & Schmid 2011, "Product quantization for nearest
    neighbor search", section IV: the coarse quantiser alone); the number of lists that a search visits
    is doubled until recall@20 against the exact answer, over `queries()` (n, dim), is at least
    LEAST_RECALL. Queries should be of the kind that will be asked: text vectors lie apart from picture
    vectors, and an index tuned on the latter misses more.
    """
    faiss = _faiss()
    rows, dim = vectors.shape
    exact = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    _add(exact, vectors)
    if rows <= EXACT_UP_TO:
        return Neighbours(exact), {"type": "SQfp16", "exact": True}
    lists = int(4 * np.sqrt(rows))
    quantiser = faiss.IndexFlatIP(dim)
    inverted = faiss.IndexIVFScalarQuantizer(
        quantiser, dim, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    inverted.by_residual = False  # the values themselves, as in the exact index, not differences to a centre
    chosen = np.random.default_rng(0).permutation(rows)[: lists * _TRAINING_VECTORS_PER_LIST]
    inverted.train(vectors[np.sort(chosen)].astype(np.float32))
    _add(inverted, vectors)
    asked = queries()
    inverted.nprobe, recall = _tune(inverted, exact, asked, lists)
    return Neighbours(inverted), {
        "type": f"IVF{lists},SQfp16",
        "exact": False,
        "nprobe": int(inverted.nprobe),
        f"recall@{RECALL_AT}": recall,
        "recall_queries": len(asked),
    }


def _add(index: Any, vectors: NDArray[np.float16], rows_at_once: int = 65_536) -> None:
    for start in range(0, len(vectors), rows_at_once):
        index.add(vectors[start : start + rows_at_once].astype(np.float32))


def _tune(inverted: Any, exact: Any, queries: NDArray[np.float32], lists: int) -> tuple[int, float]:
    truth = exact.search(queries, RECALL_AT)[1]
    probes = 8
    while True:
        inverted.nprobe = min(probes, lists)
        found = inverted.search(queries, RECALL_AT)[1]
        pairs = zip(truth, found, strict=True)
        recall = float(np.mean([len(np.intersect1d(one, other)) / RECALL_AT for one, other in pairs]))
        if recall >= LEAST_RECALL or probes >= lists:
            return int(inverted.nprobe), round(recall, 4)
        probes *= 2
