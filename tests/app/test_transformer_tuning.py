"""Transformers tuned as a whole: what a version holds, what it needs, and how it comes to answer searches."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from app import worker
from app.settings import Settings
from app.tuning import Outcome, tune
from app.tuning_options import options_of
from app.work import HANDLERS
from indexer import guards
from indexer.build import BuildConfig, build
from indexer.store import open_current
from models.cards import Card, read_card, read_weights
from models.evaluate import evaluate
from models.gallery import Gallery
from models.queries import read_pairs
from models.recipe import BadConfig
from models.registry import Registry, TowerInUse, open_space
from models.student import Cancelled
from models.towers import TowerError
from tests.app.test_child import until
from tests.conftest import quiet, serving
from tests.tiny_models import write_tiny
from tests.tuning import Witness, one_thread, own_pairs  # noqa: F401

KEY = "key-7f3a"
RECIPE: dict[str, Any] = {
    "trainable": "lora:4",
    "epochs": 2,
    "batch": 45,
    "microbatch": 20,
    "lr": 1e-2,
    "negatives": 0,
    "wise_ft": "off",
    "gradient_checkpointing": True,
}


ALL_OF_THEM = {"query": "kralm dress", "limit": 100, "fold_duplicates": False, "lexical": 0}
"""To a random tower, half of the pictures are equal."""


@dataclass(frozen=True)
class Shop:
    """A home whose pictures and queries a tiny xlm-roberta reads, and pairs in words of the shop's own."""

    home: Path
    pairs: Path
    gate: Path

    @property
    def registry(self) -> Registry:
        return Registry(self.home)

    def adopt(self, tuned: tuple[Shop, Outcome]) -> Card:
        """Copies another shop's tower."""
        shop, outcome = tuned
        shutil.copytree(shop.home / "towers" / outcome.card.id, self.home / "towers" / outcome.card.id)
        return outcome.card

    def tune(self, witness: Witness, **options: Any) -> Outcome:
        return tune(self.home, self.pairs, options_of(RECIPE | {"gate": self.gate} | options), witness)


@pytest.fixture(scope="module")
def indexed(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The drawn shop's home, and a guard set of 12 garments for the length of the module."""
    folder = tmp_path_factory.mktemp("indexed")
    model = write_tiny(folder / "model", "xlm-roberta")
    build(folder / "home", BuildConfig(drawn, tower=f"local-dir:{model}"), quiet)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guards, "GARMENTS", 12)
        images, _ = open_space(Registry(folder / "home"), f"local-dir:{model}", "cpu")
        guards.drawn_guard(folder / "home", images.space, lambda: images, lambda done, total: None)
        yield folder / "home"


def own(indexed: Path, folder: Path) -> Shop:
    shutil.copytree(indexed, folder / "home", symlinks=True)
    return Shop(folder / "home", *own_pairs(folder))


@pytest.fixture
def shop(indexed: Path, tmp_path: Path) -> Shop:
    """One to change."""
    return own(indexed, tmp_path)


@pytest.fixture(scope="module")
def tuned(indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Outcome]:
    """A shop with a tuned tower, which is not active."""
    folder = tmp_path_factory.mktemp("tuned")
    shop = own(indexed, folder)
    return shop, shop.tune(Witness(folder), out="mine")


def test_a_tuned_version_holds_only_what_differs(tuned: tuple[Shop, Outcome]) -> None:
    """In float16: the layers' matrices and the head, no table of embeddings; and its parent by its hash."""
    shop, outcome = tuned
    card = read_card(shop.home / "towers" / "mine")
    parent = shop.registry.card("model")
    assert card == outcome.card
    assert (card.differences, card.parent) == (True, {"id": "model", "weights": parent.weights})
    weights = read_weights(shop.home / "towers" / "mine", card)
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    assert {name.split(".")[1] for name in weights} == {"transformer", "proj"}
    assert all(".encoder.layer." in name for name in weights if ".transformer." in name)
    assert not (shop.home / "towers" / "mine" / "model").exists()


def test_the_card_tells_the_recipe_as_it_was_followed(tuned: tuple[Shop, Outcome]) -> None:
    """What was left to the tower is a figure there."""
    recipe = tuned[1].card.recipe
    told = [recipe[name] for name in ("trainable", "lr", "scale", "precision", "device", "microbatch")]
    assert told == ["lora:4", 1e-2, 100.0, "fp32", "cpu", 20]


def test_what_was_measured_is_what_is_served(tuned: tuple[Shop, Outcome]) -> None:
    """The version, opened as the service opens it, finds on the gate part what its card says."""
    shop, outcome = tuned
    index = open_current(shop.home)
    gallery = Gallery(index.ids(range(len(index))), index.item_vectors(), lambda: None)
    found = evaluate(shop.registry.open("mine"), read_pairs(shop.gate), gallery.search).summary
    assert found == pytest.approx(outcome.card.metrics["gate"]["tuned"], abs=1e-3)


def test_a_version_does_not_lose_its_parent(shop: Shop, tuned: tuple[Shop, Outcome], tmp_path: Path) -> None:
    """The parent is not deleted under it; and without its parent a version is refused, in words that name
    both."""
    shop.adopt(tuned)
    shop.registry.activate("mine")
    with pytest.raises(TowerInUse, match="mine holds only what differs from model: delete mine first"):
        shop.registry.delete("model")
    (shop.home / "towers" / "model").rename(tmp_path / "elsewhere")
    with pytest.raises(TowerError, match=r"mine holds only what differs from 'model'.*copy that tower"):
        shop.registry.open("mine")


def test_a_tuned_tower_is_tuned_on(shop: Shop, tuned: tuple[Shop, Outcome], tmp_path: Path) -> None:
    """The second version holds what differs from the first, and says something else."""
    first = shop.adopt(tuned)
    shop.registry.activate(first.id)
    second = shop.tune(Witness(tmp_path), out="second", trainable="last:1")
    assert second.card.parent == {"id": first.id, "weights": first.weights}
    names = read_weights(shop.home / "towers" / "second", second.card).keys()
    assert any(".layer.1." in name for name in names)
    assert not any(".layer.0." in name for name in names)
    apart = [shop.registry.open(tower).encode(["kralm dress"]) for tower in ("model", first.id, "second")]
    assert len({vector.tobytes() for vector in apart}) == 3


def test_half_way_lie_the_means_of_what_differs(
    shop: Shop, tuned: tuple[Shop, Outcome], tmp_path: Path
) -> None:
    """At half of the tuned weights a matrix is the mean of base and tuned; no others are held than there."""
    whole = shop.adopt(tuned)
    half = shop.tune(Witness(tmp_path), out="half", wise_ft=0.5)
    base, one, other = (
        read_weights(shop.home / "towers" / card.id, card)
        for card in (shop.registry.card("model"), whole, half.card)
    )
    assert one.keys() == other.keys()
    for name in one:
        between = (base[name] + one[name].float()) / 2
        assert torch.allclose(other[name].float(), between, atol=1e-3)


def test_a_run_that_was_killed_goes_on_and_ends_the_same(
    shop: Shop, tuned: tuple[Shop, Outcome], tmp_path: Path
) -> None:
    """Killed in the second epoch, started again in its folder: the same weights as in one piece."""
    with pytest.raises(KeyboardInterrupt):
        shop.tune(Witness(tmp_path, die_at=("training", 6)))
    assert [card.id for card in shop.registry.cards()] == ["model"]
    resumed = Witness(tmp_path)
    outcome = shop.tune(resumed)
    assert any("resumed after step 4 of 8" in line for line in resumed.notes)
    assert outcome.card.weights == tuned[1].card.weights


def test_a_cancelled_run_leaves_nothing(shop: Shop, tmp_path: Path) -> None:
    """In the middle of the training."""
    with pytest.raises(Cancelled):
        shop.tune(Witness(tmp_path, cancel_at="training"))
    assert [path.name for path in (shop.home / "towers").iterdir() if path.is_dir()] == ["model"]


def test_more_than_the_tower_has_is_refused_before_training(shop: Shop, tmp_path: Path) -> None:
    """Which layers there are is known only when the active tower is."""
    witness = Witness(tmp_path)
    with pytest.raises(BadConfig, match="last:9, the text tower model has 3 layers"):
        shop.tune(witness, trainable="last:9")
    assert witness.stages == ["reading"]


def test_a_service_takes_it_up_while_it_answers(shop: Shop) -> None:
    """Tuned over HTTP, activated and rolled back without a restart; each search is answered by the tower that
    it names, with the scores that this tower gives alone."""
    settings = Settings(home=shop.home, data=shop.pairs.parent, admin_key=KEY)
    stop = threading.Event()
    working = threading.Thread(target=worker.run, args=(settings, HANDLERS, stop))
    working.start()
    try:
        with (
            serving(shop.home, data=settings.data, admin_key=KEY) as url,
            httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=30) as operator,
        ):
            body = RECIPE | {"pairs": shop.pairs.name, "gate": shop.gate.name, "out": "live"}
            job = operator.post("/admin/finetune", json=body).raise_for_status().headers["location"]
            ended = until(lambda: _ended(operator.get(job).json()), 60)
            assert ended["state"] == "finished", ended
            for act, tower in ((_activate, "live"), (_roll_back, "model")):
                act(operator)
                found = operator.post("/search", json=ALL_OF_THEM).json()
                assert found["text_tower"] == tower
                assert _scores(found) == pytest.approx(_alone(shop, tower, "kralm dress"), abs=1e-4)
    finally:
        stop.set()
        working.join()


def _ended(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["state"] in ("finished", "failed", "cancelled") else None


def _activate(operator: httpx.Client) -> None:
    operator.put("/admin/towers/active", json={"id": "live"}).raise_for_status()


def _roll_back(operator: httpx.Client) -> None:
    operator.post("/admin/towers/rollback").raise_for_status()


def _scores(found: dict[str, Any]) -> dict[str, float]:
    return {hit["id"]: hit["score"] for hit in found["hits"]}


def _alone(shop: Shop, tower: str, query: str) -> dict[str, float]:
    index = open_current(shop.home)
    scores = (shop.registry.open(tower).encode([query]) @ index.item_vectors().T)[0]
    return dict(zip(index.ids(range(len(index))), np.asarray(scores).tolist(), strict=True))
