"""Calibrations on the cards of a home: taken up by a service that runs, passed over where damaged."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.calibration import calibrate_tower
from app.engine import Engine, NoRelevance
from app.main import create_app
from app.query import Search, TextTerm
from app.settings import Settings
from models.bundled import SHIPPED
from models.calibration import read_calibration
from models.cards import read_card
from models.queries import Pair, read_pairs
from models.registry import Registry
from tests.app.test_encoding import wait_until
from tests.app.test_search import assert_problem

QUERY = [TextTerm("rotes Kleid")]
CUT = Search(min_relevance=0.01, lexical=0, limit=1)
DAMAGED = {"background": "%"}
CALIBRATION = read_card(SHIPPED / "base").calibration or {}


def write(home: Path, tower: str, calibration: dict[str, Any] | None) -> None:
    """Onto its card, as it is."""
    card = home / "towers" / tower / "card.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"calibration": calibration}))


@pytest.fixture
def workshop(home: Path, tmp_path: Path) -> Path:
    """A copy of the drawn shop's home, whose active tower is not calibrated."""
    copy = tmp_path / "home"
    shutil.copytree(home, copy, symlinks=True)
    write(copy, "base", None)
    return copy


@pytest.fixture
def engine(workshop: Path) -> Engine:
    engine = Engine(workshop)
    engine.refresh()
    return engine


@pytest.fixture(scope="module")
def pairs(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    """The shop's own titles."""
    lines = [line.split(",") for line in drawn.read_text(encoding="utf-8").splitlines() if '"' not in line]
    place = lines[0].index("title_en")
    queries = tmp_path_factory.mktemp("queries") / "queries.csv"
    rows = ["query,item", *(f"{line[place]},{line[0]}" for line in lines[1:])]
    queries.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return read_pairs(queries)


def test_a_service_that_runs_takes_a_calibration_up(workshop: Path) -> None:
    """Its watcher does, by itself: a cut that was refused with the cure works after the cure."""
    body = {"query": "rotes Kleid", "min_relevance": 0.01, "lexical": 0}
    with TestClient(create_app(Settings(home=workshop))) as service:
        assert_problem(service.post("/search", json=body), 422, "bad_value")
        Registry(workshop).set_calibration("base", CALIBRATION)
        wait_until(lambda: service.post("/search", json=body).status_code == 200)
        assert service.post("/search", json=body).json()["hits"][0]["relevance"] > 0.01


def test_weights_are_not_opened_again_for_a_calibration(engine: Engine, workshop: Path) -> None:
    """A request that runs keeps what it began with; the tower, and what it remembers, is the same."""
    before = engine.served
    Registry(workshop).set_calibration("base", CALIBRATION)
    engine.refresh_if_changed()
    assert before.encoder.calibration is None
    assert engine.served.encoder.calibration is not None
    assert engine.served.encoder.queries is before.encoder.queries
    assert engine.served.index is before.index


def test_a_named_tower_is_judged_by_its_present_card(engine: Engine, workshop: Path) -> None:
    """With no refresh in between."""
    search = Search(text_tower="fashion-de", lexical=0, limit=1)
    before = engine.search(QUERY, search).hits[0]
    write(workshop, "fashion-de", None)
    after = engine.search(QUERY, search).hits[0]
    assert before.relevance is not None
    assert after.relevance is None
    assert after.score == before.score


@pytest.mark.parametrize(
    "damage", [DAMAGED, CALIBRATION | {"right": {"slope": float("nan"), "intercept": 0}}]
)
def test_a_damaged_calibration_costs_relevance_alone(
    workshop: Path, damage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Logged once; the tower searches on, and a cut is refused with the cure, which cures."""
    write(workshop, "base", damage)
    engine = Engine(workshop)
    with caplog.at_level(logging.ERROR, "vitrine"):
        for _ in range(3):
            engine.refresh_if_changed()
            assert engine.search(QUERY, Search(limit=1, text_tower="base")).hits[0].relevance is None
    assert [record.message.count("calibrate it again") for record in caplog.records] == [1]
    served = engine.served
    engine.refresh_if_changed()
    assert engine.served is served
    with pytest.raises(NoRelevance, match="vitrine calibrate"):
        engine.search(QUERY, CUT)
    Registry(workshop).set_calibration("base", CALIBRATION)
    engine.refresh_if_changed()
    assert engine.search(QUERY, CUT).hits


def test_a_card_that_cannot_be_read_is_served_past(engine: Engine, workshop: Path) -> None:
    """What was served answers on, and the mended card is taken up at once."""
    card = workshop / "towers/base/card.json"
    whole = card.read_text()
    served = engine.served
    card.write_text("{")
    engine.refresh_if_changed()
    assert engine.served is served
    assert engine.search(QUERY).hits
    card.write_text(whole)
    write(workshop, "base", CALIBRATION)
    engine.refresh_if_changed()
    assert engine.search(QUERY, CUT).hits


@pytest.mark.parametrize(("own", "other"), [(DAMAGED, CALIBRATION), (None, DAMAGED), (DAMAGED, None)])
def test_what_is_damaged_can_be_calibrated_again(
    workshop: Path, pairs: list[Pair], own: dict[str, Any] | None, other: dict[str, Any] | None
) -> None:
    """Whichever card it is; the background is another tower's, if that one's calibration is sound."""
    write(workshop, "base", own)
    write(workshop, "fashion-de", other)
    calibrate_tower(workshop, pairs, "base", "cpu")
    card = Registry(workshop).card("base")
    assert read_calibration(card.calibration, card.dim) is not None
    assert card.calibration is not None
    assert (card.calibration["background"] == CALIBRATION["background"]) is (other is CALIBRATION)
