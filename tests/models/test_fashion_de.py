"""The shipped German tower's recipe, on a drawn shop: what it writes is a child of the base."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from models import bundled, corpus, fashion_de
from models.cards import read_card
from models.queries import read_pairs
from models.wise_ft import MAX_GUARD_LOSS


def test_the_recipe_writes_a_child_of_the_base(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty drawn garments to learn from, ten to choose by, twelve to guard: the tower opens in the base's
    space, names the base as its parent, and no language of the guard has lost more than it may."""
    with drawn.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = drawn.with_name("shop.jsonl")
    splits = ["train"] * 40 + ["test"] * 10 + ["val"] * 12
    pairs, guard = tmp_path / "pairs.jsonl", tmp_path / "guard.jsonl"
    told: dict[Path, list[dict[str, str]]] = {table: [], pairs: [], guard: []}
    for row, split in zip(rows, splits, strict=True):
        told[table].append(
            {"id": row["id"], "image": row["image"], "product": row["product"], "split": split}
        )
        if split == "val":
            told[guard].append({"query": row["title_en"], "item": row["id"], "lang": "en"})
        else:
            part = "train" if split == "train" else "val"
            told[pairs].append({"query": row["title"], "item": row["id"], "lang": "de", "split": part})
    for path, lines in told.items():
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    out = tmp_path / "fashion-de"
    words = {"--pairs": pairs, "--pictures": table, "--guard": guard, "--out": out}
    arguments = [str(word) for option in words.items() for word in option]
    monkeypatch.setattr(sys, "argv", ["fashion_de", *arguments, "--runs", "1"])
    fashion_de.main()
    base, card = read_card(bundled.SHIPPED / "base"), read_card(out)
    assert bundled.open_text(out).id == "fashion-de"
    assert (card.space, card.parent) == (base.space, {"id": "base", "weights": base.weights})
    points = {point["alpha"]: point for point in card.metrics["sweep, mRR@20"]}
    chosen = points[card.recipe["alpha"]]
    assert chosen["guards"]["en"] >= points[0.0]["guards"]["en"] - MAX_GUARD_LOSS - 1e-9
    gallery = fashion_de.embedded(
        [p for p in corpus.read_table(table) if p.row["split"] != "val"], bundled.open_image(device="cpu")
    )
    val = read_pairs(pairs, split="val")
    assert fashion_de.mrr(val, gallery)(bundled.open_text(out)) == pytest.approx(chosen["score"], abs=0.02)
    assert card.recipe["alpha"] == 0 or card.weights != base.weights
    assert card.data[-1] == {"name": "pairs.jsonl, train", "rows": 40}
