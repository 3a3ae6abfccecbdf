"""A tower on a query set: a tiny tower that knows three words, over a gallery of three items."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from models.evaluate import (
    DEPTH,
    Evaluation,
    QueryResult,
    ResultsError,
    evaluate,
    read_results,
    write_results,
)
from models.queries import Pair
from models.towers import Vectors

WORDS = ["rot", "grün", "blau"]
GALLERY = {f"item-{word}": np.eye(3, dtype=np.float32)[n] for n, word in enumerate(WORDS)}


class ThreeWords:
    """A text tower of three dimensions: one for each word that it knows."""

    id = "three-words"
    space = "0" * 16
    dim = 3

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        counts = np.array([[text.count(word) for word in WORDS] for text in texts], dtype=np.float32)
        unit: Vectors = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return unit


def search(queries: Vectors, depth: int) -> list[list[str]]:
    """Every item of the gallery by its cosine, the first of equals first."""
    ids = list(GALLERY)
    scores = queries @ np.stack(list(GALLERY.values())).T
    return [[ids[row] for row in np.argsort(-line, kind="stable")[:depth]] for line in scores]


def test_a_summary_is_the_means_over_queries() -> None:
    """ "rot" finds its item first. "blau" asks for the green one, and the ranking is blau, rot, grün: the
    ranks are 1 and 3."""
    pairs = [Pair("rot", "item-rot"), Pair("blau", "item-grün")]
    summary = evaluate(ThreeWords(), pairs, search).summary
    assert summary == {
        "queries": 2,
        "hits@20": 1.0,
        "mRR@20": pytest.approx((1 + 1 / 3) / 2),
        "mAP@20": pytest.approx((1 + 1 / 3) / 2),
        "DCG@20": pytest.approx((1 + 0.5) / 2),
        "R@1": 0.5,
        "R@10": 1.0,
        "nDCG@20": pytest.approx((1 + 0.5) / 2),
        "P@20": pytest.approx(1 / 20),
        "mRR@1": 0.5,
        "mRR@5": pytest.approx((1 + 1 / 3) / 2),
        "mRR@10": pytest.approx((1 + 1 / 3) / 2),
    }


def test_rows_of_one_query_are_one_query_with_several_answers() -> None:
    """Both items of "rot blau" lie at the top: a recall at 1 of a half, an average precision of 1."""
    pairs = [Pair("rot blau", "item-rot"), Pair("rot blau", "item-blau"), Pair("rot blau", "item-rot")]
    evaluation = evaluate(ThreeWords(), pairs, search)
    assert evaluation.summary["queries"] == 1
    assert evaluation.results[0].relevant == ("item-rot", "item-blau")
    assert evaluation.results[0].values["R@1"] == 0.5
    assert evaluation.results[0].values["mAP@20"] == 1


def test_the_results_of_each_query_are_kept() -> None:
    """What was asked for, in which languages, what was found and how good that is; each once, in order."""
    pairs = [
        Pair("blau", "item-grün", lang="de"),
        Pair("rot", "item-rot"),
        Pair("blau", "item-blau", lang="nl"),
        Pair("blau", "item-blau", lang="de"),
    ]
    evaluation = evaluate(ThreeWords(), pairs, search)
    blue, red = evaluation.results
    assert (blue.query, blue.langs, blue.relevant) == ("blau", ("de", "nl"), ("item-grün", "item-blau"))
    assert blue.ranked == ("item-blau", "item-rot", "item-grün")
    assert (red.query, red.langs, red.relevant) == ("rot", (), ("item-rot",))
    assert evaluation.values("R@1").tolist() == [0.5, 1.0]


def test_an_unanswered_query_counts_as_zero() -> None:
    """An index that finds nothing for it leaves an empty ranking, and the query is in the means."""
    evaluation = evaluate(
        ThreeWords(),
        [Pair("rot", "item-rot"), Pair("blau", "item-blau")],
        lambda vectors, depth: [search(vectors, depth)[0], []],
    )
    assert evaluation.results[1].ranked == ()
    assert set(evaluation.results[1].values.values()) == {0.0}
    assert evaluation.summary["hits@20"] == 0.5


def test_no_more_than_the_depth_is_kept() -> None:
    """An item behind the first 20 is not found, however many the search returns."""
    found = [f"item-{number}" for number in range(30)]
    evaluation = evaluate(ThreeWords(), [Pair("rot", "item-20")], lambda *_: [found])
    assert evaluation.results[0].ranked == tuple(found[:DEPTH])
    assert evaluation.summary["hits@20"] == 0


def test_an_item_that_the_index_lacks_is_not_found() -> None:
    """It counts as zero, and is not left out."""
    pairs = [Pair("rot", "item-rot"), Pair("grün", "sold out")]
    summary = evaluate(ThreeWords(), pairs, search).summary
    assert (summary["queries"], summary["hits@20"]) == (2, 0.5)


def test_every_distinct_query_is_encoded_once() -> None:
    """600 queries, each on two rows and more than one batch, are asked in order and once."""
    queries = ["rot " * (n + 1) for n in range(600)]
    tower = ThreeWords()
    evaluation = evaluate(tower, [Pair(query, "item-rot") for query in queries * 2], search)
    assert tower.asked == queries
    assert [result.query for result in evaluation.results] == queries
    assert evaluation.summary["R@1"] == 1


def test_an_evaluation_names_its_tower() -> None:
    """Results of several towers stand side by side."""
    assert evaluate(ThreeWords(), [Pair("rot", "item-rot")], search).tower == "three-words"


def results_of(*towers: str) -> list[Evaluation]:
    """Two queries for each of these towers; the second was not answered."""
    found = QueryResult("grün\n„rot“", ("de", "nl"), ("a", "b"), ("b", "c"), {"hits@20": 1.0, "R@1": 0.1})
    lost = QueryResult("rot", (), ("a",), (), {"hits@20": 0.0, "R@1": 0.0})
    return [Evaluation(tower, [found, lost]) for tower in towers]


def test_results_that_are_written_are_read_again(tmp_path: Path) -> None:
    """One line for each tower and query, and every value, order and empty list as it was."""
    written = results_of("base", "fashion-de")
    write_results(tmp_path / "results.jsonl", written)
    lines = (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["tower"] for line in lines] == ["base", "base", "fashion-de", "fashion-de"]
    assert "grün" in lines[0]
    assert read_results(tmp_path / "results.jsonl") == written


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        ("{", "line 2 is not a result"),
        ("[]", "line 2 is not a result"),
        ('{"tower": "base"}', "line 2 is not a result (KeyError: 'query')"),
        ('"ranked": null', "line 2 is not a result: it needs"),
        ('"relevant": []', "line 2 is not a result: it needs"),
        ('"values": {"hits@20": NaN, "R@1": 0}', "line 2 is not a result: it needs"),
        ('"values": {"hits@20": "many"}', "line 2 is not a result (ValueError"),
        ('"values": {"hits@20": 1}', "line 2 has hits@20; line 1 has hits@20, R@1"),
        (
            '"query": "rot", "values": {"hits@20": 1, "R@1": 1}',
            "line 2 repeats the query 'rot' of tower base",
        ),
    ],
)
def test_damaged_results_name_their_line(tmp_path: Path, damaged: str, words: str) -> None:
    """A line that is no result, or that does not fit those before it, is refused with its number."""
    good = {"tower": "base", "query": "rot", "langs": [], "relevant": ["a"], "ranked": ["a"]} | {
        "values": {"hits@20": 1.0, "R@1": 1.0}
    }
    if damaged.startswith('"'):
        damaged = json.dumps(good | {"query": "blau"} | json.loads(f"{{{damaged}}}"))
    path = tmp_path / "results.jsonl"
    path.write_text(f"{json.dumps(good)}\n{damaged}\n", encoding="utf-8")
    with pytest.raises(ResultsError) as refused:
        read_results(path)
    assert f"results.jsonl, {words}" in str(refused.value)


def test_results_without_a_line_are_refused(tmp_path: Path) -> None:
    """A mean over no query is nothing."""
    (tmp_path / "results.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(ResultsError, match=r"results\.jsonl has no lines"):
        read_results(tmp_path / "results.jsonl")
