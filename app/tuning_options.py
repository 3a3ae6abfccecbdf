"""What a tuning run is told: its options, and who follows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol, get_args

from models.cards import is_id
from models.recipe import TRANSLATION, BadConfig, Config, check
from models.towers import Device
from models.wise_ft import MAX_GUARD_LOSS


class Follower(Protocol):
    """Who follows a run, and may end it: the terminal, or a job's context."""

    @property
    def folder(self) -> Path:
        """Ours until the run ends, on the home's disk; a run that was killed finds its checkpoint there."""
        ...

    def progress(self, stage: str, done: int, total: int, **metrics: float) -> None:
        """May raise to end the run."""
        ...

    def note(self, line: str) -> None: ...

    def cancelled(self) -> bool: ...

    def settle(self) -> None:
        """Called right before the tower becomes visible; may raise to end the run."""
        ...


@dataclass(frozen=True)
class Options:
    """One run; the names are those of the command's options."""

    split: str | None = "train"
    """Of the rows to learn from, where the file has such a column; None: all."""
    out: str | None = None
    activate: bool = False
    parallel: bool = False
    """The rows are `query` and `translation`: a language is learnt, with neither items nor pictures."""
    gate: Path | None = None
    guard: tuple[Path, ...] = ()
    wise_ft: str | float = "auto"
    """auto, off, or the share of the tuned weights."""
    max_guard_loss: float = MAX_GUARD_LOSS
    device: Device = "auto"
    """Where the tower learns; auto: on the GPU where there is one."""
    recipe: Config = field(default_factory=Config)


def options_of(named: Mapping[str, Any]) -> Options:
    """Options by their names, those of the recipe among them; None of these is what is usual.

    Raises BadConfig, also for a recipe that cannot be followed.
    """
    given = dict(named)
    recipe = {part.name: given.pop(part.name) for part in fields(Config) if part.name in given}
    unknown = sorted(given.keys() - {part.name for part in fields(Options)} | given.keys() & {"recipe"})
    if unknown:
        raise BadConfig(f"there is no option {unknown[0]!r} of fine-tuning")
    if recipe.get("scale") is not None:
        recipe["scale"] = _number_or_word(recipe["scale"])
    if "wise_ft" in given:
        given["wise_ft"] = _number_or_word(given["wise_ft"])
    if given.get("gate") is not None:
        given["gate"] = Path(given["gate"])
    given["guard"] = tuple(Path(file) for file in given.get("guard") or ())
    usual = TRANSLATION if given.get("parallel") else Config()
    chosen = {name: value for name, value in recipe.items() if value is not None}
    options = Options(recipe=replace(usual, **chosen), **given)
    share = options.wise_ft
    if share not in ("auto", "off") and not (isinstance(share, int | float) and 0 < share <= 1):
        raise BadConfig(f"wise-ft is {share!r}: choose auto, off, or a share of the tuned weights, up to 1")
    if options.device not in get_args(Device):
        raise BadConfig(f"device is {options.device!r}: choose auto, cpu or cuda")
    if not 0 <= options.max_guard_loss <= 1:
        raise BadConfig(f"max-guard-loss is {options.max_guard_loss}: it is a part of mRR@20, from 0 to 1")
    if options.out is not None and not is_id(options.out):
        raise BadConfig(f"{options.out!r} cannot be a tower's id: it has 1 to 64 of a-z 0-9 . _ -")
    check(options.recipe)
    return options


def _number_or_word(value: Any) -> Any:
    try:
        return float(value)
    except ValueError:
        return value
