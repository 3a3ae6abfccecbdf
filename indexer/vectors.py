"""vectors.npy of a version that is being built, written row by row: memory does not grow with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

_DTYPE = np.dtype("<f2")
_ROWS_AT_ONCE = 65_536


class VectorRows:
    """The vectors of pictures, in the order in which they are added, and the SHA-256 of each.

    As long as the pictures are those of the version before, in its order, nothing is written: if they turn
    out to be all of them, its file can be linked.
    """

    def __init__(
        self, path: Path, dim: int, before: tuple[Sequence[str], NDArray[np.float16]] | None = None
    ) -> None:
        """`before` holds the SHA-256 of each picture of that version, and their vectors (pictures, dim)."""
        self.hashes: list[str] = []
        self._path = path
        self._dim = dim
        self._hashes_before, self._before = before or ((), np.empty((0, dim), _DTYPE))
        self.known = {sha256: row for row, sha256 in enumerate(self._hashes_before)}
        """SHA-256 → the row of the version before that has it."""
        self.embedded = 0
        """How many were added with a vector of their own."""
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return len(self.hashes)

    def add(self, sha256: str, vector: NDArray[np.float16] | None = None) -> None:
        """`vector` (dim,); of a picture that is known it is left out."""
        row = len(self.hashes)
        self.hashes.append(sha256)
        self.embedded += vector is not None
        if self._file is None:
            if row < len(self._hashes_before) and self._hashes_before[row] == sha256:
                return
            self._file = self._begin(row)
        self._file.write((self._before[self.known[sha256]] if vector is None else vector).tobytes())

    def finish(self) -> bool:
        """Completes the file; False where none was written, for the version before has the very same one."""
        if self._file is None:
            if len(self.hashes) == len(self._hashes_before):
                return False
            self._file = self._begin(len(self.hashes))
        self._file.seek(0)
        self._write_header(self._file)
        self.close()
        return True

    def close(self) -> None:
        """Gives the file up as it is."""
        if self._file is not None:
            self._file.close()

    def _begin(self, unchanged: int) -> IO[bytes]:
        file = self._path.open("wb", buffering=1 << 20)
        self._write_header(file)
        for start in range(0, unchanged, _ROWS_AT_ONCE):
            file.write(self._before[start : min(unchanged, start + _ROWS_AT_ONCE)].tobytes())
        return file

    def _write_header(self, file: IO[bytes]) -> None:
        """Its length is the same for every number of rows: NumPy leaves room for it to grow."""
        shape = (len(self.hashes), self._dim)
        header = {"descr": _DTYPE.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
