"""Calibrates the shipped text towers: `python -m models.calibrate_shipped --pairs fashion-de.jsonl …`.

Fits models/calibration.py on queries that neither tower learnt from, and writes it onto their cards. To be
run again whenever the weights of one of them change; with `--vectors` it embeds the pictures only once.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models import bundled, corpus
from models.calibration import Asked, alike, calibrate
from models.cards import read_card
from models.fashion_de import embedded
from models.gallery import Gallery
from models.queries import read_pairs

TOWERS = ("base", "fashion-de")


def alike_in(rows: dict[str, corpus.Row]) -> dict[str, frozenset[str]]:
    """By the product, type and colour of a table's rows, which are given by their ids."""
    attributes = {
        name: {item: str(row[column]) for item, row in rows.items() if row.get(column)}
        for name, column in (("kind", "type"), ("colour", "colour"))
    }
    return alike(attributes, {item: str(row.get("product", item)) for item, row in rows.items()})


def galleries(table: Path, splits: list[str], kept: Path | None) -> dict[str, Gallery]:
    """The pictures of each split, from the file `kept` where it is there, which is written otherwise."""
    if kept is not None and kept.exists():
        with np.load(kept) as held:
            return {s: Gallery(held[f"{s} ids"].tolist(), held[s], lambda: None) for s in splits}
    image = bundled.open_image()
    found = {split: embedded(corpus.read_table(table, split), image) for split in splits}
    if kept is not None:
        arrays: dict[str, Any] = {split: gallery.vectors for split, gallery in found.items()}
        arrays |= {f"{split} ids": np.array(gallery.ids) for split, gallery in found.items()}
        np.savez(kept, **arrays)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=Path, required=True, help="query set; its split val is fitted to")
    parser.add_argument(
        "--pairs-split", default="test", help="split of the table that the items of that are in"
    )
    parser.add_argument("--pictures", type=Path, required=True, help="the table that all items are in")
    parser.add_argument("--guard", type=Path, required=True, help="query set in several languages")
    parser.add_argument("--guard-split", default="val", help="split of the table that its items are in")
    parser.add_argument(
        "--vectors", type=Path, help="file to keep the pictures' vectors in, ending with .npz"
    )
    options = parser.parse_args()
    shown = galleries(options.pictures, [options.guard_split, options.pairs_split], options.vectors)
    told = alike_in({str(row.row["id"]): row.row for row in corpus.read_table(options.pictures)})
    asked = [
        Asked(read_pairs(options.guard), shown[options.guard_split], lambda _: told),
        Asked(read_pairs(options.pairs, split="val"), shown[options.pairs_split], lambda _: told),
    ]
    background = shown[options.guard_split].vectors.mean(axis=0)
    for name in TOWERS:
        folder = bundled.SHIPPED / name
        found = calibrate(bundled.open_text(folder), asked, background)
        replace(read_card(folder), calibration=found.on_card()).write(folder)
        print(f"{name}: sense {found.sense}, right {found.right}, {dict(found.facts)}", flush=True)


if __name__ == "__main__":
    main()
