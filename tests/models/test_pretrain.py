"""Pretraining: what counts as a wrong answer, that a few steps learn, and that what is written opens."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models import bundled, corpus, pretrain
from models.phrases import Scope

COLOURS = {"red": (200, 20, 30), "blue": (20, 60, 200), "green": (30, 160, 60), "yellow": (250, 210, 40)}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Eight pictures of one colour each, as a table beside its pictures."""
    rows = []
    for number in range(8):
        colour = list(COLOURS)[number % 4]
        Image.new("RGB", (40, 50), COLOURS[colour]).save(tmp_path / f"{number}.png")
        kind = "dress" if number < 4 else "skirt"
        rows.append({"id": str(number), "image": f"{number}.png", "kind": kind, "colour": colour})
    (tmp_path / "shop.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    queries = [{"query": f"{row['colour']} {row['kind']}", "item": row["id"]} for row in rows]
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps(q) + "\n" for q in queries), encoding="utf-8")
    (tmp_path / "parallel.jsonl").write_text('{"en": "red dress", "de": "rotes Kleid"}\n', encoding="utf-8")
    return tmp_path


def test_a_table_gives_its_own_split(tmp_path: Path) -> None:
    """Rows of another split are left out; rows without a split belong to each."""
    rows = [
        {"id": "a", "image": "a.png", "split": "train"},
        {"id": "b", "image": "b.png", "split": "test"},
        {"id": "c", "image": "c.png"},
    ]
    table = tmp_path / "table.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert [picture.row["id"] for picture in corpus.read_table(table, "train")] == ["a", "c"]


def test_a_text_is_no_wrong_answer_where_it_applies() -> None:
    """Three dresses, two of them red: "red dress" is wrong for the blue one alone."""
    groups = torch.tensor([[0, 1, 2], [0, 0, 1], [0, 0, 0]])
    scope = torch.tensor([Scope.KIND_AND_COLOUR, Scope.PRODUCT, Scope.KIND])
    wrong = pretrain.against(groups, scope, same=torch.tensor([7, 8, 9]))
    assert wrong.tolist() == [[False, True, False], [False, False, False], [True, True, False]]


def test_pairs_left_out_do_not_enter_the_loss() -> None:
    """With every other pair left out nothing can be confused: the loss is 0."""
    vectors = torch.nn.functional.normalize(torch.randn(4, 8), dim=1)
    nothing = torch.zeros(4, 4, dtype=torch.bool)
    assert pretrain.contrast(vectors, vectors, torch.tensor(20.0), nothing).item() == pytest.approx(0)


def test_a_few_steps_lower_the_loss_and_the_towers_open(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training on eight pictures lowers the loss, and what it writes are two towers of one space."""
    losses: list[float] = []
    measured = pretrain.loss_of

    def recorded(*args: Any, **kwargs: Any) -> torch.Tensor:
        loss = measured(*args, **kwargs)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(pretrain, "loss_of", recorded)
    weights = bundled.ImageModule().backbone.state_dict()
    torch.save(weights, shop / "backbone.pth")
    files = {
        "--table": shop / "shop.jsonl",
        "--parallel": shop / "parallel.jsonl",
        "--validate": f"{shop / 'queries.jsonl'}={shop / 'shop.jsonl'}",
        "--image-weights": shop / "backbone.pth",
        "--out": shop / "weights",
    }
    sizes = "--steps 2 --text-steps 8 --batch 4 --text-batch 8 --parallel-batch 1 --views 1 --texts 4"
    rates = "--workers 1 --text-lr 0.001 --warmup 2"
    named = [str(word) for pair in files.items() for word in pair]
    pretrain.main([*named, *sizes.split(), *rates.split()])
    assert np.mean(losses[-2:]) < np.mean(losses[2:4])
    text = bundled.open_text(shop / "weights" / "base")
    image = bundled.open_image(shop / "weights" / "image", device="cpu")
    assert text.space == image.space
    assert text.card.metrics["queries:all:all"]["n"] == 8
