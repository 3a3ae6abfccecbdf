"""`vitrine finetune`: a text tower, tuned on an operator's own pairs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Device, Home, note, settings_of

if TYPE_CHECKING:
    from app.progress import Report
    from app.tuning import Outcome

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415

_NOT_OF_THE_RUN = ("pairs", "home")


def finetune(
    pairs: Annotated[
        Path, typer.Argument(help="JSONL or CSV with the columns query, item[, weight, lang, split].")
    ],
    split: Annotated[
        str, typer.Option(help="The rows to learn from, where the file has a column `split`.")
    ] = "train",
    out: Annotated[str | None, typer.Option(help="The new tower's id.  [default: tuned-DATE-NUMBER]")] = None,
    activate: Annotated[
        bool, typer.Option("--activate", help="Let it answer searches, if it passes the gate.")
    ] = False,
    gate: Annotated[
        Path | None, typer.Option(help="Pairs that decide.  [default: a tenth of the products, set aside]")
    ] = None,
    guard: Annotated[
        list[Path] | None,
        typer.Option(help="A query set that must not get worse, beside the drawn ones; may be repeated."),
    ] = None,
    max_guard_loss: Annotated[
        float, typer.Option(help="How far mRR@20 may fall on a guard set, in each language.")
    ] = 0.02,
    wise_ft: Annotated[
        str,
        typer.Option(
            help="Share of the tuned weights; auto: the best of five on the validation part; off: 1."
        ),
    ] = "auto",
    parallel: Annotated[
        bool,
        typer.Option(
            "--parallel",
            help="Learn a language instead: the columns are query and translation, and no picture is needed.",
        ),
    ] = False,
    trainable: Annotated[
        str,
        typer.Option(
            help="all, last:N (layers and the head), projection (the head alone); of transformers also "
            "lora or lora:RANK (low-rank adapters, and the head)."
        ),
    ] = "all",
    head_first: Annotated[int, typer.Option(help="Epochs of the head alone, before the others.")] = 0,
    epochs: Annotated[
        int | None, typer.Option(help="[default: 6; with --parallel 12]", show_default=False)
    ] = None,
    patience: Annotated[
        int, typer.Option(help="Epochs without a better validation after which it ends.")
    ] = 3,
    batch: Annotated[int, typer.Option(help="Pairs of a step, 4,096 at most.")] = 250,
    microbatch: Annotated[
        int | None,
        typer.Option(
            help="Texts that are in memory at a time; the same is learnt, more slowly.  "
            "[default: all of the batch]",
            show_default=False,
        ),
    ] = None,
    gradient_checkpointing: Annotated[
        bool,
        typer.Option(
            "--gradient-checkpointing",
            help="Compute layers twice rather than keep them: less memory, slower.",
        ),
    ] = False,
    device: Annotated[Device, typer.Option(help="auto: the GPU where there is one.")] = Device.AUTO,
    precision: Annotated[
        str, typer.Option(help="fp32; bf16, over weights in fp32; or auto: bf16 on a GPU.")
    ] = "auto",
    negatives: Annotated[int, typer.Option(help="Items drawn in each step as further wrong answers.")] = 1024,
    optimiser: Annotated[str, typer.Option(help="Any of timm's, by its name there.")] = "adamw",
    lr: Annotated[
        float | None,
        typer.Option(
            help="Peak of the learning rate.  [default: bundled towers 0.0003, with --parallel 0.001; "
            "transformers 5e-05, with lora 0.0002, with projection 0.0003]",
            show_default=False,
        ),
    ] = None,
    weight_decay: Annotated[float, typer.Option()] = 0.1,
    warmup: Annotated[float, typer.Option(help="Share of the steps.")] = 0.1,
    clip: Annotated[str, typer.Option(help="norm, or agc: adaptive gradient clipping.")] = "norm",
    scale: Annotated[
        str | None,
        typer.Option(
            help="Factor of the similarities in the loss: a number, or learnable.  "
            "[default: bundled towers 20, transformers 100]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    home: Home = None,
    context: typer.Context = None,  # type: ignore[assignment]  # typer gives it
) -> None:
    """Fine-tunes the active text tower on pairs, and measures both against the current index."""
    from app.tuning import tune
    from app.tuning_options import options_of

    # All but the two are options of the run, by their names.
    options = options_of(
        {name: given for name, given in context.params.items() if name not in _NOT_OF_THE_RUN}
    )
    folder = settings_of(home).home
    with terminal(folder) as follower:
        outcome = tune(folder, pairs, options, follower)
    note(f"report: {folder}/towers/{outcome.card.id}/report/index.html")
    print("\n\n".join([*_tables(outcome), outcome.line]))


@dataclass(frozen=True)
class Terminal:
    """Follows a run on stderr; Ctrl-C ends it from anywhere."""

    folder: Path
    report: Report

    def progress(self, stage: str, done: int, total: int, **metrics: float) -> None:
        self.report(stage, done, total)

    def note(self, line: str) -> None:
        note(line)

    def cancelled(self) -> bool:
        return False

    def settle(self) -> None:
        """There is nobody to ask."""


@contextmanager
def terminal(home: Path) -> Iterator[Terminal]:
    """A follower whose folder goes when the block ends, however it ends."""
    from app.progress import progress

    home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".tuning-", dir=home) as folder, progress() as report:
        yield Terminal(Path(folder), report)


def _tables(outcome: Outcome) -> list[str]:
    from app.tables import aligned, tables

    guards = [["guard sets: mRR@20", "queries", "base", "tuned", "change"]]
    guards += [
        [
            change.name,
            f"{change.queries:,}",
            f"{change.base:.4f}",
            f"{change.tuned:.4f}",
            f"{change.tuned - change.base:+.4f}",
        ]
        for change in outcome.decision.verdict.guards
    ]
    return [*tables([outcome.decision.base, outcome.decision.tuned]), aligned(guards)]
