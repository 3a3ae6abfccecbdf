"""Searching over HTTP: by words, by weighted terms, by a picture; and every way to ask wrongly."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from PIL import Image

from app.main import create_app
from app.settings import Settings
from indexer.store import IndexVersion, open_current
from models.pictures import FORMATS, MAX_BYTES, open_picture
from models.registry import Registry
from models.towers import TextTower, open_tower
from tests.conftest import DRAWN_ITEMS, Answer

Vector = NDArray[np.float32]
ROUNDING = 2e-5
"""Scores are told with six digits; numpy and FAISS add in another order."""


@pytest.fixture(scope="module")
def index(home: Path) -> IndexVersion:
    return open_current(home)


@pytest.fixture(scope="module")
def tower(home: Path, index: IndexVersion) -> TextTower:
    return Registry(home).open(Registry(home).active(index.space) or "")


@pytest.fixture(scope="module")
def workshop(
    home: Path, index: IndexVersion, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """A service that has three more towers: "twin" of the index's space, "foreign" of another one, and
    "broken", whose weights are not there."""
    copy = tmp_path_factory.mktemp("workshop") / "home"
    shutil.copytree(home, copy, symlinks=True)
    for name, changes in {"twin": {}, "foreign": {"space": "0123456789abcdef"}, "broken": {}}.items():
        folder = copy / "towers" / name
        shutil.copytree(copy / "towers" / "base", folder)
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        (folder / "card.json").write_text(json.dumps(card | {"id": name} | changes), encoding="utf-8")
    (copy / "towers" / "broken" / "weights.safetensors").unlink()
    with TestClient(create_app(Settings(home=copy)), raise_server_exceptions=False) as service:
        yield service


@pytest.fixture(scope="module")
def first_picture(index: IndexVersion) -> bytes:
    """The bytes of the first item's picture, as they lie in the shop's folder."""
    return index.picture(0)[0].read(MAX_BYTES)


def unit(vector: Vector) -> Vector:
    scaled: Vector = vector / np.linalg.norm(vector)
    return scaled


def scores(index: IndexVersion, query: Vector) -> dict[str, float]:
    """Item → cosine, compared one by one; every item of the drawn shop has one picture."""
    cosines = index.vectors.astype(np.float32) @ query
    return dict(zip(index.ids(range(len(index))), map(float, cosines), strict=True))


def assert_ranked_by(response: Answer, expected: dict[str, float]) -> None:
    """The hits are those of the highest expected scores, each with its own."""
    assert response.status_code == 200, response.text
    hits = response.json()["hits"]
    best = sorted(expected.values(), reverse=True)[: len(hits)]
    assert [hit["score"] for hit in hits] == pytest.approx(best, abs=ROUNDING)
    assert [expected[hit["id"]] for hit in hits] == pytest.approx(best, abs=ROUNDING)


def assert_problem(response: Answer, status: int, code: str) -> None:
    """An RFC 9457 body and nothing else in it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body.keys() == {"type", "title", "status", "code", "detail"}
    assert (body["status"], body["code"]) == (status, code), body
    assert body["title"]
    assert body["detail"]


def test_get_and_post_give_the_same_hits(client: TestClient) -> None:
    """The URL is another spelling of the body."""
    posted = client.post("/search", json={"query": "rotes Kleid", "limit": 7, "offset": 2}).json()
    got = client.get("/search", params={"q": "rotes Kleid", "limit": 7, "offset": 2}).json()
    assert len(got["hits"]) == 7
    del posted["took_ms"], got["took_ms"]
    assert got == posted


def test_the_body_is_the_designs(client: TestClient, index: IndexVersion) -> None:
    """Exactly the members of the design, each of its type."""
    body = client.post("/search", json={"query": "rotes Kleid", "limit": 3}).json()
    assert body.keys() == {"hits", "total", "interpreted", "index", "text_tower", "next", "took_ms"}
    assert body["took_ms"].keys() == {"encode", "search", "total"}
    assert all(value >= 0 for value in body["took_ms"].values())
    assert (body["total"], body["index"], body["text_tower"]) == (DRAWN_ITEMS, index.version, "base")
    assert len(body["hits"]) == 3
    for hit in body["hits"]:
        assert hit.keys() == {"id", "score", "image", "fields", "relevance"}
        assert hit["image"] == f"/images/{hit['id']}"
        assert -1 <= hit["score"] <= 1
        assert isinstance(hit["fields"]["title"], str)
        assert isinstance(hit["fields"]["price"], float)
        assert isinstance(hit["fields"]["in_stock"], bool)


def test_twenty_hits_are_given_unless_told_otherwise(client: TestClient) -> None:
    """`limit` is 20 and `offset` 0 by default, best first."""
    hits = client.post("/search", json={"query": "Hose"}).json()["hits"]
    assert len(hits) == 20
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)


def test_pages_do_not_overlap(client: TestClient) -> None:
    """Page after page gives every item of the shop once, in the order of one long answer."""
    whole = client.get("/search", params={"q": "Kleid", "limit": 100}).json()["hits"]
    pages = [
        hit["id"]
        for offset in range(0, DRAWN_ITEMS + 10, 10)
        for hit in client.get("/search", params={"q": "Kleid", "limit": 10, "offset": offset}).json()["hits"]
    ]
    assert pages == [hit["id"] for hit in whole]
    assert len(set(pages)) == DRAWN_ITEMS


def test_a_page_beyond_the_last_item_is_empty(client: TestClient) -> None:
    """Not an error: the total says how many there are."""
    body = client.get("/search", params={"q": "Kleid", "offset": 900}).json()
    assert (body["hits"], body["total"]) == ([], DRAWN_ITEMS)


def test_the_last_rank_that_can_be_asked_for_is_1000(client: TestClient) -> None:
    """offset + limit = 1,000 is answered, 1,001 is not."""
    assert client.get("/search", params={"q": "a", "limit": 100, "offset": 900}).status_code == 200
    assert_problem(client.get("/search", params={"q": "a", "limit": 100, "offset": 901}), 422, "bad_value")


def test_space_around_a_query_does_not_matter(client: TestClient) -> None:
    """A text is searched as if it had been trimmed."""
    padded = client.post("/search", json={"query": " \n Hose\t"}).json()["hits"]
    assert padded == client.post("/search", json={"query": "Hose"}).json()["hits"]


def test_a_query_of_1000_characters_is_answered(client: TestClient) -> None:
    """The limit itself is allowed, and counts characters, not bytes."""
    assert client.post("/search", json={"query": "ü" * 1000}).status_code == 200


@pytest.mark.parametrize("text", ["\u200b", "\x00", "\ufeff", "👗", "\u202e", "ﷺ" * 100, "a" * 999])
def test_odd_texts_are_answered(client: TestClient, text: str) -> None:
    """What is no word to the tower still gives finite scores."""
    hits = client.post("/search", json={"query": text, "limit": 2}).json()["hits"]
    assert all(-1 <= hit["score"] <= 1 for hit in hits)


def test_a_text_scores_by_its_cosine(client: TestClient, index: IndexVersion, tower: TextTower) -> None:
    """A plain query's scores are the tower's vector times the index's vectors; they are its order too, where
    words have no weight."""
    response = client.post("/search", json={"query": "blaue Jeans", "limit": 62, "lexical": 0})
    assert_ranked_by(response, scores(index, tower.encode(["blaue Jeans"])[0]))


def test_weighted_terms_are_summed(client: TestClient, index: IndexVersion, tower: TextTower) -> None:
    """The query is the normalised sum of weight × unit vector; a weight that is not given is 1."""
    terms = [
        {"text": "rotes Kleid"},
        {"text": "Blumen", "weight": -0.5},
        {"item": "demo-0003", "weight": 0.3},
    ]
    dress, flowers = tower.encode(["rotes Kleid", "Blumen"])
    row = index.row("demo-0003")
    assert row is not None
    item = unit(index.vectors[row].astype(np.float32))
    expected = scores(index, unit(dress - 0.5 * flowers + 0.3 * item))
    del expected["demo-0003"]
    response = client.post("/search", json={"query": terms, "limit": 62, "lexical": 0})
    assert len(response.json()["hits"]) == len(expected)
    assert_ranked_by(response, expected)


def test_a_single_term_is_a_plain_query(client: TestClient) -> None:
    """Normalising takes a lone term's weight away."""
    plain = client.post("/search", json={"query": "Hose"}).json()["hits"]
    weighted = client.post("/search", json={"query": [{"text": "Hose", "weight": 0.5}]}).json()["hits"]
    assert [hit["id"] for hit in weighted] == [hit["id"] for hit in plain]


def test_several_items_find_what_is_like_all_of_them(client: TestClient, index: IndexVersion) -> None:
    """The sum of three items less half a fourth finds the nearest to it, and none of the three; there is no
    text, so no text tower is named."""
    items = ["demo-0010", "demo-0020", "demo-0030"]
    vectors = [
        index.item_vector(row) for item in [*items, "demo-0040"] if (row := index.row(item)) is not None
    ]
    expected = scores(index, unit(vectors[0] + vectors[1] + vectors[2] - 0.5 * vectors[3]))
    for item in items:
        del expected[item]
    terms = [{"item": item} for item in items] + [{"item": "demo-0040", "weight": -0.5}]
    response = client.post("/search", json={"query": terms, "limit": DRAWN_ITEMS})
    assert_ranked_by(response, expected)
    body = response.json()
    assert {hit["id"] for hit in body["hits"]} == expected.keys()
    assert (body["total"], body["text_tower"]) == (DRAWN_ITEMS - 3, None)


def test_one_item_finds_what_is_similar_to_it(client: TestClient) -> None:
    """The same hits as GET /items/{id}/similar; where a filter leaves the item out anyway, it is not counted
    twice."""
    similar = client.get("/items/demo-0010/similar", params={"limit": 7}).json()
    body = client.post("/search", json={"query": [{"item": "demo-0010"}], "limit": 7}).json()
    assert (body["hits"], body["total"]) == (similar["hits"], similar["total"])
    colour = client.get("/items/demo-0010").json()["fields"]["colour"]
    totals = [
        client.post("/search", json={"query": [{"item": "demo-0010"}], "filter": filter}).json()["total"]
        for filter in ({"colour": colour}, {"colour": {"not": colour}})
    ]
    assert sum(totals) == DRAWN_ITEMS - 1


@pytest.mark.parametrize(
    "terms",
    [
        [{"text": "Hose"}, {"text": "Hose", "weight": -1}],
        [{"text": "Hose", "weight": 0}],
        [{"item": "demo-0001", "weight": 2}, {"item": "demo-0001", "weight": -2}],
    ],
)
def test_terms_that_cancel_each_other_are_refused(client: TestClient, terms: list[dict[str, Any]]) -> None:
    """A zero sum has no direction."""
    assert_problem(client.post("/search", json={"query": terms}), 422, "bad_value")


def test_a_named_tower_answers(workshop: TestClient) -> None:
    """`text_tower` is told back; a twin of the active tower gives the active one's hits."""
    active = workshop.post("/search", json={"query": "Hose"}).json()
    twin = workshop.post("/search", json={"query": "Hose", "text_tower": "twin"}).json()
    assert (active["text_tower"], twin["text_tower"]) == ("base", "twin")
    assert twin["hits"] == active["hits"]


def test_a_tower_of_another_space_is_refused_naming_both(workshop: TestClient, index: IndexVersion) -> None:
    """Never noise: the answer names the tower's space and the index's."""
    response = workshop.post("/search", json={"query": "Hose", "text_tower": "foreign"})
    assert_problem(response, 409, "space_mismatch")
    assert "0123456789abcdef" in response.json()["detail"]
    assert index.space in response.json()["detail"]


def test_a_damaged_tower_is_not_our_failure(workshop: TestClient) -> None:
    """A tower that cannot be opened is refused with a reason, not with a 500."""
    response = workshop.post("/search", json={"query": "Hose", "text_tower": "broken"})
    assert response.status_code in {404, 409, 422, 503}, response.text
    assert "broken" in response.json()["detail"]


@pytest.mark.parametrize(
    "tower",
    ["nope", "", ".", "..", "../towers/base", "base/", "\x00", "bundled", "BASE", "ß" * 64, "😀" * 64],
)
def test_a_tower_that_is_not_registered_is_not_found(client: TestClient, tower: str) -> None:
    """Never a path, never a model to load; however it is spelt."""
    assert_problem(client.post("/search", json={"query": "a", "text_tower": tower}), 404, "tower_not_found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": ""}, "query_empty"),
        ({"query": " \n\u3000"}, "query_empty"),
        ({"query": [{"text": " "}]}, "query_empty"),
        ({"query": "x" * 1001}, "query_too_long"),
        ({"query": [{"text": "x" * 1001}]}, "query_too_long"),
        ({"query": "a", "collapse": "brand"}, "unknown_field"),
        ({"query": "a", "collapse": "sizes"}, "unknown_field"),
        ({"query": "a", "collapse": ["product"]}, "bad_value"),
        ({"query": "a", "fold_duplicates": None}, "bad_value"),
        ({"query": "a", "diversity": 1.1}, "bad_value"),
        ({"query": "a", "filter": {"color": "red"}}, "unknown_field"),
        ({"query": "a", "filter": {"price": "cheap"}}, "bad_value"),
        ({"query": "a", "cursor": ""}, "bad_value"),
        ({"query": "a", "cursor": "x"}, "bad_value"),
        ({"query": "a", "cursor": "é"}, "bad_value"),
        ({"query": "a", "cursor": "A" * 24}, "bad_value"),
        ({"query": "a", "min_relevance": 1.1}, "bad_value"),
        ({"query": [{"text": "a", "wieght": 1}]}, "unknown_field"),
        ({"query": [{"text": "a", "item": "demo-0001"}]}, "unknown_field"),
        ({}, "bad_value"),
        ({"query": None}, "bad_value"),
        ({"query": 7}, "bad_value"),
        ({"query": {"text": "a"}}, "bad_value"),
        ({"query": []}, "bad_value"),
        ({"query": [{"text": "a"}] * 17}, "bad_value"),
        ({"query": ["a"]}, "bad_value"),
        ({"query": [{}]}, "bad_value"),
        ({"query": [{"item": ""}]}, "bad_value"),
        ({"query": [{"text": "a", "weight": 2.01}]}, "bad_value"),
        ({"query": [{"text": "a", "weight": -2.01}]}, "bad_value"),
        ({"query": [{"text": "a", "weight": None}]}, "bad_value"),
        ({"query": "a", "limit": 0}, "bad_value"),
        ({"query": "a", "limit": 101}, "bad_value"),
        ({"query": "a", "limit": 1.5}, "bad_value"),
        ({"query": "a", "limit": None}, "bad_value"),
        ({"query": "a", "offset": -1}, "bad_value"),
        ({"query": "a", "limit": 2, "offset": 999}, "bad_value"),
        ({"query": "a", "text_tower": 3}, "bad_value"),
        ({"query": "a", "text_tower": "x" * 65}, "bad_value"),
        ([], "bad_value"),
    ],
)
def test_a_wrong_body_is_refused_with_its_code(client: TestClient, body: object, code: str) -> None:
    """What the design does not allow, or what is not built yet, is 422 and never ignored."""
    assert_problem(client.post("/search", json=body), 422, code)


def test_weights_at_the_limits_and_sixteen_terms_are_taken(client: TestClient) -> None:
    """−2 and 2 belong to the range, 16 terms are allowed."""
    terms = [{"text": f"Hose {number}", "weight": 2} for number in range(15)] + [
        {"text": "Hut", "weight": -2}
    ]
    assert client.post("/search", json={"query": terms}).status_code == 200


def test_an_item_term_that_is_not_in_the_index_is_not_found(client: TestClient) -> None:
    """A term's item must be there."""
    assert_problem(client.post("/search", json={"query": [{"item": "gone"}]}), 404, "item_not_found")


@pytest.mark.parametrize(
    "body",
    [
        rb'{"query": "\ud800"}',
        rb'{"query": [{"text": "rot \udfff"}]}',
        rb'{"query": [{"item": "\ud800"}]}',
        rb'{"query": "a", "text_tower": "\ud800"}',
        rb'{"query": "a", "\ud800": 1}',
        b'{"query": [{"text": "a", "weight": NaN}]}',
        b'{"query": [{"text": "a", "weight": Infinity}]}',
        b'{"query": "a", "limit": 1e999}',
        b'{"query": "a"',
        b"",
        b"null",
        pytest.param(b'{"query": "\xff"}', id="not UTF-8"),
        pytest.param(b"[" * 60_000, id="nested too deep"),
        pytest.param(b'{"limit": ' + b"1" * 5_000 + b"}", id="a number of 5,000 digits"),
    ],
)
def test_json_that_is_no_request_is_a_bad_value(client: TestClient, body: bytes) -> None:
    """Half characters, NaN, broken or bottomless JSON: 422, since the design knows no 400."""
    response = client.post("/search", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422, response.text
    assert response.json()["code"] in {"bad_value", "unknown_field"}


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ("q=", "query_empty"),
        ("q=%20", "query_empty"),
        ("q=" + "x" * 1001, "query_too_long"),
        ("", "bad_value"),
        ("q=a&limit=0", "bad_value"),
        ("q=a&limit=ten", "bad_value"),
        ("q=a&offset=-1", "bad_value"),
        ("q=a&filter=x", "unknown_field"),
        ("q=a&facets=colour", "unknown_field"),
        ("q=a&collapse=product", "unknown_field"),
        ("q=a&query=b", "unknown_field"),
    ],
)
def test_a_wrong_url_is_refused_with_its_code(client: TestClient, parameters: str, code: str) -> None:
    """GET /search is as strict as POST."""
    assert_problem(client.get(f"/search?{parameters}"), 422, code)


def test_a_tower_in_the_url_is_looked_up(client: TestClient) -> None:
    """GET names towers as POST does."""
    assert client.get("/search?q=a&text_tower=base").json()["text_tower"] == "base"
    assert_problem(client.get("/search?q=a&text_tower=nope"), 404, "tower_not_found")


def test_url_parameters_of_a_post_are_refused(client: TestClient, first_picture: bytes) -> None:
    """POST takes its members from the body; those in the URL would be ignored, so they are refused."""
    assert_problem(client.post("/search?limit=1", json={"query": "a"}), 422, "unknown_field")
    response = client.post("/search/image?limit=1", files={"file": first_picture})
    assert_problem(response, 422, "unknown_field")


def test_the_very_picture_is_found_first(client: TestClient, index: IndexVersion) -> None:
    """A catalogue's picture, uploaded, finds its item with a cosine of almost 1; no text tower is named."""
    for row in (0, 30, DRAWN_ITEMS - 1):
        picture = index.picture(row)[0].read(MAX_BYTES)
        body = client.post("/search/image", files={"file": picture}, data={"limit": "2"}).json()
        assert body["hits"][0]["id"] == index.ids([row])[0]
        assert body["hits"][0]["score"] == pytest.approx(1, abs=0.01)
        assert len(body["hits"]) == 2
        assert body["text_tower"] is None


def test_a_picture_with_words_is_their_weighted_sum(
    client: TestClient, index: IndexVersion, tower: TextTower, first_picture: bytes
) -> None:
    """The picture counts 1, the words their weight."""
    images = open_tower("bundled", "image", "cpu")
    picture = images.encode(images.preprocessing(open_picture(first_picture))[None])[0]
    form = {"text": "in Blau", "weight": "-1.5", "limit": "62"}
    response = client.post("/search/image", files={"file": first_picture}, data=form)
    assert_ranked_by(response, scores(index, unit(picture - 1.5 * tower.encode(["in Blau"])[0])))
    assert response.json()["text_tower"] == "base"


def test_a_form_that_names_a_field_twice_is_refused(client: TestClient, first_picture: bytes) -> None:
    """Which of the two is meant cannot be told."""
    form = {"text": ["rot", "blau"], "limit": "3"}
    response = client.post("/search/image", files={"file": first_picture}, data=form)
    assert_problem(response, 422, "bad_value")
    assert "text: it is there more than once" in response.json()["detail"]


def test_words_of_weight_0_leave_the_picture_alone(client: TestClient, first_picture: bytes) -> None:
    """They add nothing to the sum."""
    files = {"file": first_picture}
    alone = client.post("/search/image", files=files).json()["hits"]
    with_words = client.post("/search/image", files=files, data={"text": "Hose", "weight": "0"}).json()[
        "hits"
    ]
    assert with_words == alone


def test_pictures_can_be_paged(client: TestClient, first_picture: bytes) -> None:
    """`limit` and `offset` mean what they mean for words."""
    files = {"file": first_picture}
    whole = client.post("/search/image", files=files, data={"limit": "6"}).json()["hits"]
    page = client.post("/search/image", files=files, data={"limit": "3", "offset": "3"}).json()["hits"]
    assert page == whole[3:]


def encoded(form: str, size: tuple[int, int] = (40, 60)) -> bytes:
    """A red picture in a file format."""
    file = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_every_supported_format_can_be_uploaded(client: TestClient, form: str) -> None:
    """By its content: neither name nor declared type is believed."""
    response = client.post("/search/image", files={"file": ("photo.txt", encoded(form), "text/plain")})
    assert response.status_code == 200, response.text
    assert len(response.json()["hits"]) == 20


def bomb() -> bytes:
    """A PNG of a few kilobytes and 40,008,000 pixels."""
    file = io.BytesIO()
    Image.new("1", (8000, 5001)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="text"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="svg"),
        pytest.param(encoded("JPEG")[:300], id="truncated"),
        pytest.param(encoded("PPM"), id="another format"),
        pytest.param(bomb(), id="more than 40 megapixels"),
    ],
)
def test_a_file_that_is_no_picture_of_ours_is_unreadable(client: TestClient, data: bytes) -> None:
    """422 with the reason."""
    assert_problem(client.post("/search/image", files={"file": ("a.jpg", data)}), 422, "image_unreadable")


@pytest.mark.parametrize("size", [MAX_BYTES + 1, MAX_BYTES + 100_000])
def test_a_picture_over_10_mb_is_too_large(client: TestClient, size: int) -> None:
    """By its own size, and by that of the whole body."""
    assert_problem(client.post("/search/image", files={"file": b"x" * size}), 413, "too_large")


def test_a_picture_of_10_mb_is_read(client: TestClient) -> None:
    """The limit itself is allowed: the file is judged as a picture, not by its size."""
    padded = encoded("PNG") + b"\0" * (MAX_BYTES - len(encoded("PNG")))
    assert client.post("/search/image", files={"file": padded}).status_code == 200


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"filter": "x"}, "bad_value"),
        ({"facets": "colour"}, "bad_value"),
        ({"facets": '["color"]'}, "unknown_field"),
        ({"collapse": "brand"}, "unknown_field"),
        ({"text": "  "}, "query_empty"),
        ({"text": "x" * 1001}, "query_too_long"),
        ({"text": "a", "weight": "3"}, "bad_value"),
        ({"text": "a", "weight": "nan"}, "bad_value"),
        ({"limit": "0"}, "bad_value"),
        ({"limit": "100", "offset": "901"}, "bad_value"),
    ],
)
def test_a_wrong_form_is_refused_with_its_code(
    client: TestClient, first_picture: bytes, form: dict[str, str], code: str
) -> None:
    """The form is as strict as the JSON body."""
    assert_problem(client.post("/search/image", files={"file": first_picture}, data=form), 422, code)


def test_a_form_names_towers_as_a_body_does(client: TestClient, first_picture: bytes) -> None:
    """A registered tower is told back, another one is 404."""
    files = {"file": first_picture}
    assert (
        client.post("/search/image", files=files, data={"text_tower": "base"}).json()["text_tower"] == "base"
    )
    response = client.post("/search/image", files=files, data={"text_tower": "nope"})
    assert_problem(response, 404, "tower_not_found")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
        (b"abc", "multipart/form-data; boundary=x"),
        (b"abc", "multipart/form-data"),
        (b"{}", "application/json"),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
    ],
)
def test_a_form_without_a_file_is_a_bad_value(client: TestClient, body: bytes, kind: str) -> None:
    """Broken multipart, or a file that is given as text: 422, since the design knows no 400."""
    response = client.post("/search/image", content=body, headers={"Content-Type": kind})
    assert_problem(response, 422, "bad_value")
