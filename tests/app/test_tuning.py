"""Fine-tuning as a whole: what goes live and what does not, what is kept of it, and how it ends early."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from app.ground import prepare
from app.pairs import TooFewPairs
from app.report import PAGE, SUMMARY
from app.tuning import Outcome, learn, tune
from app.tuning_options import Options, options_of
from indexer.store import NoIndex, open_current
from models.calibration import read_calibration
from models.cards import read_card
from models.evaluate import evaluate, read_results
from models.gallery import Gallery
from models.queries import read_pairs
from models.recipe import TRANSLATION, BadConfig, Config
from models.registry import Registry
from models.splits import part_of
from models.student import Cancelled
from models.towers import TowerError
from tests.tuning import RECIPE, WORDS, Witness, one_thread, own_home, own_pairs  # noqa: F401


@dataclass
class Run:
    """A finished run, in a home of its own."""

    home: Path
    pairs: Path
    gate: Path
    witness: Witness
    outcome: Outcome


def options(gate: Path, **more: Any) -> Options:
    return options_of(RECIPE | {"gate": gate, "activate": True} | more)


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def finished(home: Path, tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> Run:
    """A run on the shop's own words."""
    folder = tmp_path_factory.mktemp("finished")
    own, (pairs, gate) = own_home(home, folder, patch), own_pairs(folder)
    witness = Witness(folder)
    return Run(own, pairs, gate, witness, tune(own, pairs, options(gate), witness))


@pytest.fixture
def shop(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home to change."""
    return own_home(home, tmp_path, monkeypatch)


def untouched(shop: Path, home: Path) -> bool:
    """Whether the towers are those of the home that the shop is a copy of, with nothing half-written."""
    there, before = ({path.name for path in (one / "towers").iterdir()} for one in (shop, home))
    return there == before and Registry(shop).active(open_current(shop).space) == "base"


def test_a_tower_that_passes_goes_live(finished: Run) -> None:
    """It learnt the shop's words, which the base guesses from the kind alone, and no guard lost."""
    outcome = finished.outcome
    assert outcome.line == f"activated {outcome.card.id}"
    assert Registry(finished.home).active(outcome.card.space) == outcome.card.id
    assert outcome.decision.verdict.passed
    assert outcome.decision.verdict.gain.low > 0
    assert {change.lang for change in outcome.decision.verdict.guards} >= {"de", "en", "pl", "tr"}


def test_the_card_says_where_the_tower_comes_from(finished: Run) -> None:
    """Its parent by id and hash, recipe, data by hash, its parent's terms and its data's, its measures."""
    card = read_card(finished.home / "towers" / finished.outcome.card.id)
    base = Registry(finished.home).card("base")
    assert card == finished.outcome.card
    assert card.parent == {"id": "base", "weights": base.weights}
    assert (card.space, card.weights == base.weights) == (base.space, False)
    assert card.recipe["lr"] == RECIPE["lr"]
    assert [card.recipe[name] for name in ("scale", "precision", "device")] == [20.0, "fp32", "cpu"]
    assert card.recipe["alpha"] == RECIPE["wise_ft"]
    assert card.data[0]["name"] == "pairs.jsonl"
    assert len(card.data[0]["sha256"]) == 64
    assert card.terms.startswith(base.terms)
    assert card.terms.endswith("whose terms are their owner's")
    assert card.metrics["passed"] is True
    assert card.metrics["gate"]["tuned"]["mRR@20"] > card.metrics["gate"]["base"]["mRR@20"]
    assert len(card.metrics["validation"]["history"]) == RECIPE["epochs"]


def test_a_tuned_tower_is_calibrated(finished: Run) -> None:
    """On queries that it did not learn from, against the background of its parent."""
    card = finished.outcome.card
    found, before = (
        read_calibration(one.calibration, one.dim) for one in (card, Registry(finished.home).card("base"))
    )
    assert found is not None
    assert before is not None
    assert (found.background == before.background).all()
    assert found.facts["queries"] != before.facts["queries"]


def test_what_was_measured_is_what_is_served(finished: Run) -> None:
    """The version on disk, opened as the service opens it, finds on the gate part what its card says."""
    index = open_current(finished.home)
    gallery = Gallery(index.ids(range(len(index))), index.item_vectors(), lambda: None)
    tower = Registry(finished.home).open(finished.outcome.card.id)
    found = evaluate(tower, read_pairs(finished.gate), gallery.search).summary
    assert found == pytest.approx(finished.outcome.card.metrics["gate"]["tuned"], abs=1e-3)


def test_the_report_lies_beside_the_weights(finished: Run) -> None:
    """Base against tuned on what decided, and what the gate said of it."""
    folder = finished.home / "towers" / finished.outcome.card.id / "report"
    summary = json.loads((folder / SUMMARY).read_text())
    assert list(summary["towers"]) == ["base", finished.outcome.card.id]
    assert summary["gate"]["passed"] is True
    assert len(read_results(folder / "results.jsonl")[0].results) == len(
        {pair.query for pair in read_pairs(finished.gate)}
    )
    page = (folder / PAGE).read_text()
    assert "drawn garments" in page
    assert "may go live" in page


def test_every_step_is_told(finished: Run) -> None:
    """The stages in their order; in training, each step with epoch and loss, and after an epoch what the
    validation part gives."""
    witness = finished.witness
    assert witness.stages == ["reading", "training", "deciding", "writing"]
    steps = [(done, total, metrics) for stage, done, total, metrics in witness.told if stage == "training"]
    assert [done for done, _, _ in steps] == list(range(steps[0][1] + 1))
    assert all({"epoch", "loss"} <= metrics.keys() for _, _, metrics in steps[1:])
    assert sum("mRR@20" in metrics for _, _, metrics in steps) == 1 + RECIPE["epochs"]
    assert witness.settled == 1
    assert "216 rows, 216 usable pairs" in witness.notes[0]


def test_the_result_of_a_job_says_the_same(finished: Run) -> None:
    """As JSON, in which there is no number that is none."""
    result = json.loads(json.dumps(finished.outcome.result, allow_nan=False))
    assert (result["tower"], result["parent"]) == (finished.outcome.card.id, "base")
    assert (result["activated"], result["passed"], result["reason"]) == (True, True, "")
    assert result["gate"] == finished.outcome.card.metrics["gate"]


def test_a_run_that_was_killed_goes_on_and_ends_the_same(
    finished: Run, shop: Path, home: Path, tmp_path: Path
) -> None:
    """Killed in the second epoch, started again in its folder while another tower is active: it goes on from
    the checkpoint and from the tower that it began with, and its weights are those of a run in one piece.
    A third start finds that all is done."""
    chosen = options(finished.gate, activate=False)
    killed = Witness(tmp_path, die_at=("training", 6))
    with pytest.raises(KeyboardInterrupt):
        tune(shop, finished.pairs, chosen, killed)
    assert untouched(shop, home)
    resumed = Witness(tmp_path)
    outcome = tune(shop, finished.pairs, chosen, resumed)
    assert any("resumed after step" in line for line in resumed.notes)
    assert outcome.card.weights == finished.outcome.card.weights
    assert outcome.reason == "it passes the gate, and was not asked to go live"
    Registry(shop).activate(outcome.card.id)
    again = tune(shop, finished.pairs, chosen, Witness(tmp_path))
    assert again.card == outcome.card


def test_shuffled_queries_do_not_go_live(shop: Path, finished: Run, tmp_path: Path) -> None:
    """They train, and the tower is kept with its reasons."""
    rows = [json.loads(line) for line in finished.pairs.read_text().splitlines()]
    items = [row["item"] for row in rows]
    random.Random(0).shuffle(items)
    file = tmp_path / "shuffled.jsonl"
    file.write_text(
        "".join(json.dumps(row | {"item": item}) + "\n" for row, item in zip(rows, items, strict=True))
    )
    outcome = tune(shop, file, options(finished.gate, wise_ft="auto", out="wrong"), Witness(tmp_path))
    assert outcome.line.startswith("kept wrong: ")
    assert not outcome.decision.verdict.passed
    assert Registry(shop).active(outcome.card.space) == "base"
    assert Registry(shop).card("wrong").metrics["reasons"] == list(outcome.decision.verdict.reasons)


def test_between_base_and_tuned_the_best_point_is_kept(shop: Path, finished: Run, tmp_path: Path) -> None:
    """The base and five shares are looked at. Where the guard sets may lose everything, the share with the
    best validation is kept; where they may lose nothing, one that spares them."""
    witness = Witness(tmp_path)
    chosen = options(finished.gate, wise_ft="auto", max_guard_loss=1, epochs=1)
    ground = prepare(shop, finished.pairs, chosen, witness)
    learnt = learn(ground, ground.parts.train, chosen, witness)
    assert [point.alpha for point in learnt.points] == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert (
        max(point.score for point in learnt.points) == {p.alpha: p.score for p in learnt.points}[learnt.alpha]
    )
    assert witness.stages[-1] == "between base and tuned"
    off = learn(ground, ground.parts.train, options(finished.gate, wise_ft="off", epochs=1), witness)
    assert (off.alpha, off.points, off.hindrance) == (1, (), "")


@pytest.mark.parametrize("stage", ["training", "deciding", "writing"])
def test_a_cancelled_run_leaves_nothing(
    shop: Path, home: Path, finished: Run, tmp_path: Path, stage: str
) -> None:
    """Whatever it was doing."""
    with pytest.raises(Cancelled):
        tune(shop, finished.pairs, options(finished.gate, epochs=1), Witness(tmp_path, cancel_at=stage))
    assert untouched(shop, home)


def test_a_language_is_learnt_from_translations_alone(shop: Path, tmp_path: Path) -> None:
    """Rows of an English query and the same in the shop's own words: no item, no picture. The tower finds the
    English by the new words better than its base, and may go live."""
    rows = [
        {"query": f"{colour} {thing}", "translation": f"{word} {thing}"}
        for colour, word in WORDS.items()
        for thing in ("dress", "skirt", "coat", "hat", "bag", "shirt", "belt", "scarf")
    ]
    held = [row for row in rows if part_of(row["query"]) != "train"]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = RECIPE | {"parallel": True, "epochs": 12, "wise_ft": "off"}
    outcome = tune(shop, file, options_of(recipe), Witness(tmp_path))
    gate = outcome.card.metrics["gate"]
    assert outcome.card.recipe["parallel"] is True
    assert sum(outcome.card.data[0]["pairs"][part] for part in ("val", "gate")) == len(held)
    assert gate["tuned"]["mRR@20"] > gate["base"]["mRR@20"]


def test_a_guard_file_is_measured_in_the_index(shop: Path, finished: Run, tmp_path: Path) -> None:
    """Its rows about items that are not there count as not found, and are told."""
    guard = tmp_path / "guard.csv"
    guard.write_text("query,item,lang\nrotes Kleid,demo-0001,de\nHose,gone,de\n")
    witness = Witness(tmp_path)
    ground = prepare(shop, finished.pairs, options(finished.gate, guard=[guard]), witness)
    assert list(ground.guards) == ["drawn garments", "guard.csv"]
    pairs, gallery = ground.guards["guard.csv"]
    assert (len(pairs), len(gallery)) == (2, len(ground.index))
    assert "guard.csv: 1 rows ask for items that the index lacks; they count as not found" in witness.notes


def test_an_id_that_is_taken_is_refused_before_training(shop: Path, finished: Run, tmp_path: Path) -> None:
    """The error names a free one."""
    witness = Witness(tmp_path)
    with pytest.raises(TowerError, match=r"the id base is taken: .* base-2"):
        tune(shop, finished.pairs, options(finished.gate, out="base"), witness)
    assert witness.stages == ["reading"]


def test_what_the_tower_cannot_learn_is_refused_before_training(
    shop: Path, finished: Run, tmp_path: Path
) -> None:
    """Which towers can is known only when the active one is."""
    witness = Witness(tmp_path)
    with pytest.raises(BadConfig, match="lora, which is for transformers; the text tower base is none"):
        tune(shop, finished.pairs, options(finished.gate, trainable="lora"), witness)
    assert witness.stages == ["reading"]


def test_too_little_is_refused_before_training(shop: Path, home: Path, tmp_path: Path) -> None:
    """One row."""
    file = tmp_path / "pairs.csv"
    file.write_text("query,item\nrotes Kleid,demo-0001\n")
    witness = Witness(tmp_path)
    with pytest.raises(TooFewPairs, match=r"pairs\.csv gives "):
        tune(shop, file, options_of({}), witness)
    assert witness.stages == ["reading"]
    assert untouched(shop, home)


def test_without_an_index_there_is_nothing_to_tune_against(tmp_path: Path) -> None:
    """The error is the search's own."""
    with pytest.raises(NoIndex):
        tune(tmp_path, tmp_path / "pairs.csv", options_of({}), Witness(tmp_path))


def test_options_by_name_are_the_usual_ones_where_nothing_is_said() -> None:
    """A recipe's None, too, is what is usual; teaching a language has a recipe of its own."""
    assert options_of({}) == Options()
    assert options_of({"epochs": None, "lr": None}).recipe == Config()
    assert options_of({"parallel": True}).recipe == TRANSLATION
    assert options_of(asdict(Config())).recipe == Config()
    assert options_of({"scale": "learnable", "wise_ft": "0.5"}).wise_ft == 0.5
    assert options_of({"guard": ["a.csv"], "gate": "b.csv"}).guard == (Path("a.csv"),)


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ({"wise_ft": "half"}, "wise-ft is 'half': choose auto, off, or a share"),
        ({"wise_ft": 0}, "wise-ft is 0"),
        ({"wise_ft": "nan"}, "wise-ft is nan"),
        ({"max_guard_loss": -0.1}, "max-guard-loss is -0.1"),
        ({"out": "../up"}, "cannot be a tower's id"),
        ({"epochs": 0}, "epochs is 0"),
        ({"optimiser": "adamm"}, "no optimiser 'adamm'"),
        ({"trainable": "last"}, "choose all, last:N, projection, lora"),
        ({"batch": 5000}, "batch is 5000: it must be 4,096 or less"),
        ({"device": "tpu"}, "device is 'tpu': choose auto, cpu or cuda"),
        ({"scale": "wide"}, "scale is 'wide'"),
        ({"recipe": {}}, "no option 'recipe'"),
        ({"epoch": 3}, "no option 'epoch'"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(named: dict[str, Any], reason: str) -> None:
    """Before anything is read."""
    with pytest.raises(BadConfig, match=reason):
        options_of(named)
