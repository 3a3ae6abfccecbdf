"""The web page, as a visitor meets it: in a real browser, over a running service."""

import re
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import (
    Browser,
    FilePayload,
    JSHandle,
    Locator,
    Page,
    Route,
    expect,
    sync_playwright,
)

EVIL_ID = "evil/<&?"
EVIL_TITLE = "<img src=x onerror=document.body.dataset.hacked=1>"
QUERY = "rotes Kleid"
BROWSERS = ("chromium", "google-chrome", "chromium-browser")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on PATH, so the page cannot be tested")
    expect.set_options(timeout=15_000)
    # Not for the whole session: while it runs, Playwright holds an event loop in this thread.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser objected to; a test that provokes something clears it."""
    return []


@pytest.fixture
def page(browser: Browser, shop_url: str, complaints: list[str]) -> Iterator[Page]:
    """A German visitor's tab. Every test ends with no console error (a breach of the
    Content-Security-Policy is one), no failed script and no request to another host."""
    context = browser.new_context(
        base_url=shop_url, locale="de-DE", viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith(shop_url) else complaints.append(request.url),
    )
    yield page
    context.close()
    assert complaints == []


def cards(page: Page) -> Locator:
    return page.locator("#grid .card[data-id]")


def heading(page: Page) -> Locator:
    return page.locator("#results-title")


def ask(page: Page, words: str) -> None:
    page.get_by_role("searchbox").fill(words)
    page.get_by_role("searchbox").press("Enter")
    expect(heading(page)).to_have_text(f"„{words}“")


def search(page: Page, words: str) -> None:
    ask(page, words)
    expect(cards(page).first).to_be_visible()


def first_hit(page: Page, words: str) -> dict[str, Any]:
    response = page.request.get(f"/search?{urlencode({'q': words, 'limit': 1})}")
    hit: dict[str, Any] = response.json()["hits"][0]
    return hit


def photo(page: Page, hit: dict[str, Any]) -> FilePayload:
    """The hit's own picture, as a visitor might have saved it."""
    response = page.request.get(f"{hit['image']}?width=640")
    return {"name": "foto", "mimeType": response.headers["content-type"], "buffer": response.body()}


def first_score(page: Page) -> float:
    found = cards(page).first.locator(".score").inner_text()
    return float(found.split()[-1].replace(",", "."))


def no_index(route: Route) -> None:
    body = '{"title": "No index", "status": 503, "code": "no_index", "detail": "no index is published"}'
    route.fulfill(status=503, content_type="application/problem+json", body=body)


def test_the_page_allows_nothing_from_outside(page: Page) -> None:
    """The page comes with a policy that admits its own origin alone, and nothing inline."""
    response = page.goto("/")
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_a_german_query_shows_a_grid_with_the_time_taken(page: Page) -> None:
    """Typed words bring pictures with title, price and cosine, and say out of how many and how fast."""
    page.goto("/")
    search(page, QUERY)
    expected = first_hit(page, QUERY)["fields"]
    card = cards(page).first
    expect(card.locator(".title")).to_have_text(expected["title"])
    expect(card.locator(".price")).to_contain_text(f"{expected['price']:.2f}".replace(".", ","))
    expect(card.locator(".score")).to_have_text(re.compile(r"\d,\d\d$"))
    expect(card.locator("img")).to_have_js_property("complete", True)
    assert card.locator("img").evaluate("img => img.naturalWidth") > 0
    expect(page.get_by_role("status")).to_have_text(re.compile(r"Artikeln? in [\d.,]+\sms$"))
    assert page.url.endswith("/?q=rotes+Kleid")


def test_an_example_is_a_query(page: Page) -> None:
    """The start page offers queries with a picture each; clicking one searches with it."""
    page.goto("/")
    expect(page.locator("#examples img.there").first).to_be_visible()
    page.get_by_role("link", name=QUERY).click()
    expect(heading(page)).to_have_text(f"„{QUERY}“")
    expect(cards(page).first).to_be_visible()


def test_a_title_in_html_is_shown_as_text(page: Page) -> None:
    """A title that is markup is displayed letter by letter, in heading, card and dialog, and runs nothing."""
    page.goto(f"/?similar={quote(EVIL_ID, safe='')}")
    expect(heading(page)).to_have_text(f"Ähnlich wie {EVIL_TITLE}")
    evil = {**page.request.get(f"/items/{quote(EVIL_ID, safe='')}").json(), "score": 0.5, "image": ""}
    answer = {**page.request.get(f"/search?{urlencode({'q': QUERY})}").json(), "hits": [evil], "next": None}
    page.route("**/search", lambda route: route.fulfill(json=answer))
    search(page, QUERY)
    expect(cards(page).locator(".title")).to_have_text(EVIL_TITLE)
    cards(page).locator(".open").click()
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(EVIL_TITLE)
    assert page.evaluate("document.body.dataset.hacked") is None
    assert page.locator("img[onerror]").count() == 0


def test_similar_items_with_the_keyboard_alone(page: Page) -> None:
    """ "/" leads to the box, Enter searches, the first link on the page passes by the filters, Tab leads to a
    hit's link, Enter shows what is similar to it."""
    page.goto("/")
    expect(page.get_by_role("searchbox")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(QUERY)
    page.keyboard.press("Enter")
    expect(cards(page).first).to_be_visible()
    first = cards(page).first.get_attribute("data-id")
    title = cards(page).first.locator(".title").inner_text()
    similar = cards(page).first.locator(".similar")
    page.get_by_role("link", name="Zu den Ergebnissen").focus()
    page.keyboard.press("Enter")
    expect(cards(page).first.locator(".open")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
        if similar.evaluate("link => link === document.activeElement"):
            break
    expect(similar).to_be_focused()
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text(f"Ähnlich wie {title}")
    expect(heading(page)).to_be_focused()
    expect(cards(page).first).to_be_visible()
    assert f"?similar={quote(first or '', safe='')}" in page.url
    assert first not in cards(page).evaluate_all("cards => cards.map(card => card.dataset.id)")


def test_arrow_keys_walk_the_grid(page: Page) -> None:
    """Right and down go to the next card and the next row: four columns at this width."""
    page.goto("/")
    search(page, QUERY)
    cards(page).first.locator(".open").focus()
    page.keyboard.press("ArrowRight")
    expect(cards(page).nth(1).locator(".open")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(cards(page).nth(5).locator(".open")).to_be_focused()


def test_a_picture_finds_its_item_and_words_join_it(page: Page) -> None:
    """An item's own picture finds that item with a cosine near 1; with words added the query is
    another one, so the cosine of the best hit falls."""
    page.goto("/")
    hit = first_hit(page, QUERY)
    page.locator("#file").set_input_files(photo(page, hit))
    expect(heading(page)).to_have_text("Ähnlich wie Ihr Bild")
    expect(page.get_by_role("group", name="Ihr Bild").locator("canvas")).to_be_visible()
    expect(cards(page).first.locator(".title")).to_have_text(hit["fields"]["title"])
    alone = first_score(page)
    assert alone > 0.9
    page.get_by_role("searchbox").fill("blau")
    page.get_by_role("searchbox").press("Enter")
    expect(heading(page)).to_have_text("Ähnlich wie Ihr Bild, „blau“")
    expect(cards(page).first).to_be_visible()
    assert first_score(page) < alone
    page.get_by_role("button", name="Bild entfernen").click()
    expect(heading(page)).to_have_text("„blau“")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_can_be_dropped_or_pasted(page: Page, way: str) -> None:
    """A picture that is dropped anywhere on the page, or pasted, is searched for at once."""
    page.goto("/")
    payload = photo(page, first_hit(page, QUERY))
    transfer: JSHandle = page.evaluate_handle(
        """([bytes, type]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "foto", { type }));
            return transfer;
        }""",
        [list(payload["buffer"]), payload["mimeType"]],
    )
    if way == "drop":
        page.dispatch_event("main", "dragover", {"dataTransfer": transfer})
        expect(page.get_by_text("Bild hier ablegen")).to_be_visible()
        page.dispatch_event("main", "drop", {"dataTransfer": transfer})
    else:
        transfer.evaluate("it => dispatchEvent(new ClipboardEvent('paste', { clipboardData: it }))")
    expect(page.get_by_text("Bild hier ablegen")).to_be_hidden()
    expect(heading(page)).to_have_text("Ähnlich wie Ihr Bild")
    expect(cards(page).first).to_be_visible()


def test_the_language_can_be_switched_and_stays(page: Page) -> None:
    """EN turns interface, titles and numbers English at once, and still after a reload."""
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Finden, was Ihnen vorschwebt.")
    search(page, QUERY)
    page.get_by_role("button", name="English").click()
    english = first_hit(page, QUERY)["fields"]["title_en"]
    for _ in range(2):
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(heading(page)).to_have_text(f"“{QUERY}”")
        expect(cards(page).first.locator(".title")).to_have_text(english)
        expect(cards(page).first.locator(".score")).to_have_text(re.compile(r"\d\.\d\d$"))
        page.reload()


@pytest.mark.parametrize(("locale", "language"), [("de-AT", "de"), ("en-GB", "en"), ("fr-FR", "de")])
def test_the_first_language_is_the_browsers(
    browser: Browser, shop_url: str, locale: str, language: str
) -> None:
    """German and English browsers get their language, every other one gets German."""
    context = browser.new_context(base_url=shop_url, locale=locale)
    page = context.new_page()
    page.goto("/")
    expect(page.get_by_role("button", pressed=True)).to_have_attribute("data-language", language)
    expect(page.locator("html")).to_have_attribute("lang", language)
    context.close()


def test_back_restores_what_was_there(page: Page) -> None:
    """Back and forward go through queries, similar items and pictures; an address can be shared."""
    page.goto("/")
    search(page, QUERY)
    before = cards(page).evaluate_all("cards => cards.map(card => card.dataset.id)")
    cards(page).nth(5).hover()
    cards(page).nth(5).locator(".similar").click()
    expect(heading(page)).to_contain_text("Ähnlich wie")
    shared = page.url
    page.go_back()
    expect(heading(page)).to_have_text(f"„{QUERY}“")
    expect(page.get_by_role("searchbox")).to_have_value(QUERY)
    assert cards(page).evaluate_all("cards => cards.map(card => card.dataset.id)") == before
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.go_forward()
    page.go_forward()
    expect(heading(page)).to_contain_text("Ähnlich wie")
    title = heading(page).inner_text()
    page.goto("/")
    page.goto(shared)
    expect(heading(page)).to_have_text(title)
    expect(cards(page).first).to_be_visible()


def test_back_returns_to_a_picture(page: Page) -> None:
    """A picture has no address, but going back within the visit finds it and its hits again."""
    page.goto("/")
    page.locator("#file").set_input_files(photo(page, first_hit(page, QUERY)))
    expect(heading(page)).to_have_text("Ähnlich wie Ihr Bild")
    expect(cards(page).first).to_be_visible()
    page.get_by_role("button", name="Bild entfernen").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.go_back()
    expect(heading(page)).to_have_text("Ähnlich wie Ihr Bild")
    expect(page.get_by_role("group", name="Ihr Bild").locator("canvas")).to_be_visible()
    expect(cards(page).first).to_be_visible()


@pytest.mark.parametrize("width", [320, 375])
def test_a_phone_scrolls_in_one_direction(page: Page, width: int) -> None:
    """At phone width the start page, the grid and the dialog fit: nothing sticks out sideways."""
    page.set_viewport_size({"width": width, "height": 700})
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    page.goto("/")
    expect(page.locator("#examples li").first).to_be_visible()
    assert page.evaluate(overflow) == 0
    search(page, QUERY)
    assert page.evaluate(overflow) == 0
    cards(page).first.locator(".open").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("img.there").first).to_be_visible()
    assert page.evaluate(overflow) == 0
    assert dialog.evaluate("dialog => dialog.scrollWidth - dialog.clientWidth") == 0
    assert dialog.evaluate("dialog => dialog.getBoundingClientRect().right <= innerWidth")
    page.keyboard.press("Escape")
    page.goto(f"/?similar={quote(EVIL_ID, safe='')}")
    expect(heading(page)).to_have_text(f"Ähnlich wie {EVIL_TITLE}")
    assert page.evaluate(overflow) == 0


def test_the_dialog_closes_with_escape_and_gives_the_focus_back(page: Page) -> None:
    """Enter on a hit opens its fields in the visitor's language; Escape returns to that hit."""
    page.goto("/")
    search(page, QUERY)
    opener = cards(page).nth(2).locator(".open")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text(opener.locator(".title").inner_text())
    expect(dialog.locator("dt", has_text="Farbe")).to_have_count(1)
    expect(dialog.locator("dt", has_text="Preis")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_the_dialog_leads_to_similar_items(page: Page) -> None:
    """The dialog's button closes it and shows items similar to the one that it was about."""
    page.goto("/")
    search(page, QUERY)
    title = cards(page).first.locator(".title").inner_text()
    cards(page).first.locator(".open").click()
    page.get_by_role("dialog").get_by_role("button", name="Ähnliche Artikel").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(heading(page)).to_have_text(f"Ähnlich wie {title}")
    expect(cards(page).first).to_be_visible()


def test_the_model_shows_what_it_reads_when_asked(page: Page) -> None:
    """Unfolding it fetches the pieces, nothing before does. Words stand apart, what is not known has a mark,
    and what has no shape its number. It stays unfolded for the next query, and speaks either language."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/explain" in request.url else None)
    page.goto("/")
    ask(page, "Sommerkleid 👗")
    assert asked == []
    page.get_by_text("Wie das Modell die Anfrage liest").click()
    words = page.locator(".pieces li")
    expect(words).to_have_text(["Sommerkleid", "▁👗"])
    expect(words.first.locator(".piece")).to_have_text(["Sommer", "kleid"])
    expect(page.locator(".piece.unknown")).to_have_text("👗")
    mark = "piece => getComputedStyle(piece, '::before').content"
    assert "?" in page.locator(".piece.unknown").evaluate(mark)
    expect(page.locator("#read p")).to_have_text("4 Teile, davon 1 unbekannt (?).")
    assert len(asked) == 1
    ask(page, "rot \ue000")
    expect(words).to_have_text(["rot", "▁U+E000"])
    page.get_by_role("button", name="English").click()
    expect(page.locator("#read p")).to_have_text("3 pieces, 1 of them unknown (?).")
    page.go_back()
    expect(words).to_have_text(["Sommerkleid", "▁👗"])
    assert len(asked) == 2


def test_towers_that_read_alike_are_shown_once(page: Page) -> None:
    """Where another one reads differently, each reading stands under the names of its towers; a cut is told,
    and so is that nothing is left to read."""
    word = [{"text": "▁Hose", "id": 9, "known": True}]
    letters = [{"text": "▁", "id": 6, "known": True}, {"text": "<b>", "id": 0, "known": False}]
    towers = [
        {"text_tower": "base", "pieces": word, "unknown": 0, "cut": False},
        {"text_tower": "small", "pieces": letters, "unknown": 1, "cut": True},
        {"text_tower": "tuned", "pieces": word, "unknown": 0, "cut": False},
        {"text_tower": "deaf", "pieces": [], "unknown": 0, "cut": False},
    ]
    page.route("**/explain?*", lambda route: route.fulfill(json={"query": QUERY, "towers": towers}))
    page.goto("/")
    search(page, QUERY)
    page.get_by_text("Wie das Modell die Anfrage liest").click()
    expect(page.locator("#read h3")).to_have_text(["base, tuned", "small", "deaf"])
    expect(page.locator(".pieces")).to_have_text(["Hose", "▁<b>"])
    cut = "2 Teile, davon 1 unbekannt (?). Den Rest liest das Modell nicht."
    told = ["1 Teil, alle bekannt.", cut, "Das Modell liest davon nichts."]
    expect(page.locator("#read p")).to_have_text(told)


def test_what_cannot_be_explained_can_be_asked_again(page: Page, complaints: list[str]) -> None:
    """A refusal is told in the visitor's words beside the hits; folding it up and out again asks again."""
    page.route("**/explain?*", no_index)
    page.goto("/")
    search(page, QUERY)
    disclosure = page.get_by_text("Wie das Modell die Anfrage liest")
    disclosure.click()
    expect(page.locator("#read")).to_contain_text("Noch kein Index")
    expect(cards(page).first).to_be_visible()
    page.unroute("**/explain?*")
    disclosure.click()
    disclosure.click()
    expect(page.locator(".pieces li")).to_have_text(["rotes", "Kleid"])
    complaints.clear()


@pytest.mark.parametrize("width", [320, 1280])
def test_a_long_query_is_shown_within_the_page(page: Page, width: int) -> None:
    """300 unknown characters without a space, and 150 words, are broken into lines."""
    page.set_viewport_size({"width": width, "height": 700})
    page.goto("/")
    ask(page, "ᚠ" * 300 + " Rock" * 140)
    page.get_by_text("Wie das Modell die Anfrage liest").click()
    expect(page.locator(".piece.unknown")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert page.locator(".pieces").evaluate("list => list.getBoundingClientRect().right <= innerWidth")


def test_a_file_that_is_no_picture_is_refused_kindly(page: Page, complaints: list[str]) -> None:
    """The service's refusal of an unreadable picture appears in the visitor's words, with a way on."""
    page.goto("/")
    page.locator("#file").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": b"not a picture"}
    )
    expect(page.get_by_role("alert")).to_contain_text("Das Bild lässt sich nicht lesen")
    expect(page.get_by_role("button", name="Ein anderes Bild wählen")).to_be_visible()
    assert any("422" in complaint for complaint in complaints)
    complaints.clear()


def test_a_missing_index_is_explained_and_can_be_tried_again(page: Page, complaints: list[str]) -> None:
    """While there is no index the page says so in words; once there is one, trying again brings hits."""
    page.route("**/search", no_index)
    page.goto(f"/?{urlencode({'q': QUERY})}")
    expect(page.get_by_role("alert")).to_contain_text("Noch kein Index")
    page.unroute("**/search")
    page.get_by_role("button", name="Noch einmal versuchen").click()
    expect(cards(page).first).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()
    complaints.clear()
