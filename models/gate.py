"""The gate: whether a tuned tower may go live, from what it and its base find on the same queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.evaluate import Evaluation
from models.significance import Difference, paired

MEASURE = "mRR@20"
_ROUNDING = 1e-9
"""Means of reciprocals: a fall of exactly the limit must not fail by the last digit."""


@dataclass(frozen=True)
class Change:
    """`MEASURE` of one guard set in one language ("" where its queries name none), before and after."""

    guard: str
    lang: str
    queries: int
    base: float
    tuned: float

    @property
    def name(self) -> str:
        return f"{self.guard}, {self.lang}" if self.lang else self.guard


@dataclass(frozen=True)
class Verdict:
    """`gain` is of `MEASURE` on the gate part. The tower may go live if there is no reason against it."""

    gain: Difference
    guards: Sequence[Change]
    reasons: Sequence[str]

    @property
    def passed(self) -> bool:
        return not self.reasons


def judge(
    base: Evaluation,
    tuned: Evaluation,
    guards: Mapping[str, tuple[Evaluation, Evaluation]],
    max_guard_loss: float,
) -> Verdict:
    """A pass is a gain whose 95% interval lies above 0, and no guard set, in no language, that loses more
    than it may. `guards` holds base and tuned of each guard set."""
    gain = paired(base.values(MEASURE), tuned.values(MEASURE))
    changes = [
        change for guard, (before, after) in guards.items() for change in _changes(guard, before, after)
    ]
    reasons = []
    if gain.low <= 0:
        reasons.append(
            f"no sure gain on the gate part: {MEASURE} {gain.mean:+.4f}, 95% interval "
            f"[{gain.low:+.4f}, {gain.high:+.4f}]"
        )
    fallen = [change for change in changes if change.base - change.tuned > max_guard_loss + _ROUNDING]
    if fallen:
        worst = max(fallen, key=lambda change: change.base - change.tuned)
        several = f", the most of {len(fallen)} that fell too far," if len(fallen) > 1 else ""
        reasons.append(
            f"the guard set {worst.name}{several} lost {worst.base - worst.tuned:.4f} of {MEASURE} "
            f"({worst.base:.4f} to {worst.tuned:.4f}), and may lose {max_guard_loss:g}"
        )
    return Verdict(gain, changes, reasons)


def by_language(evaluation: Evaluation) -> dict[str, float]:
    """The mean of `MEASURE` in each language that the queries name, "" for those that name none."""
    values = evaluation.values(MEASURE)
    return {lang: float(values[rows].mean()) for lang, rows in _rows(evaluation).items()}


def _changes(guard: str, base: Evaluation, tuned: Evaluation) -> list[Change]:
    before, after = by_language(base), by_language(tuned)
    counts = {lang: len(rows) for lang, rows in _rows(base).items()}
    return [Change(guard, lang, counts[lang], before[lang], after[lang]) for lang in before]


def _rows(evaluation: Evaluation) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, result in enumerate(evaluation.results):
        for lang in result.langs or ("",):
            rows.setdefault(lang, []).append(row)
    return rows
