"""What a tuning run stands on: index, tower, pairs in parts and guard sets, all read and checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.pairs import Parts, Usable, divide, products, read_usable
from app.tuning_options import Follower, Options
from indexer.guards import NAME as DRAWN
from indexer.guards import drawn_guard
from indexer.store import IndexVersion, open_current
from models.cards import Card, State
from models.evaluate import Evaluation, evaluate
from models.gallery import Gallery
from models.queries import Pair, read_pairs
from models.recipe import Config, settle
from models.registry import Registry, TowerNotFound
from models.student import Cancelled
from models.towers import (
    Device,
    ImageTower,
    TextTower,
    TowerError,
    TrainableText,
    Vectors,
    open_tower,
    open_trainable,
)

BEGUN = "begun.json"
QuerySet = tuple[Sequence[Pair], Gallery]
"""Who asks for what, and where."""


_TEXTS_AT_ONCE = 256


@dataclass(frozen=True)
class Ground:
    """What a run stands on. `gallery` is what is searched; `product_of` ties its items together, and `groups`
    are the same products as numbers, row by row."""

    home: Path
    index: IndexVersion
    parent: Card
    base: State
    pupil: TrainableText
    """The parent as a tower to measure with; its weights are set for each measurement."""
    recipe: Config
    """As this tower follows it."""
    usable: Usable
    deciding: str
    """The file that the gate part is of."""
    parts: Parts
    gallery: Gallery
    product_of: Mapping[str, str]
    groups: NDArray[np.int64]
    guards: Mapping[str, QuerySet]
    notes: list[str]
    """What was left out of the files."""

    def measure(self, state: State, sets: Sequence[QuerySet]) -> list[Evaluation]:
        """What the tower finds with these weights, in the order of the sets."""
        self.pupil.module.load_state_dict(state)
        return [evaluate(self.pupil, pairs, gallery.search) for pairs, gallery in sets]


def prepare(home: Path, file: Path, options: Options, follower: Follower) -> Ground:
    """Reads and checks everything: what is wrong is said before a picture is drawn or a step is made."""
    follower.progress("reading", 0, 0)
    index = open_current(home)
    parent = _parent(home, index, options, follower.folder)
    usable, gate = _read(file, options, index)
    pupil = open_trainable(home / "towers" / parent.id, options.device)
    recipe = settle(options.recipe, pupil, translation=options.parallel)
    base = {name: tensor.to("cpu", copy=True) for name, tensor in pupil.module.state_dict().items()}
    before_pass = raising_where_cancelled(follower)
    shop = Gallery(index.ids(range(len(index))), index.item_vectors(), before_pass)
    gallery, tied = shop, products(index)
    if options.parallel:
        tied = list(dict.fromkeys(pair.item for part in (usable, gate) if part for pair in part.pairs))
        gallery = Gallery(tied, _encoded(pupil, tied, before_pass), before_pass)
    product_of = dict(zip(gallery.ids, tied, strict=True))
    parts, notes = divide(usable, product_of, gate)
    names = [guard.name for guard in options.guard]
    asked = {
        guard.name if names.count(guard.name) == 1 else str(guard): read_pairs(guard)
        for guard in options.guard
    }
    notes = [*_told(usable, parts), *(gate.notes if gate else ()), *notes, *_absent(asked, index)]
    for line in notes:
        follower.note(line)
    guards = {DRAWN: _drawn(home, index, options.device, before_pass, follower)} | {
        name: (pairs, shop) for name, pairs in asked.items()
    }
    return Ground(
        home=home,
        index=index,
        parent=parent,
        base=base,
        pupil=pupil,
        recipe=recipe,
        usable=usable,
        deciding=gate.name if gate else usable.name,
        parts=parts,
        gallery=gallery,
        product_of=product_of,
        groups=np.unique(np.array(tied), return_inverse=True)[1].astype(np.int64),
        guards=guards,
        notes=notes,
    )


def _parent(home: Path, index: IndexVersion, options: Options, folder: Path) -> Card:
    """The active tower; in a run that was killed, the one that was active when it began."""
    registry = Registry(home)
    begun = folder / BEGUN
    if begun.exists():
        return registry.card(json.loads(begun.read_text(encoding="utf-8"))["parent"])
    if options.out is not None and (home / "towers" / options.out).exists():
        free = registry.free_id(options.out)
        raise TowerError(f"the id {options.out} is taken: delete that tower, or call this one {free}")
    active = registry.active(index.space)
    if active is None:
        raise TowerNotFound(
            f"no text tower is active in the space {index.space}: activate one, or index again"
        )
    card = registry.card(active)
    new = begun.with_name(f".{BEGUN}")
    new.write_text(json.dumps({"parent": card.id}), encoding="utf-8")
    new.replace(begun)
    return card


def _read(file: Path, options: Options, index: IndexVersion) -> tuple[Usable, Usable | None]:
    """The pairs, and those of the file that decides, if one is named."""
    if options.parallel:
        texts, is_known = ("translation", "query"), lambda text: True
    else:
        texts, is_known = ("query", "item"), lambda item: index.row(item) is not None
    gate = read_usable(options.gate, None, is_known, texts) if options.gate else None
    return read_usable(file, options.split, is_known, texts), gate


def _encoded(tower: TextTower, texts: Sequence[str], before_pass: Callable[[], None]) -> Vectors:
    parts = []
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        before_pass()
        parts.append(tower.encode(texts[start : start + _TEXTS_AT_ONCE]))
    return np.concatenate(parts)


def _drawn(
    home: Path, index: IndexVersion, device: Device, before_pass: Callable[[], None], follower: Follower
) -> QuerySet:
    def images() -> ImageTower:
        tower = open_tower(index.manifest.image_tower, "image", device)
        index.require_space("image", tower.name, tower.space)
        return tower

    def report(done: int, total: int) -> None:
        before_pass()
        follower.progress("drawing the guard set", done, total)

    drawn = drawn_guard(home, index.space, images, report)
    return drawn.pairs, Gallery(drawn.ids, drawn.vectors, before_pass)


def _told(usable: Usable, parts: Parts) -> list[str]:
    learnt, val, gate = (len(part) for part in (parts.train, parts.val, parts.gate))
    return [
        f"{usable.name}: {usable.rows:,} rows, {len(usable.pairs):,} usable pairs; "
        f"{learnt:,} are learnt from, {val:,} validate, {gate:,} decide",
        *usable.notes,
    ]


def _absent(asked: Mapping[str, list[Pair]], index: IndexVersion) -> list[str]:
    counts = {name: sum(index.row(pair.item) is None for pair in pairs) for name, pairs in asked.items()}
    return [
        f"{name}: {count:,} rows ask for items that the index lacks; they count as not found"
        for name, count in counts.items()
        if count
    ]


def raising_where_cancelled(follower: Follower) -> Callable[[], None]:
    def before_pass() -> None:
        if follower.cancelled():
            raise Cancelled

    return before_pass
