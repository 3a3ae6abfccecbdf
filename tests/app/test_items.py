"""Items, what is similar to them, and their pictures; under any id that a shop may use."""

from __future__ import annotations

import io
import json
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.main import create_app
from app.settings import Settings
from indexer.build import BuildConfig, build
from tests.conftest import DRAWN_ITEMS, quiet, serving

ODD_IDS = (
    "a/b",
    "/",
    "a//b/",
    "100%",
    "%2F",
    "a%2Fb",
    "was?",
    "q=1&n=2#top",
    "zwei Wörter",
    "ärmelloses Kleid: größe 38",
    "裙子",
    "x",
    "x/similar",
    "x/similar/similar",
    "similar",
    "plus+minus",
    "'\"<&>\\",
)
COLOURS = ((220, 20, 20), (20, 160, 20), (20, 20, 220))


@pytest.fixture(scope="module")
def odd_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose items have those ids, each with a grey picture of its own; "many/3" has three pictures."""
    folder = tmp_path_factory.mktemp("odd")
    rows: list[dict[str, Any]] = []
    for number, name in enumerate(ODD_IDS):
        Image.new("RGB", (32, 48), (number * 15,) * 3).save(folder / f"{number}.png")
        rows.append({"id": name, "image": f"{number}.png", "title": f"title of {name}"})
    for name, colour in zip("rgb", COLOURS, strict=True):
        Image.new("RGB", (32, 32), colour).save(folder / f"{name}.png")
    rows.append({"id": "many/3", "image": ["r.png", "g.png", "b.png"], "title": None, "sizes": ["S", "M"]})
    catalogue = folder / "catalogue.jsonl"
    catalogue.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    build(folder / "home", BuildConfig(catalogue), quiet)
    return folder / "home"


@pytest.fixture(scope="module")
def odd_client(odd_home: Path) -> TestClient:
    service = TestClient(create_app(Settings(home=odd_home)))
    with service:
        pass  # what was loaded at the start stays loaded
    return service


def encoded(name: str) -> str:
    return quote(name, safe="")


def test_an_item_has_its_fields_and_pictures(client: TestClient) -> None:
    """Exactly the design's members; a value's type is that of its column."""
    body = client.get("/items/demo-0001").json()
    assert body.keys() == {"id", "images", "fields", "index"}
    assert (body["id"], body["images"]) == ("demo-0001", ["/images/demo-0001"])
    assert isinstance(body["fields"]["product"], str)
    assert body["index"] == client.get("/readyz").json()["index"]


def test_an_unknown_item_is_not_found(client: TestClient) -> None:
    """On every path that names an item, with the id in the detail."""
    for path in ("/items/gone", "/items/gone/similar", "/images/gone", "/items/", "/items/%FF"):
        response = client.get(path)
        assert response.status_code == 404
        assert response.json()["code"] == "item_not_found"
    assert "'gone'" in client.get("/items/gone").json()["detail"]


@pytest.mark.parametrize(
    "path", ["/items/demo-0001?filter=1", "/items/demo-0001/similar?q=a", "/images/demo-0001?height=3"]
)
def test_unknown_url_parameters_are_refused(client: TestClient, path: str) -> None:
    """A parameter that means nothing is 422, never ignored."""
    response = client.get(path)
    assert (response.status_code, response.json().get("code")) == (422, "unknown_field")


def test_similar_leaves_the_item_itself_out(client: TestClient) -> None:
    """All other items come, best first, and the total counts them."""
    body = client.get("/items/demo-0005/similar?limit=100").json()
    found = [hit["id"] for hit in body["hits"]]
    assert len(found) == len(set(found)) == body["total"] == DRAWN_ITEMS - 1
    assert "demo-0005" not in found
    assert [hit["score"] for hit in body["hits"]] == sorted(
        (hit["score"] for hit in body["hits"]), reverse=True
    )
    assert body["text_tower"] is None


def test_similar_items_can_be_paged(client: TestClient) -> None:
    """Twenty by default; pages continue each other, to rank 1,000."""
    whole = client.get("/items/demo-0005/similar").json()["hits"]
    assert len(whole) == 20
    page = client.get("/items/demo-0005/similar?limit=5&offset=10").json()["hits"]
    assert page == whole[10:15]
    assert client.get("/items/demo-0005/similar?limit=2&offset=999").status_code == 422


def test_similar_is_a_search_for_the_item(client: TestClient) -> None:
    """The hits of the item as a term, less the item."""
    hits = client.post("/search", json={"query": [{"item": "demo-0005"}], "limit": 11}).json()["hits"]
    similar = client.get("/items/demo-0005/similar?limit=10").json()["hits"]
    assert similar == [hit for hit in hits if hit["id"] != "demo-0005"][:10]


@pytest.mark.parametrize("name", ODD_IDS)
def test_any_id_is_reached_percent_encoded(odd_client: TestClient, name: str) -> None:
    """The item, its picture and what is similar to it, though the id looks like a path of ours."""
    item = odd_client.get(f"/items/{encoded(name)}")
    assert item.status_code == 200
    assert (item.json()["id"], item.json()["fields"]["title"]) == (name, f"title of {name}")
    similar = odd_client.get(f"/items/{encoded(name)}/similar?limit=100").json()
    found = {hit["id"] for hit in similar["hits"]}
    assert found == {*ODD_IDS, "many/3"} - {name}
    assert odd_client.get(f"/images/{encoded(name)}").headers["content-type"] == "image/jpeg"


def test_the_links_of_an_answer_lead_to_the_items_pictures(odd_client: TestClient) -> None:
    """A hit's `image` can be used as it stands."""
    alike = {"query": "Kleid", "limit": 100, "fold_duplicates": False}
    hits = odd_client.post("/search", json=alike).json()["hits"]
    assert {hit["id"] for hit in hits} == {*ODD_IDS, "many/3"}
    for hit in hits:
        assert odd_client.get(hit["image"]).status_code == 200, hit


def test_odd_ids_are_reached_over_a_real_server(odd_home: Path) -> None:
    """The server's own decoding of paths changes nothing."""
    with serving(odd_home) as url:
        for name in ODD_IDS:
            with urllib.request.urlopen(f"{url}/items/{encoded(name)}") as answer:
                assert json.load(answer)["id"] == name
            with urllib.request.urlopen(f"{url}/items/{encoded(name)}/similar?limit=1") as answer:
                assert json.load(answer)["hits"][0]["id"] != name
            with urllib.request.urlopen(f"{url}/images/{encoded(name)}?width=160") as answer:
                assert answer.headers["content-type"] == "image/jpeg"


def test_an_item_lists_all_its_pictures_in_order(odd_client: TestClient) -> None:
    """Red, green and blue come back as the catalogue has them; an empty field is left out."""
    item = odd_client.get("/items/many%2F3").json()
    assert item["images"] == ["/images/many%2F3", "/images/many%2F3?n=1", "/images/many%2F3?n=2"]
    assert item["fields"] == {"sizes": ["S", "M"]}
    for link, colour in zip(item["images"], COLOURS, strict=True):
        with Image.open(io.BytesIO(odd_client.get(link).content)) as picture:
            middle = picture.convert("RGB").getpixel((16, 16))
        assert isinstance(middle, tuple)
        assert all(abs(is_there - wanted) < 12 for is_there, wanted in zip(middle, colour, strict=True))


def test_a_picture_that_an_item_does_not_have_is_gone(odd_client: TestClient) -> None:
    """Three pictures are counted 0, 1, 2."""
    response = odd_client.get("/images/many%2F3?n=3")
    assert (response.status_code, response.json()["code"]) == (404, "image_gone")


def test_an_items_best_picture_counts(odd_client: TestClient) -> None:
    """Any of an item's pictures, uploaded, finds the item once, with a score of almost 1."""
    for colour in COLOURS:
        file = io.BytesIO()
        Image.new("RGB", (32, 32), colour).save(file, "PNG")
        alike = {"limit": "100", "fold_duplicates": "false"}
        body = odd_client.post("/search/image", files={"file": file.getvalue()}, data=alike).json()
        scores = {hit["id"]: hit["score"] for hit in body["hits"]}
        assert scores["many/3"] == pytest.approx(1, abs=1e-3)
        assert len(body["hits"]) == len(scores) == body["total"] == len(ODD_IDS) + 1
