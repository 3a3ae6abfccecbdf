"""Variants, near twins and pages over HTTP: in the drawn shop, whose products come in several colours."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.main import create_app
from app.settings import Settings
from indexer.build import BuildConfig, build
from models.registry import Registry
from tests.app.test_search import assert_problem
from tests.conftest import DRAWN_ITEMS, quiet


def search(client: TestClient, **request: Any) -> Any:
    response = client.post("/search", json={"query": "rotes Kleid", "lexical": 0} | request)
    assert response.status_code == 200, response.text
    return response.json()


def ids(listed: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in listed]


def test_colours_of_a_product_are_one_hit(client: TestClient) -> None:
    """Every product comes once, as its best colour, with all its other colours inside, best first; in the
    order of a plain search."""
    plain = search(client, limit=100)["hits"]
    body = search(client, limit=100, collapse="product")
    products = list(dict.fromkeys(hit["fields"]["product"] for hit in plain))
    assert [hit["fields"]["product"] for hit in body["hits"]] == products
    for hit, product in zip(body["hits"], products, strict=True):
        colours = [one for one in plain if one["fields"]["product"] == product]
        assert ids([hit, *hit.get("variants", [])]) == ids(colours)
        for one, expected in zip(hit.get("variants", []), colours[1:], strict=True):
            assert one["score"] == pytest.approx(expected["score"], abs=1e-5)
            assert one.keys() == {"id", "score", "image", "fields"}
    assert (body["total"], body["next"]) == (DRAWN_ITEMS, None)


def test_variants_are_those_that_pass(client: TestClient) -> None:
    """A colour that the filter leaves out is no swatch either."""
    body = search(client, limit=100, collapse="product", filter={"in_stock": True})
    listed = [one for hit in body["hits"] for one in (hit, *hit.get("variants", []))]
    assert all(one["fields"]["in_stock"] for one in listed)
    assert len(listed) == body["total"]


def test_a_page_is_filled_with_groups(client: TestClient) -> None:
    """The limit counts hits, not items: five kinds are five hits, and the next page goes on."""
    first = search(client, limit=5, collapse="kind")
    second = search(client, limit=5, collapse="kind", cursor=first["next"])
    kinds = [hit["fields"]["kind"] for hit in first["hits"] + second["hits"]]
    assert len(kinds) == len(set(kinds)) == 10


def test_pages_by_cursor_are_one_long_answer(client: TestClient) -> None:
    """In POST, in GET and in a form, with a limit that changes; the last has no next."""
    whole = ids(search(client, limit=100)["hits"])
    assert len(whole) == DRAWN_ITEMS
    found: list[str] = []
    request: dict[str, Any] = {"limit": 7}
    while True:
        body = search(client, **request)
        found += ids(body["hits"])
        if body["next"] is None:
            break
        request = {"limit": request["limit"] + 5, "cursor": body["next"]}
    assert found == whole
    got = client.get("/search", params={"q": "Hose", "limit": 3}).json()
    more = client.get("/search", params={"q": "Hose", "limit": 4, "cursor": got["next"]}).json()
    both = client.get("/search", params={"q": "Hose", "limit": 7}).json()
    assert got["hits"] + more["hits"] == both["hits"]


def test_a_picture_has_pages_too(client: TestClient) -> None:
    """A cursor is bound to the very picture."""
    one, other = (client.get(f"/images/demo-000{number}").content for number in (1, 2))
    first = client.post("/search/image", files={"file": one}, data={"limit": "3"}).json()
    page = {"limit": "3", "cursor": first["next"]}
    second = client.post("/search/image", files={"file": one}, data=page).json()
    assert not {*ids(first["hits"])} & {*ids(second["hits"])}
    assert_problem(client.post("/search/image", files={"file": other}, data=page), 422, "bad_value")


def test_a_form_takes_what_a_body_takes(client: TestClient) -> None:
    """Collapse, folding, diversity and facets, the last as JSON."""
    picture = client.get("/images/demo-0001").content
    form = {"collapse": "product", "fold_duplicates": "false", "diversity": "0.5", "facets": '["colour"]'}
    body = client.post("/search/image", files={"file": picture}, data=form).json()
    products = [hit["fields"]["product"] for hit in body["hits"]]
    assert len(set(products)) == len(products)
    assert sum(body["facets"]["colour"].values()) == DRAWN_ITEMS


def test_a_cursor_and_an_offset_are_two_places(client: TestClient) -> None:
    """One of them is refused, and so is a cursor of another query, or with another filter."""
    cursor = search(client, limit=5)["next"]
    for changes in (
        {"offset": 5},
        {"query": "Hose"},
        {"filter": {"colour": "red"}},
        {"collapse": "product"},
        {"text_tower": "base"},
    ):
        request = {"query": "rotes Kleid", "lexical": 0, "cursor": cursor} | changes
        assert_problem(client.post("/search", json=request), 422, "bad_value")


def test_the_last_page_ends_at_rank_1000(client: TestClient) -> None:
    """A shop of 62 ends before; a limit that reaches beyond its end is cut."""
    body = search(client, limit=100, cursor=search(client, limit=60)["next"])
    assert (len(body["hits"]), body["next"]) == (DRAWN_ITEMS - 60, None)


def test_diversity_changes_the_order_and_not_the_set(client: TestClient) -> None:
    """The first stays the first; what follows is less like it."""
    plain, apart = (ids(search(client, limit=100, diversity=one)["hits"]) for one in (0, 0.7))
    assert plain[0] == apart[0]
    assert plain != apart
    assert set(plain) == set(apart)


@pytest.fixture(scope="module")
def doubled(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service over a few drawn items; "again" has the first's file, "resaved" its picture as a JPEG."""
    folder = tmp_path_factory.mktemp("doubled")
    with drawn.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:12]
    first = drawn.parent / rows[0]["image"]
    shutil.copytree(drawn.parent, folder / "shop")
    Image.open(first).convert("RGB").save(folder / "shop" / "resaved.jpg", quality=95)
    rows.append(rows[0] | {"id": "again", "product": "other"})
    rows.append(rows[0] | {"id": "resaved", "product": "other", "image": "resaved.jpg"})
    catalogue = folder / "shop" / "doubled.csv"
    with catalogue.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    build(folder / "home", BuildConfig(catalogue), quiet)
    with TestClient(create_app(Settings(home=folder / "home"))) as service:
        yield service


def test_the_same_picture_is_one_hit(doubled: TestClient) -> None:
    """Unless told otherwise: the file that another product has too, and the picture that was saved again, are
    the hit's duplicates, and no page has them again. Colours of a product are not folded."""
    body = search(doubled, limit=100)
    hit = next(hit for hit in body["hits"] if "duplicates" in hit)
    assert {hit["id"], *ids(hit["duplicates"])} == {"demo-0001", "again", "resaved"}
    assert (len(body["hits"]), body["total"]) == (12, 14)
    assert all("duplicates" not in other for other in body["hits"] if other is not hit)
    unfolded = search(doubled, limit=100, fold_duplicates=False)["hits"]
    assert len(unfolded) == 14
    assert all("duplicates" not in one for one in unfolded)
    pages: list[str] = []
    request: dict[str, Any] = {"limit": 1}
    while "cursor" not in request or request["cursor"]:
        page = search(doubled, **request)
        pages += ids(page["hits"])
        request = {"limit": 1, "cursor": page["next"]}
    assert pages == ids(body["hits"])


def test_what_is_similar_is_not_folded(doubled: TestClient) -> None:
    """Who asks for what is like an item wants to see its twins."""
    hits = doubled.get("/items/demo-0001/similar").json()["hits"]
    assert {*ids(hits[:2])} == {"again", "resaved"}


def test_another_tower_expires_a_cursor(home: Path, tmp_path: Path) -> None:
    """And so does another index version: 409, with the cure."""
    shutil.copytree(home, tmp_path / "home", symlinks=True)
    with TestClient(create_app(Settings(home=tmp_path / "home"))) as service:
        cursor = search(service, limit=5)["next"]
        Registry(tmp_path / "home").activate("fashion-de")
        service.app.state.engine.refresh()  # type: ignore[attr-defined]
        response = service.post("/search", json={"query": "rotes Kleid", "lexical": 0, "cursor": cursor})
        assert_problem(response, 409, "cursor_expired")
        assert "search again" in response.json()["detail"]


def test_facets_count_what_is_relevant(client: TestClient) -> None:
    """With a least relevance: the items that are of it, whatever colour the filter chose, and whether they
    are hits of their own or folded into others."""
    plain = search(client, limit=100, fold_duplicates=False)["hits"]
    least = plain[5]["relevance"]
    relevant = [hit["fields"]["colour"] for hit in plain if hit["relevance"] >= least]
    chosen = relevant[0]
    request = {"min_relevance": least - 1e-3, "facets": ["colour"], "filter": {"colour": chosen}}
    for collapse in (None, "product"):
        body = search(client, limit=100, collapse=collapse, **request)
        assert body["facets_over"] == "relevance"
        assert body["facets"]["colour"] == {colour: relevant.count(colour) for colour in set(relevant)}
    assert [hit["relevance"] for hit in body["hits"]] == sorted(
        (hit["relevance"] for hit in body["hits"]), reverse=True
    )
    assert 0 < len(body["hits"]) <= relevant.count(chosen)
