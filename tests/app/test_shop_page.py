"""The search page's filters, variants and pages, as a shopper meets them: in a real browser."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, ViewportSize, expect

from tests.app.test_page import QUERY, browser, cards, complaints, heading, page, search

__all__ = ["browser", "complaints", "page"]  # fixtures

PHONE: ViewportSize = {"width": 390, "height": 844}


def browse(page: Page) -> None:
    """All of the small shop, by a query of which hardly anything in it is worth showing otherwise."""
    page.goto("/?q=Kleid&everything=1")
    expect(cards(page).first).to_be_visible()


def conditions(page: Page) -> Locator:
    return page.locator("#chips .chip").filter(has_not_text="Auch was kaum passt")


def facet(page: Page, name: str) -> Locator:
    """The boxes of one facet, by the name of their group."""
    return page.get_by_role("group", name=name, exact=True)


def value(page: Page, name: str, wanted: str) -> Locator:
    return facet(page, name).locator("label", has=page.get_by_text(wanted, exact=True))


def count(row: Locator) -> int:
    return int(row.locator(".count").inner_text())


def colours(page: Page) -> set[str]:
    """Of the hits on the page, as the service has them."""
    shown = cards(page).evaluate_all("cards => cards.map(card => card.dataset.id)")
    found = [page.request.get(f"/items/{id}").json()["fields"]["colour_de"] for id in shown[:6]]
    return set(found)


def parameters(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def settled(page: Page) -> None:
    expect(page.locator("#grid")).to_have_attribute("aria-busy", "false")


def answering(page: Page, **members: Any) -> None:
    """The service's own answers to searches, with these members in them."""

    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), **members})

    page.route("**/search", answer)


def without_products(page: Page) -> None:
    """So that every item of the small shop is a hit, and there are several pages of them."""

    def fields(route: Route) -> None:
        body = route.fetch().json()
        del body["fields"]["product"]
        route.fulfill(json=body)

    page.route("**/fields", fields)


def test_a_ticked_value_narrows_the_hits_and_not_its_own_facet(page: Page) -> None:
    """As many items pass as the facet had promised, all of that value; what else could be chosen keeps its
    count, and a second value widens again. The address says it all: reloading and going back work."""
    browse(page)
    one, two = facet(page, "Farbe").locator(".value").all_inner_texts()[:2]
    first, second = value(page, "Farbe", one), value(page, "Farbe", two)
    promised, other = count(first), count(second)
    first.click()
    expect(conditions(page)).to_have_text([f"Farbe: {one}"])
    settled(page)
    assert colours(page) == {one}
    passing = page.request.post("/search", data={"query": "Kleid", "filter": {"colour_de": one}})
    assert passing.json()["total"] == promised
    assert (count(first), count(second)) == (promised, other)
    expect(first.get_by_role("checkbox")).to_be_focused()
    second.click()
    settled(page)
    assert parameters(page)["f.colour_de"] == [one, two]
    page.reload()
    expect(page.get_by_role("button", name=re.compile("Filter entfernen"))).to_have_count(2)
    assert colours(page) == {one, two}
    page.go_back()
    expect(conditions(page)).to_have_text([f"Farbe: {one}"])
    expect(second.get_by_role("checkbox")).not_to_be_checked()
    page.go_back()
    expect(conditions(page)).to_have_count(0)


def test_what_is_typed_stays_while_an_answer_arrives(page: Page) -> None:
    """A handle was moved a moment ago, and its hits come while the other end is being typed."""
    browse(page)
    page.get_by_role("slider", name="Preis von").press("ArrowRight")
    box = page.get_by_role("textbox", name="Preis bis")
    box.fill("99,5")
    expect(conditions(page)).to_have_text(re.compile(r"Preis: ab [\d,]+\s€"))
    expect(box).to_have_value("99,5")
    page.keyboard.press("Enter")
    expect(conditions(page)).to_have_text(re.compile(r"bis 99,50\s€"))


def test_a_price_is_chosen_by_keys_and_by_typing(page: Page) -> None:
    """Arrow keys move a handle, and one search follows where it rests; a typed end, with a comma, does the
    same. All hits cost what was asked for."""
    browse(page)
    lowest = page.get_by_role("slider", name="Preis von")
    lowest.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    reached = float(lowest.input_value())
    assert reached > 0
    expect(conditions(page)).to_have_text(re.compile(r"Preis: ab [\d,]+\s€"))
    expect(lowest).to_be_focused()
    page.get_by_role("textbox", name="Preis bis").fill("99,5")
    page.keyboard.press("Enter")
    expect(conditions(page)).to_have_text(re.compile(r"bis 99,50\s€"))
    settled(page)
    assert parameters(page)["f.price"] == [f"{reached:g}..99.5"]
    shown = cards(page).locator(".price").all_inner_texts()
    prices = [float(text.replace("€", "").replace(",", ".")) for text in shown]
    assert prices
    assert all(reached <= price <= 99.5 for price in prices)


def test_stock_is_a_switch(page: Page) -> None:
    """It asks for what can be had, and says how many that are."""
    page.goto("/")
    search(page, QUERY)
    stock = page.get_by_role("switch", name=re.compile("Nur lieferbare"))
    stock.check()
    expect(page.locator("#chips")).to_have_text("Nur lieferbare")
    assert parameters(page)["f.in_stock"] == ["true"]
    page.get_by_role("button", name="Nur lieferbare: Filter entfernen").click()
    expect(stock).not_to_be_checked()
    expect(heading(page)).to_be_focused()


def test_filters_speak_the_visitors_language(page: Page) -> None:
    """English has the English values, with counts; a condition on the German ones stays one."""
    browse(page)
    page.get_by_role("button", name="English").click()
    expect(value(page, "Kind", "bag").locator(".count")).to_have_text(re.compile("[1-9]"))
    page.get_by_role("button", name="Deutsch").click()
    value(page, "Art", "Tasche").click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("#chips")).to_contain_text("Kind: Tasche")
    expect(value(page, "Kind", "Tasche").get_by_role("checkbox")).to_be_checked()


def test_prose_and_identifiers_are_no_facets(page: Page) -> None:
    """The most useful come first; titles, ids and the product that variants share are not there."""
    page.goto("/")
    search(page, QUERY)
    names = page.locator("#facets").get_by_role("heading").all_inner_texts()
    assert names[:4] == ["Art", "Größen", "Farbe", "Preis"]
    assert not {"Title", "Id", "Produkt", "Product", "Price currency"} & set(names)


def test_on_a_phone_the_filters_are_in_a_sheet(page: Page) -> None:
    """A button with the number of conditions opens it; it shows hits behind it, and gives the focus back."""
    page.set_viewport_size(PHONE)
    browse(page)
    button = page.get_by_role("button", name="Filter", exact=True)
    button.click()
    sheet = page.get_by_role("dialog", name="Filter")
    expect(sheet).to_be_visible()
    value(page, "Art", "Tasche").click()
    value(page, "Größen", "One Size").click()
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    sheet.get_by_role("button", name=re.compile("Artikel zeigen")).click()
    expect(sheet).to_be_hidden()
    counted = page.get_by_role("button", name="Filter: 2 Filter aktiv")
    expect(counted).to_be_focused()
    counted.click()
    sheet.get_by_role("button", name="Alle zurücksetzen").click()
    expect(page.locator("#active")).to_be_hidden()


def test_filters_that_nothing_passes_say_so(page: Page) -> None:
    """And one button takes them away."""
    page.goto("/?q=rotes+Kleid&f.price=5000..")
    expect(page.get_by_role("status")).to_have_text("Mit diesen Filtern gibt es nichts")
    page.get_by_role("button", name="Alle zurücksetzen").click()
    expect(cards(page).first).to_be_visible()
    expect(heading(page)).to_be_focused()


def test_a_filter_that_is_not_here_is_told(page: Page, complaints: list[str]) -> None:
    """An address with a field that the catalogue lacks is not answered as if it had not asked for it."""
    page.goto("/?q=rotes+Kleid&f.farbe=rot")
    expect(page.get_by_role("alert")).to_contain_text("Diesen Filter gibt es hier nicht")
    expect(cards(page)).to_have_count(0)
    page.get_by_role("button", name="Alle zurücksetzen").click()
    expect(cards(page).first).to_be_visible()
    complaints.clear()


def test_a_field_that_went_with_the_last_index_does_no_harm(page: Page, complaints: list[str]) -> None:
    """A page that has read the fields of an index before reads them again where one of them is refused."""
    read: list[str] = []

    def fields(route: Route) -> None:
        body = route.fetch().json()
        if not read:
            body["index"] = "before"
            body["fields"]["gone"] = body["fields"]["pattern"]
        read.append(body["index"])
        route.fulfill(json=body)

    page.route("**/fields", fields)
    page.goto("/?q=rotes+Kleid")
    expect(cards(page).first).to_be_visible()
    expect(page.get_by_role("heading", name="Muster")).to_be_visible()
    expect(page.get_by_role("heading", name="Gone")).to_have_count(0)
    assert len(read) == 2
    complaints.clear()


def test_an_address_and_a_filter_are_one(page: Page) -> None:
    """Whatever a field or value is called, reading what was written gives it back; types come from the
    catalogue, not from the spelling."""
    page.goto("/")
    read, asked = page.evaluate(
        """async () => {
            const filters = await import("/static/filter.js");
            const filter = new Map([["q", ["a&b=c", "ß"]], ["__proto__", ["1"]], ["f.x", [".."]],
                ["n", ["-1.5.."]], ["ids", ["7", "x"]], ["yes", ["true"]]]);
            const address = new URLSearchParams(filters.written(filter)).toString();
            const back = filters.read(new URLSearchParams(address));
            const types = { n: { type: "number" }, ids: { type: "list", of: "integer" },
                yes: { type: "boolean" }, q: { type: "string" }, "f.x": { type: "string" } };
            const asked = filters.asked(back, new Map(Object.entries(types)));
            return [JSON.stringify([...back]) === JSON.stringify([...filter]), JSON.stringify(asked)];
        }"""
    )
    assert read
    told = '{"q":["a&b=c","ß"],"__proto__":["1"],"f.x":[".."],"n":{"gte":-1.5},"ids":[7,"x"],"yes":[true]}'
    assert asked == told


def test_a_column_of_many_values_is_searched_and_unfolded(page: Page) -> None:
    """Of 150 values a few are shown, all on demand, and typing finds one; a key that looks like a number has
    its place by its count, and markup in a value is text."""
    values = {f"Marke {n}": 200 - n for n in range(147)} | {"7": 3, "<b>fett</b>": 2, "x" * 60: 1}
    field = {"type": "string", "missing": 0, "distinct": 150, "values": dict(list(values.items())[:20])}

    def fields(route: Route) -> None:
        body = route.fetch().json()
        body["items"] = 20_000
        body["fields"] = {"marke": field}
        route.fulfill(json=body)

    page.route("**/fields", fields)

    def counted(route: Route) -> None:
        body = page.request.post("/search", data={"query": "Kleid"}).json()
        route.fulfill(json={**body, "facets": {"marke": values}, "facets_over": "filter", "next": None})

    page.route("**/search", counted)
    page.goto("/?q=Kleid")
    group = facet(page, "Marke")
    expect(group.get_by_role("checkbox")).to_have_count(6)
    page.get_by_role("button", name="Alle 150 zeigen").click()
    expect(group.get_by_role("checkbox")).to_have_count(150)
    assert group.locator(".value").all_inner_texts()[-3:] == ["7", "<b>fett</b>", "x" * 60]
    assert group.evaluate("group => group.scrollWidth <= group.clientWidth")
    group.get_by_role("searchbox").fill("FETT")
    expect(group.locator(".value")).to_have_text("<b>fett</b>")


def test_variants_are_one_hit_with_a_swatch_each(page: Page) -> None:
    """Choosing one shows its picture and price, and what is similar to it; Tab passes the swatches in one
    step and arrows choose. The dialog knows them, too, and the hit follows what is chosen there."""
    browse(page)
    shown = cards(page).evaluate_all("cards => cards.map(card => card.dataset.id)")
    products = [page.request.get(f"/items/{id}").json()["fields"]["product"] for id in shown[:12]]
    assert len(set(products)) == len(products)
    card = cards(page).filter(has=page.locator(".swatches")).first
    first, second = card.get_by_role("radio").nth(0), card.get_by_role("radio").nth(1)
    expect(first).to_be_checked()
    before = card.locator(".similar").get_attribute("href")
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(second).to_be_focused()
    expect(second).to_be_checked()
    after = card.locator(".similar").get_attribute("href") or ""
    assert after != before
    variant = page.request.get(f"/items/{after.partition('=')[2]}").json()
    assert f"{variant['fields']['price']:.2f}".replace(".", ",") in card.locator(".price").inner_text()
    expect(card.locator(".tile img")).to_have_attribute("src", re.compile(re.escape(variant["images"][0])))
    card.locator(".open").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(variant["id"])
    dialog.get_by_role("group", name="Varianten").get_by_role("button").first.click()
    expect(dialog).not_to_contain_text(variant["id"])
    page.keyboard.press("Escape")
    expect(card.get_by_role("radio").first).to_be_checked()
    expect(card.locator(".open")).to_be_focused()


def test_near_twins_are_folded_away(page: Page) -> None:
    """They are no hits of their own; unfolding shows them, and each opens."""
    hits = page.request.get("/search?q=Kleid&limit=4").json()["hits"]
    twins = [{name: hit[name] for name in ("id", "score", "image", "fields")} for hit in hits[1:3]]
    answering(page, hits=[{**hits[0], "duplicates": twins}], next=None)
    page.goto("/?q=Kleid")
    page.get_by_text("+2 fast gleiche").click()
    page.locator(".twin").nth(1).click()
    expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(twins[1]["fields"]["title"])


def test_further_hits_come_while_scrolling(page: Page) -> None:
    """Near the end the next ones are there, none twice, until there are no more; the number is announced, and
    the focus stays where it was."""
    without_products(page)
    browse(page)
    expect(cards(page)).to_have_count(24)
    expect(page.get_by_role("status")).to_have_text(re.compile("^Die besten 24 von 63 Artikeln"))
    opener = cards(page).first.locator(".open")
    opener.focus()
    for _ in range(6):
        page.mouse.wheel(0, 20_000)
        page.wait_for_timeout(100)
    expect(page.locator("#more")).to_be_hidden()
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d\d Artikel in"))
    shown = cards(page).evaluate_all("cards => cards.map(card => card.dataset.id)")
    assert len(set(shown)) == len(shown) > 48
    expect(opener).to_be_focused()


def test_where_scrolling_cannot_load_a_button_does(page: Page) -> None:
    """Pressed by hand, it leads the focus to the first of the new hits."""
    page.add_init_script("window.IntersectionObserver = class { observe() {} unobserve() {} }")
    without_products(page)
    browse(page)
    page.get_by_role("button", name="Mehr laden").press("Enter")
    expect(cards(page).nth(24).locator(".open")).to_be_focused()


def test_a_renewed_catalogue_asks_for_a_new_search(page: Page, complaints: list[str]) -> None:
    """A cursor of an index that is not served any more is told in words; a new search starts from the top."""
    without_products(page)
    browse(page)
    expired = {"title": "Conflict", "status": 409, "code": "cursor_expired", "detail": "search again"}
    page.route("**/search", lambda route: route.fulfill(status=409, json=expired))
    page.mouse.wheel(0, 20_000)
    expect(page.get_by_role("alert")).to_contain_text("Der Katalog wurde gerade erneuert")
    page.unroute("**/search")
    page.get_by_role("button", name="Neu suchen").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(cards(page)).to_have_count(24)
    complaints.clear()


def test_words_that_exclude_are_struck_and_can_be_kept(page: Page) -> None:
    """ "ohne Ärmel" is a chip with Ärmel struck out; without it the words are taken as they are, and a chip
    leads back. Both are in the address. A chip says "nicht" where the shopper did."""
    page.goto("/?q=Tasche+nicht+gestreift")
    expect(page.locator("#chips")).to_have_text("nicht gestreift")
    page.goto("/?q=Kleid+ohne+%C3%84rmel")
    chip = page.get_by_role("button", name="ohne Ärmel: nicht mehr ausschließen")
    expect(chip.locator("s")).to_have_text("Ärmel")
    chip.click()
    expect(page.locator("#chips")).to_have_text("Wortwörtlich")
    assert "literal" in parameters(page)
    page.reload()
    page.get_by_role("button", name=re.compile("^Wortwörtlich")).click()
    expect(chip).to_be_visible()
    assert "literal" not in parameters(page)


def test_what_fits_nothing_is_told_and_shown_only_if_asked_for(page: Page) -> None:
    """A query that no item of a fashion shop answers has no hits; "Trotzdem zeigen" has the nearest."""
    page.goto("/?q=Bohrmaschine")
    expect(page.get_by_role("status")).to_have_text("Nichts Passendes gefunden")
    expect(cards(page)).to_have_count(0)
    page.get_by_role("button", name="Trotzdem zeigen").click()
    expect(cards(page).first).to_be_visible()
    page.reload()
    expect(cards(page).first).to_be_visible()
    page.get_by_role("button", name=re.compile("^Auch was kaum passt")).click()
    expect(page.get_by_role("status")).to_have_text("Nichts Passendes gefunden")


def test_a_tower_without_probabilities_is_asked_without_a_cut(page: Page, complaints: list[str]) -> None:
    """It refuses once; then everything is shown, here and in the searches after."""
    asked: list[bool] = []

    def answer(route: Route) -> None:
        asked.append('"min_relevance"' in (route.request.post_data or ""))
        problem = {"status": 422, "code": "bad_value", "detail": "not calibrated"}
        if asked[-1]:
            route.fulfill(status=422, json=problem)
        else:
            route.continue_()

    page.route("**/search", answer)
    page.goto("/?q=Bohrmaschine")
    expect(cards(page).first).to_be_visible()
    complaints.clear()
    search(page, "Kleid")
    assert asked == [True, False, False]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_keeps_anyone_out(browser: Browser, shop_url: str, scheme: Any) -> None:
    """axe finds nothing serious or critical on the start page, among hits with all facets unfolded, in an
    item's dialog, in the sheet on a phone, where nothing is found, and in a comparison; in light and dark."""
    context = browser.new_context(
        base_url=shop_url, locale="de-DE", color_scheme=scheme, reduced_motion="reduce", viewport=None
    )
    tab = context.new_page()
    options = {"resultTypes": ["violations"]}

    def check(state: str) -> None:
        found = Axe().run(tab, options=options).response["violations"]
        grave = [
            (one["id"], [node["html"] for node in one["nodes"]])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert not grave, state

    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.goto("/")
    expect(tab.locator("#examples img.there").last).to_be_visible()
    check("start")
    tab.goto(
        "/?everything=1&q=Kleid+ohne+%C3%84rmel&f.colour_de=rot&f.colour_de=blau&f.price=10..&f.in_stock=true"
    )
    expect(cards(tab).first).to_be_visible()
    tab.evaluate("document.querySelectorAll('details').forEach(details => (details.open = true))")
    check("results")
    cards(tab).first.locator(".open").click()
    expect(tab.get_by_role("dialog")).to_be_visible()
    check("item")
    tab.keyboard.press("Escape")
    tab.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    tab.get_by_role("button", name=re.compile("^Filter")).first.click()
    check("sheet")
    tab.goto("/?q=Kleid&f.price=5000..")
    expect(tab.get_by_role("button", name="Alle zurücksetzen")).to_be_visible()
    check("nothing")
    tab.goto("/?q=Kleid&a=&b=")
    expect(tab.locator(".side .card[data-id]").first).to_be_visible()
    check("comparison")
    context.close()
