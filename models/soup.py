"""Averages runs of the pretraining: `python -m models.soup OUT RUN RUN …`.

The mean of the weights of several runs from one start is often better than each of them, and costs nothing
when it answers: a uniform model soup (Wortsman et al. 2022, arXiv:2203.05482). The runs differ by their seed;
`pretrain.py` starts every seed at the same weights.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from models.bundled import ImageModule, TextModule, write_tower
from models.cards import Card, read_card, read_weights

SIDES = ("image", "base")


def averaged(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each tensor in float32; counters, which are whole numbers, are the first one's."""
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0)
        if first.is_floating_point()
        else first
        for name, first in states[0].items()
    }


def soup(runs: Sequence[Path], out: Path) -> None:
    """Writes the average of the towers in `runs`, folders as `pretrain.py` writes them, into `out`."""
    cards: dict[str, list[Card]] = {side: [read_card(run / side) for run in runs] for side in SIDES}
    modules: dict[str, ImageModule | TextModule] = {"image": ImageModule(), "base": TextModule()}
    for side, module in modules.items():
        module.load_state_dict(
            averaged([read_weights(run / side, card) for run, card in zip(runs, cards[side], strict=True)])
        )
    first = cards["base"][0]
    card = {
        "recipe": first.recipe | {"seed": [card.recipe["seed"] for card in cards["base"]]},
        "data": first.data,
        "terms": first.terms,
        "metrics": {"runs": [asdict(card)["metrics"] for card in cards["base"]]},
        "created": datetime.date.today().isoformat(),
    }
    space = write_tower(out / "image", modules["image"], id="bundled", **card).space
    write_tower(out / "base", modules["base"], id="base", space=space, **card)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    options = parser.parse_args()
    soup(options.runs, options.out)


if __name__ == "__main__":
    main()
