"""`vitrine learning-curve`: how many pairs are enough."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.finetune import terminal
from app.commands.options import Home, note, settings_of

if TYPE_CHECKING:
    from app.learning_curve import Curve

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415

_LEAST = 10


def learning_curve(
    pairs: Annotated[
        Path, typer.Argument(help="JSONL or CSV with the columns query, item[, weight, lang, split].")
    ],
    sizes: Annotated[str, typer.Option(help="Numbers of pairs, with commas.")] = "125,250,500,1000,2000",
    split: Annotated[
        str, typer.Option(help="The rows to learn from, where the file has a column `split`.")
    ] = "train",
    gate: Annotated[
        Path | None, typer.Option(help="Pairs to measure on.  [default: a tenth of the products, set aside]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder of the plot and its page.")] = Path(
        "learning-curve"
    ),
    home: Home = None,
) -> None:
    """Tunes on more and more of a file's pairs, and measures each time on the same queries."""
    from app.learning_curve import learning_curve as measure
    from app.learning_curve import write_curve
    from app.tuning_options import options_of

    wanted = _sizes(sizes)
    options = options_of({"split": split, "gate": gate, "seed": seed})
    folder = settings_of(home).home
    with terminal(folder) as follower:
        curve = measure(folder, pairs, wanted, options, follower)
    print(_table(curve))
    note(f"plot: {write_curve(out, curve)}")


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < _LEAST:
        raise typer.BadParameter(
            f"{text!r}: it needs whole numbers of {_LEAST} and more, with commas, such as 125,250,500",
            param_hint="--sizes",
        )
    return sizes


def _table(curve: Curve) -> str:
    from app.learning_curve import DRAWN, MEASURES
    from app.tables import aligned
    from models.significance import paired

    lines = [["pairs", "learnt", *MEASURES, f"gain in {DRAWN}, 95% interval", "in mAP@20"]]
    lines.append(["none", "0", *(f"{curve.base.summary[measure]:.4f}" for measure in MEASURES), "", ""])
    before = curve.base.summary["mAP@20"]
    for size in curve.sizes:
        means = size.evaluation.summary
        gain = paired(curve.base.values(DRAWN), size.evaluation.values(DRAWN))
        lines.append(
            [
                f"{size.pairs:,}",
                f"{size.learnt:,}",
                *(f"{means[measure]:.4f}" for measure in MEASURES),
                f"{gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]",
                f"{means['mAP@20'] / before - 1:+.1%}" if before else "",
            ]
        )
    return aligned(lines)
