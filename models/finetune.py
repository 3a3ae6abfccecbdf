"""Fine-tunes a text tower on (query, item) pairs: arrays in, weights out.

The image side is locked (LiT: Zhai et al. 2022, arXiv:2111.07991), so an item is its vector and no picture is
read; the text side learns with the contrastive loss of CLIP (Radford et al. 2021, arXiv:2103.00020). `align`
teaches a language by translation with the same loop. The file reads downward in the order of a run.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from models.cards import State
from models.checkpoint import Checkpoint
from models.examples import BadExamples, Examples, Lesson
from models.recipe import BadConfig, Config, create_optimiser, settle, usual
from models.student import Cancelled, Student
from models.towers import TrainableText, Vectors

SCORES_PER_PASS = 2_000_000
"""Of an evaluation: 0.1 s on two cores."""
MAX_SCALE = 100.0


class Diverged(ArithmeticError):
    """Training left the numbers; the message names the step and the cure."""


# What comes out.


@dataclass(frozen=True)
class Step:
    """Where a run is. Step 0 is the start: the tower as it came, or the checkpoint that was found."""

    stage: str
    epoch: int
    step: int
    steps: int
    """How many there are if no stage ends early."""
    loss: float | None
    metrics: dict[str, float] | None
    """mRR@20 and hits@20 of the validation queries among all vectors, at the end of an epoch."""
    seconds_left: float | None
    note: str = ""


@dataclass(frozen=True)
class Tuned:
    """The weights of the best epoch, and how they came about."""

    state: State
    """Those that differ from the tower's, by their names in its module; adapters are part of them."""
    epoch: int
    metrics: dict[str, float]
    base: dict[str, float]
    """The same metrics before training."""
    history: list[dict[str, Any]]
    """Of each epoch: stage, epoch, mean loss, metrics, scale."""
    seconds: float


def finetune(  # noqa: PLR0917 - arrays in
    tower: TrainableText,
    train: Examples,
    val: Examples,
    vectors: Vectors,
    groups: NDArray[np.int64],
    config: Config,
    *,
    on_step: Callable[[Step], None],
    cancelled: Callable[[], bool],
    checkpoint: Path | None = None,
) -> Tuned:
    """The text tower tuned to find each query's item among `vectors` (items, dim), unit rows.

    `groups` holds each item's product: items of one product are not each other's wrong answers. `tower` holds
    the weights that its card names, and stays as it is. Where `checkpoint` is the file of a run with the same
    arguments, that run goes on and ends as it would have; the file is kept, for the caller to delete. One
    seed gives one result on one machine and number of threads; on a GPU, one but for rounding.

    Raises BadConfig, BadExamples, Cancelled or Diverged.
    """
    config = settle(config, tower)
    lesson = Lesson.of(train, val, vectors=vectors, groups=groups, tower=tower)
    with _within_memory(config):
        student = Student(tower, config, cancelled)
        return _Run(tower, student, lesson, contrast, config, on_step=on_step, checkpoint=checkpoint)()


def align(
    tower: TrainableText,
    train: Sequence[tuple[str, str]],
    val: Sequence[tuple[str, str]],
    config: Config,
    *,
    on_step: Callable[[Step], None],
    cancelled: Callable[[], bool],
    checkpoint: Path | None = None,
) -> Tuned:
    """The text tower taught a language by rows (a text that it understands, the same in the new language).

    It learns to put the second where the untouched `tower` puts the first (Reimers & Gurevych 2020,
    arXiv:2004.09813), and to leave the first where it is. The metrics are of finding the first text of a row
    of `val` by its second, among the first texts of all rows. All else is as in `finetune`; TRANSLATION is a
    recipe to begin with.
    """
    config = settle(config, tower, translation=True)
    if not train or not val:
        raise BadExamples(
            f"there are {len(train)} training and {len(val)} validation rows: both parts need some"
        )
    known = list(dict.fromkeys(first for first, _ in [*train, *val]))
    row = {text: number for number, text in enumerate(known)}
    kept = [(first, first) for first in dict.fromkeys(first for first, _ in train)]

    def examples(pairs: Sequence[tuple[str, str]]) -> Examples:
        items = np.array([row[first] for first, _ in pairs], dtype=np.int64)
        return Examples([second for _, second in pairs], items, np.ones(len(pairs), dtype=np.float32))

    with _within_memory(config):
        student = Student(tower, config, cancelled)
        with torch.no_grad():
            targets = student.encode(tower.tokenize(known)).cpu().numpy()
        lesson = Lesson.of(
            examples([*train, *kept]),
            examples(val),
            vectors=targets,
            groups=np.arange(len(known)),
            tower=tower,
        )
        return _Run(tower, student, lesson, distance, config, on_step=on_step, checkpoint=checkpoint)()


@contextmanager
def _within_memory(config: Config) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        at_a_time = min(config.microbatch or config.batch, config.batch)
        cure = f"use --microbatch {max(1, at_a_time // 2)} or less"
        if not config.gradient_checkpointing:
            cure += ", or --gradient-checkpointing, or both"
        said, *_ = str(error).splitlines()
        raise BadConfig(
            f"the GPU's memory is too small for {at_a_time} texts at a time ({said}): {cure}"
        ) from None


# The loss.

_Loss = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""(texts' vectors, targets, who is whose wrong answer, weights, scale) → the loss.

The first targets are the texts' own, in their order; more may follow.
"""


def against(rows: Tensor, others: Tensor) -> Tensor:
    """(n, m): whether two rows are each other's wrong answers; of (3, n) and (3, m) items, products, texts.

    Rows that have any of the three in common do not contradict each other.
    """
    return (rows[:, :, None] != others[:, None]).all(0)


def contrast(meant: Tensor, targets: Tensor, wrong: Tensor, weights: Tensor, scale: Tensor) -> Tensor:
    """CLIP's loss: each text among all targets, and each text's own target among all texts, in equal parts.

    Pairs that are neither a row's own nor `wrong` (n, m) are left out. A row counts `weights` (n,) times.
    """
    own = torch.eye(*wrong.shape, dtype=torch.bool, device=wrong.device)
    logits = (scale * meant @ targets.T).masked_fill(~(wrong | own), -torch.inf)
    answer = torch.arange(len(meant), device=meant.device)
    to_targets = F.cross_entropy(logits, answer, reduction="none")
    to_texts = F.cross_entropy(logits[:, : len(meant)].T, answer, reduction="none")
    return (weights * (to_targets + to_texts)).mean() / 2


def distance(meant: Tensor, targets: Tensor, wrong: Tensor, weights: Tensor, scale: Tensor) -> Tensor:
    """The squared distance of each text to its own target, whatever the others are."""
    return (weights * (meant - targets[: len(meant)]).square().sum(1)).mean()


# The run.


def _rate(config: Config, step: int, steps: int) -> float:
    """The share of the peak rate in a stage's step, from 0 on: a linear warm-up, then half a cosine."""
    warm = round(config.warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    return (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2


@dataclass
class _Place:
    """How far a run is; with the tensors beside it, all that a checkpoint holds."""

    stage: int = 0
    epoch: int = 0
    """Finished epochs of the stage."""
    batch: int = 0
    """Finished steps of the epoch."""
    step: int = 0
    """Finished steps of the run."""
    losses: list[float] = field(default_factory=list)
    """Of the epoch."""
    stale: int = 0
    """Epochs of the stage since the best."""
    seconds: float = 0.0
    base: dict[str, float] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


class _Run:
    """One run, from the first step or from its checkpoint to the end; called once."""

    def __init__(
        self,
        tower: TrainableText,
        student: Student,
        lesson: Lesson,
        loss: _Loss,
        config: Config,
        *,
        on_step: Callable[[Step], None],
        checkpoint: Path | None,
    ) -> None:
        assert config.lr is not None  # it is settled
        self.student, self.lesson, self.loss, self.config = student, lesson, loss, config
        self.on_step, self.peak = on_step, config.lr
        start = config.scale if isinstance(config.scale, float | int) else usual(tower).scale
        self.log_scale = nn.Parameter(torch.tensor(float(start), device=student.device).log())
        self.log_scale.requires_grad_(config.scale == "learnable")
        self.optimiser: torch.optim.Optimizer | None = None
        self.place = _Place()
        self.best: dict[str, Tensor] = {}
        self.stages = [("projection", config.head_first), (config.trainable, config.epochs)]
        if not config.head_first:
            self.stages.pop(0)
        self.per_epoch = lesson.steps(config)
        self.steps = self.per_epoch * sum(epochs for _, epochs in self.stages)
        self.checkpoint: Checkpoint | None = None
        if checkpoint is not None:
            known_by = [asdict(config), loss.__name__, lesson.digest, tower.card.weights, tower.card.parent]
            # The weights and the best ones, and as much again for what an optimiser remembers of each.
            size = 4 * sum(part.nbytes for part in student.kept().values())
            self.checkpoint = Checkpoint(checkpoint, json.dumps(known_by), size)
        self.began = time.monotonic()
        self.first = 0

    def __call__(self) -> Tuned:
        note, optimiser = self._resume()
        if not self.place.base:
            self.place.base = self._look()
        self.began, self.first = time.monotonic(), self.place.step
        self._tell(None, self.place.base, note)
        while self.place.stage < len(self.stages):
            self._stage(optimiser)
            optimiser = None
        place = self.place
        self.student.restore(self.best)
        state = self.student.changed()
        return Tuned(state, place.best_epoch, place.best, place.base, place.history, self._seconds())

    def _stage(self, resumed: dict[str, Any] | None) -> None:
        """The epochs of a stage that are left; `resumed` is the state of its optimiser in a checkpoint."""
        place, (trainable, epochs) = self.place, self.stages[self.place.stage]
        self.student.learn(trainable)
        self.optimiser = self._optimiser()
        if resumed is not None:
            self.optimiser.load_state_dict(resumed)
        while place.epoch < epochs and place.stale < self.config.patience:
            self._epoch()
        place.stage, place.epoch, place.stale = place.stage + 1, 0, 0

    def _optimiser(self) -> torch.optim.Optimizer:
        decaying: list[nn.Parameter] = []
        others = [self.log_scale] if self.log_scale.requires_grad else []
        for parameter in self.student.parameters:
            (decaying if self.student.decays(parameter) else others).append(parameter)
        return create_optimiser(decaying, others, self.config)

    def _epoch(self) -> None:
        place = self.place
        batches = self.lesson.batches(self.config, place.stage, place.epoch)
        for rows in batches[place.batch :]:
            loss = self._step(rows)
            place.losses.append(loss)
            place.batch += 1
            place.step += 1
            if place.batch < len(batches):
                self._tell(loss, None)
                self._save(epoch_ends=False)
        metrics = self._look()
        mean, place.losses = sum(place.losses) / len(place.losses), []
        place.epoch, place.batch, place.stale = place.epoch + 1, 0, place.stale + 1
        stage, number = self.stages[place.stage][0], len(place.history) + 1
        told = {"stage": stage, "epoch": number, "loss": mean, "scale": self._scale().item()}
        place.history.append(told | metrics)
        if metrics["mRR@20"] > place.best.get("mRR@20", -1):
            place.best, place.best_epoch, place.stale = metrics, number, 0
            self.best = {name: part.clone() for name, part in self.student.kept().items()}
        self._save(epoch_ends=True)
        self._tell(loss, metrics)

    def _step(self, rows: NDArray[np.int64]) -> float:
        """One step on these training rows; returns their loss."""
        assert self.optimiser is not None
        place, epochs = self.place, self.stages[self.place.stage][1]
        rate = _rate(self.config, place.epoch * self.per_epoch + place.batch, epochs * self.per_epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * self.peak
        # What is drawn at random follows from the number of the step: a resumed run draws the same.
        seed = int(np.random.SeedSequence([self.config.seed, place.step]).generate_state(1)[0])
        device = self.student.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            self.optimiser.zero_grad()
            loss = self._learn_from(rows)
            self._clip()
            self.optimiser.step()
        # Asked for only now: a GPU is given its whole step before it is waited for.
        value = loss.item()
        if not math.isfinite(value):
            raise Diverged(f"the loss is {value} at step {place.step + 1}: lower the rate {self.peak}")
        return value

    def _learn_from(self, rows: NDArray[np.int64]) -> Tensor:
        """The loss of these rows; its gradients are then at the parameters."""
        ids = [self.lesson.ids[row] for row in rows]
        if (self.config.microbatch or len(ids)) >= len(ids):
            loss = self._loss(self.student.encode(ids), rows)
            torch.autograd.backward(loss)
            return loss.detach()
        # First the vectors alone, which are small, and the loss's gradient at them; then what led to them.
        with torch.no_grad():
            meant = self.student.encode(ids)
        loss = self._loss(meant.requires_grad_(), rows)
        torch.autograd.backward(loss)
        assert meant.grad is not None
        self.student.backward(ids, meant.grad)
        return loss.detach()

    def _loss(self, meant: Tensor, rows: NDArray[np.int64]) -> Tensor:
        """Of the rows' texts, whose vectors are `meant`."""
        lesson = self.lesson
        numbers = torch.from_numpy(rows).to(self.student.device)
        there = lesson.others.shape[1]
        drawn = torch.randint(max(1, there), (min(there, self.config.negatives),)).to(self.student.device)
        own = lesson.shared[:, numbers]
        candidates = torch.cat([own, lesson.others[:, drawn]], dim=1)
        targets, wrong = lesson.vectors[candidates[0]], against(own, candidates)
        return self.loss(meant, targets, wrong, lesson.weights[numbers], self._scale())

    def _scale(self) -> Tensor:
        return self.log_scale.exp().clamp(max=MAX_SCALE)

    def _clip(self) -> None:
        learning = self.student.parameters
        if self.config.clip == "norm":
            nn.utils.clip_grad_norm_(learning, 1.0)
        else:
            from timm.utils.agc import adaptive_clip_grad  # noqa: PLC0415 - takes seconds

            adaptive_clip_grad(learning)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def _look(self) -> dict[str, float]:
        """mRR@20 and hits@20, means over the distinct validation queries."""
        lesson = self.lesson
        queries = self.student.encode(lesson.val_ids)
        if not torch.isfinite(queries).all():
            raise Diverged(
                f"the weights are not finite after step {self.place.step}: lower the rate {self.peak}"
            )
        cancelled = self.student.cancelled
        ranks = ranks_of(queries[lesson.asked], lesson.val_items, lesson.vectors, cancelled)
        best = torch.full((len(queries),), len(lesson.vectors), device=ranks.device)
        best = best.scatter_reduce(0, lesson.asked, ranks, "amin")
        found = best <= 20
        return {
            "mRR@20": torch.where(found, 1 / best, 0.0).double().mean().item(),
            "hits@20": found.double().mean().item(),
        }

    def _tell(self, loss: float | None, metrics: dict[str, float] | None, note: str = "") -> None:
        place = self.place
        done = place.step - self.first
        left = (time.monotonic() - self.began) / done * (self.steps - place.step) if done else None
        stage = self.stages[min(place.stage, len(self.stages) - 1)][0]
        epoch = len(place.history) + bool(place.batch)
        self.on_step(Step(stage, epoch, place.step, self.steps, loss, metrics, left, note))

    def _seconds(self) -> float:
        return self.place.seconds + time.monotonic() - self.began

    def _save(self, *, epoch_ends: bool) -> None:
        """Writes a checkpoint, if it is time for one."""
        if self.checkpoint is None or not self.checkpoint.due(epoch_ends=epoch_ends):
            return
        assert self.optimiser is not None
        self.checkpoint.write(
            {
                "place": asdict(self.place) | {"seconds": self._seconds()},
                "student": self.student.kept(),
                "log_scale": self.log_scale.detach(),
                "best": self.best,
                "optimiser": self.optimiser.state_dict(),
            }
        )

    def _resume(self) -> tuple[str, dict[str, Any] | None]:
        """Takes up the checkpoint, if there is one of this run: (what happened, the optimiser's state)."""
        held, note = self.checkpoint.read(self.student.device) if self.checkpoint else (None, "")
        if held is None:
            return note, None
        self.student.restore(held["student"])
        self.log_scale.data.copy_(held["log_scale"])
        self.best = held["best"]
        self.place = _Place(**held["place"])
        return f"resumed after step {self.place.step} of {self.steps}", held["optimiser"]


def ranks_of(queries: Tensor, items: Tensor, vectors: Tensor, cancelled: Callable[[], bool]) -> Tensor:
    """The rank of each query's item among all vectors, from 1 on; of equal scores the earlier row is first.

    Raises Cancelled between two parts of the queries.
    """
    rows = torch.arange(len(vectors), device=vectors.device)
    ranks = []
    size = max(1, SCORES_PER_PASS // len(vectors))
    for some, wanted in zip(torch.split(queries, size), torch.split(items, size), strict=True):
        if cancelled():
            raise Cancelled
        scores = some @ vectors.T
        own = scores.gather(1, wanted[:, None])
        ranks.append(1 + ((scores > own) | ((scores == own) & (rows < wanted[:, None]))).sum(1))
    return torch.cat(ranks)
