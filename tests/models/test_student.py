"""Transformers while they learn: of every family, what was asked for, and the same whatever spares memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models import checkpoint
from models.examples import Examples, Lesson
from models.finetune import Step, Tuned, _Run, align, contrast, finetune
from models.recipe import BadConfig, Config, settle
from models.registry import Registry, open_space
from models.student import Cancelled, Student
from models.towers import TrainableText, open_trainable
from tests.tiny_models import FAMILIES, SENTENCES, Family, write_tiny

TOWERS: dict[str, TrainableText] = {}
QUICK = Config(epochs=2, batch=8, lr=1e-2, negatives=2)
"""Four steps."""


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """So that one seed gives one result; tiny models are faster so, too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> dict[Family, TrainableText]:
    """The first text tower of a tiny model of each family."""
    folder = tmp_path_factory.mktemp("towers")
    return {family: own_text(folder, family) for family in FAMILIES}


def own_text(folder: Path, family: Family) -> TrainableText:
    model = write_tiny(folder / family, family)
    _, card = open_space(Registry(folder), f"local-dir:{model}", "cpu")
    return open_trainable(folder / "towers" / card.id, "cpu")


@pytest.fixture
def tower(towers: dict[Family, TrainableText]) -> TrainableText:
    return towers["xlm-roberta"]


def never() -> bool:
    return False


def quiet(_: Step) -> None:
    """A run's progress, not shown."""


ITEMS = np.arange(len(SENTENCES))


def examples() -> Examples:
    """Each sentence asks for an item of its own."""
    return Examples(SENTENCES, ITEMS, np.ones(len(SENTENCES), dtype=np.float32))


def vectors_of(tower: TrainableText) -> Any:
    vectors = np.random.default_rng(0).standard_normal((len(SENTENCES), tower.dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def tune(tower: TrainableText, config: Config, **options: Any) -> Tuned:
    given: dict[str, Any] = {"on_step": quiet, "cancelled": never} | options
    return finetune(tower, examples(), examples(), vectors_of(tower), ITEMS, config, **given)


def after(tower: TrainableText, tuned: Tuned, texts: list[str]) -> Any:
    """What the tower says of texts once it holds what was learnt; it is put back."""
    before = {name: tensor.clone() for name, tensor in tower.module.state_dict().items()}
    tower.module.load_state_dict(before | tuned.state)
    try:
        return tower.encode(texts)
    finally:
        tower.module.load_state_dict(before)


# What learns.


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("trainable", ["all", "last:1", "projection", "lora"])
def test_only_what_is_named_learns(
    towers: dict[Family, TrainableText], family: Family, trainable: str
) -> None:
    """The head always; of the layers none, the last, or all; the embeddings with `all` alone. Adapters reach
    the matrices of layers, neither biases nor norms."""
    tower = towers[family]
    found = tune(tower, replace(QUICK, epochs=1, trainable=trainable)).state
    embeddings, *layers = tower.layers
    parts = {"all": layers, "last:1": layers[-1:], "projection": [], "lora": layers}[trainable]
    allowed = (*tower.head, *(name for layer in parts for name in layer))
    assert any(name.startswith(tower.head) for name in found)
    for layer in parts:
        assert any(name.startswith(layer) for name in found)
    others = {name for name in found if not name.startswith(allowed)}
    assert others <= (set(embeddings) if trainable == "all" else set())
    if trainable == "lora":
        inside = [tensor for name, tensor in found.items() if not name.startswith(tower.head)]
        assert {tensor.ndim for tensor in inside} == {2}
        assert len(inside) == {"xlm-roberta": 12, "nllb": 12}.get(family, 6)


@pytest.mark.parametrize("family", ["xlm-roberta", "clip"])
def test_what_adapters_learnt_is_in_the_weights(towers: dict[Family, TrainableText], family: Family) -> None:
    """Without them, the tower that holds the merged weights says of each text what the student says."""
    tower = towers[family]
    config = settle(replace(QUICK, trainable="lora:2"), tower)
    student = Student(tower, config, never)
    for name, part in student.kept().items():
        part.add_(0.1 * torch.randn(part.shape, generator=torch.Generator().manual_seed(len(name))))
    with torch.no_grad():
        meant = student.encode(tower.tokenize(SENTENCES)).numpy()
    assert np.abs(meant - tower.encode(SENTENCES)).max() > 1e-2
    held = Tuned(student.changed(), 1, {}, {}, [], 0.0)
    assert np.abs(meant - after(tower, held, list(SENTENCES))).max() < 1e-5


def test_the_rank_is_the_adapters(tower: TrainableText) -> None:
    """lora:2 moves a matrix within two dimensions; lora alone is of rank 16."""
    config = replace(QUICK, epochs=1, trainable="lora:2")
    name = "text.transformer.encoder.layer.0.intermediate.dense.weight"
    moved = tune(tower, config).state[name] - tower.module.state_dict()[name]
    assert torch.linalg.matrix_rank(moved, rtol=1e-3).item() == 2
    student = Student(tower, settle(replace(config, trainable="lora"), tower), never)
    assert {part.shape[0] for name, part in student.kept().items() if ".lora_A." in name} == {16}


def test_pieces_that_no_text_holds_stay(tower: TrainableText) -> None:
    """Of the table of embeddings only the rows move that the texts ask for: other languages keep theirs."""
    name = "text.transformer.embeddings.word_embeddings.weight"
    moved = tune(tower, QUICK).state[name] != tower.module.state_dict()[name]
    held = {id_ for ids in tower.tokenize(SENTENCES) for id_ in ids}
    assert {row for row, any_ in enumerate(moved.any(1)) if any_} == held


def test_transformers_learn(tower: TrainableText) -> None:
    """Sixteen sentences are told apart that a random tower confuses, whole or by adapters."""
    for trainable in ("all", "lora"):
        config = Config(epochs=30, batch=16, lr=1e-2, trainable=trainable, scale=20, patience=30)
        found = tune(tower, config)
        assert found.base["mRR@20"] < 0.4
        assert found.metrics["mRR@20"] > 0.9


def test_translations_teach_transformers(tower: TrainableText) -> None:
    """The German sentences come to lie where the English ones are, by adapters."""
    rows = list(zip(SENTENCES[8:], SENTENCES[:8], strict=True))
    config = Config(epochs=20, batch=16, lr=1e-2, trainable="lora", patience=20)
    found = align(tower, rows, rows, config, on_step=quiet, cancelled=never)
    assert found.metrics["mRR@20"] > found.base["mRR@20"] + 0.2


# What is usual.


def test_what_a_recipe_leaves_open_is_the_transformers(tower: TrainableText) -> None:
    """The rate is that of what learns; what is said stays."""
    found = [settle(Config(trainable=part), tower) for part in ("all", "last:2", "projection", "lora:4")]
    assert [config.lr for config in found] == [5e-5, 5e-5, 3e-4, 2e-4]
    assert {config.scale for config in found} == {100}
    assert settle(Config(trainable="lora", lr=0.1), tower).lr == 0.1


def test_more_layers_than_there_are_are_refused(tower: TrainableText) -> None:
    """The embeddings count as one: two layers and they are three."""
    settle(Config(trainable="last:3"), tower)
    with pytest.raises(BadConfig, match="has 3 layers: choose all, last:1 to last:3, projection, lora or"):
        settle(Config(trainable="last:4"), tower)


# Memory.


def gradients(tower: TrainableText, config: Config) -> Tensor:
    """Of a step on all sentences, as one vector."""
    config = settle(replace(config, batch=len(SENTENCES)), tower)
    vectors = vectors_of(tower)
    lesson = Lesson.of(examples(), examples(), vectors=vectors, groups=ITEMS, tower=tower)
    student = Student(tower, config, never)
    for name, part in student.kept().items():  # an adapter's gradient is 0 as long as its other half is
        part.add_(0.1 * torch.randn(part.shape, generator=torch.Generator().manual_seed(len(name))))
    run = _Run(tower, student, lesson, contrast, config, on_step=quiet, checkpoint=None)
    run._learn_from(ITEMS)
    return torch.cat([part.grad.flatten() for part in student.parameters if part.grad is not None])


SPARING = {
    "microbatch": Config(microbatch=3),
    "gradient checkpointing": Config(gradient_checkpointing=True),
    "both": Config(microbatch=3, gradient_checkpointing=True),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("sparing", SPARING)
@pytest.mark.parametrize("trainable", ["all", "lora"])
def test_what_spares_memory_changes_no_gradient(
    towers: dict[Family, TrainableText], family: Family, sparing: str, trainable: str
) -> None:
    """Gradients by a cache, or with layers computed again, are the plain ones to 1e-5 of their length."""
    plain = gradients(towers[family], Config(trainable=trainable))
    spared = gradients(towers[family], replace(SPARING[sparing], trainable=trainable))
    assert plain.norm() > 0
    assert (spared - plain).norm() < 1e-5 * plain.norm()


@pytest.fixture
def seen(tower: TrainableText, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """How many texts each pass had, and whether it was for gradients."""
    passes: list[tuple[int, bool]] = []
    forward = type(tower.module).forward

    def counted(module: nn.Module, ids: Tensor) -> Tensor:
        passes.append((len(ids), torch.is_grad_enabled()))
        return forward(module, ids)  # type: ignore[no-any-return]

    monkeypatch.setattr(type(tower.module), "forward", counted)
    return passes


def test_no_pass_holds_more_than_a_microbatch(tower: TrainableText, seen: list[tuple[int, bool]]) -> None:
    """Sixteen texts by sixes: three passes for the vectors, and three for the gradients."""
    gradients(tower, Config(microbatch=6))
    assert seen == [(6, False), (6, False), (4, False), (6, True), (6, True), (4, True)]


def test_a_microbatch_as_large_as_the_batch_is_none(
    tower: TrainableText, seen: list[tuple[int, bool]]
) -> None:
    """Nothing is computed twice where all fits."""
    gradients(tower, Config(microbatch=16))
    assert seen == [(16, True)]


@pytest.mark.parametrize(
    ("config", "cure"),
    [
        (QUICK, r"for 8 texts at a time \(out of it\): use --microbatch 4 or less, or --gradient-checkp"),
        (
            replace(QUICK, microbatch=2, gradient_checkpointing=True),
            "for 2 texts .*: use --microbatch 1 or less$",
        ),
    ],
)
def test_too_little_memory_has_a_cure(
    tower: TrainableText, monkeypatch: pytest.MonkeyPatch, config: Config, cure: str
) -> None:
    """One error that names the options which need less."""

    def forward(*_: object) -> None:
        raise torch.OutOfMemoryError("out of it\n0x7f: a long trace")

    monkeypatch.setattr(type(tower.module), "forward", forward)
    with pytest.raises(BadConfig, match=cure):
        tune(tower, config)


def test_bfloat16_is_near(tower: TrainableText) -> None:
    """The vectors of a pass in bfloat16 are those in float32 to its three digits, over weights in float32."""
    full, half = (
        Student(tower, settle(Config(precision=precision), tower), never) for precision in ("fp32", "bf16")
    )
    ids = tower.tokenize(SENTENCES)
    with torch.no_grad():
        exact, near = full.encode(ids), half.encode(ids)
    assert not torch.equal(exact, near)
    assert (exact * near).sum(1).min() > 0.999
    assert {part.dtype for part in half.kept().values()} == {torch.float32}


# Cancelling and resuming.


@pytest.mark.parametrize("microbatch", [None, 3])
def test_a_run_can_be_cancelled_within_a_step(tower: TrainableText, microbatch: int | None) -> None:
    """After any pass, those for the gradients among them."""
    for calls in range(1, 6):
        asked = iter([False] * calls)
        with pytest.raises(Cancelled):
            tune(tower, replace(QUICK, microbatch=microbatch), cancelled=partial(next, asked, True))


class Crash(Exception):
    """What ends a run in the middle."""


@pytest.mark.parametrize("trainable", ["last:1", "lora"])
def test_a_resumed_run_ends_as_if_nothing_had_happened(
    tower: TrainableText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainable: str
) -> None:
    """To the last bit; and its checkpoint holds no weight that does not learn."""
    monkeypatch.setattr(checkpoint, "SAVE_EVERY", -1.0)
    config = replace(QUICK, epochs=3, head_first=1, trainable=trainable)
    steps: list[Step] = []

    def crash(step: Step) -> None:
        steps.append(step)
        if step.step == 5:
            raise Crash

    alone = tune(tower, config)
    with pytest.raises(Crash):
        tune(tower, config, on_step=crash, checkpoint=tmp_path / "checkpoint")
    held = torch.load(io.BytesIO((tmp_path / "checkpoint").read_bytes()[32:]), weights_only=True)
    assert not any("embeddings" in name for name in [*held["student"], *held["best"]])
    resumed = tune(tower, config, on_step=steps.append, checkpoint=tmp_path / "checkpoint")
    assert any("resumed after step 4 of 8" in step.note for step in steps)
    assert resumed.history == alone.history
    assert all(torch.equal(tensor, resumed.state[name]) for name, tensor in alone.state.items())
