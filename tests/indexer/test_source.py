"""Reading a picture's bytes from a file, a span of a tar and a cell of a Parquet table."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.source import Source, SourceGone, TooLarge


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """Without an offset, all bytes of the file come back, and its name is short."""
    file = tmp_path / "a.jpg"
    file.write_bytes(b"picture")
    source = Source(str(file))
    assert source.read(7) == b"picture"
    assert source.name == "a.jpg"


def test_a_span_is_read_alone(tmp_path: Path) -> None:
    """Offset and length cut the picture out of its tar."""
    file = tmp_path / "a.tar"
    file.write_bytes(b"headPICTUREtail")
    source = Source(str(file), 4, 7)
    assert source.read(100) == b"PICTURE"
    assert source.name == "a.tar@4"


def test_an_empty_span_is_empty_bytes(tmp_path: Path) -> None:
    """A picture of no bytes is there; that it cannot be decoded is found later."""
    file = tmp_path / "a.tar"
    file.write_bytes(b"head")
    assert Source(str(file), 2, 0).read(10) == b""


@pytest.mark.parametrize("source", [(-1, -1), (0, 11)])
def test_a_picture_over_the_limit_is_refused_by_its_size(tmp_path: Path, source: tuple[int, int]) -> None:
    """One byte too many is TooLarge, and the message names both numbers."""
    file = tmp_path / "a.jpg"
    file.write_bytes(b"x" * 11)
    with pytest.raises(TooLarge, match="11 bytes, the limit is 10"):
        Source(str(file), *source).read(10)


def test_a_huge_file_is_refused_without_being_read(tmp_path: Path) -> None:
    """A sparse file of a terabyte is refused at once."""
    file = tmp_path / "huge.jpg"
    file.touch()
    os.truncate(file, 1 << 40)
    with pytest.raises(TooLarge):
        Source(str(file)).read(10_000_000)


def test_a_missing_file_is_gone(tmp_path: Path) -> None:
    """The error names the file and what the system says."""
    with pytest.raises(SourceGone, match=r"a\.jpg cannot be opened: No such file"):
        Source(str(tmp_path / "a.jpg")).read(10)


def test_a_tar_that_became_shorter_is_gone(tmp_path: Path) -> None:
    """A span beyond the end says where it should end and where the file does."""
    file = tmp_path / "a.tar"
    file.write_bytes(b"x" * 10)
    with pytest.raises(SourceGone, match="ends at byte 12, the file has 10"):
        Source(str(file), 4, 8).read(100)


def test_a_link_put_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    """Links were resolved when the catalogue was read; a later one may lead anywhere."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "a.jpg").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceGone):
        Source(str(tmp_path / "a.jpg")).read(100)


def test_a_pipe_in_the_files_place_does_not_hang(tmp_path: Path) -> None:
    """A named pipe without a writer is refused, not waited for."""
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(SourceGone, match="no longer a file"):
        Source(str(tmp_path / "a.jpg")).read(100)


def test_cells_of_a_parquet_table_are_read_by_row_group(tmp_path: Path) -> None:
    """Rows count from 0 within their row group; a dotted column leads into a struct."""
    file = tmp_path / "t.parquet"
    cells = [{"bytes": str(row).encode() * 3, "path": None} for row in range(5)]
    pq.write_table(pa.table({"image": cells}), file, row_group_size=2)
    sources = [Source(str(file), row_group=row // 2, row=row % 2, column="image.bytes") for row in range(5)]
    assert [source.read(3) for source in sources] == [b"000", b"111", b"222", b"333", b"444"]
    assert sources[3].name == "t.parquet@1/1"
    with pytest.raises(TooLarge):
        sources[0].read(2)


def test_a_replaced_parquet_table_is_read_anew(tmp_path: Path) -> None:
    """The cells that are kept from one read belong to one version of the file."""
    file = tmp_path / "t.parquet"
    source = Source(str(file), row_group=0, row=0, column="image")
    for content in (b"one", b"three"):
        pq.write_table(pa.table({"image": [content]}), file)
        assert source.read(10) == content


@pytest.mark.parametrize(
    "place",
    [
        {"row_group": 1, "row": 0, "column": "image"},
        {"row_group": 0, "row": 2, "column": "image"},
        {"row_group": 0, "row": 1, "column": "image"},
        {"row_group": 0, "row": 0, "column": "photo"},
        {"row_group": 0, "row": 0, "column": "price"},
    ],
)
def test_a_cell_that_holds_no_bytes_is_gone(tmp_path: Path, place: dict[str, int | str]) -> None:
    """No such row group, row or column, a blank cell, a number: each is SourceGone."""
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table({"image": [b"one", None], "price": [1, 2]}), file)
    with pytest.raises(SourceGone):
        Source(str(file), **place).read(10)  # type: ignore[arg-type]


def test_a_damaged_parquet_table_is_gone(tmp_path: Path) -> None:
    """What is no Parquet any more raises SourceGone in one line."""
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(SourceGone) as error:
        Source(str(tmp_path / "t.parquet"), row_group=0, row=0, column="image").read(10)
    assert "\n" not in str(error.value)
