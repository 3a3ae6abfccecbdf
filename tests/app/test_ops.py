"""For operators: alive, ready, measured; and the OpenAPI document."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import jsonschema_rs
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from app.main import create_app
from app.settings import Settings
from indexer.store import current_version, indexes, make_current
from tests.conftest import DRAWN_ITEMS


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/openapi.json").json()
    return answer


def samples(client: TestClient) -> list[tuple[str, dict[str, str], float]]:
    """Everything /metrics shows: name, labels, value."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(response.text)
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]


def test_the_service_is_alive(client: TestClient) -> None:
    """200 while its thread runs."""
    assert client.get("/livez").json() == {"status": "alive"}


def test_the_service_is_ready(client: TestClient, home: Path) -> None:
    """The answer names what is served."""
    expected = {
        "status": "ready",
        "index": current_version(home),
        "text_tower": "base",
        "items": DRAWN_ITEMS,
    }
    assert client.get("/readyz").json() == expected


def test_before_the_first_index_nothing_can_be_searched(tmp_path: Path) -> None:
    """Alive, but not ready: 503 no_index with the command that cures it, on every path that needs one."""
    requests = [
        ("GET", "/readyz"),
        ("GET", "/search?q=Hose"),
        ("GET", "/fields"),
        ("GET", "/items/demo-0001"),
        ("GET", "/items/demo-0001/similar"),
        ("GET", "/images/demo-0001"),
    ]
    with TestClient(create_app(Settings(home=tmp_path / "none"))) as client:
        assert client.get("/livez").status_code == 200
        answers = [client.request(method, path) for method, path in requests]
        answers.append(client.post("/search", json={"query": "Hose"}))
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (503, "no_index")
            assert answer.headers["content-type"] == "application/problem+json"
            assert "vitrine index" in answer.json()["detail"]
            assert int(answer.headers["retry-after"]) >= 1


def test_the_first_index_makes_a_running_service_ready(home: Path, tmp_path: Path) -> None:
    """From 503 to 200 within two seconds, without a restart."""
    later = tmp_path / "home"
    shutil.copytree(home, later, symlinks=True)
    (indexes(later) / "current").unlink()
    with TestClient(create_app(Settings(home=later))) as client:
        assert client.get("/readyz").status_code == 503
        make_current(later, str(current_version(home)))
        deadline = time.monotonic() + 2
        while (answer := client.get("/readyz")).status_code != 200:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.05)
        assert client.get("/search?q=Hose&limit=1").json()["total"] == DRAWN_ITEMS


def test_without_its_watching_thread_the_service_is_not_alive(home: Path) -> None:
    """It would serve the same version for ever, so an orchestrator should start it again."""
    with TestClient(create_app(Settings(home=home))) as client:
        cast(FastAPI, client.app).state.watcher.stop()
        answer = client.get("/livez")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_alive")
        assert client.get("/search?q=Hose").status_code == 200


def test_metrics_count_what_is_served(client: TestClient) -> None:
    """The gauges hold the size of the index."""
    values = {name: value for name, labels, value in samples(client) if not labels}
    assert values["vitrine_index_items"] == DRAWN_ITEMS
    assert values["vitrine_index_pictures"] == DRAWN_ITEMS
    assert values["vitrine_index_swaps_total"] >= 0


def test_metrics_time_requests_in_seconds(client: TestClient) -> None:
    """Two more searches are two more observations, of plausible seconds."""

    def search() -> dict[str, float]:
        wanted = {"method": "POST", "route": "/search", "status": "200"}
        return {name: value for name, labels, value in samples(client) if labels == wanted}

    client.post("/search", json={"query": "Hose"})
    before = search()
    for _ in range(2):
        client.post("/search", json={"query": "Hose"})
    after = search()
    assert after["vitrine_request_seconds_count"] - before["vitrine_request_seconds_count"] == 2
    assert 0 < after["vitrine_request_seconds_sum"] - before["vitrine_request_seconds_sum"] < 2


def test_metrics_are_told_by_route_never_by_id(client: TestClient, document: dict[str, Any]) -> None:
    """However many ids are asked for, found or not, the number of time series does not grow."""
    paths = [
        "/items/demo-0002",
        "/items/demo-0003/similar",
        "/images/demo-0004?width=160",
        "/items/secret-id",
        "/images/secret-id",
        "/secret-id/x",
        "/static/secret-id.js",
    ]
    for path in paths:
        client.get(path)
    known = len(samples(client))
    for path in paths:
        client.get(path.replace("secret", "other").replace("demo-000", "demo-001"))
    found = samples(client)
    assert len(found) == known
    routes = {labels["route"] for _, labels, _ in found if "route" in labels}
    assert {"/search", "none"} <= routes
    documented = {route.replace(":path}", "}") for route in routes}
    assert documented <= {*document["paths"], "none", "/", "/static", "/openapi.json"}
    assert not [labels for _, labels, _ in found if any("demo-" in value for value in labels.values())]
    assert not [labels for _, labels, _ in found if any("-id" in value for value in labels.values())]


def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    """As the specification's own validator sees it, where it is installed."""
    pytest.importorskip("openapi_spec_validator").validate(document)


def test_the_document_lists_exactly_what_there_is(document: dict[str, Any]) -> None:
    """Every route with its methods, a summary and its answers."""
    operations = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert operations == {
        ("/compare", "get"),
        ("/explain", "get"),
        ("/fields", "get"),
        ("/search", "get"),
        ("/search", "post"),
        ("/search/image", "post"),
        ("/v1/embeddings", "post"),
        ("/items/{id}", "get"),
        ("/items/{id}/similar", "get"),
        ("/images/{id}", "get"),
        ("/livez", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
        ("/admin/reindex", "post"),
        ("/admin/finetune", "post"),
        ("/admin/evaluate", "post"),
        ("/admin/jobs", "get"),
        ("/admin/jobs/{id}", "get"),
        ("/admin/jobs/{id}/events", "get"),
        ("/admin/jobs/{id}/report", "get"),
        ("/admin/jobs/{id}/cancel", "post"),
        ("/admin/towers", "get"),
        ("/admin/towers/active", "put"),
        ("/admin/towers/rollback", "post"),
        ("/admin/towers/{id}", "delete"),
        ("/admin/indexes", "get"),
        ("/admin/indexes/active", "put"),
    }
    for path, method in operations:
        operation = document["paths"][path][method]
        assert operation["summary"]
        assert {"200", "202", "204"} & set(operation["responses"])
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"], (path, method, status)


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself where it is a reference."""
    while "$ref" in schema:
        found: dict[str, Any] = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def examples(document: dict[str, Any], described: dict[str, Any]) -> list[Any]:
    """Those of a parameter or a body: its own, or its schema's."""
    schema = resolved(document, described.get("schema", {}))
    own = [described["example"]] if "example" in described else []
    own += [example["value"] for example in described.get("examples", {}).values()]
    return own + cast(list[Any], schema.get("examples", []))


def assert_conforms(document: dict[str, Any], operation: dict[str, Any], body: object) -> None:
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    whole = {**resolved(document, schema), "components": document["components"]}
    jsonschema_rs.validate(whole, body)


def gets(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every GET that is for everybody, with its required parameters' examples filled in."""
    for path, methods in document["paths"].items():
        if "get" not in methods or path.startswith("/admin/"):
            continue
        url, query = path, []
        for parameter in methods["get"].get("parameters", []):
            if not parameter["required"]:
                continue
            found = examples(document, parameter)
            assert found, f"GET {path} has no example of {parameter['name']}"
            if parameter["in"] == "path":
                url = url.replace("{" + parameter["name"] + "}", quote(found[0], safe=""))
            else:
                query.append(f"{parameter['name']}={quote(found[0])}")
        yield url + "?" * bool(query) + "&".join(query), methods["get"]


def test_the_documents_examples_of_get_work(client: TestClient, document: dict[str, Any]) -> None:
    """Tried as they stand on the demo shop; the answers have the documented form."""
    tried = []
    for url, operation in gets(document):
        answer = client.get(url)
        assert answer.status_code == 200, (url, answer.text)
        if answer.headers["content-type"] == "application/json":
            assert_conforms(document, operation, answer.json())
        tried.append(url)
    assert len(tried) == 10


def test_the_documents_examples_of_bodies_work(client: TestClient, document: dict[str, Any]) -> None:
    """Every JSON body that the document shows is answered with hits."""
    operation = document["paths"]["/search"]["post"]
    found = examples(document, operation["requestBody"]["content"]["application/json"])
    assert len(found) >= 2
    for body in found:
        answer = client.post("/search", json=body)
        assert answer.status_code == 200, (body, answer.text)
        assert answer.json()["hits"]
        assert_conforms(document, operation, answer.json())


def test_the_documents_example_of_a_form_works(client: TestClient, document: dict[str, Any]) -> None:
    """With any picture in the place of the file."""
    operation = document["paths"]["/search/image"]["post"]
    content = operation["requestBody"]["content"]["multipart/form-data"]
    properties = resolved(document, content["schema"])["properties"]
    form = {
        name: str(property["examples"][0]) for name, property in properties.items() if "examples" in property
    }
    assert form["text"]
    picture = client.get("/images/demo-0001").content
    answer = client.post("/search/image", files={"file": picture}, data=form)
    assert answer.status_code == 200, answer.text
    assert_conforms(document, operation, answer.json())
