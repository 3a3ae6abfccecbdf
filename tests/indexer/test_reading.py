"""Sources read ahead by processes: in order, whatever they are, and no more of them than memory holds."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from indexer import reading
from indexer.prepare import Embedded, Prepared
from indexer.processes import Processes
from indexer.reading import CHUNK, File, Reading
from indexer.source import Source
from models.preprocessing import Preprocessing

SQUARE = Preprocessing(8, "letterbox", "bicubic", mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes(2) as several:
        yield several


def picture(kind: str, grey: int = 0, size: tuple[int, int] = (20, 10)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (grey,) * 3).save(file, kind)
    return file.getvalue()


def test_a_jpeg_is_left_to_the_gpu_and_the_rest_is_decoded(tmp_path: Path, processes: Processes) -> None:
    """A JPEG comes with its bytes and what is known of it; a PNG, and a JPEG much longer than high, as the
    tower takes it; what cannot be read or decoded as the reason."""
    files = [
        picture("JPEG"),
        picture("PNG", 7),
        picture("JPEG", size=(900, 9)),
        b"no picture",
    ]
    for number, data in enumerate(files):
        (tmp_path / str(number)).write_bytes(data)
    sources = [Source(str(tmp_path / str(number))) for number in range(5)]
    ((jpeg, png, line, damaged, gone),) = Reading(processes, SQUARE, (), on_gpu=True).ahead(sources)
    assert isinstance(jpeg, File)
    assert jpeg.data.tobytes() == files[0]
    assert jpeg.sha256 == hashlib.sha256(files[0]).hexdigest()
    assert jpeg.plain is not None
    assert (jpeg.plain.width, jpeg.plain.height, jpeg.plain.halved) == (20, 10, 3)
    assert isinstance(png, Prepared)
    assert png.pixels[4].tolist() == [[7] * 3] * 8
    assert isinstance(line, Prepared)
    assert isinstance(damaged, Embedded)
    assert "none of JPEG" in damaged.reason
    assert isinstance(gone, Embedded)
    assert "cannot be opened" in gone.reason
    ((alone, *_),) = Reading(processes, SQUARE, (), on_gpu=False).ahead(sources[:1])
    assert isinstance(alone, Prepared)


def test_cells_of_a_table_are_read_too(tmp_path: Path, processes: Processes) -> None:
    """Some sources of a chunk are files, some cells: each is what it is, in its place."""
    pq.write_table(pa.table({"image": [picture("PNG", grey) for grey in range(4)]}), tmp_path / "t.parquet")
    (tmp_path / "a.png").write_bytes(picture("PNG", 9))
    cells = [Source(str(tmp_path / "t.parquet"), row_group=0, row=row, column="image") for row in range(4)]
    sources = [*cells[:2], Source(str(tmp_path / "a.png")), *cells[2:]]
    (found,) = Reading(processes, SQUARE, (), on_gpu=True).ahead(sources)
    greys = [int(one.pixels[4, 4, 0]) for one in found if isinstance(one, Prepared)]
    assert greys == [0, 1, 9, 2, 3]


def test_what_is_known_is_not_decoded(tmp_path: Path, processes: Processes) -> None:
    """It comes as known, damaged or not."""
    (tmp_path / "a.png").write_bytes(b"whatever it is")
    known = {hashlib.sha256(b"whatever it is").hexdigest()}
    ((one,),) = Reading(processes, SQUARE, known, on_gpu=True).ahead([Source(str(tmp_path / "a.png"))])
    assert one == Embedded(next(iter(known)), known=True)


def test_large_files_are_not_all_read_ahead(
    tmp_path: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of more bytes than are to be held are read two at a time; small ones, many."""
    (tmp_path / "a.jpg").write_bytes(picture("JPEG"))
    taken = 0

    def sources() -> Iterator[Source]:
        nonlocal taken
        for _ in range(100 * CHUNK):
            taken += 1
            yield Source(str(tmp_path / "a.jpg"))

    monkeypatch.setattr(reading, "BYTES_AHEAD", 1_000)
    chunks = Reading(processes, SQUARE, (), on_gpu=True).ahead(sources())
    for _ in range(5):
        next(chunks)
    assert taken <= 7 * CHUNK
    monkeypatch.setattr(reading, "BYTES_AHEAD", 1 << 28)
    for _ in range(5):
        next(chunks)
    assert taken >= 30 * CHUNK


def test_files_of_a_later_moment_are_decoded_in_their_order(tmp_path: Path, processes: Processes) -> None:
    """As those that a GPU has rejected: more than a chunk of them, one of them no picture."""
    greys = np.arange(CHUNK + 9) % 200
    files = [
        File(str(n), np.frombuffer(picture("PNG", int(grey)), np.uint8), None) for n, grey in enumerate(greys)
    ]
    files[3] = File("3", np.zeros(5, np.uint8), None)
    decoded = Reading(processes, SQUARE, (), on_gpu=True).decode(files)
    assert isinstance(decoded[3], Embedded)
    assert [int(one.pixels[4, 4, 0]) for one in decoded if isinstance(one, Prepared)] == [
        grey for n, grey in enumerate(greys.tolist()) if n != 3
    ]
