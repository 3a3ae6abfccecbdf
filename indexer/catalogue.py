"""A catalogue: read_catalogue turns a file or folder of any known format into items."""

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from indexer.album import Album, FolderAlbum, Missing, NoPicture, open_album, refuse_compressed
from indexer.feeds import read_feed
from indexer.fields import Column, type_columns
from indexer.items import Catalogue, CatalogueError, Item, Quarantined, Value
from indexer.parquet import read_parquet
from indexer.remote import RemotePictures, RemoteRefused, host_of
from indexer.source import Source
from indexer.tables import Roles, Table, plain_name, read_csv, read_jsonl, roles_of, shown

_T = TypeVar("_T")

__all__ = ["Catalogue", "CatalogueError", "Item", "Quarantined", "Value", "read_catalogue"]


def read_catalogue(
    path: Path,
    images: Path | None = None,
    *,
    split: str | None = None,
    limit: int | None = None,
    remote: RemotePictures | None = None,
) -> Catalogue:
    """Items in the order of the file (a folder's are sorted); no picture is decoded.

    `images` is the folder or tar that paths are relative to (default: the catalogue's own folder), `split`
    keeps the rows with that value of the column `split`, `limit` the first items. Types are decided over the
    whole file even so. What is wrong with one row or picture quarantines it, and the reading goes on."""
    try:
        if not path.exists():
            raise CatalogueError(f"there is no catalogue {path.name}: check its path")
        reader = None if path.is_dir() else _reader(path)
        if reader is None:
            return _read_album(path, images, split, limit)
        table = reader(path)
        album = _album(path, images)
        return _TableReading(path.name, table, album, remote).catalogue(split, limit)
    except OSError as error:
        raise CatalogueError(f"{path.name} cannot be read: {error.strerror or error}") from error


_READERS: dict[str, Callable[[Path], Table]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".parquet": read_parquet,
    ".xml": read_feed,
}


def _reader(path: Path) -> Callable[[Path], Table] | None:
    """By extension, then by content; None for a tar."""
    refuse_compressed(path)
    extension = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise CatalogueError(f"{path.name} is empty: give at least one item")
    if extension in _READERS:
        return _READERS[extension]
    if extension == ".tar" or head[257:262] == b"ustar":
        return None
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        raise CatalogueError(
            f"{path.name} is one JSON list: write one object a line (jq -c '.[]' {path.name})"
        )
    if head.startswith(b"PAR1"):
        return read_parquet
    return read_feed if text.startswith(b"<") else read_jsonl if text.startswith(b"{") else read_csv


def _album(path: Path, images: Path | None) -> Album:
    if images is None:
        return FolderAlbum(path.parent)
    if not images.exists():
        raise CatalogueError(f"there is no folder or tar {images.name} of pictures: check --images")
    return open_album(images)


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNDECODED = re.compile(r"[\ud800-\udfff]")  # what stands for bytes of a file name that are not UTF-8


def _id_of(value: Any) -> str:
    """A value as an item's id; ValueError says why it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of integers with a gap is read as numbers
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError("it has no id")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("its id is neither text nor an integer")
    text = str(value).strip()
    if len(text) > 256:
        raise ValueError(f"its id has {len(text):,} characters, at most 256 are kept")
    if _CONTROL.search(text):
        raise ValueError("its id holds control characters")
    if _UNDECODED.search(text):
        raise ValueError("its name is not UTF-8: rename it")
    return text


class _Ids:
    """The ids seen so far."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def take(self, value: Any) -> str:
        """The id, now seen; ValueError says why this row cannot have it."""
        text = _id_of(value)
        if text in self._seen:
            raise ValueError("an item before it has the same id, and the first stays")
        self._seen.add(text)
        return text


# Files that shops keep beside their pictures. Anything else is tried as a picture.
_NO_PICTURES = frozenset(
    {".txt", ".md", ".rst", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".odt", ".ods", ".html", ".htm"}
    | {".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".xml", ".yaml", ".yml", ".toml", ".ini"}
    | {".log", ".py", ".js", ".css", ".sh", ".sql", ".sqlite", ".db", ".npy", ".npz", ".safetensors"}
    | {".zip", ".gz", ".tgz", ".tar", ".7z", ".rar", ".bz2", ".xz", ".mp3", ".mp4", ".mov", ".avi", ".webm"}
)


def _read_album(path: Path, images: Path | None, split: str | None, limit: int | None) -> Catalogue:
    """A folder or tar of pictures: each is an item whose id is its name without the extension."""
    if images is not None and images.resolve() != path.resolve():
        raise CatalogueError(f"{path.name} holds the pictures itself: leave --images out")
    if split is not None:
        raise CatalogueError(f"{path.name} has no column split, pictures alone have none: leave --split out")
    album = open_album(path)
    items: list[Item] = []
    quarantined: list[Quarantined] = []
    ids = _Ids()
    for name, place in album.entries():
        if limit is not None and len(items) >= limit:
            break
        stem, extension = posixpath.splitext(name)
        try:
            if isinstance(place, NoPicture):
                raise place
            if extension.lower() in _NO_PICTURES:
                raise NoPicture(f"a {extension} file is no picture")
            items.append(Item(ids.take(stem), (place,), {}))
        except (NoPicture, ValueError) as reason:
            quarantined.append(Quarantined(shown(stem), shown(name), str(reason)))
    if album.broken:
        quarantined.append(Quarantined("", album.name, album.broken))
    if not items and not quarantined:
        raise CatalogueError(f"{path.name} holds no file: put the pictures there")
    return Catalogue(items, quarantined, {})


_REMOTE = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Reference:
    """A picture that a row names; `place` is None where it is still to be looked up."""

    name: str
    place: Source | NoPicture | None = None

    @property
    def is_remote(self) -> bool:
        return self.place is None and _REMOTE.match(self.name) is not None


def _references(image: Any, more: Any) -> list[_Reference]:
    """The pictures of a row in order, each once; `|` separates several, commas Google's additional ones."""
    parts = image.split("|") if isinstance(image, str) else image if isinstance(image, list) else [image]
    if isinstance(more, str):
        # Addresses may hold commas themselves; one that separates is followed by the next address.
        parts = parts + re.split(r",(?=\s*https?://)|\|" if "://" in more else r"[,|]", more)
    elif isinstance(more, list):
        parts = parts + more
    references = [_reference(part) for part in parts if part is not None]
    return _each_once([one for one in references if one.name])


def _each_once(several: list[_T]) -> list[_T]:
    return several if len(several) == 1 else list(dict.fromkeys(several))


def _reference(part: Any) -> _Reference:
    if isinstance(part, Source):
        return _Reference(part.name, part)
    if isinstance(part, str):
        return _Reference(part.strip())
    return _Reference(shown(str(part)), NoPicture("it is not the name of a picture"))


@dataclass(frozen=True, slots=True)
class _Row:
    position: int
    id: str
    references: list[_Reference]


_AT_ONCE = 256  # rows whose remote pictures are fetched together
_DOWNLOADS = 8


class _TableReading:
    """One table on its way to items: gathers what is set aside."""

    def __init__(self, file: str, table: Table, album: Album, remote: RemotePictures | None) -> None:
        self._file = file
        self._table = table
        self._album = album
        self._remote = remote
        self._quarantined = [Quarantined("", "", f"{place}: {reason}") for place, reason in table.refused]
        self._named = 0
        self._missing: list[str] = []

    def catalogue(self, split: str | None, limit: int | None) -> Catalogue:
        roles = self._roles()
        columns = type_columns(
            {
                name: values
                for name, values in self._table.columns.items()
                if name not in (roles.id, roles.image, roles.more, "id", "image")
            },
            bare=self._table.bare,
        )
        rows = self._rows(roles, self._positions(split))
        items: list[Item] = []
        while limit is None or len(items) < limit:
            chunk = list(islice(rows, _AT_ONCE if limit is None else min(_AT_ONCE, limit - len(items))))
            if not chunk:
                break
            items += self._items(chunk, columns)
        self._check_missing(items)
        if self._album.broken:
            self._quarantined.append(Quarantined("", self._album.name, self._album.broken))
        return Catalogue(items, self._quarantined, {name: column.type for name, column in columns.items()})

    def _roles(self) -> Roles:
        if not self._table.places and self._table.refused:
            place, reason = self._table.refused[0]
            raise CatalogueError(f"{self._file} has no row that can be read, e.g. {place}: {reason}")
        if not self._table.columns:
            raise CatalogueError(f"{self._file} is empty: give at least one item")
        roles = roles_of(list(self._table.columns), self._file)
        if not self._table.places:
            raise CatalogueError(f"{self._file} has columns and no rows: give at least one item")
        return roles

    def _positions(self, split: str | None) -> list[int]:
        """The rows of a split, in order."""
        if split is None:
            return list(range(len(self._table.places)))
        name = next((name for name in self._table.columns if plain_name(name) == "split"), None)
        if name is None:
            columns = ", ".join(shown(one, 40) for one in self._table.columns)
            raise CatalogueError(f"{self._file} has no column split among {columns}: leave --split out")
        values = [str(value).strip() for value in self._table.columns[name]]
        positions = [position for position, value in enumerate(values) if value == split]
        if not positions:
            there = ", ".join(
                f"{shown(value, 40)} ({rows:,})" for value, rows in Counter(values).most_common(20)
            )
            raise CatalogueError(f"{self._file} has no row of split {shown(split, 40)}: it has {there}")
        return positions

    def _rows(self, roles: Roles, positions: list[int]) -> Iterator[_Row]:
        columns = self._table.columns
        more = columns[roles.more] if roles.more else [None] * len(self._table.places)
        ids = _Ids()
        for position in positions:
            value = columns[roles.id][position]
            references = _references(columns[roles.image][position], more[position])
            try:
                yield _Row(position, ids.take(value), references)
            except ValueError as reason:
                item = shown(str(value)) if value is not None else ""
                picture = references[0].name if references else ""
                place = self._table.places[position]
                self._quarantined.append(Quarantined(item, shown(picture), f"{place}: {reason}"))

    def _items(self, rows: list[_Row], columns: dict[str, Column]) -> list[Item]:
        fetched = self._fetch([one.name for row in rows for one in row.references if one.is_remote])
        items: list[Item] = []
        for row in rows:
            pictures = self._pictures(row, fetched)
            if pictures:
                fields = {name: column.values[row.position] for name, column in columns.items()}
                items.append(Item(row.id, tuple(_each_once(pictures)), fields))
        return items

    def _pictures(self, row: _Row, fetched: dict[str, Source | NoPicture]) -> list[Source]:
        if not row.references:
            self._quarantined.append(Quarantined(row.id, "", "it names no picture"))
        pictures: list[Source] = []
        for one in row.references:
            self._named += 1
            try:
                pictures.append(self._find(one, fetched))
            except NoPicture as reason:
                if isinstance(reason, Missing):
                    self._missing.append(one.name)
                self._quarantined.append(Quarantined(row.id, shown(one.name), str(reason)))
        return pictures

    def _find(self, reference: _Reference, fetched: dict[str, Source | NoPicture]) -> Source:
        place = fetched.get(reference.name) if reference.is_remote else reference.place
        if place is None:
            return self._album.find(reference.name)
        if isinstance(place, NoPicture):
            raise place
        return place

    def _fetch(self, urls: list[str]) -> dict[str, Source | NoPicture]:
        """Every remote picture, or why it is not here."""
        remote = self._remote
        if remote is None:
            return {
                url: NoPicture(f"remote picture: allow its host with --allow-host {host_of(url)}")
                for url in urls
            }

        def fetch(url: str) -> Source | NoPicture:
            try:
                return remote.fetch(url)
            except RemoteRefused as reason:
                return NoPicture(str(reason))

        distinct = list(dict.fromkeys(urls))
        with ThreadPoolExecutor(_DOWNLOADS) as pool:
            return dict(zip(distinct, pool.map(fetch, distinct), strict=True))

    def _check_missing(self, items: list[Item]) -> None:
        """All pictures missing is one mistake, the wrong folder, and not thousands."""
        if not items and self._missing and len(self._missing) == self._named:
            raise CatalogueError(
                f"none of the {self._named:,} pictures named in {self._file} is in {self._album.name}, "
                f"e.g. {shown(self._missing[0])}: give --images the folder or tar that they are relative to"
            )
