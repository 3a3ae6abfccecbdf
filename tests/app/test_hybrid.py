"""Words and pictures together, over HTTP: on the drawn shop, and on items whose vectors are made up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.answer import Interpreted
from app.hybrid import candidates, relevant_only
from app.main import create_app
from app.query import TextTerm
from app.settings import Settings
from indexer.items import Value
from indexer.store import IndexVersion, current_version, indexes, open_current
from models.pictures import MAX_BYTES
from models.towers import Vectors, open_tower
from tests.app.test_search import assert_problem
from tests.conftest import DRAWN_ITEMS
from tests.shops import publish_shop

FIELDS: list[dict[str, Value]] = [
    {"title": "Sommerkleid", "brand": "Nordlicht", "ean": "0400638133393", "colour": "red"},
    {"title": "Sommerkleid", "brand": "Rot", "ean": "0400638133394", "colour": "blue"},
    {"title": "Abendkleid rot", "brand": "Nordlicht", "ean": "0400638133395", "colour": "red"},
    {"title": "Kappe rot", "brand": "Adler Sport", "ean": "0400638133396", "colour": "blue"},
    {"title": "Gürtel rot", "brand": "Adler Sport", "ean": "0400638133397", "colour": "blue"},
]
QUERY = "etwas Rotes"


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    """The nearer to QUERY, the earlier the item: cosines 0.9, 0.7, 0.5, 0.3, 0.1."""
    query = open_tower("bundled", "text").encode([QUERY])[0]
    other = np.random.default_rng(0).standard_normal(len(query)).astype(np.float32)
    other -= (other @ query) * query
    other /= np.linalg.norm(other)
    cosines = np.array([[0.9], [0.7], [0.5], [0.3], [0.1]], dtype=np.float32)
    rows: Vectors = cosines * query + np.sqrt(1 - cosines**2) * other
    return rows


@pytest.fixture(scope="module")
def shop(vectors: Vectors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = tmp_path_factory.mktemp("words")
    types = dict.fromkeys(FIELDS[0], "string")
    publish_shop(home, vectors.astype(np.float16), range(len(FIELDS)), FIELDS, types)
    with TestClient(create_app(Settings(home=home))) as service:
        yield service


def found(client: TestClient, query: Any, **body: Any) -> list[str]:
    response = client.post("/search", json={"query": query, **body})
    assert response.status_code == 200, response.text
    return [hit["id"] for hit in response.json()["hits"]]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("a4", ["a4"]),
        ("A4", ["a4"]),
        ("0400638133396", ["a3"]),
        ("Gürtel rot", ["a4"]),
        ("guertel rot", ["a4"]),
        ("Adler Sport", ["a3", "a4"]),
        ("adler sport", ["a3", "a4"]),
        ("Nordlicht", ["a0", "a2"]),
        ("Sommerkleid", ["a0", "a1"]),
    ],
)
def test_what_is_typed_in_full_comes_first(shop: TestClient, query: str, first: list[str]) -> None:
    """Id, article number, title and brand, those nearer to the query before the others; all items follow."""
    for weight in (None, 0.01, 1):
        ids = found(shop, query, lexical=weight)
        assert set(ids[: len(first)]) == set(first)
        assert len(ids) == len(FIELDS)


def test_a_common_word_is_no_brand(shop: TestClient) -> None:
    """ "rot" is what three titles say, and no request for the one item of the brand "Rot"."""
    assert found(shop, "rot", lexical=1)[:3] != ["a1"]
    assert found(shop, "rot", lexical=0.01) == found(shop, "rot", lexical=0)


def test_no_weight_leaves_words_out(shop: TestClient) -> None:
    """`lexical` 0: the cosines alone, so a number that no tower understands finds anything."""
    body = shop.post("/search", json={"query": "0400638133396", "lexical": 0}).json()
    scores = [hit["score"] for hit in body["hits"]]
    assert scores == sorted(scores, reverse=True)


def test_a_brand_that_looks_like_a_slip_is_found_as_it_was_typed(vectors: Vectors, tmp_path: Path) -> None:
    """ "Heine" is taken for "eine" by the tower; its words count all the same."""
    fields: list[dict[str, Value]] = [{"brand": "Gabor"}, {"brand": "Gabor"}, {"brand": "Heine"}]
    publish_shop(tmp_path, vectors[:3].astype(np.float16), range(3), fields, {"brand": "string"})
    with TestClient(create_app(Settings(home=tmp_path))) as service:
        body = service.post("/search", json={"query": "schwarze Schuhe von Heine", "lexical": 1}).json()
    assert "Heine" not in body["interpreted"]["normalised"]
    assert body["hits"][0]["id"] == "a2"


def test_the_score_stays_the_cosine(shop: TestClient) -> None:
    """Whatever the order: an item has the same score with words and without."""
    with_words, without = (
        {hit["id"]: hit["score"] for hit in shop.post("/search", json=body).json()["hits"]}
        for body in ({"query": "Gürtel rot"}, {"query": "Gürtel rot", "lexical": 0})
    )
    assert with_words == pytest.approx(without, abs=1e-5)


def test_a_filter_holds_for_what_is_named_too(shop: TestClient) -> None:
    """An article number of a blue item finds nothing of it among the red ones."""
    assert found(shop, "0400638133396", filter={"colour": "red"}) != []
    assert "a3" not in found(shop, "0400638133396", filter={"colour": "red"})
    assert found(shop, "Nordlicht", filter={"colour": "red"})[:2] == ["a0", "a2"]


def test_pages_follow_one_another(shop: TestClient) -> None:
    """One hit at a time gives the order of the whole, what is named included."""
    for query in ("Adler Sport", QUERY, "rot"):
        whole = found(shop, query)
        assert [found(shop, query, limit=1, offset=at)[0] for at in range(len(FIELDS))] == whole


def test_only_words_that_are_wanted_count(shop: TestClient) -> None:
    """A term of negative weight is no word to look for; nor is a number among other terms one in full."""
    terms = [{"text": "Sommerkleid"}, {"text": "Abendkleid rot", "weight": -1}]
    by_pictures = found(shop, terms, lexical=0)
    wanted = [item for item in by_pictures if item in {"a0", "a1"}]
    assert found(shop, terms, lexical=1) == wanted + [item for item in by_pictures if item not in wanted]
    number = [{"text": QUERY, "weight": 2}, {"text": "0400638133397", "weight": 0.02}]
    assert found(shop, number, lexical=0.05)[0] == "a0"


def test_items_that_are_terms_are_left_out_of_what_is_named(shop: TestClient) -> None:
    """Who asks for an item and its own title wants others."""
    assert "a4" not in found(shop, [{"item": "a4"}, {"text": "Gürtel rot"}])


def test_what_is_named_is_relevant_however_it_looks(home: Path) -> None:
    """A cut by relevance that nothing passes leaves the item whose title was typed, and no other."""
    index = open_current(home)
    title = TextTerm(str(index.column("title")[5]))
    query = open_tower("bundled", "text").encode([title.text])[0]
    asked = Interpreted([title], [title])
    ranked = candidates(index, query, asked, None, passing=None, without=())
    left = relevant_only(ranked, lambda scores: scores > 2).first(100)
    assert 5 in left.rows
    assert {index.column("title")[row] for row in left.rows} == {title.text}


def test_what_is_named_is_counted_where_its_own_condition_is_lifted(shop: TestClient) -> None:
    """Blue ones of a brand, while red is chosen: a facet shows what else could be."""
    body = {"query": "Adler Sport", "min_relevance": 0.99, "filter": {"colour": "red"}, "facets": ["colour"]}
    answer = shop.post("/search", json=body).json()
    assert answer["facets_over"] == "relevance"
    assert (answer["hits"], answer["facets"]) == ([], {"colour": {"blue": 2}})


def test_a_weight_is_between_0_and_1(shop: TestClient) -> None:
    """Others are refused."""
    for weight in (-0.1, 1.1, "much"):
        assert_problem(shop.post("/search", json={"query": "rot", "lexical": weight}), 422, "bad_value")


def test_a_picture_with_words_is_ranked_by_both(client: TestClient, home: Path) -> None:
    """The words weigh as much as their share of the terms; a picture alone has none."""
    picture = open_current(home).picture(0)[0].read(MAX_BYTES)

    def search(**form: Any) -> list[str]:
        response = client.post(
            "/search/image", files={"file": ("a.jpg", picture)}, data={"limit": 62, **form}
        )
        assert response.status_code == 200, response.text
        return [hit["id"] for hit in response.json()["hits"]]

    assert search(lexical=1) == search(lexical=0)
    assert search(text="Kleid mit Punkten", lexical=1) != search(text="Kleid mit Punkten", lexical=0)


def test_a_catalogue_without_text_is_searched_by_pictures(vectors: Vectors, tmp_path: Path) -> None:
    """The default is no words then, so that parts of file names do not count; an id typed in full does."""
    publish_shop(tmp_path, vectors.astype(np.float16), range(5), [{"price": 1.0}] * 5, {"price": "number"})
    with TestClient(create_app(Settings(home=tmp_path))) as service:
        plain = found(service, "das a4", lexical=0)
        assert found(service, "das a4") == plain
        assert found(service, "a4")[0] == "a4" != found(service, "a4", lexical=0)[0]


def test_a_version_that_was_written_without_words_is_searched_by_pictures(home: Path, tmp_path: Path) -> None:
    """It opens as before, and any weight of words is none."""
    copy = tmp_path / "home"
    shutil.copytree(home, copy, symlinks=True)
    folder = indexes(copy) / str(current_version(copy))
    (folder / "words.parquet").unlink()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    del manifest["files"]["words.parquet"]
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with TestClient(create_app(Settings(home=copy))) as service:
        plain = found(service, "Rotes Kleid", lexical=0)
        assert found(service, "Rotes Kleid") == found(service, "Rotes Kleid", lexical=1) == plain


def test_the_drawn_shop_finds_an_item_by_its_german_title(client: TestClient, home: Path) -> None:
    """Each title typed in full puts an item of that title first."""
    index: IndexVersion = open_current(home)
    titles = [str(title) for title in index.column("title")][:20]
    for title in titles:
        hit = client.post("/search", json={"query": title.upper(), "limit": 1}).json()["hits"][0]
        assert hit["fields"]["title"] == title
    assert len(found(client, titles[0], limit=100)) == DRAWN_ITEMS
