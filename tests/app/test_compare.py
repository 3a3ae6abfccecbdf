"""Two towers' answers to the same words: over HTTP, and side by side on the page."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import torch
from fastapi.testclient import TestClient
from playwright.sync_api import Locator, Page, expect

from app.main import create_app
from app.routes.compare import rank_changes
from app.settings import Settings
from models.bundled import SHIPPED, read_text, write_tower
from models.registry import Registry
from tests.app.test_explain import OTHER_SPACE, assert_problem
from tests.app.test_page import QUERY, browser, complaints, heading, page, search
from tests.conftest import serving

__all__ = ["browser", "complaints", "page"]

LIMIT = 10
ON_THE_PAGE = 12


@pytest.fixture(scope="module")
def workshop(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with "tuned", which is base with a little noise in its last layer, and "foreign", of another
    space; base is active."""
    copy = tmp_path_factory.mktemp("workshop") / "home"
    shutil.copytree(home, copy, symlinks=True)
    base, module = read_text(SHIPPED / "base")
    weight = module.state_dict()["head.2.weight"]
    weight += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    registry = Registry(copy)
    for name, space in [("tuned", base.space), ("foreign", OTHER_SPACE)]:
        write_tower(
            copy / name, module, id=name, space=space, parent={"id": base.id, "weights": base.weights}
        )
        registry.add(copy / name)
    return copy


@pytest.fixture(scope="module")
def service(workshop: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(home=workshop)), raise_server_exceptions=False) as service:
        yield service


@pytest.fixture(scope="module")
def shop_url(workshop: Path) -> Iterator[str]:
    """The address that the tab of `page` opens."""
    with serving(workshop) as url:
        yield url


def compared(service: TestClient, **parameters: str | int) -> dict[str, Any]:
    answer = service.get("/compare", params={"q": QUERY, "a": "base", "b": "tuned", **parameters})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ids(answer: dict[str, Any]) -> list[str]:
    return [hit["id"] for hit in answer["hits"]]


def without_times(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "took_ms"}


def test_ranks_are_counted_from_one() -> None:
    """x moves from 1 to 2, y leaves, z comes in at the top; first come those of the first list."""
    changes = rank_changes(["x", "y"], ["z", "x"])
    assert [(change.id, change.a, change.b) for change in changes] == [
        ("x", 1, 2),
        ("y", 2, None),
        ("z", None, 1),
    ]


def test_each_side_is_what_a_search_with_that_tower_answers(service: TestClient) -> None:
    """Hit by hit, and each names its tower, wherever the active one is among them."""
    answer = compared(service)
    assert list(answer) == ["query", "a", "b", "overlap", "changes"]
    assert answer["query"] == QUERY
    for side, tower in [("a", "base"), ("b", "tuned")]:
        searched = service.get(f"/search?{urlencode({'q': QUERY, 'limit': LIMIT, 'text_tower': tower})}")
        assert without_times(answer[side]) == without_times(searched.json())
        assert answer[side]["text_tower"] == tower


def test_a_tower_for_one_request_changes_no_other(service: TestClient) -> None:
    """A search that names no tower is answered by the active one, before and after one that names another,
    and the two towers differ."""
    active = service.get("/search", params={"q": QUERY}).json()
    named = service.get("/search", params={"q": QUERY, "text_tower": "tuned"}).json()
    again = service.get("/search", params={"q": QUERY}).json()
    assert (active["text_tower"], named["text_tower"], again["text_tower"]) == ("base", "tuned", "base")
    assert active["hits"] == again["hits"] != named["hits"]


def test_overlap_and_changes_follow_from_the_two_answers(service: TestClient) -> None:
    """The noise has moved some items and kept others; every item of either answer is there once, at the rank
    that it has in each."""
    answer = compared(service)
    a, b = ids(answer["a"]), ids(answer["b"])
    assert len(a) == len(b) == LIMIT
    assert answer["overlap"] == len(set(a) & set(b))
    assert 0 < answer["overlap"] < LIMIT
    assert [change["id"] for change in answer["changes"]] == [*a, *(item for item in b if item not in a)]
    for change in answer["changes"]:
        for side, order in [("a", a), ("b", b)]:
            item = change["id"]
            assert change[side] == (order.index(item) + 1 if item in order else None)


def test_a_tower_agrees_with_itself(service: TestClient) -> None:
    """All of the limit is shared, and every rank is the same."""
    answer = compared(service, b="base", limit=3)
    assert answer["overlap"] == 3
    assert [(change["a"], change["b"]) for change in answer["changes"]] == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"a": "nobody"}, 404, "tower_not_found"),
        ({"b": "../towers/base"}, 404, "tower_not_found"),
        ({"b": "foreign"}, 409, "space_mismatch"),
        ({"a": ""}, 422, "bad_value"),
        ({"a": "x" * 65}, 422, "bad_value"),
        ({"q": " "}, 422, "query_empty"),
        ({"limit": 0}, 422, "bad_value"),
        ({"limit": 101}, 422, "bad_value"),
        ({"offset": 1}, 422, "unknown_field"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    service: TestClient, parameters: dict[str, str | int], status: int, code: str
) -> None:
    """Each refusal has its code."""
    asked = {"q": QUERY, "a": "base", "b": "tuned", **parameters}
    assert_problem(service.get("/compare", params=asked), status, code)


def test_both_towers_must_be_named(service: TestClient) -> None:
    """There is no default: the refusal names the one that is missing."""
    for missing, named in [("a", "b"), ("b", "a")]:
        answer = service.get("/compare", params={"q": QUERY, named: "base"})
        assert_problem(answer, 422, "bad_value")
        assert answer.json()["detail"].startswith(f"{missing}: ")


def test_a_tower_of_another_space_is_refused_by_both_names(service: TestClient, workshop: Path) -> None:
    """The space of the index and that of the tower."""
    detail = service.get("/compare", params={"q": QUERY, "a": "base", "b": "foreign"}).json()["detail"]
    assert OTHER_SPACE in detail
    assert Registry(workshop).card("base").space in detail


def test_other_weights_under_a_deleted_towers_id_are_loaded_anew(workshop: Path, tmp_path: Path) -> None:
    """ "tuned" is deleted, and base's weights get its id: it agrees with base from the next request on."""
    copy = tmp_path / "home"
    shutil.copytree(workshop, copy, symlinks=True)
    with TestClient(create_app(Settings(home=copy))) as service:
        assert compared(service)["overlap"] < LIMIT
        registry = Registry(copy)
        registry.delete("tuned")
        shutil.copytree(SHIPPED / "base", copy / "new")
        card = json.loads((copy / "new" / "card.json").read_text(encoding="utf-8"))
        (copy / "new" / "card.json").write_text(json.dumps(card | {"id": "tuned"}), encoding="utf-8")
        registry.add(copy / "new")
        assert compared(service)["overlap"] == LIMIT


def test_other_origins_may_compare_where_they_may_search(workshop: Path) -> None:
    """An origin that is named gets its header, as for /search."""
    origin = {"Origin": "https://shop.example"}
    with TestClient(create_app(Settings(home=workshop, cors_origins=("https://shop.example",)))) as service:
        answer = service.get("/compare", params={"q": QUERY, "a": "base", "b": "tuned"}, headers=origin)
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


# ── On the page ────────────────────────────────────────────────────────────


def tiles(page: Page, side: int) -> Locator:
    """The hits of the left (0) or the right (1) answer."""
    return page.locator(".side").nth(side).locator(".card[data-id]")


def shown(page: Page, side: int) -> list[str]:
    found: list[str] = tiles(page, side).evaluate_all("cards => cards.map(card => card.dataset.id)")
    return found


def comparison(page: Page, left: str, right: str) -> None:
    page.goto(f"/?{urlencode({'q': QUERY, 'a': left, 'b': right})}")
    expect(heading(page)).to_have_text(f"„{QUERY}“ im Vergleich")
    expect(tiles(page, 1)).to_have_count(ON_THE_PAGE)


def test_a_search_leads_to_its_comparison_and_back(page: Page) -> None:
    """Where the model's reading is unfolded, a link puts the active tower on the left and another on the
    right; the address names both, and a second link ends it."""
    page.goto("/")
    search(page, QUERY)
    page.get_by_text("Wie das Modell die Anfrage liest").click()
    page.get_by_role("link", name="Antworten zweier Modelle vergleichen").click()
    expect(tiles(page, 1)).to_have_count(ON_THE_PAGE)
    expect(page.get_by_label("Modell links")).to_have_value("base")
    # By id, the second tower that ships comes before the one that this home has tuned.
    expect(page.get_by_label("Modell rechts")).to_have_value("fashion-de")
    assert page.url.endswith("/?q=rotes+Kleid&a=base&b=fashion-de")
    page.get_by_role("link", name="Vergleich beenden").click()
    expect(heading(page)).to_have_text(f"„{QUERY}“")
    expect(page.locator("#grid .card[data-id]").first).to_be_visible()
    expect(page.locator("#comparison")).to_be_hidden()
    assert page.url.endswith("/?q=rotes+Kleid")


def test_both_answers_stand_side_by_side_with_their_ranks(page: Page, service: TestClient) -> None:
    """Every tile tells its rank, the right one's also how far it moved from the left, and what is on one side
    alone says so."""
    answer = compared(service, limit=ON_THE_PAGE)
    comparison(page, "base", "tuned")
    assert (shown(page, 0), shown(page, 1)) == (ids(answer["a"]), ids(answer["b"]))
    status = f"{answer['overlap']} von {ON_THE_PAGE} Artikeln stehen auf beiden Seiten."
    expect(page.get_by_role("status")).to_have_text(status)
    left, right = (page.locator(".side").nth(side) for side in (0, 1))
    for change in answer["changes"]:
        a, b = change["a"], change["b"]
        if a:
            expect(left.locator(".place").nth(a - 1)).to_have_text(str(a) if b else f"{a}nur hier")
        if b:
            place = right.locator(".place").nth(b - 1)
            moved = "=" if a == b else f"↑ {(a or 0) - b}" if (a or 0) > b else f"↓ {b - (a or 0)}"
            if a is None:
                expect(place).to_have_text(f"{b}nur hier")
            else:
                expect(place.locator("[aria-hidden]")).to_have_text(moved)
    boxes = [tiles(page, side).first.bounding_box() for side in (0, 1)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]


def test_how_far_an_item_moved_is_also_said(page: Page) -> None:
    """A screen reader hears words where the eye sees an arrow."""
    comparison(page, "base", "base")
    name = page.locator(".side").nth(1).locator(".open").first
    expect(name).to_have_accessible_name(re.compile(r"^1 ?gleicher Platz wie links"))


def test_another_tower_can_be_chosen_and_taken_back(page: Page) -> None:
    """Choosing compares anew at once; going back restores the choice and its answers."""
    comparison(page, "base", "tuned")
    before = shown(page, 1)
    page.get_by_label("Modell rechts").select_option("base")
    expect(page.get_by_role("status")).to_have_text("12 von 12 Artikeln stehen auf beiden Seiten.")
    assert shown(page, 1) == shown(page, 0) != before
    assert page.url.endswith("&a=base&b=base")
    page.go_back()
    expect(page.get_by_label("Modell rechts")).to_have_value("tuned")
    assert shown(page, 1) == before


def test_other_words_are_compared_too(page: Page) -> None:
    """Searching from a comparison keeps its towers, and English speaks of them as well."""
    comparison(page, "tuned", "base")
    page.get_by_role("searchbox").fill("blaue Jeans")
    page.get_by_role("searchbox").press("Enter")
    expect(heading(page)).to_have_text("„blaue Jeans“ im Vergleich")
    expect(page.get_by_label("Modell links")).to_have_value("tuned")
    page.get_by_role("button", name="English").click()
    expect(heading(page)).to_have_text("“blaue Jeans” compared")
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d+ of 12 items are on both sides\.$"))
    expect(page.get_by_label("Model on the right")).to_have_value("base")


def test_an_item_of_either_side_opens(page: Page) -> None:
    """Its dialog is the one of every hit, and Escape gives the focus back."""
    comparison(page, "base", "tuned")
    for side in (0, 1):
        opener = tiles(page, side).last.locator(".open")
        title = opener.locator(".title").inner_text()
        opener.click()
        expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(title)
        page.keyboard.press("Escape")
        expect(opener).to_be_focused()


def test_a_tower_that_is_not_there_is_told_and_another_can_be_chosen(
    page: Page, complaints: list[str]
) -> None:
    """An old link names a deleted tower: the choice shows its name, and choosing another one compares."""
    page.goto(f"/?{urlencode({'q': QUERY, 'a': 'base', 'b': 'long-gone'})}")
    expect(page.get_by_role("alert")).to_contain_text("Dieses Modell gibt es hier nicht")
    expect(page.get_by_label("Modell rechts")).to_have_value("long-gone")
    page.get_by_label("Modell rechts").select_option("tuned")
    expect(tiles(page, 1)).to_have_count(ON_THE_PAGE)
    expect(page.get_by_role("alert")).to_be_hidden()
    assert any("404" in complaint for complaint in complaints)
    complaints.clear()


def test_a_towers_name_in_html_is_shown_as_text(page: Page, complaints: list[str]) -> None:
    """An address can name anything: it is offered letter by letter, and runs nothing."""
    name = "<img src=x onerror=document.body.dataset.hacked=1>"
    page.goto(f"/?{urlencode({'q': QUERY, 'a': name, 'b': 'base'})}")
    expect(page.get_by_role("alert")).to_contain_text("Dieses Modell gibt es hier nicht")
    expect(page.get_by_label("Modell links")).to_have_value(name)
    assert page.locator("img[onerror]").count() == 0
    assert page.evaluate("document.body.dataset.hacked") is None
    complaints.clear()


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_both_sides_within_its_width(page: Page, width: int) -> None:
    """One column each, rank beside rank, and nothing sticks out sideways."""
    page.set_viewport_size({"width": width, "height": 700})
    comparison(page, "base", "tuned")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    for rank in range(ON_THE_PAGE):
        boxes = [tiles(page, side).nth(rank).bounding_box() for side in (0, 1)]
        assert boxes[0] is not None
        assert boxes[1] is not None
        assert boxes[0]["y"] == pytest.approx(boxes[1]["y"], abs=1)
        assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]
