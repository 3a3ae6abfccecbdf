"""WiSE-FT: the ends of the line are exact, and the best allowed point is kept."""

from __future__ import annotations

import pytest
import torch

from models.wise_ft import Measured, interpolate, sweep

BASE = {"weight": torch.tensor([0.1, -3.0, 1e-8])}
TUNED = {"weight": torch.tensor([0.3, 7.0, 1e8])}


def test_the_ends_are_exact() -> None:
    """Alpha 0 is the base and alpha 1 the tuned tower, to the last bit."""
    assert torch.equal(interpolate(BASE, TUNED, 0)["weight"], BASE["weight"])
    assert torch.equal(interpolate(BASE, TUNED, 1)["weight"], TUNED["weight"])


def test_between_the_ends_weights_are_shares() -> None:
    """A quarter of the way from -3 to 7 is -0.5."""
    assert interpolate(BASE, TUNED, 0.25)["weight"][1].item() == pytest.approx(-0.5)


def test_towers_of_two_families_are_refused() -> None:
    """The error names a weight that only one of them has."""
    with pytest.raises(ValueError, match="only tuned has bias"):
        interpolate(BASE, TUNED | {"bias": torch.zeros(1)}, 0.5)


def test_what_did_not_change_is_the_bases() -> None:
    """Of two weights one was tuned: the other is the base's at every alpha, not a copy."""
    base = BASE | {"bias": torch.zeros(1)}
    found = interpolate(base, TUNED, 0.5)
    assert found.keys() == base.keys()
    assert found["bias"] is base["bias"]


LINE = {"weight": torch.tensor(0.0)}, {"weight": torch.tensor(1.0)}
"""On it the weight is alpha."""


def test_the_best_allowed_point_is_kept() -> None:
    """The score rises to alpha 1, but German falls by 0.05 × alpha: by 0.02 at 0.4, by 0.03 at 0.6."""
    found = sweep(
        *LINE, lambda state: Measured(state["weight"].item(), {"de": 0.5 - 0.05 * state["weight"].item()})
    )
    assert [point.alpha for point in found.points] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert [point.allowed for point in found.points] == [True, True, True, False, False, False]
    assert found.best.alpha == 0.4
    assert found.best.guards == {"de": pytest.approx(0.48)}


def test_one_harmed_guard_is_enough() -> None:
    """English stays, Polish collapses: nothing but the base is allowed."""
    found = sweep(
        *LINE, lambda state: Measured(state["weight"].item(), {"en": 0.5, "pl": 0.5 - state["weight"].item()})
    )
    assert found.best.alpha == 0


def test_a_tuning_that_harms_leaves_the_base() -> None:
    """Where the score falls all along, the base is the best point."""
    assert sweep(*LINE, lambda state: Measured(-state["weight"].item(), {})).best.alpha == 0


def test_equal_scores_stay_near_the_base() -> None:
    """All points but the base score the same: the smallest alpha is kept."""
    assert sweep(*LINE, lambda state: Measured(float(state["weight"] > 0), {})).best.alpha == 0.2
