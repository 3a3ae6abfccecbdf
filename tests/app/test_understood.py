"""Words that exclude, and relevance, over HTTP and in the terminal: on the drawn shop."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.cli import cli
from app.engine import Engine, NoRelevance
from app.interpretation import interpret
from app.query import ItemTerm, Search, Term, TextTerm
from models.cards import read_card
from models.exclusion import WEIGHT
from models.registry import Registry
from tests.app.test_search import assert_problem


def search(client: TestClient, query: Any, **body: Any) -> dict[str, Any]:
    response = client.post("/search", json={"query": query, **body})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def colours(answer: dict[str, Any]) -> list[str]:
    return [hit["fields"]["colour"] for hit in answer["hits"]]


def test_what_is_excluded_is_not_found(client: TestClient) -> None:
    """ "Tasche nicht rot", with six bags of other colours in the shop: taken literally, red things lead."""
    literally = search(client, "Tasche nicht rot", limit=6, exclusion=False, lexical=0)
    understood = search(client, "Tasche nicht rot", limit=6, lexical=0)
    assert colours(literally)[0] == "red"
    assert "red" not in colours(understood)
    assert {hit["fields"]["kind"] for hit in understood["hits"][:3]} == {"bag"}


def test_an_answer_says_how_words_were_understood(client: TestClient) -> None:
    answer = search(client, "Kleid nicht rot", limit=1)
    assert answer["interpreted"] == {
        "terms": [{"text": "Kleid", "weight": 1.0}, {"text": "rot", "weight": -WEIGHT}],
        "excluded": ["rot"],
    }
    plain = search(client, "Kleid nicht rot", limit=1, exclusion=False)["interpreted"]
    assert plain == {"terms": [{"text": "Kleid nicht rot", "weight": 1.0}], "excluded": []}


def test_a_query_that_only_excludes_finds_everything_else(client: TestClient) -> None:
    """And passes any cut: nothing is known of what it wants."""
    answer = search(client, "nicht schwarz", limit=10, min_relevance=0.9, lexical=0)
    assert len(answer["hits"]) == 10
    assert "black" not in colours(answer)
    assert answer["hits"][0]["relevance"] is None


def test_a_query_without_exclusion_is_as_it_was(client: TestClient) -> None:
    answers = [search(client, "rotes Kleid", exclusion=exclusion) for exclusion in (True, False)]
    assert answers[0]["hits"] == answers[1]["hits"]


def test_only_wanted_texts_are_read_for_exclusions() -> None:
    """What has a negative weight is excluded already; an item has no words."""
    terms: list[Term] = [TextTerm("ohne Kragen", -0.5), ItemTerm("a"), TextTerm("Hemd ohne Kragen", 2.0)]
    found = interpret(terms, exclusion=True)
    assert found.terms == [*terms[:2], TextTerm("Hemd", 2.0), TextTerm("Kragen", -2.0 * WEIGHT)]
    assert found.excluded == ["Kragen"]
    assert found.asked == terms


def test_a_query_without_words_is_not_interpreted(client: TestClient) -> None:
    item = search(client, "rotes Kleid", limit=1)["hits"][0]["id"]
    assert "interpreted" not in search(client, [{"item": item}])


def test_relevance_is_high_for_what_the_shop_has(client: TestClient) -> None:
    """And low for what it has not; it falls from hit to hit."""
    found = [hit["relevance"] for hit in search(client, "rotes Kleid", lexical=0)["hits"]]
    assert found[0] > 0.3
    assert found == sorted(found, reverse=True)
    assert search(client, "Bohrmaschine", lexical=0)["hits"][0]["relevance"] < 0.05


@pytest.mark.parametrize("tower", ["base", "fashion-de"])
def test_nonsense_finds_nothing_at_the_pages_cut(client: TestClient, tower: str) -> None:
    """With either tower; the total still counts what passes the filter."""
    for query in ("asdfgh", "Bohrmaschine"):
        answer = search(client, query, min_relevance=0.05, text_tower=tower)
        assert answer["hits"] == []
        assert answer["total"] > 0
    assert search(client, "rotes Kleid", min_relevance=0.05, text_tower=tower)["hits"]


def test_relevance_is_of_one_text(client: TestClient) -> None:
    """Of several terms nothing is known, and a cut is refused."""
    query = [{"text": "Kleid"}, {"text": "rot", "weight": 0.5}]
    assert search(client, query)["hits"][0]["relevance"] is None
    response = client.post("/search", json={"query": query, "min_relevance": 0.05})
    assert_problem(response, 422, "bad_value")


@pytest.fixture
def own_home(home: Path, tmp_path: Path) -> Path:
    """A copy of the shop's home, whose active tower is not calibrated."""
    shutil.copytree(home, tmp_path / "home", symlinks=True)
    card = tmp_path / "home/towers/base/card.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"calibration": None}))
    return tmp_path / "home"


def test_a_tower_without_calibration_has_no_relevance(own_home: Path) -> None:
    """A cut is refused, naming the cure."""
    engine = Engine(own_home)
    engine.refresh()
    assert engine.search([TextTerm("rotes Kleid")]).hits[0].relevance is None
    with pytest.raises(NoRelevance, match="vitrine calibrate"):
        engine.search([TextTerm("rotes Kleid")], Search(min_relevance=0.05))


def test_calibrate_puts_a_curve_on_the_card(
    own_home: Path, drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the shop's own titles; a service that starts then knows relevance."""
    rows = drawn.read_text(encoding="utf-8").splitlines()
    columns = rows[0].split(",")
    place = columns.index("title_en")
    queries = own_home.parent / "queries.jsonl"
    with queries.open("w", encoding="utf-8") as file:
        for item, title in ((row.split(",")[0], row.split(",")[place]) for row in rows[1:] if '"' not in row):
            file.write(json.dumps({"query": title, "item": item}) + "\n")
    cli(["calibrate", str(queries), "--home", str(own_home)], standalone_mode=False)
    assert capsys.readouterr().out.startswith("calibrated base: ")
    engine = Engine(own_home)
    engine.refresh()
    found, none = (
        engine.search([TextTerm(query)], Search(lexical=0)).hits[0].relevance
        for query in ("red dress", "Bohrmaschine")
    )
    assert found is not None
    assert none is not None
    assert found > 0.3
    assert none < 0.05


def test_a_home_from_before_gets_the_shipped_calibration(own_home: Path) -> None:
    """When it is indexed again: the card there is of the same weights."""
    from models.bundled import SHIPPED  # noqa: PLC0415
    from models.registry import register_bundled  # noqa: PLC0415

    registry = Registry(own_home)
    register_bundled(registry, SHIPPED)
    assert registry.card("base").calibration == read_card(SHIPPED / "base").calibration
