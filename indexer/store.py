"""An index version on disk: an immutable folder that can be searched. Writing, publishing, opening, keeping.

    indexes/<version>/   manifest.json  vectors.npy  index.faiss  pictures.parquet  items.parquet
                         words.parquet  quarantine.jsonl
    indexes/current      a relative link to the version being served

A version is written in a hidden folder beside the others, flushed to disk, renamed, and made current by
renaming the link: at every instant the old version or the new one is served, whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import filelock
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from indexer import ann, facets
from indexer.ann import SearchDevice
from indexer.columns import Columns, Mask
from indexer.items import Value
from indexer.lexical import Lexicon, index_texts
from indexer.nearest import Hits, Nearest, cosines
from indexer.source import Source
from indexer.vectors import VectorRows

MANIFEST = "manifest.json"
VECTORS = "vectors.npy"
FAISS = "index.faiss"
PICTURES = "pictures.parquet"
ITEMS = "items.parquet"
WORDS = "words.parquet"
QUARANTINE = "quarantine.jsonl"
FILES = (VECTORS, FAISS, PICTURES, ITEMS, WORDS, QUARANTINE)

_JSON = {b"vitrine": b"json"}


class NoIndex(LookupError):
    """Nothing is published in this home yet."""


class IndexDamaged(ValueError):
    """A version's files are not the ones its manifest lists; the message names the file and the cure."""


class SpaceMismatch(ValueError):
    """A tower and an index of different spaces met; the message names both."""


class BuilderBusy(RuntimeError):
    """Another builder works in this home; the message names it."""


@dataclass(frozen=True)
class Manifest:
    """What a version holds and where it came from; written last, so a folder with one is whole.

    `pictures` counts rows of vectors, `dim` their width; `catalogue` holds the arguments of the build, to
    repeat it; `types` the fields' types; `files` each file's bytes and SHA-256.
    """

    version: str
    created: str
    image_tower: str
    space: str
    dim: int
    items: int
    pictures: int
    quarantined: int
    catalogue: dict[str, Any]
    types: dict[str, str]
    ann: dict[str, str | int | float]
    files: dict[str, dict[str, int | str]]


class IndexVersion:
    """One version, opened: searchable, and held against deletion until it is closed or forgotten.

    Everything is read at opening, so a version that is deleted or replaced meanwhile answers on.
    Safe to use from several threads.
    """

    def __init__(self, folder: Path, device: SearchDevice = "cpu") -> None:
        """`device` is where it is searched. Raises IndexDamaged where a file is missing or differs from the
        manifest, NoGpu where the device is not there."""
        self._held = _hold(folder)
        self.manifest = read_manifest(folder)
        _verify(folder, self.manifest)
        self.vectors: NDArray[np.float16] = np.load(folder / VECTORS, mmap_mode="r")
        self._neighbours = ann.read(folder / FAISS, device)
        self._items = pq.read_table(folder / ITEMS)
        self._pictures = pq.read_table(folder / PICTURES)
        self._ids: list[str] = self._items["id"].to_pylist()
        self._row_of = {item: row for row, item in enumerate(self._ids)}
        self._fields = self._items.drop_columns(["id"])
        self.columns = Columns(self._fields, self.manifest.types, len(self._ids))
        # A version that was written before there were such files has none.
        written = WORDS in self.manifest.files
        self.lexicon = Lexicon(pq.read_table(folder / WORDS), len(self._ids)) if written else None
        self._json = [field.name for field in self._fields.schema if field.metadata == _JSON]
        self._item_of: NDArray[np.int64] = self._pictures["item"].to_numpy()
        self._first = np.searchsorted(self._item_of, np.arange(len(self._ids) + 1))

    def __len__(self) -> int:
        """The number of items."""
        return len(self._ids)

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def space(self) -> str:
        return self.manifest.space

    @property
    def exact(self) -> bool:
        """Whether a search compares every vector."""
        return bool(self.manifest.ann["exact"])

    def require_space(self, side: str, tower: str, space: str) -> None:
        """Raises SpaceMismatch unless the tower is of this index's space; `side` is "text" or "image"."""
        if space != self.space:
            raise SpaceMismatch(
                f"{side} tower {tower} is of space {space}, index {self.version} holds {self.space}: "
                "reindex with the image tower of that space, or use a tower of the index's space"
            )

    def ids(self, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
        return [self._ids[row] for row in rows]

    def row(self, item: str) -> int | None:
        """The row of the item with this id, None if there is none."""
        return self._row_of.get(item)

    def fields(self, rows: Sequence[int] | NDArray[np.int64]) -> list[dict[str, Value]]:
        """The fields of these items, in their order; a field that is empty for an item is left out."""
        if not self._fields.num_columns:
            return [{} for _ in rows]  # a folder of pictures; a table of no columns forgets its rows
        taken = self._fields.take(pa.array(rows, type=pa.int64())).to_pylist()
        return [self._decode(fields) for fields in taken]

    def column(self, name: str) -> list[Value]:
        """One field of every item, in catalogue order; None where it is empty."""
        values = self._fields[name].to_pylist()
        if name not in self._json:
            return values  # type: ignore[no-any-return]
        return [None if value is None else json.loads(value) for value in values]

    def _decode(self, fields: dict[str, Any]) -> dict[str, Value]:
        kept = {name: value for name, value in fields.items() if value is not None}
        return kept | {name: json.loads(kept[name]) for name in self._json if name in kept}

    @cached_property
    def descriptions(self) -> dict[str, facets.Description]:
        """What each field holds, over all items."""
        return facets.describe(self.columns)

    def picture_rows(self, row: int) -> range:
        """The rows of vectors of this item's pictures, the first picture first."""
        return range(int(self._first[row]), int(self._first[row + 1]))

    def picture(self, picture: int) -> tuple[Source, str]:
        """Where a picture's bytes are, and the SHA-256 that they had when they were embedded."""
        columns = self._pictures.slice(picture, 1).to_pylist()[0]
        sha256 = columns.pop("sha256")
        del columns["item"], columns["position"]
        return Source(**columns), sha256

    def hashes(self) -> list[str]:
        """The SHA-256 of every picture, in the order of the vectors."""
        hashes: list[str] = self._pictures["sha256"].to_pylist()
        return hashes

    def item_vector(self, row: int) -> NDArray[np.float32]:
        """(dim,) the mean of the item's pictures, of length 1."""
        rows = self.picture_rows(row)
        mean: NDArray[np.float32] = self.vectors[rows.start : rows.stop].astype(np.float32).mean(axis=0)
        length = max(float(np.linalg.norm(mean)), float(np.finfo(np.float32).tiny))
        return (mean / length).astype(np.float32)

    def item_vectors(self) -> NDArray[np.float32]:
        """(items, dim) what `item_vector` gives of each, in catalogue order."""
        means = np.add.reduceat(self.vectors.astype(np.float32), self._first[:-1])
        means /= np.diff(self._first)[:, None].astype(np.float32)
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        unit: NDArray[np.float32] = means / np.maximum(lengths, np.finfo(np.float32).tiny)
        return unit

    def first_pictures(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(rows, dim) the vectors of the first pictures of these items."""
        return self.vectors[self._first[rows]].astype(np.float32)

    def search(
        self,
        query: NDArray[np.float32],
        limit: int,
        *,
        without: Collection[int] = (),
        passing: Mask | None = None,
    ) -> Hits:
        """The `limit` items whose best pictures are nearest to the unit vector `query` (dim,).

        Exact where the index is exact, ties included. `without` leaves out these rows of items; of items that
        are not `passing` none is found, and of those as many as there are, up to the limit.
        """
        found = self.nearest(query, without=without, passing=passing).first(limit)
        return Hits(found.rows[:limit], found.scores[:limit])

    def nearest(
        self,
        query: NDArray[np.float32],
        *,
        without: Collection[int] = (),
        passing: Mask | None = None,
    ) -> Nearest:
        """The same for who does not know yet how many it takes."""
        return Nearest(self._neighbours, self.vectors, self._item_of, query, passing=passing, without=without)

    def cosines(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(rows,) of each of these items, that of its best picture and the unit vector `query` (dim,)."""
        if not len(rows):
            return np.empty(0, dtype=np.float32)
        counts = self._first[rows + 1] - self._first[rows]
        starts = np.cumsum(counts) - counts
        pictures = np.arange(counts.sum()) + np.repeat(self._first[rows] - starts, counts)
        best: NDArray[np.float32] = np.maximum.reduceat(cosines(self.vectors, pictures, query), starts)
        return best


def indexes(home: Path) -> Path:
    return home / "indexes"


def versions(home: Path) -> list[str]:
    """The published versions, oldest first."""
    folder = indexes(home)
    if not folder.is_dir():
        return []
    found = (entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink())
    return sorted(entry.name for entry in found if (entry / MANIFEST).is_file() and entry.name[0] != ".")


def current_version(home: Path) -> str | None:
    """The version that `indexes/current` names, whether or not its folder is there."""
    try:
        return Path(os.readlink(indexes(home) / "current")).name
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IndexDamaged(
            f"{indexes(home) / 'current'} is not a link ({error.strerror}): remove it, and build again"
        ) from None


def open_current(home: Path, device: SearchDevice = "cpu") -> IndexVersion:
    """Opens the version being served, to be searched on `device`. Raises NoIndex, IndexDamaged or NoGpu."""
    while True:
        version = current_version(home)
        if version is None:
            raise NoIndex(f"{home} holds no index yet: vitrine index CATALOGUE --home {home}")
        try:
            return IndexVersion(indexes(home) / version, device)
        except IndexDamaged:
            # Between reading the link and opening the folder another version may have been published
            # and this one deleted; only if the link still stands is the version damaged.
            if current_version(home) == version:
                raise


def read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        return Manifest(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise IndexDamaged(f"index version {folder.name} has no {MANIFEST}: build it again") from None
    except (ValueError, TypeError) as error:
        raise IndexDamaged(f"{path} cannot be read ({error}): build the index again") from None


@contextlib.contextmanager
def builder_lock(home: Path) -> Iterator[None]:
    """Only one builder works in a home; BuilderBusy names the holder. A dead builder holds nothing."""
    folder = indexes(home)
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / ".builder.json"
    lock = filelock.FileLock(folder / ".builder.lock", blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise BuilderBusy(
            f"another builder works in {home}: {_holder(holder)}; wait for it, or end it"
        ) from None
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        _sweep(folder)
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        return f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError):
        return "it has just started"


def _sweep(folder: Path) -> None:
    """Removes what killed builders left behind; the caller holds the lock."""
    for left in folder.glob(".building-*"):
        shutil.rmtree(left, ignore_errors=True)
    for left in folder.glob(".deleted-*"):
        shutil.rmtree(left, ignore_errors=True)


class Staging:
    """A version being written, invisible to readers until it is published."""

    def __init__(self, home: Path, version: str) -> None:
        """The caller holds the builder's lock."""
        self.version = version
        self._home = home
        self.folder = indexes(home) / f".building-{version}"
        self.folder.mkdir()

    def write_items(
        self, ids: Sequence[str], fields: Sequence[dict[str, Value]], types: dict[str, str]
    ) -> None:
        """And the words of their texts."""
        columns = [_column(name, kind, [row.get(name) for row in fields]) for name, kind in types.items()]
        schema = pa.schema([pa.field("id", pa.string()), *(field for field, _ in columns)])
        arrays = [pa.array(ids, type=pa.string()), *(array for _, array in columns)]
        pq.write_table(pa.table(arrays, schema=schema), self.folder / ITEMS)
        pq.write_table(index_texts(ids, fields), self.folder / WORDS)

    def write_pictures(self, items: Sequence[int], sources: Sequence[Source], hashes: Sequence[str]) -> None:
        """One row per vector, in the same order; `items` are rows of items, rising."""
        rows = np.asarray(items, dtype=np.int64)
        firsts = np.searchsorted(rows, rows)
        table = pa.table(
            {
                "item": rows,
                "position": np.arange(len(rows)) - firsts,
                "file": pa.array([source.file for source in sources], pa.string()).dictionary_encode(),
                "offset": pa.array([source.offset for source in sources], pa.int64()),
                "length": pa.array([source.length for source in sources], pa.int64()),
                "row_group": pa.array([source.row_group for source in sources], pa.int64()),
                "row": pa.array([source.row for source in sources], pa.int64()),
                "column": pa.array([source.column for source in sources], pa.string()).dictionary_encode(),
                "sha256": pa.array(hashes, pa.string()),
            }
        )
        pq.write_table(table, self.folder / PICTURES)

    def vector_rows(self, dim: int, before: IndexVersion | None = None) -> VectorRows:
        """The vectors, to be added one by one; those of pictures that `before` has are taken from there."""
        reused = None if before is None else (before.hashes(), before.vectors)
        return VectorRows(self.folder / VECTORS, dim, reused)

    def vectors(self) -> NDArray[np.float16]:
        """Those that were written, as they lie on disk."""
        written: NDArray[np.float16] = np.load(self.folder / VECTORS, mmap_mode="r")
        return written

    def write_neighbours(self, neighbours: ann.Neighbours) -> None:
        neighbours.write(self.folder / FAISS)

    def link_vectors(self, version: str) -> None:
        """Takes the vectors and the FAISS index of an earlier version, whose pictures are the same."""
        for name in (VECTORS, FAISS):
            os.link(indexes(self._home) / version / name, self.folder / name)

    def write_quarantine(self, lines: Sequence[dict[str, str]]) -> None:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (self.folder / QUARANTINE).write_text(text, encoding="utf-8")

    def publish(self, *, current: bool = True, **manifest: Any) -> Manifest:
        """Writes the manifest, flushes everything to disk, and makes this version visible; where `current`,
        it is the one being served from now on."""
        files = {name: _describe(self.folder / name) for name in FILES}
        written = Manifest(version=self.version, files=files, **manifest)
        text = json.dumps(asdict(written), ensure_ascii=False, indent=2)
        (self.folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
        for name in (*FILES, MANIFEST):
            _flush(self.folder / name)
        _flush(self.folder)
        self.folder.rename(indexes(self._home) / self.version)
        if current:
            make_current(self._home, self.version)
        return written

    def discard(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def make_current(home: Path, version: str) -> None:
    """Serves this version from now on, by one rename."""
    folder = indexes(home)
    # The folder itself is the lock: a builder and an operator may publish in the same instant.
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        link = folder / ".current"
        link.unlink(missing_ok=True)
        link.symlink_to(version)
        link.rename(folder / "current")
    finally:
        os.close(held)
    _flush(folder)


def keep_newest(home: Path, keep: int) -> list[str]:
    """Deletes the oldest versions beyond `keep`, never the current one nor one that is open; returns them.

    The caller holds the builder's lock.
    """
    deleted = []
    current = current_version(home)
    for version in versions(home)[: -keep or None]:
        folder = indexes(home) / version
        if version == current or _is_held(folder):
            continue
        hidden = folder.rename(folder.with_name(f".deleted-{version}"))
        shutil.rmtree(hidden, ignore_errors=True)
        deleted.append(version)
    return deleted


def _column(name: str, kind: str, values: list[Value]) -> tuple[pa.Field, pa.Array]:
    plain = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
    if kind in plain:
        return pa.field(name, plain[kind]), pa.array(values, type=plain[kind])
    if kind == "list" and all(value is None or _all_strings(value) for value in values):
        return pa.field(name, pa.list_(pa.string())), pa.array(values, type=pa.list_(pa.string()))
    texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    return pa.field(name, pa.string(), metadata=_JSON), pa.array(texts, type=pa.string())


def _all_strings(value: Value) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _describe(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _verify(folder: Path, manifest: Manifest) -> None:
    for name, expected in manifest.files.items():
        try:
            found = _describe(folder / name)
        except FileNotFoundError:
            raise IndexDamaged(f"index version {folder.name} lacks {name}: build it again") from None
        if found != expected:
            raise IndexDamaged(
                f"{name} of index version {folder.name} has the SHA-256 {str(found['sha256'])[:12]}…, "
                f"its manifest says {str(expected['sha256'])[:12]}…: build it again"
            )


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hold(folder: Path) -> IO[bytes]:
    """A shared lock on the manifest, which `keep_newest` respects; it goes when the file is closed."""
    try:
        file = (folder / MANIFEST).open("rb")
    except FileNotFoundError:
        raise IndexDamaged(f"index version {folder.name} has no {MANIFEST}: build it again") from None
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def _is_held(folder: Path) -> bool:
    with (folder / MANIFEST).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
