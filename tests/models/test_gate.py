"""The gate: what passes, what does not, and the reason that it gives."""

from __future__ import annotations

import pytest

from models.evaluate import Evaluation, QueryResult
from models.gate import by_language, judge


def evaluation(*values: float, langs: tuple[str, ...] = ()) -> Evaluation:
    """A query for each value of mRR@20, all in these languages."""
    return Evaluation(
        "any",
        [
            QueryResult(f"query {number}", langs, ("item",), (), {"mRR@20": value})
            for number, value in enumerate(values)
        ],
    )


WORSE, BETTER = evaluation(*[0.25] * 10), evaluation(*[0.5] * 10)


def test_a_sure_gain_passes() -> None:
    """Every query gains 0.25: so do the mean and both ends of its interval."""
    verdict = judge(WORSE, BETTER, {}, max_guard_loss=0.02)
    assert verdict.passed
    assert (verdict.gain.mean, verdict.gain.low, verdict.gain.high) == (0.25, 0.25, 0.25)


def test_no_gain_does_not_pass() -> None:
    """Neither the same tower, nor one that gains on one query of ten: it might be chance."""
    assert not judge(BETTER, BETTER, {}, max_guard_loss=0.02).passed
    verdict = judge(WORSE, evaluation(0.5, *[0.25] * 9), {}, max_guard_loss=0.02)
    assert verdict.gain.mean == pytest.approx(0.025)
    assert verdict.reasons == [
        "no sure gain on the gate part: mRR@20 +0.0250, 95% interval [+0.0000, +0.0750]"
    ]


def test_a_guard_may_lose_as_much_as_the_limit_and_no_more() -> None:
    """0.9 to 0.7 is a loss of 0.2."""
    guards = {"drawn": (evaluation(1, 0.8, langs=("de",)), evaluation(0.6, 0.8, langs=("de",)))}
    assert judge(WORSE, BETTER, guards, max_guard_loss=0.2).passed
    verdict = judge(WORSE, BETTER, guards, max_guard_loss=0.19)
    assert verdict.reasons == [
        "the guard set drawn, de lost 0.2000 of mRR@20 (0.9000 to 0.7000), and may lose 0.19"
    ]


def test_a_loss_in_one_language_is_not_made_up_for_by_another() -> None:
    """German gains what Polish loses."""

    def both(german: float, polish: float) -> Evaluation:
        results = [*evaluation(german, langs=("de",)).results, *evaluation(polish, langs=("pl",)).results]
        return Evaluation("any", results)

    verdict = judge(WORSE, BETTER, {"drawn": (both(0.5, 1), both(1, 0.5))}, max_guard_loss=0.02)
    assert [(change.lang, change.base, change.tuned) for change in verdict.guards] == [
        ("de", 0.5, 1),
        ("pl", 1, 0.5),
    ]
    (reason,) = verdict.reasons
    assert "drawn, pl lost 0.5000" in reason


def test_of_several_losses_the_worst_is_named() -> None:
    """Two guard sets fell; both reasons against the tower are given."""
    guards = {"one": (evaluation(1), evaluation(0.5)), "two": (evaluation(1), evaluation(0.25))}
    sure, worst = judge(BETTER, BETTER, guards, max_guard_loss=0.02).reasons
    assert sure.startswith("no sure gain")
    assert worst.startswith("the guard set two, the most of 2 that fell too far, lost 0.7500")


def test_a_query_of_two_languages_counts_in_both() -> None:
    """One that names none is in a group of its own."""
    results = [
        *evaluation(1, langs=("pl", "fr")).results,
        *evaluation(0.5, langs=("fr",)).results,
        *evaluation(0.2).results,
    ]
    assert by_language(Evaluation("any", results)) == {"pl": 1, "fr": 0.75, "": 0.2}
