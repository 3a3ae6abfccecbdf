"""German as typed, over HTTP and in the terminal: on the drawn shop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from models.robustness import PERTURBATIONS
from tests.app.test_cli import Vitrine, vitrine
from tests.app.test_understood import search

__all__ = ["vitrine"]


@pytest.mark.parametrize("typed", ["GRUENES KLEID", "grunes kleid", "grünnes Kleid"])
def test_a_query_finds_the_same_however_it_is_typed(typed: str, client: TestClient) -> None:
    """In capitals, without umlauts, with a slip: the hits and scores of "grünes Kleid"."""
    meant, found = (search(client, query, limit=5, lexical=0) for query in ("grünes Kleid", typed))
    assert [(hit["id"], hit["score"]) for hit in found["hits"]] == [
        (hit["id"], hit["score"]) for hit in meant["hits"]
    ]


def test_an_answer_says_what_was_read(client: TestClient) -> None:
    """`normalised` is the query as it is spelled, capitals as typed, and absent where it was spelled so; what
    is excluded is spelled, too."""
    found = search(client, "Kleid ohne Aermel")["interpreted"]
    assert found["normalised"] == "Kleid ohne Ärmel"
    assert found["excluded"] == ["Ärmel"]
    assert "normalised" not in search(client, "kleid ohne Ärmel")["interpreted"]
    several = search(client, [{"text": "gruenes Kleid"}, {"text": "Blumen", "weight": -0.5}])["interpreted"]
    assert "normalised" not in several
    assert [term["text"] for term in several["terms"]] == ["grünes Kleid", "Blumen"]


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    file = tmp_path / "queries.jsonl"
    rows = [{"query": query, "item": "demo-0001"} for query in ("weißes Kleid", "grüne Hose")]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def test_evaluate_prints_what_each_way_of_typing_costs(vitrine: Vitrine, queries: Path, home: Path) -> None:
    """A line per perturbation behind the other tables, with the queries that it changes, and the mean."""
    ran = vitrine("evaluate", queries, "--robustness", "--text-tower", "base", "--home", home)
    assert ran.status == 0, ran.err
    *_, table = ran.out.strip().split("\n\n")
    head, *lines, mean = table.splitlines()
    assert head.split() == ["base,", "mRR@20", "queries", "plain", "perturbed", "lost"]
    assert all(line.startswith(name) for name, line in zip(PERTURBATIONS, lines, strict=True))
    assert lines[list(PERTURBATIONS).index("ss for ß")].split()[2:4] == ["ß", "1"]
    assert mean.split()[0] == "mean"


def test_evaluate_gives_the_same_as_json(vitrine: Vitrine, queries: Path, home: Path) -> None:
    """Beside the tower's means, and only where it was asked for."""
    ran = vitrine("evaluate", queries, "--robustness", "--json", "--text-tower", "base", "--home", home)
    found = json.loads(ran.out)["base"]["robustness"]
    assert list(found) == ["queries", "mRR@20", "mean_drop", "drops"]
    assert list(found["drops"]) == list(PERTURBATIONS)
    assert found["drops"]["ss for ß"]["queries"] == 1
    assert found["drops"]["umlauts written out"]["drop"] == 0
    plain = vitrine("evaluate", queries, "--json", "--text-tower", "base", "--home", home)
    assert "robustness" not in json.loads(plain.out)["base"]
