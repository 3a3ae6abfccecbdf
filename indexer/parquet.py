"""Parquet tables as catalogues: pictures by path, or their bytes inside the table."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from indexer.items import CatalogueError, Value
from indexer.source import Source
from indexer.tables import Table, field_decoder, field_names, roles_of


def read_parquet(path: Path) -> Table:
    """Pictures' bytes stay in the table. Columns that hold bytes, other than the pictures', are left out."""
    try:
        with pq.ParquetFile(path) as file:
            return _read(file, path)
    except CatalogueError:
        raise
    except (pa.ArrowException, OSError, ValueError, LookupError, OverflowError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise CatalogueError(f"{path.name} is no whole Parquet table: {reason}; write it again") from error


@dataclass(frozen=True)
class _Cells:
    """Dotted paths of a column of pictures: their bytes, and the names they fall back on without bytes."""

    bytes: str
    path: str | None = None


def _read(file: pq.ParquetFile, path: Path) -> Table:
    schema = file.schema_arrow
    fields = {
        name: schema.field(position)
        for position, name in enumerate(field_names(schema.names, path.name))
        if name
    }
    image = roles_of(list(fields), path.name).image
    cells = _cells(fields[image], path.name)
    kept = {name: one.name for name, one in fields.items() if not _holds_bytes(one.type) or name == "id"}
    columns: dict[str, list[Any]] = {name: [] for name in fields if name in kept or name == image}
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=list(kept.values()))
        for name, column in kept.items():
            columns[name] += _values(table.column(column))
        if cells:
            columns[image] += _pictures(file, str(path.resolve()), group, cells, table.num_rows)
    # Counted, not taken from the file's metadata: a damaged one may claim any number.
    lengths = sorted({len(values) for values in columns.values()})
    if len(lengths) > 1:
        raise ValueError(f"its columns have from {lengths[0]} to {lengths[-1]} rows")
    return Table(columns, [f"row {row}" for row in range(1, lengths[0] + 1)], bare=False)


def _cells(image: pa.Field, file: str) -> _Cells | None:
    """Where a column keeps bytes; None for a column of paths."""
    if _is_bytes(image.type):
        return _Cells(image.name)
    if not _holds_bytes(image.type):
        return None
    children = {child.name: child.type for child in image.type} if pa.types.is_struct(image.type) else {}
    if "bytes" in children and _is_bytes(children["bytes"]):
        return _Cells(f"{image.name}.bytes", f"{image.name}.path" if "path" in children else None)
    raise CatalogueError(
        f"{file} has an image column {image.name} of {image.type}: "
        "give paths, bytes or struct<bytes, path>, one picture a row"
    )


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _holds_bytes(kind.value_type)
    inner = (kind.field(child).type for child in range(kind.num_fields))
    return _is_bytes(kind) or pa.types.is_fixed_size_binary(kind) or any(map(_holds_bytes, inner))


def _pictures(
    file: pq.ParquetFile, name: str, group: int, cells: _Cells, rows: int
) -> Iterator[Source | Value]:
    """One row group's pictures in order: a cell with bytes, else a path, else None."""
    paths: list[Value] = [None] * rows
    if cells.path:
        paths = _values(pc.struct_field(file.read_row_group(group, columns=[cells.path]).column(0), 0))
    for row, (path, filled) in enumerate(zip(paths, _filled(file, group, cells.bytes), strict=True)):
        yield Source(name, row_group=group, row=row, column=cells.bytes) if filled else path


def _filled(file: pq.ParquetFile, group: int, column: str) -> Iterator[bool]:
    """Which cells hold something, from a pass over the bytes in small batches.

    The metadata's statistics would often tell, but Arrow ends the process where damaged ones are asked."""
    for batch in file.iter_batches(1024, row_groups=[group], columns=[column], use_threads=False):
        cells = batch.column(0)
        if pa.types.is_struct(cells.type):
            cells = pc.struct_field(cells, 0)
        yield from cells.is_valid().to_pylist()


def _values(column: Any) -> list[Value]:
    """Arrow values as a field holds them: times are ISO text, decimals numbers, nested values plain JSON."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _values(column.cast(kind.value_type))
    if pa.types.is_duration(kind):
        column = column.cast(pa.int64())
    elif pa.types.is_temporal(kind) or _is_bytes(kind):
        column = column.cast(pa.string())
    elif pa.types.is_decimal(kind):
        # Arrow's own cast multiplies: it makes 19.990000000000002 of 19.99.
        return [None if value is None else float(value) for value in column.to_pylist()]
    elif pa.types.is_floating(kind):
        column = column.cast(pa.float64())
    elif pa.types.is_nested(kind):
        decoder = field_decoder()
        return [
            value if value is None else decoder.decode(json.dumps(value, default=str))
            for value in column.to_pylist()
        ]
    return list(column.to_pylist())
