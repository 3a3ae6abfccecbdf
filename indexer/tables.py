"""Tables: the rows of a catalogue, column by column, read from CSV, TSV and JSONL."""

import csv
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from indexer.items import CatalogueError, Value

ID_NAMES = ("id", "sku", "article_id", "item_id", "product_id")
IMAGE_NAMES = (
    "image",
    "image_path",
    "img",
    "picture",
    "photo",
    "image_link",
    "image_url",
    "images",
    "pictures",
)
MORE_IMAGES_NAME = "additional_image_link"


@dataclass(frozen=True)
class Table:
    """Columns of equal length under the names they have as fields; a Parquet image cell is a Source.

    `places` says where each row stands, `refused` where a row was that could not be read, and why."""

    columns: dict[str, list[Any]]
    places: list[str]
    bare: bool  # the format knows only text
    refused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Roles:
    """Which columns are no fields: the id, the picture, and more pictures where there are any."""

    id: str
    image: str
    more: str | None


def plain_name(name: str) -> str:
    """A column's name without the differences between spellings: `g:Image Link` is `image_link`."""
    return name.strip().lower().removeprefix("g:").strip().replace(" ", "_")


def roles_of(names: list[str], file: str) -> Roles:
    spelled = {plain_name(name): name for name in reversed(names)}
    chosen: list[str] = []
    for role, accepted in (("id", ID_NAMES), ("image", IMAGE_NAMES)):
        found = next((spelled[name] for name in accepted if name in spelled), None)
        if found is None:
            columns = ", ".join(shown(name, 40) for name in names[:30])
            raise CatalogueError(
                f"{file} has no {role} column among {columns}: name one of them {' or '.join(accepted)}"
            )
        chosen.append(found)
    return Roles(chosen[0], chosen[1], spelled.get(MORE_IMAGES_NAME))


def field_names(names: list[str], file: str) -> list[str]:
    """Each column's name as a field: stripped, without `g:`; "" where it has none and is to be left out."""
    fields = [re.sub(r"^g:", "", name.strip(), flags=re.IGNORECASE).strip() for name in names]
    for name in fields:
        if name and fields.count(name) > 1:
            raise CatalogueError(f"{file} has two columns named {shown(name, 40)}: rename one of them")
    return fields


def shown(text: str, length: int = 200) -> str:
    """Text from a catalogue as it may stand in a message: one line, short, always encodable."""
    line = "".join(one if one.isprintable() else " " for one in text[: length + 1])
    return line if len(line) <= length else line[: length - 1] + "…"


def read_csv(path: Path) -> Table:
    """CSV or TSV with a header. A row with more cells than the header is refused; missing cells are blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read_rows(file, path.name)
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error


def _read_rows(file: TextIO, name: str) -> Table:
    header_line = next((line for line in file if line.strip()), "")
    file.seek(0)
    records = _records(file, _delimiter(header_line))
    _, header, reason = next(records, (0, [], "it is empty"))
    if reason:
        raise CatalogueError(f"{name} has no header: {reason}; name the columns in the first line")
    rows: list[list[str]] = []
    places: list[str] = []
    refused: list[tuple[str, str]] = []
    for line, row, wrong in records:
        if wrong:
            refused.append((f"line {line}", wrong))
        elif len(row) > len(header):
            cells = f"{len(row)} cells under {len(header)} columns"
            refused.append((f"line {line}", f"{cells}: quote the cells that hold the delimiter"))
        else:
            rows.append(row + [""] * (len(header) - len(row)))
            places.append(f"line {line}")
    by_column: list[Any] = list(zip(*rows, strict=True)) or [()] * len(header)
    columns = {
        field_name: list(column)
        for field_name, column in zip(field_names(header, name), by_column, strict=True)
        if field_name
    }
    return Table(columns, places, bare=True, refused=refused)


class _Lines:
    """The lines of a file, and whether a reader asked for one more than there are."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline()
        if not line:
            self.ended = True
            raise StopIteration
        return line


def _records(file: TextIO, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """Each record that is not blank: its first line, its cells, and what is wrong with it ("" if nothing)."""
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, [], str(error)
            continue
        if lines.ended:  # the reader wanted more: it was still inside a quoted cell
            yield line, [], "a quote that opens here is never closed, so the rest of the file is lost"
        elif any(cell.strip() for cell in row):
            yield line, row, ""


def _delimiter(header: str) -> str:
    """The one that finds an id and an image in the header, else the one that finds most columns."""

    def columns(delimiter: str) -> tuple[int, int]:
        try:
            names = {plain_name(name) for name in next(csv.reader([header], delimiter=delimiter), [])}
        except csv.Error:
            return 0, 0
        return (not names.isdisjoint(ID_NAMES)) + (not names.isdisjoint(IMAGE_NAMES)), len(names)

    return max("\t;,", key=columns)


def _not_utf8(path: Path) -> CatalogueError:
    with path.open("rb") as file:
        line = next(line for line, raw in enumerate(file, 1) if not _is_utf8(raw))
    return CatalogueError(
        f"{path.name} is not UTF-8 in line {line}: save it as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8)"
    )


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


_MAYBE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_DEEPEST = 64  # levels of nesting; every later reader and writer of a field stays far from its own limit


def read_jsonl(path: Path) -> Table:
    """One JSON object a line. Its columns are the keys of all lines, in the order of their first use."""
    cells: dict[str, list[Value]] = {}
    places: list[str] = []
    refused: list[tuple[str, str]] = []
    decoder = field_decoder()
    with path.open("rb") as file:
        for line, raw in enumerate(file, 1):
            try:
                text = raw.decode("utf-8-sig" if line == 1 else "utf-8")
                if text and not text.isspace():
                    _append(cells, _object(text, decoder), len(places))
                    places.append(f"line {line}")
            except UnicodeDecodeError as error:
                raise _not_utf8(path) from error
            except (ValueError, RecursionError) as error:
                refused.append((f"line {line}", f"it is not a JSON object: {error}"))
    for column in cells.values():
        column.extend([None] * (len(places) - len(column)))
    names = field_names(list(cells), path.name)
    columns = {name: column for name, column in zip(names, cells.values(), strict=True) if name}
    return Table(columns, places, bare=False, refused=refused)


def _append(cells: dict[str, list[Value]], row: dict[str, Value], rows: int) -> None:
    """Puts a row under the `rows` before it, column by column: many small objects slow collection down."""
    for key, value in row.items():
        column = cells.setdefault(key, [])
        column += [None] * (rows - len(column))
        column.append(value)


def field_decoder() -> json.JSONDecoder:
    """Reads JSON without numbers that no column holds: NaN and infinities are None, huge integers text."""
    return json.JSONDecoder(parse_float=_float, parse_int=_integer, parse_constant=lambda _: None)


def _object(text: str, decoder: json.JSONDecoder) -> dict[str, Value]:
    value = decoder.decode(text)
    if not isinstance(value, dict):
        raise ValueError(f"it starts with {text.lstrip()[:1]}")
    if text.count("[") + text.count("{") > _DEEPEST and _depth(value) > _DEEPEST:
        raise ValueError(f"it nests more than {_DEEPEST} levels")
    if _MAYBE_SURROGATE.search(
        text
    ):  # half of an emoji, cut by a shop's software, would fit into no file that we write
        whole = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
        value = decoder.decode(whole)
    return dict(value)


def _depth(value: Value) -> int:
    depth = 0
    level: list[Value] = [value]
    while level:
        depth += 1
        level = [
            inner
            for one in level
            if isinstance(one, list | dict)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return depth


def _float(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _integer(digits: str) -> int | str:
    """64 bits hold it, or it stays text: no column type is wider."""
    value = int(digits) if len(digits) <= 20 else 2**63
    return value if -(2**63) <= value < 2**63 else digits
