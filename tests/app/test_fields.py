"""GET /fields: what the catalogue's items have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from indexer.store import current_version, open_current
from tests.app.test_search import assert_problem
from tests.conftest import DRAWN_ITEMS
from tests.shops import publish_shop


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service over three items whose fields are of every type."""
    home = tmp_path_factory.mktemp("small")
    types = {
        "title": "string",
        "price": "number",
        "stock": "integer",
        "new": "boolean",
        "sizes": "list",
        "lengths": "list",
        "care": "json",
        "empty": "string",
    }
    fields: list[dict[str, Any]] = [
        {"title": "Rock", "price": 19.99, "stock": 3, "new": True, "sizes": ["S", "M"], "lengths": [30]},
        {"title": "Hose", "price": 29.5, "stock": 3, "sizes": ["M"], "lengths": [30, 32], "care": {"at": 30}},
        {"title": "Rock", "sizes": []},
    ]
    publish_shop(home, np.eye(3, 512, dtype=np.float16), [0, 1, 2], fields, types)
    with TestClient(create_app(Settings(home=home))) as service:
        yield service


def test_every_field_is_described(small: TestClient) -> None:
    """In the order of the columns: its type, how many items have none, and what the others have."""
    body = small.get("/fields").json()
    assert (body["index"], body["items"]) == ("v1", 3)
    assert list(body["fields"].items()) == [
        ("title", {"type": "string", "missing": 0, "distinct": 2, "values": {"Rock": 2, "Hose": 1}}),
        (
            "price",
            {
                "type": "number",
                "missing": 1,
                "distinct": 2,
                "range": {
                    "min": 19.99,
                    "max": 29.5,
                    "buckets": [
                        {"gte": float(start), "lt": start + 1.0, "count": int(start == 19)}
                        for start in range(19, 29)
                    ]
                    + [{"gte": 29.0, "lte": 30.0, "count": 1}],
                },
            },
        ),
        (
            "stock",
            {
                "type": "integer",
                "missing": 1,
                "distinct": 1,
                "range": {"min": 3, "max": 3, "buckets": [{"gte": 3, "lte": 3, "count": 2}]},
            },
        ),
        ("new", {"type": "boolean", "missing": 2, "distinct": 1, "values": {"true": 1}}),
        ("sizes", {"type": "list", "of": "string", "missing": 1, "distinct": 2, "values": {"M": 2, "S": 1}}),
        (
            "lengths",
            {"type": "list", "of": "integer", "missing": 1, "distinct": 2, "values": {"30": 2, "32": 1}},
        ),
        ("care", {"type": "json", "missing": 2}),
        ("empty", {"type": "string", "missing": 3, "distinct": 0, "values": {}}),
    ]


def test_the_documents_example_is_the_answer(tmp_path: Path) -> None:
    """What OpenAPI shows is what the service says of such a shop."""
    types = {"colour": "string", "stock": "integer", "sizes": "list"}
    fields: list[dict[str, Any]] = [
        {"colour": "red", "stock": 3, "sizes": ["S", "M"]},
        {"colour": "blue", "stock": 5, "sizes": ["M"]},
        {"colour": "red"},
    ]
    version = "20261122-043012-1a2b3c"
    publish_shop(tmp_path, np.eye(3, 512, dtype=np.float16), [0, 1, 2], fields, types, version=version)
    with TestClient(create_app(Settings(home=tmp_path))) as service:
        document = service.get("/openapi.json").json()
        (example,) = document["components"]["schemas"]["FieldsResponse"]["examples"]
        assert service.get("/fields").json() == example


def test_the_drawn_shop_is_described(client: TestClient, home: Path) -> None:
    """Its index, its size and its columns; what is said of a field agrees with a search's facet."""
    body = client.get("/fields").json()
    assert (body["index"], body["items"]) == (current_version(home), DRAWN_ITEMS)
    assert list(body["fields"]) == list(open_current(home).manifest.types)
    found = client.post("/search", json={"query": "a", "facets": ["kind", "price", "sizes"]}).json()["facets"]
    assert body["fields"]["kind"]["values"] == found["kind"]
    assert list(body["fields"]["sizes"]["values"].items()) == list(found["sizes"].items())[:20]
    assert body["fields"]["price"]["range"] == found["price"]


def test_fields_takes_no_parameters(client: TestClient) -> None:
    """Any is refused, never ignored."""
    assert_problem(client.get("/fields?field=price"), 422, "unknown_field")


def test_a_folder_of_pictures_has_no_fields(tmp_path: Path) -> None:
    """Items are counted all the same, and a filter is told so."""
    publish_shop(tmp_path, np.eye(2, 512, dtype=np.float16), [0, 1], [{}, {}], {})
    with TestClient(create_app(Settings(home=tmp_path))) as service:
        assert service.get("/fields").json() == {"index": "v1", "items": 2, "fields": {}}
        response = service.post("/search", json={"query": "Rock", "filter": {"colour": "red"}})
        assert_problem(response, 422, "unknown_field")
        assert "the items have no fields" in response.json()["detail"]
