"""Fine-tunes a text tower on (query, item) pairs: arrays in, weights out.

The image side is locked (LiT: Zhai et al. 2022, arXiv:2111.07991), so an item is its vector and no picture is
read; the text side learns with the contrastive loss of CLIP (Radford et al. 2021, arXiv:2103.00020). `align`
teaches a language by translation with the same loop. The file reads downward in the order of a run.
"""

from __future__ import annotations

import copy
import difflib
import hashlib
import io
import json
import math
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from models.bundled import DIM, TextModule
from models.cards import content_hash
from models.queries import Pair
from models.sentence_encoder import Batch, Tokenizer, collate
from models.torchvision_operators import declare_missing_operators
from models.towers import Vectors

LAYERS = (
    ("project", "project_norm"),
    ("branches",),
    ("norm", "pool"),
    ("dense0", "dense1", "skip1"),
    ("dense2", "dense3", "skip3"),
)
"""The sentence encoder's layers, from its input on; the residual head comes after them."""
TEXTS_PER_PASS = 32
"""Texts of like length share a pass: less padding, and a cancelled run ends within one pass."""
SCORES_PER_PASS = 2_000_000
"""Of an evaluation: 0.1 s on two cores."""
SAVE_EVERY = 20.0
"""Seconds between two checkpoints at most."""
FIRST_SCALE = 20.0
"""Where a learnable scale starts; it learns at the weights' rate, so a short run moves it little."""
MAX_SCALE = 100.0

State = dict[str, Tensor]
"""A module's weights by name, on the CPU."""


class BadConfig(ValueError):
    """A recipe that cannot be followed; the message says what there is instead."""


class BadExamples(ValueError):
    """Arrays that disagree, or too few of them to learn from; the message says which."""


class Cancelled(Exception):
    """Training was asked to stop, and did."""


class Diverged(ArithmeticError):
    """Training left the numbers; the message names the step and the cure."""


# What goes in, and what comes out.


@dataclass(frozen=True)
class Examples:
    """Rows of a query, its item's row in the vectors, and how much the row counts in training (usually 1)."""

    queries: Sequence[str]
    items: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, pairs: Sequence[Pair], ids: Sequence[str]) -> Examples:
        """These pairs, over vectors whose rows are the items `ids`."""
        rows = {item: row for row, item in enumerate(ids)}
        return cls(
            [pair.query for pair in pairs],
            np.array([rows[pair.item] for pair in pairs], dtype=np.int64),
            np.array([pair.weight for pair in pairs], dtype=np.float32),
        )


@dataclass(frozen=True)
class Config:
    """One run."""

    epochs: int = 6
    batch: int = 250
    lr: float = 3e-4
    weight_decay: float = 0.1
    warmup: float = 0.1
    """Share of the steps of a stage."""
    optimiser: str = "adamw"
    """Any of timm's, by its name there."""
    clip: str = "norm"
    """norm, or agc: adaptive gradient clipping (Brock et al. 2021, arXiv:2102.06171)."""
    scale: str | float = 20.0
    """The factor of the similarities in the loss, or learnable."""
    trainable: str = "all"
    """all, last:N (the last N layers of the encoder, and the head), or projection (the head alone)."""
    head_first: int = 0
    """Epochs of the head alone, before those of `trainable`."""
    patience: int = 3
    """Epochs without a better mRR@20 on the validation part after which a stage ends."""
    negatives: int = 1024
    """Items drawn anew in each step as further wrong answers, of those that no validation row names."""
    seed: int = 0


TRANSLATION = Config(epochs=12, lr=1e-3)
"""For `align`, in which a language moves further than queries do in `finetune`."""


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
    epoch: int
    metrics: dict[str, float]
    base: dict[str, float]
    """The same metrics before training."""
    history: list[dict[str, Any]]
    """Of each epoch: stage, epoch, mean loss, metrics, scale."""
    seconds: float


def finetune(  # noqa: PLR0917 - arrays in
    module: TextModule,
    tokenizer: Tokenizer,
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
    """The text module tuned to find each query's item among `vectors` (items, DIM), unit rows.

    `groups` holds each item's product: items of one product are not each other's wrong answers. `module`
    stays as it is. Where `checkpoint` is the file of a run with the same arguments, that run goes on and ends
    as it would have; the file is kept, for the caller to delete. One seed gives one result on one machine and
    number of threads.

    Raises BadConfig, BadExamples, Cancelled or Diverged.
    """
    check(config)
    lesson = _Lesson.of(
        train, val, vectors=vectors, groups=groups, tokenizer=tokenizer, device=_device(module)
    )
    run = _Run(module, lesson, contrast, config, on_step=on_step, cancelled=cancelled, checkpoint=checkpoint)
    return run()


def align(
    module: TextModule,
    tokenizer: Tokenizer,
    train: Sequence[tuple[str, str]],
    val: Sequence[tuple[str, str]],
    config: Config,
    *,
    on_step: Callable[[Step], None],
    cancelled: Callable[[], bool],
    checkpoint: Path | None = None,
) -> Tuned:
    """The text module taught a language by rows (a text that it understands, the same in the new language).

    It learns to put the second where the untouched `module` puts the first (Reimers & Gurevych 2020,
    arXiv:2004.09813), and to leave the first where it is. The metrics are of finding the first text of a row
    of `val` by its second, among the first texts of all rows. All else is as in `finetune`; TRANSLATION is a
    recipe to begin with.
    """
    check(config)
    if not train or not val:
        raise BadExamples(
            f"there are {len(train)} training and {len(val)} validation rows: both parts need some"
        )
    known = list(dict.fromkeys(first for first, _ in [*train, *val]))
    with torch.no_grad():
        targets = _encode(module, tokenizer(known), cancelled).cpu().numpy()
    row = {text: number for number, text in enumerate(known)}
    kept = [(first, first) for first in dict.fromkeys(first for first, _ in train)]

    def examples(pairs: Sequence[tuple[str, str]]) -> Examples:
        items = np.array([row[first] for first, _ in pairs], dtype=np.int64)
        return Examples([second for _, second in pairs], items, np.ones(len(pairs), dtype=np.float32))

    lesson = _Lesson.of(
        examples([*train, *kept]),
        examples(val),
        vectors=targets,
        groups=np.arange(len(known)),
        tokenizer=tokenizer,
        device=_device(module),
    )
    run = _Run(module, lesson, distance, config, on_step=on_step, cancelled=cancelled, checkpoint=checkpoint)
    return run()


def check(config: Config) -> None:
    """Raises BadConfig for a recipe that cannot be followed, before anything is read."""
    least = {"epochs": 1, "batch": 2, "patience": 1, "head_first": 0, "negatives": 0, "weight_decay": 0}
    for name, value in least.items():
        if not getattr(config, name) >= value:
            raise BadConfig(f"{name} is {getattr(config, name)}: it must be {value} or more")
    if not 0 < config.lr < math.inf:
        raise BadConfig(f"lr is {config.lr}: it must be a number above 0")
    if not 0 <= config.warmup < 1:
        raise BadConfig(f"warmup is {config.warmup}: it is a share of the steps, from 0 to below 1")
    if config.clip not in ("norm", "agc"):
        raise BadConfig(f"clip is {config.clip!r}: choose norm or agc")
    if config.scale != "learnable" and not (isinstance(config.scale, float | int) and config.scale > 0):
        raise BadConfig(f"scale is {config.scale!r}: choose learnable, or a number above 0")
    _trained(config.trainable)
    _check_optimiser(config.optimiser)


# The data.


@dataclass(frozen=True)
class _Lesson:
    """Both parts as the loop reads them; the tensors are on the module's device."""

    ids: list[list[int]]
    """Pieces of each training query."""
    weights: Tensor
    """Of the training rows; their mean is 1."""
    shared: Tensor
    """(3, training rows): item, product and query text, as numbers."""
    val_ids: list[list[int]]
    """Pieces of each distinct validation query."""
    asked: Tensor
    """For each validation row, which of these it asks."""
    val_items: Tensor
    vectors: Tensor
    others: Tensor
    """(3, items) item, product and -1 for no text, of those items that no validation row names."""
    digest: str
    """Of everything above."""

    @classmethod
    def of(
        cls,
        train: Examples,
        val: Examples,
        *,
        vectors: Vectors,
        groups: NDArray[np.int64],
        tokenizer: Tokenizer,
        device: torch.device,
    ) -> _Lesson:
        _check_examples(train, val, vectors, groups)
        texts = _numbered([" ".join(query.split()).casefold() for query in train.queries])
        shared = np.stack([train.items, groups[train.items], texts])
        if (shared == shared[:, :1]).any(axis=0).all():
            raise BadExamples(
                f"the {len(train.items)} training rows share an item, a product or a query with the first: "
                "nothing tells them apart; add pairs of other items"
            )
        distinct = list(dict.fromkeys(val.queries))
        number = {query: row for row, query in enumerate(distinct)}
        asked = np.array([number[query] for query in val.queries])
        weights = (train.weights / train.weights.mean(dtype=np.float64)).astype(np.float32)
        rest = np.setdiff1d(np.arange(len(vectors)), val.items)
        others = np.stack([rest, groups[rest], np.full(len(rest), -1)])
        ids, val_ids = tokenizer(train.queries), tokenizer(distinct)
        digest = hashlib.sha256(json.dumps([ids, val_ids]).encode())
        for array in (weights, shared, asked, val.items, vectors, others):
            digest.update(np.ascontiguousarray(array).data)
        weights_, shared_, asked_, items_, vectors_, others_ = (
            torch.from_numpy(array).to(device)
            for array in (weights, shared, asked, val.items, vectors, others)
        )
        return cls(ids, weights_, shared_, val_ids, asked_, items_, vectors_, others_, digest.hexdigest())

    def batches(self, config: Config, stage: int, epoch: int) -> list[NDArray[np.int64]]:
        """The rows of an epoch's steps: all of them, in an order that the seed, stage and epoch decide."""
        order = np.random.default_rng([config.seed, stage, epoch]).permutation(len(self.ids))
        return np.array_split(order, self.steps(config))

    def steps(self, config: Config) -> int:
        """Of an epoch; all are of like size, since a small rest would have few wrong answers."""
        return math.ceil(len(self.ids) / config.batch)


def _numbered(texts: Sequence[str]) -> NDArray[np.int64]:
    """Equal texts get equal numbers."""
    return np.unique(np.array(texts), return_inverse=True)[1].astype(np.int64)


def _check_examples(train: Examples, val: Examples, vectors: Vectors, groups: NDArray[np.int64]) -> None:
    if vectors.ndim != 2 or vectors.shape[1] != DIM:
        raise BadExamples(f"the vectors are of shape {vectors.shape}, the tower's of (items, {DIM})")
    if len(groups) != len(vectors):
        raise BadExamples(f"there are {len(vectors)} vectors, but products of {len(groups)} items")
    for name, part in (("training", train), ("validation", val)):
        sizes = {len(part.queries), len(part.items), len(part.weights)}
        if len(sizes) > 1:
            raise BadExamples(
                f"the {name} part has {len(part.queries)} queries, {len(part.items)} items and "
                f"{len(part.weights)} weights: one of each makes a row"
            )
        if not sizes - {0}:
            raise BadExamples(f"the {name} part is empty")
        if part.items.min() < 0 or part.items.max() >= len(vectors):
            raise BadExamples(
                f"the {name} part names items {part.items.min()} to {part.items.max()}, "
                f"but there are {len(vectors)} vectors"
            )
        if not (np.isfinite(part.weights).all() and part.weights.min() >= 0 and part.weights.max() > 0):
            raise BadExamples(f"the weights of the {name} part must be numbers from 0 on, not all of them 0")


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


# What learns, and how.


def _trained(trainable: str) -> tuple[str, ...]:
    """The parts of a TextModule that learn, by the beginnings of their names. Raises BadConfig."""
    if trainable == "all":
        return ("",)
    if trainable == "projection":
        return ("head.",)
    last = re.fullmatch(r"last:([1-9]\d*)", trainable)
    if last and int(last[1]) <= len(LAYERS):
        parts = [part for layer in LAYERS[-int(last[1]) :] for part in layer]
        return ("head.", *(f"encoder.{part}." for part in parts))
    choices = f"choose all, last:1 to last:{len(LAYERS)}, or projection"
    if trainable == "lora":
        raise BadConfig(f"trainable is lora, which is for transformers; this text tower is none: {choices}")
    raise BadConfig(f"trainable is {trainable!r}: {choices}")


def _timm() -> Any:
    """timm's optimisers; their import takes seconds, and nothing needs them before a run."""
    declare_missing_operators()
    import timm.optim  # noqa: PLC0415

    return timm.optim


def _check_optimiser(name: str) -> None:
    known: list[str] = _timm().list_optimizers()
    if name not in known:
        near = difflib.get_close_matches(name, known) or ["adamw"]
        raise BadConfig(f"timm has no optimiser {name!r}; near are: {', '.join(near)}")
    if _timm().get_optimizer_info(name).second_order:
        raise BadConfig(f"the optimiser {name} needs second derivatives, which are not computed: try adamw")
    try:
        _timm().create_optimizer_v2([nn.Parameter(torch.zeros(2, 2))], opt=name, lr=1.0)
    except (ImportError, RuntimeError, AssertionError) as error:
        raise BadConfig(f"the optimiser {name} does not run here ({error}): try adamw") from None


def _optimiser(student: TextModule, log_scale: nn.Parameter, config: Config) -> torch.optim.Optimizer:
    """Biases, norms and the scale do not decay."""
    learning = [parameter for parameter in [*student.parameters(), log_scale] if parameter.requires_grad]
    matrices = [parameter for parameter in learning if parameter.ndim > 1]
    others = [parameter for parameter in learning if parameter.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimiser: torch.optim.Optimizer = _timm().create_optimizer_v2(groups, opt=config.optimiser, lr=config.lr)
    return optimiser


def _rate(config: Config, step: int, steps: int) -> float:
    """The share of the peak rate in a stage's step, from 0 on: a linear warm-up, then half a cosine."""
    warm = round(config.warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    return (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2


# The run.


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
        module: TextModule,
        lesson: _Lesson,
        loss: _Loss,
        config: Config,
        *,
        on_step: Callable[[Step], None],
        cancelled: Callable[[], bool],
        checkpoint: Path | None,
    ) -> None:
        self.lesson, self.loss, self.config = lesson, loss, config
        self.on_step, self.cancelled, self.checkpoint = on_step, cancelled, checkpoint
        self.student = _copy(module)
        self.device = _device(module)
        start = FIRST_SCALE if config.scale == "learnable" else float(config.scale)
        self.log_scale = nn.Parameter(torch.tensor(start, device=self.device).log())
        self.log_scale.requires_grad_(config.scale == "learnable")
        self.optimiser: torch.optim.Optimizer | None = None
        self.place = _Place()
        self.best: State = {}
        self.stages = [("projection", config.head_first), (config.trainable, config.epochs)]
        if not config.head_first:
            self.stages.pop(0)
        self.per_epoch = lesson.steps(config)
        self.steps = self.per_epoch * sum(epochs for _, epochs in self.stages)
        self.fingerprint = json.dumps(
            [asdict(config), loss.__name__, lesson.digest, content_hash(module.state_dict())]
        )
        self.began = self.saved = time.monotonic()
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
        return Tuned(self.best, place.best_epoch, place.best, place.base, place.history, self._seconds())

    def _stage(self, resumed: dict[str, Any] | None) -> None:
        """The epochs of a stage that are left; `resumed` is the state of its optimiser in a checkpoint."""
        place, (trainable, epochs) = self.place, self.stages[self.place.stage]
        parts = _trained(trainable)
        for name, parameter in self.student.named_parameters():
            parameter.requires_grad_(name.startswith(parts))
        self.optimiser = _optimiser(self.student, self.log_scale, self.config)
        if resumed is not None:
            self.optimiser.load_state_dict(resumed)
        while place.epoch < epochs and place.stale < self.config.patience:
            self._epoch()
        place.stage, place.epoch, place.stale = place.stage + 1, 0, 0

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
                if time.monotonic() - self.saved > SAVE_EVERY:
                    self._save()
        metrics = self._look()
        mean, place.losses = sum(place.losses) / len(place.losses), []
        place.epoch, place.batch, place.stale = place.epoch + 1, 0, place.stale + 1
        stage, number = self.stages[place.stage][0], len(place.history) + 1
        told = {"stage": stage, "epoch": number, "loss": mean, "scale": self._scale().item()}
        place.history.append(told | metrics)
        if metrics["mRR@20"] > place.best.get("mRR@20", -1):
            place.best, place.best_epoch, place.stale = metrics, number, 0
            self.best = {name: tensor.cpu().clone() for name, tensor in self.student.state_dict().items()}
        self._save()
        self._tell(loss, metrics)

    def _step(self, rows: NDArray[np.int64]) -> float:
        """One step on these training rows; returns their loss."""
        assert self.optimiser is not None
        place, epochs = self.place, self.stages[self.place.stage][1]
        rate = _rate(self.config, place.epoch * self.per_epoch + place.batch, epochs * self.per_epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * self.config.lr
        # What is drawn at random follows from the number of the step: a resumed run draws the same.
        seed = int(np.random.SeedSequence([self.config.seed, place.step]).generate_state(1)[0])
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            loss = self._loss(rows)
            if not torch.isfinite(loss):
                raise Diverged(
                    f"the loss is {loss.item()} at step {place.step + 1}: lower the rate {self.config.lr}"
                )
            self.optimiser.zero_grad()
            torch.autograd.backward(loss)
            self._clip()
            self.optimiser.step()
        return loss.item()

    def _loss(self, rows: NDArray[np.int64]) -> Tensor:
        lesson = self.lesson
        meant = _encode(self.student, [lesson.ids[row] for row in rows], self.cancelled)
        numbers = torch.from_numpy(rows).to(self.device)
        there = lesson.others.shape[1]
        drawn = torch.randint(max(1, there), (min(there, self.config.negatives),)).to(self.device)
        own = lesson.shared[:, numbers]
        candidates = torch.cat([own, lesson.others[:, drawn]], dim=1)
        targets, wrong = lesson.vectors[candidates[0]], against(own, candidates)
        return self.loss(meant, targets, wrong, lesson.weights[numbers], self._scale())

    def _scale(self) -> Tensor:
        return self.log_scale.exp().clamp(max=MAX_SCALE)

    def _clip(self) -> None:
        learning = [parameter for parameter in self.student.parameters() if parameter.requires_grad]
        if self.config.clip == "norm":
            nn.utils.clip_grad_norm_(learning, 1.0)
        else:
            from timm.utils.agc import adaptive_clip_grad  # noqa: PLC0415 - takes seconds

            adaptive_clip_grad(learning)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def _look(self) -> dict[str, float]:
        """mRR@20 and hits@20, means over the distinct validation queries."""
        lesson = self.lesson
        queries = _encode(self.student, lesson.val_ids, self.cancelled)
        if not torch.isfinite(queries).all():
            raise Diverged(
                f"the weights are not finite after step {self.place.step}: lower the rate {self.config.lr}"
            )
        ranks = ranks_of(queries[lesson.asked], lesson.val_items, lesson.vectors, self.cancelled)
        best = torch.full((len(queries),), len(lesson.vectors), device=self.device)
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

    # The checkpoint: a SHA-256, then what torch.save writes.

    def _save(self) -> None:
        """Replaces the checkpoint in one rename, so that there is always a whole one."""
        self.saved = time.monotonic()
        if self.checkpoint is None:
            return
        assert self.optimiser is not None
        held = {
            "fingerprint": self.fingerprint,
            "place": asdict(self.place) | {"seconds": self._seconds()},
            "student": self.student.state_dict(),
            "log_scale": self.log_scale.detach(),
            "best": self.best,
            "optimiser": self.optimiser.state_dict(),
        }
        buffer = io.BytesIO()
        torch.save(held, buffer)
        new = self.checkpoint.with_name(f".{self.checkpoint.name}.new")
        with new.open("wb") as file:
            file.write(hashlib.sha256(buffer.getbuffer()).digest())
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.checkpoint)

    def _resume(self) -> tuple[str, dict[str, Any] | None]:
        """Takes up the checkpoint, if there is one of this run: (what happened, the optimiser's state)."""
        if self.checkpoint is None or not self.checkpoint.exists():
            return "", None
        content = self.checkpoint.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            return "the checkpoint is damaged: training starts anew", None
        held = torch.load(io.BytesIO(content[32:]), map_location=self.device, weights_only=True)
        if held["fingerprint"] != self.fingerprint:
            return "the checkpoint is of another run (recipe, data or base): training starts anew", None
        self.student.load_state_dict(held["student"])
        self.log_scale.data.copy_(held["log_scale"])
        self.best = {name: tensor.cpu() for name, tensor in held["best"].items()}
        self.place = _Place(**held["place"])
        return f"resumed after step {self.place.step} of {self.steps}", held["optimiser"]


def _copy(module: TextModule) -> TextModule:
    """A copy that learns alone; the frozen table, 65 MB, is shared."""
    table = module.encoder.table
    return copy.deepcopy(module, {id(table): table})


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters()).device


def _encode(module: TextModule, ids: Sequence[list[int]], cancelled: Callable[[], bool]) -> Tensor:
    """(texts, DIM) in their order. Raises Cancelled between two passes."""
    by_length = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    device = _device(module)
    parts = []
    for start in range(0, len(ids), TEXTS_PER_PASS):
        if cancelled():
            raise Cancelled
        batch = collate([ids[row] for row in by_length[start : start + TEXTS_PER_PASS]])
        parts.append(module(Batch(batch.ids.to(device), batch.lengths.to(device))))
    return torch.cat(parts)[torch.tensor(by_length, device=device).argsort()]


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
