"""/v1/embeddings: OpenAI's form for texts and pictures, and what it refuses."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.main import create_app
from app.settings import Settings
from indexer.store import IndexVersion, open_current
from models.pictures import MAX_BYTES
from models.towers import open_tower
from tests.app.test_search import assert_problem
from tests.conftest import serving
from tests.test_clients import wait_until_ready

TEXTS = ["rotes Kleid", "red dress", "schwarze Hose"]


@pytest.fixture(scope="module")
def index(home: Path) -> IndexVersion:
    return open_current(home)


def data_url(picture: bytes, kind: str = "jpeg") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def embed(client: TestClient, given: Any, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/embeddings", json={"input": given, **body})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_a_text_has_the_vector_that_it_is_searched_with(client: TestClient) -> None:
    """The tower's own, to the last bit, of length 1."""
    body = embed(client, TEXTS[0])
    assert body.keys() == {"object", "data", "model", "usage"}
    assert (body["object"], body["model"]) == ("list", "base")
    (one,) = body["data"]
    assert (one["object"], one["index"]) == ("embedding", 0)
    expected = open_tower("bundled", "text").encode([TEXTS[0]])[0]
    assert np.array(one["embedding"], dtype=np.float32) == pytest.approx(expected, abs=1e-6)
    assert np.linalg.norm(one["embedding"]) == pytest.approx(1, abs=1e-5)


def test_several_texts_keep_their_order(client: TestClient) -> None:
    """Each as if it had been asked for alone."""
    together = embed(client, TEXTS)["data"]
    assert [one["index"] for one in together] == [0, 1, 2]
    for text, one in zip(TEXTS, together, strict=True):
        assert embed(client, text)["data"][0]["embedding"] == one["embedding"]


def test_base64_is_the_same_vector(client: TestClient) -> None:
    """Little-endian float32, as OpenAI's clients read it."""
    plain, packed = (embed(client, TEXTS, encoding_format=form)["data"] for form in ("float", "base64"))
    for one, other in zip(plain, packed, strict=True):
        unpacked = np.frombuffer(base64.b64decode(other["embedding"]), dtype="<f4")
        assert unpacked.tolist() == one["embedding"]


def test_a_picture_has_the_vector_that_the_index_holds(client: TestClient, index: IndexVersion) -> None:
    """An item's picture, among texts and alone, is the item's vector: both are compared by their product."""
    picture = {"image": data_url(index.picture(0)[0].read(MAX_BYTES))}
    body = embed(client, [TEXTS[0], picture])
    held = index.vectors[0].astype(np.float32)
    assert np.dot(body["data"][1]["embedding"], held) == pytest.approx(1, abs=1e-3)
    assert embed(client, picture)["data"][0]["embedding"] == body["data"][1]["embedding"]
    assert embed(client, picture)["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


def test_usage_counts_the_pieces_that_were_read(client: TestClient) -> None:
    """As many as GET /explain lists."""
    pieces = [len(client.get("/explain", params={"q": text}).json()["towers"][0]["pieces"]) for text in TEXTS]
    assert embed(client, TEXTS)["usage"] == {"prompt_tokens": sum(pieces), "total_tokens": sum(pieces)}


def test_the_default_model_is_the_active_tower(client: TestClient) -> None:
    """Left out, by its name `default`, and by the tower's id."""
    answers = [embed(client, "Hose", **model) for model in ({}, {"model": "default"}, {"model": "base"})]
    assert answers[0] == answers[1] == answers[2]


def test_dimensions_need_a_tower_that_was_trained_for_them(client: TestClient) -> None:
    """All of them are no wish; fewer would be noise, and are refused with the reason."""
    assert len(embed(client, "Hose", dimensions=512)["data"][0]["embedding"]) == 512
    response = client.post("/v1/embeddings", json={"input": "Hose", "dimensions": 256})
    assert_problem(response, 422, "bad_value")
    assert "base has 512 dimensions, and no tower gives fewer yet" in response.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "bad_value"),
        ({"input": ""}, 422, "query_empty"),
        ({"input": ["Hose", " "]}, 422, "query_empty"),
        ({"input": "x" * 1001}, 422, "query_too_long"),
        ({"input": []}, 422, "bad_value"),
        ({"input": ["Hose"] * 257}, 422, "bad_value"),
        ({"input": [{"image": data_url(b"")}] * 17}, 422, "bad_value"),
        ({"input": [1, 2, 3]}, 422, "bad_value"),
        ({"input": [[1, 2], [3]]}, 422, "bad_value"),
        ({"input": "Hose", "user": "x"}, 422, "unknown_field"),
        ({"input": "Hose", "encoding_format": "int8"}, 422, "bad_value"),
        ({"input": "Hose", "model": "text-embedding-3-small"}, 404, "tower_not_found"),
        ({"input": {"image": "https://shop.example/a.jpg"}}, 422, "bad_value"),
        ({"input": {"image": "data:text/html;base64,PGI+"}}, 422, "bad_value"),
        ({"input": {"image": "data:image/png;base64,!!!!"}}, 422, "image_unreadable"),
        ({"input": {"image": data_url(b"no picture")}}, 422, "image_unreadable"),
        ({"input": {"image": data_url(b""), "detail": "low"}}, 422, "unknown_field"),
    ],
)
def test_what_is_not_the_form_is_refused(
    client: TestClient, body: dict[str, Any], status: int, code: str
) -> None:
    """With a problem, as everywhere: arrays of tokens mean nothing to our towers, no address is fetched."""
    assert_problem(client.post("/v1/embeddings", json=body), status, code)


def test_texts_are_limited_as_every_body_and_pictures_as_uploads(client: TestClient) -> None:
    """64 KB of texts are too many though they would fit beside a picture; a picture of 10 MB and one byte is
    too large, as is a body beyond four thirds of that."""
    assert_problem(client.post("/v1/embeddings", json={"input": ["x" * 999] * 70}), 413, "too_large")
    large = {"input": {"image": data_url(b"\xff\xd8" + b"\0" * (MAX_BYTES - 1))}}
    assert_problem(client.post("/v1/embeddings", json=large), 413, "too_large")
    beyond = {"input": {"image": data_url(b"\0" * (MAX_BYTES + 100_000))}}
    assert_problem(client.post("/v1/embeddings", json=beyond), 413, "too_large")


def test_a_large_picture_is_embedded(client: TestClient) -> None:
    """A few megabytes, which no other JSON body may have."""
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    assert len(file.getvalue()) > 2_000_000
    assert len(embed(client, {"image": data_url(file.getvalue(), "png")})["data"]) == 1


def test_without_an_index_there_is_no_tower(tmp_path: Path) -> None:
    """503 with the cure, like a search."""
    with TestClient(create_app(Settings(home=tmp_path))) as empty:
        assert_problem(empty.post("/v1/embeddings", json={"input": "Hose"}), 503, "no_index")


def test_openais_own_client_understands_the_answers(home: Path, index: IndexVersion) -> None:
    """Texts in either encoding, a picture in our form, and errors by their status, ours in the body."""
    with serving(home) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        wait_until_ready(url)
        packed = client.embeddings.create(model="default", input=TEXTS)
        plain = client.embeddings.create(model="base", input=TEXTS, encoding_format="float")
        assert packed.model == plain.model == "base"
        assert packed.usage.total_tokens > 0
        for one, other in zip(packed.data, plain.data, strict=True):
            assert one.embedding == pytest.approx(other.embedding, abs=1e-7)
        picture: Any = [{"image": data_url(index.picture(0)[0].read(MAX_BYTES))}]
        answer = client.embeddings.create(model="base", input=picture, encoding_format="float")
        assert np.dot(answer.data[0].embedding, index.vectors[0]) == pytest.approx(1, abs=1e-3)
        with pytest.raises(openai.UnprocessableEntityError) as refused:
            client.embeddings.create(model="base", input="Hose", dimensions=64)
        problem: Any = refused.value.body
        assert problem["code"] == "bad_value"
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="text-embedding-3-small", input="Hose")
