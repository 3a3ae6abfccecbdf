"""Catalogue → a new index version, published; only pictures whose content changed are embedded again."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer import ann, store
from indexer.catalogue import Catalogue, CatalogueError, Item, Quarantined, read_catalogue
from indexer.embed import embed_items
from indexer.remote import RemotePictures
from indexer.source import Source
from indexer.vectors import VectorRows
from models.registry import Registry, open_space
from models.towers import BUNDLED, Device, ImageTower, TextTower, Vectors

_TUNING_QUERIES = 512


@dataclass(frozen=True)
class BuildConfig:
    """What to index, and how.

    `images` is where picture paths are relative to (None: the catalogue's own folder); `split` keeps the
    rows of that split; `limit` the first rows; `full` embeds everything again; `keep` is the number of
    versions that stay on disk; `allow_hosts` the hosts that remote pictures may be fetched from; without
    `publish` the version is built and kept, but the one being served stays; `compiled` has torch.compile make
    the image tower faster.
    """

    catalogue: Path
    images: Path | None = None
    split: str | None = None
    limit: int | None = None
    tower: str = BUNDLED
    device: Device = "auto"
    full: bool = False
    keep: int = 3
    allow_hosts: tuple[str, ...] = ()
    publish: bool = True
    compiled: bool = False


@dataclass(frozen=True)
class Progress:
    """`done` of `total` pictures; `stage` is "reading", "embedding" or "publishing"."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Built:
    """`embedded` pictures went through the tower, `reused` ones kept their vector; `seconds` is for all."""

    manifest: store.Manifest
    embedded: int
    reused: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        return (self.embedded + self.reused) / max(self.seconds, 1e-9)


@dataclass(frozen=True)
class _Pictures:
    """The pictures that made it, row by row: its item, as a row of the items, and where it came from."""

    items: list[int]
    sources: list[Source]


def build(home: Path, config: BuildConfig, report: Callable[[Progress], None]) -> Built:
    """Builds and publishes an index version; nothing is published unless all of it is written.

    Raises CatalogueError for a catalogue that gives no item, BuilderBusy where another builder works,
    TowerError for an unknown tower or device.
    """
    started = time.perf_counter()
    with store.builder_lock(home):
        report(Progress("reading", 0, 0))
        catalogue = read_catalogue(
            config.catalogue,
            config.images,
            split=config.split,
            limit=config.limit,
            remote=_remote(home, config.allow_hosts),
        )
        tower, text = open_space(Registry(home), config.tower, config.device, compiled=config.compiled)
        before = None if config.full else _reusable(home, tower)
        staging = store.Staging(home, _new_version())
        vectors = staging.vector_rows(tower.dim, before)
        try:
            items, pictures, quarantined = _embed(catalogue, tower, vectors, report)
            if not items:
                raise CatalogueError(_nothing_left(config.catalogue, quarantined))
            report(Progress("publishing", len(vectors), len(vectors)))
            staging.write_items([item.id for item in items], [item.fields for item in items], catalogue.types)
            staging.write_pictures(pictures.items, pictures.sources, vectors.hashes)
            staging.write_quarantine([asdict(line) for line in quarantined])
            if vectors.finish():
                written = staging.vectors()
                neighbours, description = ann.build(
                    written,
                    lambda: _tuning_queries(Registry(home).open(text.id), items, written),
                    config.device,
                )
                staging.write_neighbours(neighbours)
            else:
                assert before is not None  # else there is nothing that the vectors could be the same as
                staging.link_vectors(before.version)
                description = before.manifest.ann
            manifest = staging.publish(
                current=config.publish,
                created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                image_tower=tower.name,
                space=tower.space,
                dim=tower.dim,
                items=len(items),
                pictures=len(vectors),
                quarantined=len(quarantined),
                catalogue=_arguments(config),
                types=catalogue.types,
                ann=description,
            )
        except BaseException:
            vectors.close()
            staging.discard()
            raise
        del before
        store.keep_newest(home, config.keep)
    return Built(manifest, vectors.embedded, len(vectors) - vectors.embedded, time.perf_counter() - started)


def _embed(
    catalogue: Catalogue, tower: ImageTower, vectors: VectorRows, report: Callable[[Progress], None]
) -> tuple[list[Item], _Pictures, list[Quarantined]]:
    """The items that have a readable picture, those pictures, and everything that was set aside."""
    total = sum(len(item.pictures) for item in catalogue.items)
    pictures = _Pictures([], [])
    items: list[Item] = []
    quarantined = list(catalogue.quarantined)
    done = 0
    with closing(embed_items(catalogue.items, tower, vectors.known)) as embedded:
        for item, outcomes in embedded:
            has_picture = False
            for source, outcome in outcomes:
                if outcome.reason:
                    quarantined.append(Quarantined(item.id, source.name, outcome.reason))
                    continue
                vectors.add(outcome.sha256, outcome.vector)
                pictures.items.append(len(items))
                pictures.sources.append(source)
                has_picture = True
            if has_picture:
                items.append(item)
            done += len(outcomes)
            report(Progress("embedding", done, total))
    return items, pictures, quarantined


def _reusable(home: Path, tower: ImageTower) -> store.IndexVersion | None:
    """The current version, if its vectors are of this tower's space; a damaged one is built anew."""
    try:
        current = store.open_current(home)
    except (store.NoIndex, store.IndexDamaged):
        return None
    return current if (current.space, current.manifest.dim) == (tower.space, tower.dim) else None


def _tuning_queries(tower: TextTower, items: list[Item], vectors: NDArray[np.float16]) -> Vectors:
    """Queries of the kind that will be asked: titles where there are any, else the pictures themselves."""
    chosen = np.random.default_rng(0).permutation(len(items))[:_TUNING_QUERIES]
    titles = [title for row in chosen if isinstance(title := items[row].fields.get("title"), str)]
    if titles:
        return tower.encode(titles)
    rows = np.random.default_rng(0).permutation(len(vectors))[:_TUNING_QUERIES]
    return vectors[rows].astype(np.float32)


def _remote(home: Path, hosts: tuple[str, ...]) -> RemotePictures | None:
    return RemotePictures(frozenset(hosts), home / "pictures") if hosts else None


def _arguments(config: BuildConfig) -> dict[str, object]:
    return {
        "path": str(config.catalogue.resolve()),
        "images": None if config.images is None else str(config.images.resolve()),
        "split": config.split,
        "limit": config.limit,
        "allow_hosts": list(config.allow_hosts),
    }


def _nothing_left(catalogue: Path, quarantined: list[Quarantined]) -> str:
    first = f", the first because {quarantined[0].reason}" if quarantined else ""
    return f"no item of {catalogue.name} has a readable picture ({len(quarantined):,} set aside{first})"


def _new_version() -> str:
    """Sorts by time, to the microsecond: the builder's lock keeps two builds further apart than that."""
    return f"{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S-%f}"
