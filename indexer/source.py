"""Where a picture's bytes are: a file, a span of a tar, or a cell of a Parquet table."""

import os
import stat
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import Any

# Who reads files alone, in a process of its own, should not wait for pyarrow.
# ruff: noqa: PLC0415


class SourceGone(Exception):
    """The bytes are no longer where the catalogue had them; one line: what was looked for, what is wrong."""


class TooLarge(ValueError):
    """A picture has more bytes than its reader allows."""


@dataclass(frozen=True, slots=True)
class Source:
    """A whole file (the default), `length` bytes from `offset` of one, or a cell of a Parquet table:
    `column` (a dotted path into a struct) at `row` of `row_group`, counted from 0."""

    file: str  # absolute, links resolved
    offset: int = -1
    length: int = -1
    row_group: int = -1
    row: int = -1
    column: str = ""

    @property
    def name(self) -> str:
        """Short, for logs and quarantine; without the folder."""
        file = PurePath(self.file).name
        if self.column:
            return f"{file}@{self.row_group}/{self.row}"
        return f"{file}@{self.offset}" if self.offset >= 0 else file

    def read(self, limit: int) -> bytes:
        """All bytes. More than `limit` raise TooLarge, before a file is read; missing ones SourceGone."""
        return self._read_cell(limit) if self.column else self._read_span(limit)

    def _read_span(self, limit: int) -> bytes:
        descriptor, there = self._open()
        try:
            start, length = (self.offset, self.length) if self.offset >= 0 else (0, there)
            self._check(length, limit)
            if start + length > there:
                raise SourceGone(f"{self.name} ends at byte {start + length:,}, the file has {there:,}")
            content = os.pread(descriptor, length, start)
        finally:
            os.close(descriptor)
        if len(content) < length:
            raise SourceGone(f"{self.name} was cut to {len(content):,} of {length:,} bytes while it was read")
        return content

    def _open(self) -> tuple[int, int]:
        """A descriptor, to be closed, and the number of bytes."""
        # Links were resolved when the catalogue was read, so one found now was put there since;
        # without O_NONBLOCK a named pipe in the file's place would hang the reader.
        try:
            descriptor = os.open(self.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise SourceGone(f"{self.name} cannot be opened: {error.strerror}") from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise SourceGone(f"{self.name} is no longer a file")
        return descriptor, status.st_size

    def _read_cell(self, limit: int) -> bytes:
        import pyarrow as pa

        try:
            status = os.stat(self.file)
            # One reader at a time: several that miss the cache at once would each decode the row group.
            with _cells_lock:
                cells = _cells(self.file, status.st_mtime_ns, status.st_size, self.row_group, self.column)
            cell = cells[self.row]
            if not cell.is_valid:
                raise SourceGone(f"{self.name} is an empty cell")
            buffer = cell.as_buffer()
        except (OSError, pa.ArrowException, LookupError, AttributeError) as error:
            raise SourceGone(f"{self.name} is not in column {self.column}: {_first_line(error)}") from error
        self._check(buffer.size, limit)
        return bytes(buffer.to_pybytes())

    def _check(self, length: int, limit: int) -> None:
        if length > limit:
            raise TooLarge(f"{self.name} has {length:,} bytes, the limit is {limit:,}")


_cells_lock = threading.Lock()


@lru_cache(maxsize=2)
def _cells(file: str, mtime: int, size: int, row_group: int, column: str) -> Any:
    """The binary cells of one column in one row group; `mtime` and `size` tell a replaced file apart.

    Two are kept: pictures are read in order, by threads that may stand on either side of a boundary."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    # Not memory-mapped: a file replaced under a map would end the process. One thread: safe after a fork.
    with pq.ParquetFile(file) as table:
        if not 0 <= row_group < table.num_row_groups:
            raise IndexError(f"it has {table.num_row_groups} row groups")
        cells = table.read_row_group(row_group, columns=[column], use_threads=False).column(0)
    while pa.types.is_struct(cells.type):
        cells = pc.struct_field(cells, 0)  # only the asked leaf was read, so the first child leads to it
    return cells


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
