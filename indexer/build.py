"""Catalogue → a new index version, published; only pictures whose content changed are embedded again."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer import ann, store
from indexer.catalogue import Catalogue, CatalogueError, Item, Quarantined, read_catalogue
from indexer.embed import Embedded, embed
from indexer.remote import RemotePictures
from indexer.source import Source
from models.bundled import SHIPPED
from models.registry import Registry, register_bundled
from models.towers import BUNDLED, Device, ImageTower, TextTower, Vectors, open_tower

_TUNING_QUERIES = 512


@dataclass(frozen=True)
class BuildConfig:
    """What to index, and how.

    `images` is where picture paths are relative to (None: the catalogue's own folder); `split` keeps the
    rows of that split; `limit` the first rows; `full` embeds everything again; `keep` is the number of
    versions that stay on disk; `allow_hosts` the hosts that remote pictures may be fetched from; without
    `publish` the version is built and kept, but the one being served stays.
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


@dataclass
class _Pictures:
    """The pictures that made it, row by row; grows as the tower works."""

    items: list[int]
    sources: list[Source]
    hashes: list[str]
    vectors: NDArray[np.float16]
    embedded: int = 0


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
        tower = open_tower(config.tower, "image", config.device)
        text = register_bundled(Registry(home), SHIPPED)
        before = None if config.full else _reusable(home, tower)
        items, pictures, quarantined = _embed(catalogue, tower, before, report)
        if not items:
            raise CatalogueError(_nothing_left(config.catalogue, quarantined))
        report(Progress("publishing", len(pictures.items), len(pictures.items)))
        staging = store.Staging(home, _new_version())
        try:
            staging.write_items([item.id for item in items], [item.fields for item in items], catalogue.types)
            staging.write_pictures(pictures.items, pictures.sources, pictures.hashes)
            staging.write_quarantine([asdict(line) for line in quarantined])
            if before is not None and before.hashes() == pictures.hashes:
                staging.link_vectors(before.version)
                description = before.manifest.ann
            else:
                neighbours, description = ann.build(
                    pictures.vectors,
                    lambda: _tuning_queries(Registry(home).open(text.id), items, pictures.vectors),
                )
                staging.write_vectors(pictures.vectors, neighbours)
            manifest = staging.publish(
                current=config.publish,
                created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                image_tower=tower.name,
                space=tower.space,
                dim=tower.dim,
                items=len(items),
                pictures=len(pictures.items),
                quarantined=len(quarantined),
                catalogue=_arguments(config),
                types=catalogue.types,
                ann=description,
            )
        except BaseException:
            staging.discard()
            raise
        del before
        store.keep_newest(home, config.keep)
    reused = len(pictures.items) - pictures.embedded
    return Built(manifest, pictures.embedded, reused, time.perf_counter() - started)


def _embed(
    catalogue: Catalogue,
    tower: ImageTower,
    before: store.IndexVersion | None,
    report: Callable[[Progress], None],
) -> tuple[list[Item], _Pictures, list[Quarantined]]:
    """The items that have a readable picture, those pictures, and everything that was set aside."""
    total = sum(len(item.pictures) for item in catalogue.items)
    known = {sha256: row for row, sha256 in enumerate(before.hashes())} if before is not None else {}
    pictures = _Pictures([], [], [], np.empty((total, tower.dim), dtype=np.float16))
    outcomes = embed((source for item in catalogue.items for source in item.pictures), tower, known)
    items: list[Item] = []
    quarantined = list(catalogue.quarantined)
    done = 0
    for item in catalogue.items:
        has_picture = False
        for source in item.pictures:
            outcome = next(outcomes)
            done += 1
            report(Progress("embedding", done, total))
            if outcome.reason:
                quarantined.append(Quarantined(item.id, source.name, outcome.reason))
                continue
            pictures.vectors[len(pictures.items)] = _vector(outcome, before, known)
            pictures.embedded += not outcome.known
            pictures.items.append(len(items))
            pictures.sources.append(source)
            pictures.hashes.append(outcome.sha256)
            has_picture = True
        if has_picture:
            items.append(item)
    pictures.vectors = pictures.vectors[: len(pictures.items)]
    return items, pictures, quarantined


def _vector(
    outcome: Embedded, before: store.IndexVersion | None, known: dict[str, int]
) -> NDArray[np.float16]:
    if outcome.vector is not None:
        return outcome.vector
    assert before is not None  # nothing else makes a picture known
    vector: NDArray[np.float16] = before.vectors[known[outcome.sha256]]
    return vector


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
