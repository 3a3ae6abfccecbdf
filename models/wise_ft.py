"""WiSE-FT: the best point on the line between a tower's weights before and after tuning.

Tuning gains where it was tuned and loses elsewhere; on the way between the two, most of the gain comes before
most of the loss (Wortsman et al. 2022, arXiv:2109.01903).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from models.cards import State

ALPHAS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Shares of the tuned weights; 1 is the tuned tower itself."""
MAX_GUARD_LOSS = 0.02


@dataclass(frozen=True)
class Measured:
    """What a tower scores: on the validation part, which is to rise, and on guards, which must not fall."""

    score: float
    guards: Mapping[str, float]


@dataclass(frozen=True)
class Point:
    """One alpha. `allowed`: no guard set fell by more than it may."""

    alpha: float
    score: float
    guards: Mapping[str, float]
    allowed: bool


@dataclass(frozen=True)
class Sweep:
    """All points, the base (alpha 0) first, and the best of those allowed."""

    points: Sequence[Point]
    best: Point


def interpolate(base: State, tuned: State, alpha: float) -> State:
    """The weights at `alpha`: exactly `base` at 0, exactly `tuned` at 1. What `tuned` does not hold did not
    change.

    Raises ValueError for weights of two families.
    """
    if unknown := sorted(tuned.keys() - base.keys()):
        raise ValueError(f"base and tuned are of different families: only tuned has {unknown[0]}")
    return base | {name: torch.lerp(base[name], tensor, alpha) for name, tensor in tuned.items()}


def sweep(
    base: State,
    tuned: State,
    measure: Callable[[State], Measured],
    alphas: Sequence[float] = ALPHAS,
    max_guard_loss: float = MAX_GUARD_LOSS,
) -> Sweep:
    """Measures the base and each alpha; of equal scores the smaller alpha is the best.

    The base is always allowed: it is the best where every other point scores less or harms a guard set.
    """
    at_base = measure(base)
    points = [Point(0.0, at_base.score, at_base.guards, allowed=True)]
    for alpha in sorted(alphas):
        found = measure(interpolate(base, tuned, alpha))
        # Figures are means of reciprocals: a fall of exactly the limit must not fail by the last digit.
        allowed = all(
            found.guards[name] >= before - max_guard_loss - 1e-9 for name, before in at_base.guards.items()
        )
        points.append(Point(alpha, found.score, found.guards, allowed))
    return Sweep(points, max((point for point in points if point.allowed), key=lambda point: point.score))
