"""Pairs as an operator hands them in: what of a file can be learnt from, and what became of the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.store import IndexVersion
from indexer.tables import plain_name
from models.queries import Pair, QueriesError, choose, judge_pairs, lines
from models.splits import part_of

MIN_LEARNT, MIN_ITEMS = 50, 20
"""Pairs and items: fewer are learnt by heart, and teach nothing about the others."""
MIN_JUDGED = 10
"""Queries of the validation and gate parts: the mean of fewer is decided by one of them."""

_PRODUCT = ("product", "item_group_id")
"""The fields by which a catalogue may tie the variants of a product together."""


class TooFewPairs(QueriesError):
    """The file can be read, but too little of it can be used; the message counts what is there."""


@dataclass(frozen=True)
class Usable:
    """`pairs` are distinct: where a pair came twice its weights are added. `notes` say what was left out."""

    name: str
    sha256: str
    rows: int
    pairs: list[Pair]
    notes: list[str]


@dataclass(frozen=True)
class Parts:
    """What learns, what chooses and what decides; no product is in two of them."""

    train: list[Pair]
    val: list[Pair]
    gate: list[Pair]


def read_usable(
    file: Path,
    split: str | None,
    is_known: Callable[[str], bool],
    texts: tuple[str, str] = ("query", "item"),
) -> Usable:
    """The usable pairs of a file; of one split where it has such a column.

    Raises QueriesError for a file that cannot be read, has not that split, or no usable row.
    """
    pairs, faults = judge_pairs(file, texts)
    if split is not None and any(pair.split is not None for pair in pairs):
        pairs = choose(file, pairs, split=split)
    left_out: dict[str, list[int]] = {}
    for fault in faults:
        left_out.setdefault(fault.reason, []).append(fault.line)
    distinct: dict[tuple[str, str], Pair] = {}
    repeated = []
    for pair in pairs:
        key = (pair.query, pair.item)
        if not is_known(pair.item):
            left_out.setdefault("an item that the index lacks", []).append(pair.line)
        elif key in distinct:
            repeated.append(pair.line)
            distinct[key] = replace(distinct[key], weight=distinct[key].weight + pair.weight)
        else:
            distinct[key] = pair
    notes = [_left_out(reason, numbers) for reason, numbers in left_out.items()]
    if repeated:
        notes.append(f"{_rows(repeated)} said before: merged, the weights added ({lines(repeated)})")
    if not distinct:
        raise TooFewPairs("; ".join([f"{file.name} has no usable row", *notes]))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Usable(file.name, digest, len(pairs) + len(faults), list(distinct.values()), notes)


def divide(
    usable: Usable, product_of: Mapping[str, str], gate: Usable | None = None
) -> tuple[Parts, list[str]]:
    """The parts, and notes on what had to be left out for them.

    Where a file decides, what would have decided is learnt from, but for the products that the file has.
    Raises TooFewPairs where a part is too small to be of use.
    """
    parts: dict[str, list[Pair]] = {"train": [], "val": [], "gate": []}
    notes = []
    if gate is None:
        for pair in usable.pairs:
            parts[part_of(product_of[pair.item])].append(pair)
    else:
        parts["gate"] = gate.pairs
        decides = {product_of[pair.item] for pair in gate.pairs}
        kept = [pair for pair in usable.pairs if product_of[pair.item] not in decides]
        for pair in kept:
            parts["val" if part_of(product_of[pair.item]) == "val" else "train"].append(pair)
        if len(kept) < len(usable.pairs):
            left = len(usable.pairs) - len(kept)
            notes.append(
                f"{left:,} pairs are of products that {gate.name} decides on, and are not learnt from"
            )
    divided = Parts(parts["train"], parts["val"], parts["gate"])
    _require_enough(usable, divided)
    return divided, notes


def products(index: IndexVersion) -> Sequence[str]:
    """What ties each item of the index to its variants, in catalogue order; alone it is its own product."""
    ids = index.ids(range(len(index)))
    spelt: Mapping[str, str] = {plain_name(name): name for name in reversed(index.manifest.types)}
    name = next((spelt[name] for name in _PRODUCT if name in spelt), None)
    if name is None:
        return ids
    # An item without a product must not be tied to the product that happens to have its id as a name.
    return [
        f"item {item}" if tie in (None, "") else str(tie)
        for item, tie in zip(ids, index.column(name), strict=True)
    ]


def _require_enough(usable: Usable, parts: Parts) -> None:
    learnt, items = len(parts.train), len({pair.item for pair in parts.train})
    val, gate = (len({pair.query for pair in part}) for part in (parts.val, parts.gate))
    if learnt >= MIN_LEARNT and items >= MIN_ITEMS and min(val, gate) >= MIN_JUDGED:
        return
    counts = (
        f"{usable.name} gives {learnt:,} pairs of {items:,} items to learn from, {val:,} queries to validate "
        f"and {gate:,} to decide with"
    )
    needs = f"tuning needs {MIN_LEARNT} pairs of {MIN_ITEMS} items and twice {MIN_JUDGED} queries: add pairs"
    raise TooFewPairs("; ".join([counts, *usable.notes, needs]))


def _left_out(reason: str, numbers: list[int]) -> str:
    return f"{_rows(numbers)} left out: {reason} ({lines(sorted(numbers))})"


def _rows(numbers: list[int]) -> str:
    return f"{len(numbers):,} row{'' if len(numbers) == 1 else 's'}"
