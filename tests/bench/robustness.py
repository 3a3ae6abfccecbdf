"""German as typed: what each way of typing costs, in mRR@20, and what reading it costs, in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from indexer.drawn import garments, query
from models import bundled, corpus, fashion_de
from models.gallery import Gallery
from models.queries import Pair, read_pairs
from models.robustness import PERTURBATIONS, perturbed, robustness
from tests.conftest import SHARED

_HM_VAL = Path(bundled.__file__).parent / "validation" / "hm-val.jsonl"


def measure() -> Iterator[tuple[str, str]]:
    texts = [query(garment, "de") for garment in garments(0)]
    if SHARED.is_dir():
        sets = dict(_sets())
        texts = [pair.query for pairs, _ in sets.values() for pair in pairs]
        for name, (pairs, gallery) in sets.items():
            for tower in ("base", "fashion-de"):
                found = robustness(bundled.open_text(bundled.SHIPPED / tower), pairs, gallery.search)
                yield f"{tower}, {name}: {found.queries} queries, mRR@20", f"{found.plain:.3f}"
                for drop in found.drops:
                    told = f"{drop.plain:.3f} to {drop.perturbed:.3f}, {drop.relative:.1%} lost"
                    yield f"  {drop.perturbation} ({drop.queries} queries)", told
                yield "  mean", f"{found.mean_drop:.1%} lost"
    yield from _times(texts)


def _sets() -> Iterator[tuple[str, tuple[list[Pair], Gallery]]]:
    """hm val, and fashion-de val among the pictures that its items are of."""
    pictures = corpus.read_table(SHARED / "hm.jsonl")
    image = bundled.open_image()
    for name, pairs, split in (
        ("hm-val", read_pairs(_HM_VAL, lang="de"), "val"),
        ("fashion-de val", read_pairs(SHARED / "fashion-de.jsonl", split="val"), "test"),
    ):
        shown = [picture for picture in pictures if picture.row["split"] == split]
        yield name, (pairs, fashion_de.embedded(shown, image))


def _times(texts: list[str]) -> Iterator[tuple[str, str]]:
    respelled = bundled.open_tokenizer().respelled
    respelled("rotes Kleid")  # reads the dictionary
    for name in (None, *PERTURBATIONS):
        milliseconds = []
        for text in texts:
            typed = perturbed(text, name, 0) if name else text
            started = time.perf_counter()
            respelled(typed)
            milliseconds.append(1000 * (time.perf_counter() - started))
        told = f"{median(milliseconds):.2f} ms, of 20 the slowest {quantiles(milliseconds, n=20)[-1]:.2f} ms"
        yield f"reading a query, {name or 'as it is'}", told
