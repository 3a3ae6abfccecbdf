"""Trains the shipped tower `fashion-de`: `python -m models.fashion_de --pairs fashion-de.jsonl …`.

The base's text side, tuned on German shop queries against the locked image side: the average of several
seeds, moved back towards the base until no other language loses by it. The file reads downward in the order
of the run.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from models import bundled, corpus, wise_ft
from models.bundled import BundledImage, BundledText, TextModule, read_text, write_tower
from models.cards import State
from models.corpus import Picture
from models.evaluate import evaluate
from models.examples import Examples
from models.finetune import Step, finetune
from models.gallery import Gallery
from models.queries import Pair, read_pairs
from models.recipe import Config, settle
from models.soup import averaged


def embedded(pictures: Sequence[Picture], image: BundledImage) -> Gallery:
    """The pictures, to be found by their ids."""
    pixels = corpus.decode(pictures, image.preprocessing, os.cpu_count() or 1)
    vectors = [image.encode(pixels[start : start + 64]) for start in range(0, len(pixels), 64)]
    return Gallery([str(picture.row["id"]) for picture in pictures], np.concatenate(vectors), lambda: None)


def measured(
    base: BundledText, val: Callable[[BundledText], float], guards: dict[str, Callable[[BundledText], float]]
) -> Callable[[State], wise_ft.Measured]:
    """What `wise_ft.sweep` asks of weights: mRR@20 on the validation part, and on each guard."""

    def measure(state: State) -> wise_ft.Measured:
        module = TextModule()
        module.load_state_dict(state)
        tower = BundledText(base.card, module)
        return wise_ft.Measured(val(tower), {name: guard(tower) for name, guard in guards.items()})

    return measure


def mrr(pairs: Sequence[Pair], gallery: Gallery) -> Callable[[BundledText], float]:
    return lambda tower: evaluate(tower, pairs, gallery.search).summary["mRR@20"]


def told(step: Step) -> None:
    if step.metrics:
        print(f"epoch {step.epoch} {step.metrics} {step.note}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=Path, required=True, help="query set with the splits train and val")
    parser.add_argument("--pictures", type=Path, required=True, help="the table that its items are in")
    parser.add_argument("--guard", type=Path, required=True, help="query set in several languages")
    parser.add_argument(
        "--guard-split", default="val", help="split of the table that the guard's items are in"
    )
    parser.add_argument("--runs", type=int, default=3, help="seeds whose weights are averaged")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    image = bundled.open_image()
    card, module = read_text(bundled.SHIPPED / "base")
    base = BundledText(card, module)
    config = settle(Config(), base)
    train, val = (read_pairs(options.pairs, split=split) for split in ("train", "val"))
    # Only pictures of train and of val's own queries: the loss draws wrong answers from all that it is given.
    wanted = {pair.item for pair in val}
    pictures = corpus.read_table(options.pictures)
    shown = [p for p in pictures if p.row["split"] == "train" or str(p.row["id"]) in wanted]
    gallery = embedded(shown, image)
    around = embedded([p for p in pictures if p.row["split"] == options.guard_split], image)
    asked: dict[str, list[Pair]] = {}
    for pair in read_pairs(options.guard):
        asked.setdefault(pair.lang or "all", []).append(pair)

    runs = [
        finetune(
            base,
            Examples.of(train, gallery.ids),
            Examples.of(val, gallery.ids),
            gallery.vectors,
            np.unique([picture.product for picture in shown], return_inverse=True)[1],
            replace(config, seed=seed),
            on_step=told,
            cancelled=lambda: False,
        )
        for seed in range(options.runs)
    ]
    tuned = averaged([run.state for run in runs])
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    sweep = wise_ft.sweep(
        before,
        tuned,
        measured(base, mrr(val, gallery), {lang: mrr(pairs, around) for lang, pairs in asked.items()}),
    )
    for point in sweep.points:
        print(json.dumps(asdict(point)), flush=True)
    module.load_state_dict(wise_ft.interpolate(before, tuned, sweep.best.alpha))
    write_tower(
        options.out,
        module,
        id="fashion-de",
        space=card.space,
        parent={"id": card.id, "weights": card.weights},
        recipe=asdict(config)
        | {
            "seed": list(range(options.runs)),
            "alpha": sweep.best.alpha,
            "max_guard_loss": wise_ft.MAX_GUARD_LOSS,
        },
        data=[*card.data, {"name": f"{options.pairs.name}, train", "rows": len(train)}],
        terms=card.terms,
        metrics={"sweep, mRR@20": [asdict(point) for point in sweep.points]},
        created=datetime.date.today().isoformat(),
    )


if __name__ == "__main__":
    main()
