"""Text towers on a query set: what `vitrine evaluate` and the job of that name do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.store import IndexVersion, SpaceMismatch, open_current
from indexer.tables import plain_name
from models.evaluate import Evaluation, Search, evaluate
from models.queries import Pair
from models.registry import Registry
from models.robustness import Robustness, perturbed_texts, robustness
from models.towers import Device, Runtime, Vectors

# The fields by which queries are sliced; of each, the first that the index has.
_ATTRIBUTES = {
    "colour": ("colour", "color", "colour_group", "colour_group_name", "base_colour", "basecolour"),
    "kind": ("kind", "type", "product_type", "category", "article_type", "articletype"),
}


@dataclass(frozen=True)
class Measured:
    """`attributes` are what `slices` takes; `absent` items were asked for and are not in the index; `robust`
    has each tower on perturbed queries, where that was asked for."""

    index: IndexVersion
    evaluations: list[Evaluation]
    attributes: dict[str, dict[str, str]]
    absent: int
    robust: list[Robustness]


def measure(
    home: Path,
    pairs: Sequence[Pair],
    towers: Sequence[str],
    report: Callable[[str, int, int], None],
    *,
    perturb: bool = False,
    device: Device = "auto",
    runtime: Runtime = "torch",
) -> Measured:
    """Each of these towers, by default the active one, on the pairs, searching the current index; with
    `perturb`, on perturbed queries too.

    A tower that is named twice counts once. `report` is told of every batch of queries, and may raise.

    Raises NoIndex, IndexDamaged, SpaceMismatch, TowerNotFound or TowerError.
    """
    index = open_current(home)
    registry = Registry(home)
    named = list(dict.fromkeys(towers or [active_in(registry, index)]))
    for name in named:
        index.require_space("text", name, registry.card(name).space)
    total = len({pair.query for pair in pairs})
    evaluations, robust = [], []
    for name in named:
        # The one before is let go as this one takes its name.
        tower = registry.open(name, device, runtime)
        evaluations.append(evaluate(tower, pairs, _searcher(index, f"evaluating {name}", total, report)))
        if perturb:
            texts = len(perturbed_texts(pairs))
            robust.append(robustness(tower, pairs, _searcher(index, f"perturbing {name}", texts, report)))
    items = dict.fromkeys(pair.item for pair in pairs)
    absent = sum(index.row(item) is None for item in items)
    return Measured(index, evaluations, attributes_of(index, items), absent, robust)


def active_in(registry: Registry, index: IndexVersion) -> str:
    """The tower that answers searches of this index where none is named. Raises SpaceMismatch."""
    active = registry.active(index.space)
    if active is None:
        raise SpaceMismatch(
            f"index {index.version} is of the space {index.space}, in which no text tower is active: "
            "activate a tower of this space, or build the index anew"
        )
    return active


def described(file: Path, split: str | None, lang: str | None) -> str:
    """Which rows of which query set, as a report names them."""
    parts = [file.name, f"split {split}" if split else "", f"language {lang}" if lang else ""]
    return ", ".join(filter(None, parts))


def _searcher(index: IndexVersion, stage: str, total: int, report: Callable[[str, int, int], None]) -> Search:
    done = 0

    def ids(vectors: Vectors, depth: int) -> list[list[str]]:
        nonlocal done
        report(stage, done, total)
        done += len(vectors)
        return [index.ids(index.search(vector, depth).rows) for vector in vectors]

    return ids


def attributes_of(index: IndexVersion, items: Iterable[str]) -> dict[str, dict[str, str]]:
    """ "colour" and "kind" → item → its value, as text, for those of these items that have one; an attribute
    for which the index has no field is left out."""
    rows = {item: row for item in items if (row := index.row(item)) is not None}
    fields = index.fields(list(rows.values()))
    spelt = {plain_name(name): name for name in reversed(index.manifest.types)}
    found: dict[str, dict[str, str]] = {}
    for attribute, names in _ATTRIBUTES.items():
        name = next((spelt[name] for name in names if name in spelt), None)
        if name is None:
            continue
        valued = ((item, values.get(name)) for item, values in zip(rows, fields, strict=True))
        found[attribute] = {item: _as_text(value) for item, value in valued if value not in (None, "", [])}
    return found


def _as_text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
