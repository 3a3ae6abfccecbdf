"""Averages of runs: what is averaged, and that the result is a pair of towers of a space of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from models import bundled
from models.cards import read_card, read_weights
from models.soup import averaged, soup


def test_weights_are_averaged_and_counters_are_not() -> None:
    """The mean of 1 and 3 is 2; a whole number, such as how many batches were seen, is the first run's."""
    states = [
        {"w": torch.tensor([value], dtype=torch.float16), "n": torch.tensor(int(value))} for value in (1, 3)
    ]
    found = averaged(states)
    assert found["w"].tolist() == [2.0]
    assert found["n"].item() == 1


def test_a_soup_of_one_is_that_run(tmp_path: Path) -> None:
    """The shipped towers averaged with themselves are the shipped towers, and the card names both seeds."""
    run = tmp_path / "run"
    text = read_card(bundled.SHIPPED / "base")
    image = read_card(bundled.SHIPPED / "image")
    for side, card in (("base", text), ("image", image)):
        (run / side).mkdir(parents=True)
        (run / side / "weights.safetensors").hardlink_to(bundled.SHIPPED / side / "weights.safetensors")
        dataclasses.replace(card, recipe={"seed": 7}, metrics={"val": {"n": 1}}).write(run / side)
    soup([run, run], tmp_path / "out")
    made = read_card(tmp_path / "out" / "base")
    tensors = read_weights(tmp_path / "out" / "base", made)
    assert all(map(torch.equal, tensors.values(), read_weights(bundled.SHIPPED / "base", text).values()))
    assert made.space == read_card(tmp_path / "out" / "image").space
    assert made.recipe["seed"] == [7, 7]
    assert made.metrics["runs"] == [{"val": {"n": 1}}] * 2
