"""What every request passes: limits of size and number, security headers, CORS."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from models.pictures import MAX_BYTES
from tests.conftest import Answer, serving

SHOP = "https://shop.example"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.fixture(scope="module")
def open_client(home: Path) -> Iterator[TestClient]:
    """The service with CORS for one shop."""
    with TestClient(create_app(Settings(home=home, cors_origins=(SHOP,)))) as service:
        yield service


def pieces(size: int) -> Iterator[bytes]:
    """A body of so many bytes whose length nobody declares."""
    for _ in range(size // 1000):
        yield b" " * 1000


def assert_too_large(response: Answer) -> None:
    assert response.status_code == 413, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "too_large"


def test_a_body_of_64_kb_is_read_and_one_more_byte_is_not(client: TestClient) -> None:
    """65,536 bytes of JSON are answered, 65,537 are 413."""
    body = b'{"query": "Hose"}'.ljust(65_536)
    assert client.post("/search", content=body, headers=JSON).status_code == 200
    assert_too_large(client.post("/search", content=body + b" ", headers=JSON))


def test_a_body_of_undeclared_length_is_stopped_at_the_limit(client: TestClient) -> None:
    """Chunked, it is 413 as well."""
    assert_too_large(client.post("/search", content=pieces(70_000), headers=JSON))
    assert_too_large(client.post("/search/image", content=pieces(MAX_BYTES + 100_000), headers=FORM))


def test_a_chunked_body_within_the_limit_is_answered(client: TestClient) -> None:
    """No length need be declared."""
    response = client.post("/search", content=iter([b'{"query":', b' "Hose"}']), headers=JSON)
    assert response.status_code == 200


def test_a_real_server_stops_a_chunked_body(home: Path) -> None:
    """413 over the wire, before all of a body without end was sent."""
    with (
        serving(home) as url,
        socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), 10) as wire,
    ):
        wire.sendall(
            b"POST /search HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        wire.sendall((b"8000\r\n" + b" " * 0x8000 + b"\r\n") * 3)
        answer = wire.recv(4096)
    assert answer.split(b"\r\n")[0].startswith(b"HTTP/1.1 413"), answer


def test_one_upload_more_than_can_be_worked_on_is_too_busy(home: Path) -> None:
    """While an upload is still coming, the next is 429 with Retry-After, and searches by words go on."""

    async def scenario() -> list[httpx.Response]:
        app = create_app(Settings(home=home, max_requests=1))
        app.state.engine.refresh()
        started, may_end = asyncio.Event(), asyncio.Event()

        async def slow_body() -> AsyncIterator[bytes]:
            started.set()
            await may_end.wait()
            yield b"no picture"

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            slow = asyncio.create_task(client.post("/search/image", content=slow_body(), headers=FORM))
            await started.wait()
            refused = await client.post("/search/image", content=b"", headers=FORM)
            search = await client.get("/search", params={"q": "Hose"})
            metrics = await client.get("/metrics")
            may_end.set()
            return [refused, search, metrics, await slow]

    refused, search, metrics, slow = asyncio.run(scenario())
    assert (refused.status_code, refused.json()["code"]) == (429, "too_busy")
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) >= 1
    assert search.status_code == metrics.status_code == 200
    assert slow.status_code == 422


def test_a_body_that_does_not_come_holds_no_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches are answered while another client dawdles, who is told 408 once the deadline is over."""
    monkeypatch.setattr("app.middleware.BODY_SECONDS", 0.3)

    async def scenario() -> list[httpx.Response]:
        app = create_app(Settings(home=home, max_requests=1))
        app.state.engine.refresh()

        async def endless() -> AsyncIterator[bytes]:
            yield b'{"query": '
            await asyncio.sleep(60)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            slow = asyncio.create_task(client.post("/search", content=endless(), headers=JSON))
            await asyncio.sleep(0.1)
            return [await client.get("/search", params={"q": "Hose"}), await slow]

    search, slow = asyncio.run(scenario())
    assert search.status_code == 200
    assert (slow.status_code, slow.json()["code"]) == (408, "too_slow")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/static/main.js", 200),
        ("GET", "/search?q=Hose", 200),
        ("GET", "/items/demo-0001", 200),
        ("GET", "/images/demo-0001", 200),
        ("GET", "/livez", 200),
        ("GET", "/metrics", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/search", 422),
        ("GET", "/items/gone", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/static/gone.js", 404),
        ("PUT", "/search", 405),
        ("POST", "/search", 413),
    ],
)
def test_every_answer_keeps_a_page_to_its_own_resources(
    client: TestClient, method: str, path: str, status: int
) -> None:
    """The policy and nosniff are on pages, data and errors alike; errors are problems."""
    content = b" " * 70_000 if status == 413 else None
    response = client.request(method, path, content=content)
    assert response.status_code == status
    assert response.headers["content-security-policy"].startswith("default-src 'self'")
    assert response.headers["x-content-type-options"] == "nosniff"
    if status >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == status


def test_an_unexpected_failure_is_a_problem_with_the_same_headers(home: Path) -> None:
    """500 tells nothing of our insides, and keeps the policy."""
    app = create_app(Settings(home=home))

    def broken() -> None:
        raise RuntimeError("a secret of our insides")

    app.get("/broken")(broken)
    response = TestClient(app, raise_server_exceptions=False).get("/broken")
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert response.headers["content-type"] == "application/problem+json"
    assert "secret" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"].startswith("default-src 'self'")


PUBLIC = [
    "/search?q=Hose",
    "/explain?q=Hose",
    "/fields",
    "/compare?q=Hose&a=base&b=base",
    "/items/demo-0001",
    "/items/demo-0001/similar",
    "/images/demo-0001",
]
OWN = ["/", "/livez", "/readyz", "/metrics", "/openapi.json", "/static/main.js", "/admin/jobs"]


@pytest.mark.parametrize("path", PUBLIC)
def test_a_shop_on_the_list_may_read_public_answers(open_client: TestClient, path: str) -> None:
    """Search, items and images name the shop's origin."""
    response = open_client.get(path, headers={"Origin": SHOP})
    assert response.headers["access-control-allow-origin"] == SHOP


@pytest.mark.parametrize("path", OWN)
def test_everything_else_is_closed_to_other_origins(open_client: TestClient, path: str) -> None:
    """Not even the listed shop may read what is for operators, neither directly nor by preflight."""
    answer = open_client.get(path, headers={"Origin": SHOP})
    asked = open_client.options(path, headers={"Origin": SHOP, "Access-Control-Request-Method": "GET"})
    for response in (answer, asked):
        assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", PUBLIC)
def test_an_origin_that_is_not_on_the_list_may_read_nothing(
    open_client: TestClient, client: TestClient, path: str
) -> None:
    """Another shop, or any where no list is set."""
    other = open_client.get(path, headers={"Origin": "https://evil.example"})
    unset = client.get(path, headers={"Origin": SHOP})
    for response in (other, unset):
        assert response.status_code == 200
        assert "access-control-allow-origin" not in response.headers


def test_a_listed_shop_may_post_json(open_client: TestClient) -> None:
    """The browser's preflight is answered for POST with a content type; errors can be read, too."""
    preflight = {
        "Origin": SHOP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    response = open_client.options("/search", headers=preflight)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == SHOP
    assert "POST" in response.headers["access-control-allow-methods"]
    refused = open_client.post("/search", json={"query": ""}, headers={"Origin": SHOP})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (422, SHOP)


def test_a_preflight_of_another_origin_is_refused(open_client: TestClient) -> None:
    """It is not given the origin it asked for."""
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    response = open_client.options("/search", headers=preflight)
    assert "access-control-allow-origin" not in response.headers
