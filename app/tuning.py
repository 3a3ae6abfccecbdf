"""Fine-tuning as a whole: pairs and the current index → a tuned tower version, measured, reported, gated.

What `vitrine finetune` and the job of that name do. The loop itself is models/finetune.py. The file reads
downward in the order of a run.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import torch

from app.calibration import alike_in
from app.evaluation import attributes_of
from app.ground import Ground, QuerySet, prepare, raising_where_cancelled
from app.report import write_report
from app.tuning_options import Follower, Options
from indexer.guards import NAME as DRAWN
from models.calibration import Asked, Calibration, calibrate, read_calibration
from models.cards import Card, State
from models.evaluate import Evaluation
from models.examples import Examples
from models.finetune import Step, Tuned, align, finetune
from models.gate import MEASURE, Verdict, by_language, judge
from models.queries import Pair
from models.recipe import device_of
from models.registry import Registry
from models.wise_ft import ALPHAS, Measured, Point, interpolate, sweep

CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class Outcome:
    """A finished run. `reason` says why the tower is not live, and is empty where it is."""

    card: Card
    decision: Decision
    reason: str
    notes: Sequence[str]

    @property
    def activated(self) -> bool:
        return not self.reason

    @property
    def line(self) -> str:
        return f"activated {self.card.id}" if self.activated else f"kept {self.card.id}: {self.reason}"

    @property
    def result(self) -> dict[str, Any]:
        """The same facts, as a job records them."""
        return {
            "tower": self.card.id,
            "parent": (self.card.parent or {}).get("id"),
            "activated": self.activated,
            "reason": self.reason,
            "recipe": self.card.recipe,
            "data": self.card.data,
            "notes": list(self.notes),
            **self.card.metrics,
        }


def tune(home: Path, file: Path, options: Options, follower: Follower) -> Outcome:
    """Tunes the active text tower of the current index's space; activates the result if told to, and if it
    passes the gate.

    Raises QueriesError, BadConfig, BadExamples, TowerError, NoIndex, SpaceMismatch, Diverged or Cancelled;
    then nothing is registered.
    """
    began = monotonic()
    ground = prepare(home, file, options, follower)
    learnt = learn(ground, ground.parts.train, options, follower, checkpoint=follower.folder / CHECKPOINT)
    decision = _decide(ground, learnt, options, follower)
    seconds = {"training": round(learnt.tuned.seconds, 1), "total": round(monotonic() - began, 1)}
    facts = _facts(ground, learnt, decision, options, seconds)
    facts["calibration"] = _calibrated(ground, learnt.state, options).on_card()
    card = _register(ground, learnt.state, decision, facts, follower)
    reason = "; ".join(decision.verdict.reasons)
    if not reason and not options.activate:
        reason = "it passes the gate, and was not asked to go live"
    if not reason:
        Registry(home).activate(card.id)
    (follower.folder / CHECKPOINT).unlink(missing_ok=True)
    tuned = replace(decision.tuned, tower=card.id)
    return Outcome(card, replace(decision, tuned=tuned), reason, ground.notes)


# Learning.


@dataclass(frozen=True)
class Learnt:
    """`state` is at `alpha` between base and `tuned`, as float16 holds it; `points` are those looked at."""

    state: State
    alpha: float
    tuned: Tuned
    points: Sequence[Point]
    hindrance: str
    """Why it must not go live, whatever the gate says; usually empty."""


def learn(
    ground: Ground,
    train: Sequence[Pair],
    options: Options,
    follower: Follower,
    *,
    checkpoint: Path | None = None,
) -> Learnt:
    """Tunes on these pairs, and goes back towards the base as far as `options` say."""

    def tell(step: Step) -> None:
        metrics = step.metrics or {}
        if step.note:
            follower.note(step.note)
        if metrics:
            loss = "the base" if step.loss is None else f"epoch {step.epoch}, loss {step.loss:.3f}"
            follower.note(
                f"{loss}: validation mRR@20 {metrics['mRR@20']:.4f}, hits@20 {metrics['hits@20']:.4f}"
            )
        told = metrics if step.loss is None else {"epoch": step.epoch, "loss": step.loss} | metrics
        follower.progress("training", step.step, step.steps, **told)

    ground.pupil.module.load_state_dict(ground.base)
    how: dict[str, Any] = {"on_step": tell, "cancelled": follower.cancelled, "checkpoint": checkpoint}
    if options.parallel:
        told = [(pair.item, pair.query) for pair in train]
        checked = [(pair.item, pair.query) for pair in ground.parts.val]
        tuned = align(ground.pupil, told, checked, ground.recipe, **how)
    else:
        lesson, val = (Examples.of(part, ground.gallery.ids) for part in (train, ground.parts.val))
        vectors = ground.gallery.vectors
        tuned = finetune(ground.pupil, lesson, val, vectors, ground.groups, ground.recipe, **how)
    if options.wise_ft != "auto":
        alpha = 1.0 if options.wise_ft == "off" else float(options.wise_ft)
        return Learnt(
            _rounded(ground.base, interpolate(ground.base, tuned.state, alpha)), alpha, tuned, (), ""
        )
    return _between(ground, tuned, options, follower)


def _between(ground: Ground, tuned: Tuned, options: Options, follower: Follower) -> Learnt:
    """The best point between base and tuned on the validation part, of those that spare the guard sets."""
    done = 0

    def measured(state: State) -> Measured:
        nonlocal done
        follower.progress("between base and tuned", done, len(ALPHAS) + 1)
        done += 1
        val, *guards = ground.measure(state, [(ground.parts.val, ground.gallery), *ground.guards.values()])
        by_name = {
            f"{name}, {lang}": value
            for name, found in zip(ground.guards, guards, strict=True)
            for lang, value in by_language(found).items()
        }
        return Measured(val.summary[MEASURE], by_name)

    found = sweep(ground.base, tuned.state, measured, max_guard_loss=options.max_guard_loss)
    best, hindrance = found.best, ""
    if best.alpha == 0:
        # Measured and kept all the same, for who wants to know what went wrong; but never live.
        best = max(found.points[1:], key=lambda point: (point.allowed, point.score))
        hindrance = "no share of what it learnt finds more than the base on the validation part"
        if any(point.score > found.points[0].score for point in found.points):
            hindrance += " without losing too much on a guard set"
    for point in found.points:
        spared = "" if point.allowed else ", too much lost on a guard set"
        share = f"share {point.alpha:g} of the tuned weights"
        follower.note(f"{share}: validation mRR@20 {point.score:.4f}{spared}")
    state = _rounded(ground.base, interpolate(ground.base, tuned.state, best.alpha))
    return Learnt(state, best.alpha, tuned, found.points, hindrance)


def _rounded(base: State, tuned: State) -> State:
    """As the version on disk will hold it, so that what is measured is what is served: what did not change is
    the base's, whatever it is stored in."""
    return {
        name: tensor if torch.equal(tensor, base[name]) else tensor.half().to(tensor.dtype)
        for name, tensor in tuned.items()
    }


# Deciding.


@dataclass(frozen=True)
class Decision:
    """Base and tuned on the gate part, and what follows from it and the guard sets."""

    base: Evaluation
    tuned: Evaluation
    verdict: Verdict


def _decide(ground: Ground, learnt: Learnt, options: Options, follower: Follower) -> Decision:
    sets: list[QuerySet] = [(ground.parts.gate, ground.gallery), *ground.guards.values()]
    follower.progress("deciding", 0, 2)
    before = ground.measure(ground.base, sets)
    follower.progress("deciding", 1, 2)
    after = ground.measure(learnt.state, sets)
    follower.progress("deciding", 2, 2)
    (base, tuned), *rest = zip(before, after, strict=True)
    verdict = judge(base, tuned, dict(zip(ground.guards, rest, strict=True)), options.max_guard_loss)
    if learnt.hindrance:
        verdict = replace(verdict, reasons=[learnt.hindrance, *verdict.reasons])
    return Decision(base, tuned, verdict)


# Calibrating.


def _calibrated(ground: Ground, state: State, options: Options) -> Calibration:
    """On the validation and gate parts, which were not learnt from; of a tower that learnt translations,
    which asks for no pictures, on the drawn guard set. The parent's background is kept."""
    ground.pupil.module.load_state_dict(state)
    if options.parallel:
        pairs, gallery = ground.guards[DRAWN]
        asked = Asked(pairs, gallery)
    else:
        pairs = [*ground.parts.val, *ground.parts.gate]
        asked = Asked(pairs, ground.gallery, partial(alike_in, ground.index, ground.product_of))
    before = read_calibration(ground.parent.calibration, ground.parent.dim)
    return calibrate(ground.pupil, [asked], before.background if before else None)


# Writing.


def _register(
    ground: Ground, state: State, decision: Decision, facts: dict[str, Any], follower: Follower
) -> Card:
    """Writes the version with its card and report, and makes it visible by one rename.

    A version of the same parent with the same weights is taken instead, if no id or its own is asked for: the
    run was made before, or was killed after its end.
    """
    registry = Registry(ground.home)
    folder = follower.folder / "tower"
    shutil.rmtree(folder, ignore_errors=True)
    follower.progress("writing", 0, 0)
    ground.pupil.module.load_state_dict(state)
    wanted = facts["id"]
    card = ground.pupil.write(folder, **facts | {"id": wanted or _free_id(ground.home)})
    for other in registry.cards():
        # Under another name it is wanted again.
        same = (other.weights, other.parent) == (card.weights, card.parent)
        if same and wanted in (None, other.id):
            shutil.rmtree(folder)
            return other
    write_report(
        folder / "report",
        [decision.base, replace(decision.tuned, tower=card.id)],
        index=ground.index,
        attributes=attributes_of(ground.index, {pair.item for pair in ground.parts.gate}),
        queries=f"{ground.deciding}, on which nothing was learnt",
        verdict=decision.verdict,
        between=raising_where_cancelled(follower),
    )
    follower.settle()
    return registry.add(folder)


def _facts(
    ground: Ground, learnt: Learnt, decision: Decision, options: Options, seconds: Mapping[str, float]
) -> dict[str, Any]:
    """What the card says beside its weights; the id is None where any will do."""
    return {
        "id": options.out,
        "space": ground.parent.space,
        "parent": {"id": ground.parent.id, "weights": ground.parent.weights},
        "recipe": asdict(ground.recipe)
        | {
            "device": device_of(ground.pupil).type,
            "script": "vitrine finetune",
            "parallel": options.parallel,
            "index": ground.index.version,
            "epoch": learnt.tuned.epoch,
            "wise_ft": options.wise_ft,
            "alpha": learnt.alpha,
            "max_guard_loss": options.max_guard_loss,
            "seconds": dict(seconds),
        },
        "data": [
            {
                "name": ground.usable.name,
                "split": options.split,
                "sha256": ground.usable.sha256,
                "rows": ground.usable.rows,
                "pairs": {part: len(pairs) for part, pairs in vars(ground.parts).items()},
                "terms": "its owner's",
            }
        ],
        "terms": _terms(ground.parent),
        "metrics": _metrics(learnt, decision),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _free_id(home: Path) -> str:
    """tuned-20261122-1, -2 …: of today, and not taken."""
    today = f"{datetime.now(UTC):%Y%m%d}"
    number = 1
    while (home / "towers" / f"tuned-{today}-{number}").exists():
        number += 1
    return f"tuned-{today}-{number}"


def _terms(parent: Card) -> str:
    added = "tuned on pairs whose terms are their owner's"
    return parent.terms if added in parent.terms else "; ".join(filter(None, (parent.terms, added)))


def _metrics(learnt: Learnt, decision: Decision) -> dict[str, Any]:
    verdict = decision.verdict
    return {
        "gate": {
            "base": decision.base.summary,
            "tuned": decision.tuned.summary,
            "gain": {MEASURE: asdict(verdict.gain)},
        },
        "guards": [asdict(change) for change in verdict.guards],
        "validation": {
            "base": learnt.tuned.base,
            "tuned": learnt.tuned.metrics,
            "alphas": [
                {"alpha": point.alpha, MEASURE: point.score, "allowed": point.allowed}
                for point in learnt.points
            ],
            "history": learnt.tuned.history,
        },
        "passed": verdict.passed,
        "reasons": list(verdict.reasons),
    }
