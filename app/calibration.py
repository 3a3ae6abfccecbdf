"""A registered text tower, calibrated on queries against the current index."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.evaluation import active_in, attributes_of
from app.pairs import MIN_JUDGED, TooFewPairs, products
from indexer.store import IndexVersion, open_current
from models.calibration import Asked, Vector, alike, calibrate, read_calibration
from models.cards import Card
from models.gallery import Gallery
from models.queries import Pair
from models.registry import Registry
from models.towers import Device, TowerError


@dataclass(frozen=True)
class Calibrated:
    """`right` is the share of the queries whose first hit is right."""

    tower: str
    queries: int
    right: float


def alike_in(
    index: IndexVersion, product_of: Mapping[str, str], items: Iterable[str]
) -> dict[str, frozenset[str]]:
    """What `Asked.alike` wants: by product, and by kind and colour, where the index has fields of them."""
    wanted = list(items)
    return alike(attributes_of(index, wanted), {item: product_of[item] for item in wanted})


def calibrate_tower(home: Path, pairs: Sequence[Pair], tower: str | None, device: Device) -> Calibrated:
    """Puts a calibration on the card of the tower, by default the active one; the background is that of
    another tower of its space, where one has a sound calibration.

    Raises NoIndex, SpaceMismatch, TowerNotFound, TowerError, or TooFewPairs.
    """
    index = open_current(home)
    registry = Registry(home)
    card = registry.card(tower or active_in(registry, index))
    index.require_space("text", card.id, card.space)
    known = [pair for pair in pairs if index.row(pair.item) is not None]
    queries = len({pair.query for pair in known})
    if queries < MIN_JUDGED:
        raise TooFewPairs(
            f"{queries} queries ask for items of the index, calibrating needs {MIN_JUDGED}: add queries"
        )
    ids = index.ids(range(len(index)))
    told = partial(alike_in, index, dict(zip(ids, products(index), strict=True)))
    asked = Asked(known, Gallery(ids, index.item_vectors(), lambda: None), told)
    found = calibrate(registry.open(card.id, device), [asked], _shared_background(registry, card))
    registry.set_calibration(card.id, found.on_card())
    return Calibrated(card.id, queries, found.facts["first hit right"][0])


def _shared_background(registry: Registry, card: Card) -> Vector | None:
    """Of another tower of the card's space; its own calibration is what is made anew, and may be damaged."""
    for other in registry.cards():
        if other.space == card.space and other.id != card.id:
            with contextlib.suppress(TowerError):
                calibration = read_calibration(other.calibration, other.dim)
                if calibration is not None:
                    return calibration.background
    return None
