"""Sources → files for the GPU, pictures that the CPU has decoded, and outcomes; by processes, ahead of time.

With threads alone, Python itself is the slowest stage before a GPU: it looks at some thousand pictures a
second, however many cores there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields
from itertools import islice
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.prepare import Bytes, Embedded, Prepared, decode
from indexer.prepare import read as read_source
from indexer.processes import Processes
from indexer.source import Source
from models.jpeg import PlainJpeg, plain_jpeg
from models.preprocessing import LONGEST_SHAPE, Pixels, Preprocessing

CHUNK = 64
"""Pictures that one process reads at a time."""
CHUNKS_AHEAD = 24
BYTES_AHEAD = 1 << 28
"""Of JPEG files: as many are read ahead, and as many wait to be decoded."""


@dataclass(frozen=True, slots=True)
class File:
    """A picture that is not decoded yet; `plain` is what a GPU would decode, None where none should."""

    sha256: str
    data: NDArray[np.uint8]
    plain: PlainJpeg | None


Found = Embedded | Prepared | File


class Reading:
    """Reads and hashes sources, and decodes what is not for a GPU."""

    def __init__(
        self, processes: Processes, preprocessing: Preprocessing, known: Collection[str], *, on_gpu: bool
    ) -> None:
        """`on_gpu`: whether there is a GPU that decodes the rest."""
        self._processes = processes
        self._preprocessing = preprocessing
        self._known = known
        self._on_gpu = on_gpu

    def ahead(self, sources: Iterable[Source]) -> Iterator[list[Found]]:
        """Chunks, in order; as many are read ahead as fit into memory by the size of the last."""
        remaining = iter(sources)
        chunks = iter(lambda: list(islice(remaining, CHUNK)), [])
        waiting: deque[Future[list[Found]]] = deque()
        ahead = 2
        while True:
            for chunk in islice(chunks, max(0, ahead - len(waiting))):
                waiting.append(self._processes.submit(self._read, chunk))
            if not waiting:
                return
            found = waiting.popleft().result()
            ahead = max(2, min(CHUNKS_AHEAD, BYTES_AHEAD // max(1, file_bytes(found))))
            yield found

    def decode(self, files: Sequence[File]) -> list[Prepared | Embedded]:
        """What the CPU makes of them, in their order."""
        parts = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
        decoded = [self._processes.submit(self._decode, part) for part in parts]
        return [outcome for part in decoded for outcome in part.result()]

    def _read(self, chunk: Sequence[Source]) -> list[Found]:
        # The cells of a table are unpacked by the row group, which each process would do for itself.
        in_table = any(source.column for source in chunk)
        places = [_place(source) for source in chunk]
        read, data = _read_files(places) if in_table else self._processes.call(_read_files, places)
        found: list[Found] = []
        by_cpu: dict[int, File] = {}
        start = 0
        for reason, sha256, length, plain in read:
            if reason:
                found.append(Embedded(reason=reason))
            elif sha256 in self._known:
                found.append(Embedded(sha256, known=True))
            else:
                file = File(sha256, data[start : start + length], PlainJpeg(*plain) if plain else None)
                if not (plain and self._on_gpu):
                    by_cpu[len(found)] = file
                found.append(file)
            start += length
        for place, outcome in zip(by_cpu, self._decode([*by_cpu.values()]), strict=True):
            found[place] = outcome
        return found

    def _decode(self, files: Sequence[File]) -> list[Prepared | Embedded]:
        if not files:
            return []
        data = [file.data for file in files]
        reasons, pixels = self._processes.call(_decode_files, data, self._preprocessing)
        rows = iter(pixels)
        return [
            Embedded(reason=reason) if reason else Prepared(file.sha256, next(rows))
            for file, reason in zip(files, reasons, strict=True)
        ]


def file_bytes(found: Iterable[Found]) -> int:
    return sum(len(one.data) for one in found if isinstance(one, File))


_Read = tuple[list[tuple[str, str, int, tuple[int, int, int] | None]], NDArray[np.uint8]]
"""Of each picture the reason why it was not read, its SHA-256, its length, and the members of its PlainJpeg;
then the bytes of all, one picture after the other."""


_place = attrgetter(*(field.name for field in fields(Source)))  # a tuple crosses a pipe twenty times as fast


def _read_files(places: Sequence[tuple[Any, ...]]) -> _Read:
    read: list[tuple[str, str, int, tuple[int, int, int] | None]] = []
    files = []
    for place in places:
        found = read_source(Source(*place))
        if isinstance(found, Embedded):
            read.append((found.reason, "", 0, None))
        else:
            read.append(("", found.sha256, len(found.data), _for_gpu(found.data)))
            files.append(found.data)
    return read, np.frombuffer(bytearray().join(files), np.uint8)


def _for_gpu(file: bytes) -> tuple[int, int, int] | None:
    plain = plain_jpeg(file)
    if plain is None or max(plain.width, plain.height) > LONGEST_SHAPE * min(plain.width, plain.height):
        return None
    return plain.width, plain.height, plain.halved


def _decode_files(
    files: Sequence[NDArray[np.uint8]], preprocessing: Preprocessing
) -> tuple[list[str], Pixels]:
    """Of each file the reason why it is no picture, or ""; and the pixels of those that are, in order."""
    found = [decode(Bytes("", file.tobytes()), preprocessing) for file in files]
    squares = [one.pixels for one in found if isinstance(one, Prepared)]
    size = preprocessing.size
    return (
        [one.reason if isinstance(one, Embedded) else "" for one in found],
        np.stack(squares) if squares else np.empty((0, size, size, 3), np.uint8),
    )
