"""Fine-tuning: what it learns and what it must not, and that it can be stopped, resumed and believed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models import checkpoint, finetune
from models.bundled import SHIPPED, BundledText, TextModule, read_text
from models.examples import BadExamples, Examples, Lesson
from models.finetune import Diverged, Step, Tuned, against, align, contrast, distance, ranks_of
from models.recipe import TRANSLATION, BadConfig, Config, check, settle
from models.student import Cancelled
from models.towers import TrainableText, Vectors

COLOURS = {"blint": "red", "vorpe": "blue", "zuzzi": "green", "kralm": "yellow", "omeff": "black"}
"""The shop's own words, which no base knows."""
KINDS = ["dress", "skirt", "jacket", "shirt", "shoes", "bag", "hat"]


@pytest.fixture(scope="module")
def base() -> BundledText:
    return BundledText(*read_text(SHIPPED / "base"))


class Shop:
    """An item of each colour and kind, whose picture lies where the base puts its English name."""

    def __init__(self, base: TrainableText) -> None:
        self.base = base
        names = [(word, kind) for word in COLOURS for kind in KINDS]
        self.vectors: Vectors = base.encode([f"{COLOURS[word]} {kind}" for word, kind in names])
        self.groups: NDArray[np.int64] = np.arange(len(names))
        queries = [f"{word} {kind}" for word, kind in names]
        # Each colour and each kind is trained on, but not in these pairs.
        seen = np.arange(len(names)) % 6 != 0
        self.train = rows([query for query, there in zip(queries, seen, strict=True) if there], seen)
        self.val = rows([query for query, there in zip(queries, seen, strict=True) if not there], ~seen)

    def tune(self, config: Config, train: Examples | None = None, **options: Any) -> Tuned:
        given: dict[str, Any] = {"on_step": quiet, "cancelled": never} | options
        return finetune.finetune(
            self.base,
            train or self.train,
            self.val,
            self.vectors,
            self.groups,
            config,
            **given,
        )


def rows(queries: list[str], there: NDArray[np.bool_]) -> Examples:
    return Examples(queries, np.flatnonzero(there), np.ones(len(queries), dtype=np.float32))


def after(base: TrainableText, tuned: Tuned) -> TrainableText:
    """The base with what a run changed."""
    module = TextModule()
    module.load_state_dict(base.module.state_dict() | tuned.state)
    return BundledText(base.card, module)


def quiet(_: Step) -> None:
    """A run's progress, not shown."""


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def shop(base: BundledText) -> Shop:
    return Shop(base)


QUICK = Config(epochs=2, batch=10, lr=1e-3, negatives=0)
"""Six steps: enough to tell two runs apart."""


# The loss.


def test_pairs_with_something_in_common_do_not_contradict() -> None:
    """Rows 0, 1 and 3 share a product, 1 and 2 a text, 0 and 3 an item: all other pairs are wrong answers."""
    items, products, texts = [0, 1, 2, 0], [5, 5, 6, 5], [1, 2, 2, 3]
    shared = torch.tensor([items, products, texts])
    expected = torch.zeros(4, 4, dtype=torch.bool)
    expected[0, 2] = expected[2, 0] = expected[2, 3] = expected[3, 2] = True
    assert torch.equal(against(shared, shared), expected)


def test_the_same_query_in_other_letters_is_the_same(shop: Shop) -> None:
    """ "Rotes  Kleid" and "rotes kleid" are one text; "rotes Hemd" is another."""
    three = rows(["Rotes  Kleid", "rotes kleid ", "rotes Hemd"], np.arange(35) < 3)
    lesson = Lesson.of(three, shop.val, vectors=shop.vectors, groups=shop.groups, tower=shop.base)
    assert against(lesson.shared, lesson.shared).tolist() == [[False, False, True]] * 2 + [
        [True, True, False]
    ]


def test_the_loss_by_hand() -> None:
    """Three texts exactly on their orthogonal targets, the first two not each other's wrong answers.

    At scale ln 2 a row's own target counts 2, a wrong one 1: the first rows lose ln(3/2), the third ln(4/2).
    """
    wrong = torch.tensor([[False, False, True], [False, False, True], [True, True, False]])
    loss = contrast(torch.eye(3), torch.eye(3), wrong, torch.ones(3), torch.tensor(2.0).log())
    assert loss.item() == pytest.approx((2 * math.log(3 / 2) + math.log(2)) / 3)


def test_more_targets_are_wrong_answers_to_texts_alone() -> None:
    """A fourth target that no text is near counts 1 more in the texts' rows, not in the targets'."""
    wrong = ~torch.eye(3, 4, dtype=torch.bool)
    loss = contrast(torch.eye(3, 4), torch.eye(4), wrong, torch.ones(3), torch.tensor(2.0).log())
    assert loss.item() == pytest.approx((math.log(5 / 2) + math.log(4 / 2)) / 2)


@pytest.mark.parametrize("loss", [contrast, distance])
def test_a_row_counts_as_its_weight_says(loss: finetune._Loss) -> None:
    """Twice the first row and none of the second is twice the loss of the first row alone."""
    generator = torch.Generator().manual_seed(0)
    meant, targets = torch.randn(2, 2, 8, generator=generator)
    wrong, scale = ~torch.eye(2, dtype=torch.bool), torch.tensor(1.0)
    first, both = (
        loss(meant, targets, wrong, torch.tensor(weights), scale).item() for weights in ([1.0, 0], [1.0, 1])
    )
    heavy = loss(meant, targets, wrong, torch.tensor([2.0, 0]), scale).item()
    assert heavy == pytest.approx(2 * first)
    assert first < both


def test_ranks_count_from_one_and_ties_keep_order() -> None:
    """Scores 0.5, 1, 0.5, 0: the items are third of the tie's later row, first, second and fourth."""
    vectors = torch.tensor([[0.5], [1.0], [0.5], [0.0]])
    found = ranks_of(torch.ones(4, 1), torch.tensor([2, 1, 0, 3]), vectors, never)
    assert found.tolist() == [3, 1, 2, 4]


# What is learned.


@pytest.fixture(scope="module")
def tuned(shop: Shop) -> Tuned:
    return shop.tune(Config(epochs=8, batch=15, lr=1e-3, negatives=0, patience=8))


def test_a_shop_teaches_its_own_words(tuned: Tuned) -> None:
    """Made-up colour words, trained on some kinds, are understood on others, which the base does not do."""
    assert tuned.base["mRR@20"] < 0.5
    assert tuned.metrics["mRR@20"] > tuned.base["mRR@20"] + 0.3


def test_shuffled_pairs_teach_nothing(shop: Shop) -> None:
    """The same queries against each other's items do not raise what validation measures."""
    wrong = replace(shop.train, items=np.random.default_rng(0).permutation(shop.train.items))
    found = shop.tune(Config(epochs=4, batch=15, lr=1e-3, negatives=0), wrong)
    assert found.metrics["mRR@20"] < found.base["mRR@20"] + 0.1


def test_the_best_epoch_is_kept(shop: Shop, tuned: Tuned) -> None:
    """The weights are those of the epoch with the highest mRR@20: measured again they score the same."""
    best = max(tuned.history, key=lambda epoch: epoch["mRR@20"])
    assert (best["epoch"], best["mRR@20"]) == (tuned.epoch, tuned.metrics["mRR@20"])
    queries = torch.from_numpy(after(shop.base, tuned).encode(shop.val.queries))
    ranks = ranks_of(queries, torch.from_numpy(shop.val.items), torch.from_numpy(shop.vectors), never)
    assert (1 / ranks).where(ranks <= 20, 0).mean().item() == pytest.approx(tuned.metrics["mRR@20"])


def test_training_ends_when_it_no_longer_helps(shop: Shop) -> None:
    """At a rate of almost 0 no epoch betters the first: with a patience of 2, three are run of nine."""
    assert len(shop.tune(replace(QUICK, lr=1e-12, epochs=9, patience=2)).history) == 3


def test_the_heavier_of_two_answers_wins(shop: Shop) -> None:
    """Every query is trained on two items, the right one with weight 9 and another with weight 1."""
    train = shop.train
    twice = Examples(
        [*train.queries, *train.queries],
        np.concatenate([train.items, np.roll(train.items, 1)]),
        np.repeat(np.array([9, 1], dtype=np.float32), len(train.items)),
    )
    found = shop.tune(Config(epochs=5, batch=30, lr=1e-3, negatives=0), twice)
    queries = torch.from_numpy(after(shop.base, found).encode(train.queries))
    scores = queries @ torch.from_numpy(shop.vectors[train.items]).T
    assert (scores.diag() > scores.roll(1, dims=0).diag()).float().mean() > 0.9


def test_the_tower_that_came_in_stays(shop: Shop) -> None:
    """Training works on a copy: neither weights nor what can be trained change in the tower that is given."""
    module = shop.base.module
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    shop.tune(replace(QUICK, epochs=1, trainable="projection"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert all(parameter.requires_grad for parameter in module.parameters())


# The recipe.


def moved(found: Tuned) -> set[str]:
    """The layers whose weights changed."""
    return {".".join(name.split(".")[:2]) if name.startswith("encoder") else "head" for name in found.state}


@pytest.mark.parametrize(
    ("trainable", "layers"),
    [
        ("projection", set()),
        ("last:1", {"dense2", "dense3", "skip3"}),
        ("last:2", {"dense0", "dense1", "skip1", "dense2", "dense3", "skip3"}),
        ("last:3", {"norm", "pool", "dense0", "dense1", "skip1", "dense2", "dense3", "skip3"}),
    ],
)
def test_only_what_is_named_learns(shop: Shop, trainable: str, layers: set[str]) -> None:
    """The head always, and as many of the encoder's last layers as were asked for."""
    found = shop.tune(replace(QUICK, epochs=1, trainable=trainable))
    assert moved(found) == {"head"} | {f"encoder.{layer}" for layer in layers}


def test_all_is_every_layer(shop: Shop, tuned: Tuned) -> None:
    """last:5 is all of them, so there is no last:6."""
    encoder = shop.base.module.get_submodule("encoder")
    every = {f"encoder.{name}" for name, _ in encoder.named_children() if name != "table"}
    assert moved(tuned) == {"head"} | every
    settle(Config(trainable="last:5"), shop.base)
    with pytest.raises(BadConfig, match="base has 5 layers: choose all, last:1 to last:5, or projection"):
        settle(Config(trainable="last:6"), shop.base)


def test_the_head_can_go_first(shop: Shop) -> None:
    """One epoch of the head alone, then two of all: nine steps, of which three name the head's stage."""
    steps: list[Step] = []
    shop.tune(replace(QUICK, head_first=1), on_step=steps.append)
    trained = [step for step in steps if step.step]
    assert [step.stage for step in trained] == ["projection"] * 3 + ["all"] * 6
    assert {step.steps for step in steps} == {9}


def test_lora_is_for_transformers(shop: Shop) -> None:
    """The bundled tower is none; the error says what it can do."""
    with pytest.raises(BadConfig, match=r"lora.*transformers.*choose all, last:1 to last:5, or projection"):
        shop.tune(Config(trainable="lora"))


def test_what_a_recipe_leaves_open_is_the_towers(base: BundledText) -> None:
    """Rate, scale and precision are those of models/LOG.md; what is said stays; a settled recipe too."""
    found = settle(Config(), base)
    assert (found.lr, found.scale, found.precision) == (3e-4, 20.0, "fp32")
    assert settle(found, base) == found
    assert settle(TRANSLATION, base, translation=True).lr == 1e-3
    assert settle(Config(lr=0.1, scale="learnable"), base) == replace(found, lr=0.1, scale="learnable")


def test_what_spares_memory_changes_nothing_that_is_learnt(shop: Shop) -> None:
    """Three texts at a time, and layers computed twice: the losses are those of whole batches."""
    spared = shop.tune(replace(QUICK, microbatch=3, gradient_checkpointing=True)).history
    plain = shop.tune(QUICK).history
    assert [one["loss"] for one in spared] == pytest.approx([one["loss"] for one in plain], rel=1e-4)


def test_an_unknown_optimiser_is_refused_with_near_ones() -> None:
    """A slip of the finger names the optimiser that was meant."""
    with pytest.raises(BadConfig, match=r"no optimiser 'adabelif'.*adabelief"):
        check(Config(optimiser="adabelif"))


def test_the_recipe_of_clip_italian_trains(shop: Shop) -> None:
    """AdaBelief and adaptive gradient clipping move the weights, at a fixed scale."""
    found = shop.tune(replace(QUICK, optimiser="adabelief", clip="agc", scale=20.0))
    assert "encoder.pool" in moved(found)
    assert {round(epoch["scale"], 4) for epoch in found.history} == {20.0}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch": 1}, "batch is 1: it must be 2 or more"),
        ({"batch": 4097}, "batch is 4097: it must be 4,096 or less"),
        ({"microbatch": 0}, "microbatch is 0: it must be 1 or more"),
        ({"precision": "fp16"}, "choose auto, fp32 or bf16"),
        ({"trainable": "lora:0"}, "choose all, last:N, projection, lora or lora:RANK"),
        ({"trainable": "last:0"}, "choose all, last:N"),
        ({"lr": 0.0}, "lr is 0.0"),
        ({"lr": math.nan}, "lr is nan"),
        ({"clip": "none"}, "choose norm or agc"),
        ({"scale": "fixed"}, "choose learnable, or a number above 0"),
        ({"scale": 0.0}, "choose learnable, or a number above 0"),
        ({"warmup": 5.0}, "a share of the steps"),
        ({"negatives": -1}, "negatives is -1: it must be 0 or more"),
        ({"optimiser": "adahessian"}, "second derivatives"),
        ({"optimiser": "fusedadam"}, "does not run here"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(change: dict[str, Any], says: str) -> None:
    """Before anything is read, in words that name the setting."""
    with pytest.raises(BadConfig, match=says):
        check(Config(**change))


@pytest.mark.parametrize(
    ("train", "says"),
    [
        (Examples([], np.zeros(0, np.int64), np.zeros(0, np.float32)), "training part is empty"),
        (Examples(["a"], np.array([0, 1]), np.ones(1, np.float32)), "1 queries, 2 items and 1 weights"),
        (Examples(["a", "b"], np.array([0, 99]), np.ones(2, np.float32)), "items 0 to 99, but there are 35"),
        (Examples(["a", "b"], np.array([0, 1]), np.zeros(2, np.float32)), "not all of them 0"),
        (Examples(["a", "b"], np.array([3, 3]), np.ones(2, np.float32)), "nothing tells them apart"),
    ],
)
def test_examples_that_teach_nothing_are_refused(shop: Shop, train: Examples, says: str) -> None:
    """The error says which part, and what disagrees."""
    with pytest.raises(BadExamples, match=says):
        shop.tune(QUICK, train)


def test_a_rate_that_leaves_the_numbers_is_named(shop: Shop) -> None:
    """Weights that are no longer finite would rank every item first: training stops instead."""
    with pytest.raises(Diverged, match="lower the rate 1e\\+30"):
        shop.tune(replace(QUICK, optimiser="sgd", lr=1e30))


# Progress, cancelling and resuming.


def test_every_step_is_told(shop: Shop) -> None:
    """Step 0 with the base's metrics, then each step with its loss, metrics at each epoch's end, and the time
    that is left, which ends at 0."""
    steps: list[Step] = []
    found = shop.tune(QUICK, on_step=steps.append)
    assert [step.step for step in steps] == list(range(7))
    assert [step.epoch for step in steps] == [0, 1, 1, 1, 2, 2, 2]
    assert [step.metrics is not None for step in steps] == [True, False, False, True, False, False, True]
    assert steps[0].metrics == found.base
    assert all(step.loss is not None for step in steps[1:])
    assert steps[-1].seconds_left == 0


@pytest.mark.parametrize("calls", [0, 3, 7])
def test_a_run_can_be_cancelled(shop: Shop, calls: int) -> None:
    """At the first look, in the base's evaluation, or later: training stops at once."""
    asked = itertools.count()
    with pytest.raises(Cancelled):
        shop.tune(QUICK, cancelled=lambda: next(asked) >= calls)
    assert next(asked) == calls + 1


class Crash(Exception):
    """What ends a run in the middle."""


def crash_after(step: int) -> Callable[[Step], None]:
    def on_step(at: Step) -> None:
        if at.step == step:
            raise Crash

    return on_step


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every step, not only every 20 s."""
    monkeypatch.setattr(checkpoint, "SAVE_EVERY", -1.0)


TWO_STAGES = replace(QUICK, head_first=1, negatives=8)


@pytest.fixture(scope="module")
def uninterrupted(shop: Shop) -> Tuned:
    return shop.tune(TWO_STAGES)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("step", [2, 3, 8])
def test_a_resumed_run_ends_as_if_nothing_had_happened(
    shop: Shop, uninterrupted: Tuned, tmp_path: Path, step: int
) -> None:
    """Ended in the first epoch, between the stages or in the last: weights and metrics are those of a run
    that was left alone, to the last bit."""
    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(Crash):
        shop.tune(TWO_STAGES, on_step=crash_after(step), checkpoint=checkpoint)
    steps: list[Step] = []
    resumed = shop.tune(TWO_STAGES, on_step=steps.append, checkpoint=checkpoint)
    assert "resumed after step" in steps[0].note
    assert steps[0].step >= step - 1
    assert resumed.history == uninterrupted.history
    assert (resumed.metrics, resumed.base) == (uninterrupted.metrics, uninterrupted.base)
    assert all(torch.equal(tensor, resumed.state[name]) for name, tensor in uninterrupted.state.items())


def test_another_seed_is_another_run(shop: Shop, uninterrupted: Tuned) -> None:
    """The order of the rows is the seed's."""
    assert shop.tune(replace(TWO_STAGES, seed=1)).history != uninterrupted.history


@pytest.fixture(scope="module")
def left_behind(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The checkpoint of a run with another seed."""
    checkpoint = tmp_path_factory.mktemp("run") / "checkpoint"
    shop.tune(replace(TWO_STAGES, epochs=1, seed=1), checkpoint=checkpoint)
    return checkpoint.read_bytes()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: content[:-1000], "damaged"),
        (lambda content: content[:9999] + bytes([content[9999] ^ 1]) + content[10000:], "damaged"),
        (lambda content: b"", "damaged"),
        (lambda content: content, "another run"),
    ],
    ids=["cut", "a bit flipped", "empty", "whole"],
)
def test_a_checkpoint_that_does_not_fit_is_passed_over(
    shop: Shop, left_behind: bytes, tmp_path: Path, damage: Callable[[bytes], bytes], says: str
) -> None:
    """A damaged file, or one of another recipe, is named in a note, and training starts anew."""
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_bytes(damage(left_behind))
    steps: list[Step] = []

    def until_the_first(step: Step) -> None:
        steps.append(step)
        crash_after(1)(step)

    with pytest.raises(Crash):
        shop.tune(TWO_STAGES, on_step=until_the_first, checkpoint=checkpoint)
    assert says in steps[0].note
    assert [step.step for step in steps] == [0, 1]


# A language by translation.


def test_a_language_needs_rows_of_both_parts(base: BundledText) -> None:
    """Nothing to learn from, or nothing to measure by: refused, with both counts."""
    with pytest.raises(BadExamples, match="there are 1 training and 0 validation rows"):
        align(base, [("red", "blint")], [], QUICK, on_step=quiet, cancelled=never)


def test_translations_teach_a_language(base: BundledText) -> None:
    """Made-up words for colours land where their translations are, in pairs that were not trained on; and the
    English stays where it was."""
    pairs = [(f"{english} {kind}", f"{word} {kind}") for word, english in COLOURS.items() for kind in KINDS]
    val = pairs[::6]
    train = [pair for pair in pairs if pair not in val]
    found = align(
        base,
        train,
        val,
        Config(epochs=8, batch=15, lr=1e-3, patience=8),
        on_step=quiet,
        cancelled=never,
    )
    assert found.metrics["mRR@20"] > found.base["mRR@20"] + 0.3
    english = [first for first, _ in val]
    assert (base.encode(english) * after(base, found).encode(english)).sum(1).min() > 0.9
