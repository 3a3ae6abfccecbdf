"""Parquet tables with paths, bytes, or both."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.items import CatalogueError
from indexer.parquet import read_parquet
from indexer.source import Source


def table_file(folder: Path, table: pa.Table) -> Path:
    file = folder / "t.parquet"
    pq.write_table(table, file, row_group_size=2)
    return file


def test_hugging_face_pictures_are_cells_or_paths(tmp_path: Path) -> None:
    """Bytes win, a path is what a cell without bytes falls back on, and a blank cell is None."""
    images = [
        {"bytes": b"a", "path": "a.jpg"},
        {"bytes": None, "path": "b.jpg"},
        None,
        {"bytes": b"d", "path": None},
    ]
    file = table_file(tmp_path, pa.table({"id": list("abcd"), "image": images}))
    cells = read_parquet(file).columns["image"]
    assert cells[1:3] == ["b.jpg", None]
    assert [cell.read(10) for cell in (cells[0], cells[3])] == [b"a", b"d"]
    assert cells[3] == Source(str(file.resolve()), row_group=1, row=1, column="image.bytes")


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_a_plain_binary_column_holds_pictures(tmp_path: Path, kind: pa.DataType) -> None:
    """Each row's bytes are found in its row group; a dot in the column's name is no struct."""
    images = pa.array([b"a", b"b", b"c"], kind)
    table = read_parquet(table_file(tmp_path, pa.table({"id": [1, 2, 3], "g:image": images})))
    assert [cell.read(10) for cell in table.columns["image"]] == [b"a", b"b", b"c"]


def test_paths_and_lists_of_paths(tmp_path: Path) -> None:
    """Text, dictionary-coded text and lists of text are names of pictures."""
    for images in (
        pa.array(["a", "b"]),
        pa.array(["a", "b"]).dictionary_encode(),
        pa.array([["a", "b"], ["c"]]),
    ):
        table = read_parquet(table_file(tmp_path, pa.table({"id": [1, 2], "images": images})))
        assert table.columns["images"] == images.to_pylist()


def test_arrow_types_become_plain_values(tmp_path: Path) -> None:
    """Times are ISO text, decimals numbers, nested values JSON; columns of bytes are left out."""
    columns = {
        "id": ["1"],
        "image": ["a.jpg"],
        "day": [date(2024, 5, 1)],
        "at": pa.array([datetime(2024, 5, 1, 12, tzinfo=UTC)], pa.timestamp("ns", "UTC")),
        "price": [Decimal("19.99")],
        "ratio": pa.array([0.5], pa.float32()),
        "sizes": [["S", "M"]],
        "more": [{"since": date(2024, 5, 1), "score": float("nan")}],
        "thumbnail": [b"x"],
        "huge": pa.array([2**64 - 1], pa.uint64()),
    }
    table = read_parquet(table_file(tmp_path, pa.table(columns)))
    assert {name: values[0] for name, values in table.columns.items()} == {
        "id": "1",
        "image": "a.jpg",
        "day": "2024-05-01",
        "at": "2024-05-01 12:00:00.000000000Z",
        "price": 19.99,
        "ratio": 0.5,
        "sizes": ["S", "M"],
        "more": {"since": "2024-05-01", "score": None},
        "huge": 2**64 - 1,
    }


def test_several_pictures_of_bytes_in_a_row_are_refused(tmp_path: Path) -> None:
    """The type that was found and those that are accepted."""
    table = pa.table({"id": ["1"], "images": [[b"a", b"b"]]})
    with pytest.raises(CatalogueError, match=r"images of list<.*binary>: give paths, bytes or struct"):
        read_parquet(table_file(tmp_path, table))


@pytest.mark.parametrize("keep", [0, 5, 300])
def test_a_damaged_table_is_refused(tmp_path: Path, keep: int) -> None:
    """A cut file is one line, not a traceback."""
    file = table_file(tmp_path, pa.table({"id": ["1"], "image": ["a.jpg"]}))
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(CatalogueError, match=r"t\.parquet is no whole Parquet table"):
        read_parquet(file)
