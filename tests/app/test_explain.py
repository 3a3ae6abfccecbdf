"""The pieces in which text towers read a query, over HTTP and in the terminal."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.commands.explain import lines
from app.main import create_app
from app.middleware import TooBusy
from app.settings import Settings
from models.registry import Registry
from models.towers import Piece, Reading
from tests.app.test_cli import Vitrine, assert_one_line, vitrine
from tests.conftest import Answer

__all__ = ["vitrine"]

OTHER_SPACE = "0123456789abcdef"


@pytest.fixture(scope="module")
def workshop(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with six more towers. Of the index's space: "twin", the active one, "another", "hollow", whose
    weights are not there, and "alien", of a family that nobody knows; "foreign" is of another space, and the
    card of "torn" cannot be read."""
    copy = tmp_path_factory.mktemp("workshop") / "home"
    shutil.copytree(home, copy, symlinks=True)
    changes = {
        "twin": {},
        "another": {},
        "hollow": {},
        "alien": {"family": "alien"},
        "foreign": {"space": OTHER_SPACE},
        "torn": {},
    }
    for name, change in changes.items():
        folder = copy / "towers" / name
        shutil.copytree(copy / "towers" / "base", folder)
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        (folder / "card.json").write_text(json.dumps(card | {"id": name} | change), encoding="utf-8")
    (copy / "towers" / "hollow" / "weights.safetensors").unlink()
    (copy / "towers" / "torn" / "card.json").write_text("{", encoding="utf-8")
    Registry(copy).activate("twin")
    return copy


@pytest.fixture(scope="module")
def service(workshop: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(home=workshop)), raise_server_exceptions=False) as service:
        yield service


def explained(answer: Answer) -> dict[str, Any]:
    """The first tower of an answer, which is the active one unless another is named; all read alike."""
    assert answer.status_code == 200, answer.text
    tower, *others = answer.json()["towers"]
    assert all(other == tower | {"text_tower": other["text_tower"]} for other in others)
    return dict(tower)


def spelled(tower: dict[str, Any]) -> list[str]:
    return [piece["text"] if piece["known"] else f"?{piece['text']}" for piece in tower["pieces"]]


def assert_problem(answer: Answer, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_body_is_query_and_towers(client: TestClient) -> None:
    """Every member of it, for a garment that is two pieces and an emoji that is none of the vocabulary's."""
    asked = {"q": " Sommerkleid 👗\n", "text_tower": "base"}
    assert client.get("/explain", params=asked).json() == {
        "query": "Sommerkleid 👗",
        "towers": [
            {
                "text_tower": "base",
                "pieces": [
                    {"text": "▁Sommer", "id": 17746, "known": True},
                    {"text": "kleid", "id": 96115, "known": True},
                    {"text": "▁", "id": 6, "known": True},
                    {"text": "👗", "id": 0, "known": False},
                ],
                "unknown": 1,
                "cut": False,
            }
        ],
    }


@pytest.mark.parametrize(
    ("query", "pieces"),
    [
        ("红裙", ["▁", "红", "裙"]),
        ("ᚠᚢᚦ rot", ["▁", "?ᚠᚢᚦ", "▁rot"]),
        ("a\ue000b", ["▁a", "?\ue000", "b"]),
        ("ﬁne ＡＢＣ", ["▁fine", "▁", "abc"]),
        ("two  \t spaces", ["▁two", "▁spaces"]),
        ("\u200b", []),
    ],
)
def test_what_the_tower_is_given_is_shown(client: TestClient, query: str, pieces: list[str]) -> None:
    """Chinese without spaces, a script and a private character that are not known, letters and spaces that
    are replaced, and a character that is dropped."""
    assert spelled(explained(client.get("/explain", params={"q": query}))) == pieces


def test_a_thousand_characters_are_read_to_their_end(client: TestClient) -> None:
    """200 words of four letters and a space are 200 times the pieces of one, and one more is too long."""
    words = "Hose " * 200
    tower = explained(client.get("/explain", params={"q": words[:999]}))
    assert (spelled(tower), tower["cut"]) == (["▁Hose"] * 200, False)
    assert len(spelled(explained(client.get("/explain", params={"q": "👗" * 1000})))) == 2
    assert_problem(client.get("/explain", params={"q": "x" * 1001}), 422, "query_too_long")


def test_every_tower_of_the_space_is_explained_the_active_one_first(service: TestClient) -> None:
    """Then by id. A tower of another space is left out, and one that cannot be opened; weights are not
    missed."""
    towers = service.get("/explain?q=Hose").json()["towers"]
    assert [tower["text_tower"] for tower in towers] == ["twin", "another", "base", "fashion-de", "hollow"]
    assert all(spelled(tower) == ["▁Hose"] for tower in towers)


def test_a_named_tower_is_explained_alone(service: TestClient) -> None:
    """Of whatever space: what a tower reads needs no index to be compared with."""
    for name in ("base", "hollow", "foreign"):
        tower = explained(service.get("/explain", params={"q": "Hose", "text_tower": name}))
        assert tower["text_tower"] == name


def test_explaining_keeps_the_towers_that_are_in_memory(home: Path, tmp_path: Path) -> None:
    """With room for one, explaining three leaves the active one there: it answers on without its weights."""
    copy = tmp_path / "home"
    shutil.copytree(home, copy, symlinks=True)
    shutil.copytree(copy / "towers" / "base", copy / "towers" / "twin")
    card = copy / "towers" / "twin" / "card.json"
    card.write_text(card.read_text(encoding="utf-8").replace('"id": "base"', '"id": "twin"', 1), "utf-8")
    with TestClient(create_app(Settings(home=copy, towers_in_memory=1))) as service:
        assert len(service.get("/explain?q=Hose").json()["towers"]) == 3
        assert service.get("/explain?q=Hose&text_tower=twin").status_code == 200
        (copy / "towers" / "base" / "weights.safetensors").unlink()
        assert service.get("/search?q=Hose&text_tower=base").status_code == 200


@pytest.mark.parametrize("name", ["nope", "alien", "torn", "../twin", ""])
def test_a_tower_that_cannot_be_opened_is_a_problem(service: TestClient, name: str) -> None:
    """Not there, of an unknown family, damaged, no id at all: 404, and the detail says which."""
    answer = service.get("/explain", params={"q": "Hose", "text_tower": name})
    assert_problem(answer, 404, "tower_not_found")
    if name:
        assert name in answer.json()["detail"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("/explain", "bad_value"),
        ("/explain?q=", "query_empty"),
        ("/explain?q=%20%09%0A", "query_empty"),
        ("/explain?q=Hose&limit=3", "unknown_field"),
        ("/explain?q=Hose&text_tower=" + "x" * 65, "bad_value"),
    ],
)
def test_what_search_refuses_is_refused(client: TestClient, url: str, code: str) -> None:
    """In the same words."""
    answer = client.get(url)
    assert_problem(answer, 422, code)
    assert client.get(url.replace("/explain", "/search").replace("limit=3", "x=3")).json()["code"] == code


def test_half_a_character_in_the_url_is_text(client: TestClient) -> None:
    """A URL cannot carry a lone surrogate: its bytes are no UTF-8, become replacement characters, and the
    tower drops those."""
    assert spelled(explained(client.get("/explain?q=Rock%ED%A0%BD"))) == ["▁Rock"]


def test_without_an_index_there_is_nothing_to_explain_for(tmp_path: Path) -> None:
    """503, as a search is, whether a tower is named or not."""
    with TestClient(create_app(Settings(home=tmp_path))) as service:
        assert_problem(service.get("/explain?q=Hose"), 503, "no_index")
        assert_problem(service.get("/explain?q=Hose&text_tower=base"), 503, "no_index")


def test_explaining_is_work_like_searching() -> None:
    """While as many requests are in work as can be, the next is 429."""

    async def scenario() -> list[int]:
        started, may_end = asyncio.Event(), asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            started.set()
            await may_end.wait()
            await Response()(scope, receive, send)

        wire = httpx.ASGITransport(TooBusy(slow, most=1))
        async with httpx.AsyncClient(transport=wire, base_url="http://shop") as client:
            first = asyncio.create_task(client.get("/explain?q=Hose"))
            await started.wait()
            refused = await client.get("/explain?q=Hose")
            may_end.set()
            return [refused.status_code, (await first).status_code]

    assert asyncio.run(scenario()) == [429, 200]


def test_a_shop_may_explain_from_its_own_page(home: Path) -> None:
    """CORS is as for searches."""
    with TestClient(create_app(Settings(home=home, cors_origins=("https://shop.example",)))) as service:
        answer = service.get("/explain?q=Hose", headers={"Origin": "https://shop.example"})
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"


def test_the_documents_example_is_the_answer(client: TestClient) -> None:
    """What OpenAPI shows is what the service says."""
    document = client.get("/openapi.json").json()
    (example,) = document["components"]["schemas"]["ExplainResponse"]["examples"]
    asked = {"q": example["query"], "text_tower": "base"}
    assert client.get("/explain", params=asked).json() == example
    operation = document["paths"]["/explain"]["get"]
    assert operation["responses"].keys() == {"200", "404", "422", "429", "503"}
    assert operation["parameters"][0]["schema"]["examples"] == [example["query"]]


def test_the_command_prints_pieces_and_counts(vitrine: Vitrine, tmp_path: Path) -> None:
    """Without an index it is the bundled base that is explained, and nothing is created."""
    home = tmp_path / "home"
    ran = vitrine("explain", "Sommerkleid 👗", "--home", home)
    assert (ran.status, ran.out) == (0, "base: ▁Sommer | kleid | ▁ | [?👗] (4 pieces, 1 unknown)\n"), ran.err
    assert vitrine("explain", "Hose", "--home", home).out == "base: ▁Hose (1 piece, 0 unknown)\n"
    assert not home.exists()


def test_the_command_explains_towers_that_read_alike_in_one_line(vitrine: Vitrine, workshop: Path) -> None:
    """All of the index's space, or those that are named, in that order."""
    every = vitrine("explain", "Hose", "--home", workshop)
    assert every.out == "twin, another, base, fashion-de, hollow: ▁Hose (1 piece, 0 unknown)\n"
    named = vitrine("explain", "Hose", "--text-tower", "foreign", "--text-tower", "base", "--home", workshop)
    assert named.out == "foreign, base: ▁Hose (1 piece, 0 unknown)\n"


def test_towers_that_read_differently_have_a_line_each() -> None:
    """Whoever reads alike stands together, and what is cut off is told."""
    word = Reading((Piece("▁Hose", 9, True),), cut=False)
    letters = Reading((Piece("▁Ho", 1, True), Piece("s", 0, False)), cut=True)
    assert list(lines({"base": word, "small": letters, "tuned": word})) == [
        "base, tuned: ▁Hose (1 piece, 0 unknown)",
        "small: ▁Ho | [?s] (2 pieces, 1 unknown; the rest is not read)",
    ]


def test_the_commands_json_is_the_body_of_the_service(
    vitrine: Vitrine, workshop: Path, service: TestClient
) -> None:
    """For all towers, and for one."""
    for tower in ({}, {"text_tower": "base"}):
        options = [word for name in tower.values() for word in ("--text-tower", name)]
        ran = vitrine("explain", "rotes Kleid 👗", *options, "--json", "--home", workshop)
        body = service.get("/explain", params={"q": "rotes Kleid 👗", **tower}).json()
        assert json.loads(ran.out) == body


def test_a_query_cannot_command_the_terminal(vitrine: Vitrine, tmp_path: Path) -> None:
    """Control characters are replaced before they are printed."""
    ran = vitrine("explain", "rot\x1b[31m\u202e", "--home", tmp_path)
    assert ran.status == 0
    assert not re.search("[\x1b\u202e]", ran.out)
    assert "[?\N{REPLACEMENT CHARACTER}]" in ran.out


def test_the_command_refuses_in_one_line(vitrine: Vitrine, tmp_path: Path) -> None:
    """Nothing to explain, half a character, too much, and a tower that is not there: exit 2."""
    assert_one_line(vitrine("explain", "  ", "--home", tmp_path), 2, "empty")
    assert_one_line(vitrine("explain", "a\ud83d", "--home", tmp_path), 2, "surrogate")
    assert_one_line(vitrine("explain", "x" * 1001, "--home", tmp_path), 2, "1001", "1000")
    assert_one_line(
        vitrine("explain", "x", "--text-tower", "nope", "--home", tmp_path), 2, "'nope'", "none yet"
    )
