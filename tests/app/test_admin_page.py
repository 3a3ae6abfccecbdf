"""The operators' page, as an operator meets it: in a real browser, over a running service and a worker."""

from __future__ import annotations

import csv
import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, FilePayload, Locator, Page, Route, expect

from app import worker
from app.jobs import Jobs
from app.settings import Settings
from app.work import HANDLERS
from app.worker import Context
from indexer.store import current_version
from models.registry import Registry
from tests.app.test_page import browser, complaints
from tests.conftest import serving

__all__ = ["browser", "complaints"]

KEY = "key-7f3a"
HACK = "<img src=x onerror=document.body.dataset.hacked=1>"
LOSSES = (4.0, 3.0, 2.5, 2.0)
SCORES = (0.25, 0.5)


def tuning(context: Context) -> dict[str, Any]:
    """In the place of training: as many steps and epochs as the curves tell of, then what a real one returns.

    One whose tower is to be called "endless" goes on until it is cancelled, another called "waiting" until
    the folder of its job holds a file "go".
    """
    out = context.job.parameters["options"]["out"]
    context.note(f"the base: {HACK}")
    context.progress("training", 0, len(LOSSES), **{"mRR@20": SCORES[0]})
    for step, loss in enumerate(LOSSES, start=1):
        threading.Event().wait(0.6 if out == "waiting" else 0.05)  # heartbeats are half a second apart
        found = {"mRR@20": SCORES[1]} if step == len(LOSSES) else {}
        context.progress("training", step, len(LOSSES), loss=loss, **found)
        while out == "endless" or (out == "waiting" and step == 2 and not (context.folder / "go").exists()):
            threading.Event().wait(0.05)
            context.progress("training", step, len(LOSSES), loss=loss)
    if out == "failing":
        raise ValueError(HACK)
    history = [{"epoch": epoch, "loss": loss, "mRR@20": 0.5} for epoch, loss in enumerate(LOSSES, start=1)]
    gain = {"mean": 0.25, "low": 0.125, "high": 0.375, "p": 0.001}
    gate = {"base": {"mRR@20": 0.25}, "tuned": {"mRR@20": 0.5}, "gain": {"mRR@20": gain}}
    validation = {"base": {"mRR@20": 0.25}, "history": history}
    kept = {"tower": out, "parent": "base", "activated": False, "reason": f"no gain {HACK}"}
    return kept | {"gate": gate, "validation": validation}


@pytest.fixture(scope="module")
def settings(home: Path, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the drawn shop's home that may be changed, with its catalogue in VITRINE_DATA."""
    folder = tmp_path_factory.mktemp("operators")
    shutil.copytree(home, folder / "home", symlinks=True)
    shutil.copytree(drawn.parent, folder / "data")
    return Settings(home=folder / "home", data=folder / "data", admin_key=KEY)


@pytest.fixture(scope="module")
def at_work(settings: Settings) -> Iterator[Jobs]:
    """A worker that really reindexes and evaluates, and only seems to train."""
    stop = threading.Event()
    handlers = HANDLERS | {"finetune": tuning}
    thread = threading.Thread(target=worker.run, args=(settings, handlers, stop))
    thread.start()
    yield Jobs(settings.jobs_url)
    stop.set()
    thread.join()


@pytest.fixture(scope="module")
def address(settings: Settings, at_work: Jobs) -> Iterator[str]:
    with serving(settings.home, data=settings.data, admin_key=KEY) as url:
        yield url


@pytest.fixture
def tab(browser: Browser, address: str, complaints: list[str], at_work: Jobs) -> Iterator[Page]:
    """A German operator's tab. Every test ends with no console error but those for refusals that it clears,
    nothing hostile run, no question of the browser's own, and no job left."""
    context = browser.new_context(
        base_url=address, locale="de-DE", viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
    )
    page = context.new_page()

    def dismiss(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", dismiss)
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address, f"blob:{address}", "data:"))
            else complaints.append(request.url)
        ),
    )
    yield page
    assert page.evaluate("document.body.dataset.hacked") is None
    assert page.locator("img[onerror]").count() == 0
    context.close()
    for job in at_work.list():
        at_work.cancel(job.id)
    assert complaints == []


@pytest.fixture
def desk(tab: Page, complaints: list[str]) -> Page:
    """The same, with the key given."""
    tab.goto("/admin")
    unlock(tab, KEY)
    expect(tab.get_by_role("heading", name="Aufträge")).to_be_visible()
    complaints.clear()  # the refusal that made the page ask for the key
    return tab


def unlock(page: Page, key: str) -> None:
    page.get_by_label("Schlüssel", exact=True).fill(key)
    page.get_by_role("button", name="Öffnen").click()


def pairs(content: bytes = b"query,item\nrotes Kleid,demo-0001\n") -> FilePayload:
    return {"name": "paare.csv", "mimeType": "text/csv", "buffer": content}


def finetune(page: Page, out: str) -> Locator:
    """Starts one by the form; returns its card."""
    page.get_by_label("Datei mit Paaren").set_input_files(pairs())
    page.get_by_label("Name des neuen Modells").fill(out)
    with page.expect_response("**/admin/finetune") as started:
        page.get_by_role("button", name="Feinabstimmung starten").click()
    card = page.locator(f'.job[data-id="{started.value.json()["id"]}"]')
    expect(card).to_be_visible()
    return card


def confirm(page: Page, yes: str) -> None:
    page.get_by_role("alertdialog").get_by_role("button", name=yes).click()


def twin(settings: Settings, name: str) -> str:
    """The bundled tower once more, under another id."""
    towers = settings.home / "towers"
    shutil.copytree(towers / "base", towers / name)
    card = json.loads((towers / name / "card.json").read_text(encoding="utf-8"))
    own = {"id": name, "parent": {"id": "base", "weights": card["weights"]}, "terms": HACK}
    (towers / name / "card.json").write_text(json.dumps(card | own), encoding="utf-8")
    return name


def active(settings: Settings) -> str | None:
    registry = Registry(settings.home)
    return registry.active(registry.card("base").space)


# The door.


def test_nothing_but_styles_may_be_inline(tab: Page, complaints: list[str]) -> None:
    """Reports in their frame need that, and pictures in data: addresses; scripts are our files alone."""
    response = tab.goto("/admin")
    assert response is not None
    policies = dict(
        part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";")
    )
    assert policies == {
        "default-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "frame-src": "blob:",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    expect(tab.get_by_role("heading", name="Der Schlüssel, bitte")).to_be_visible()
    complaints.clear()


def test_the_key_is_asked_for_once(tab: Page, complaints: list[str]) -> None:
    """A wrong one is said to be wrong; the right one holds through a reload, until one logs out. It is in no
    address, no cookie and no storage that outlives the tab."""
    tab.goto("/admin")
    expect(tab.get_by_label("Schlüssel", exact=True)).to_be_focused()
    expect(tab.locator("#unlock-refusal")).to_be_empty()
    unlock(tab, "falsch")
    expect(tab.get_by_role("alert")).to_have_text("Dieser Schlüssel ist es nicht. Bitte noch einmal.")
    expect(tab.get_by_label("Schlüssel", exact=True)).to_have_value("")
    unlock(tab, KEY)
    expect(tab.get_by_role("heading", name="Aufträge")).to_be_visible()
    assert "401" in "".join(complaints)
    complaints.clear()
    tab.reload()
    expect(tab.get_by_role("heading", name="Aufträge")).to_be_visible()
    assert tab.url.endswith("/admin")
    assert tab.context.cookies() == []
    assert KEY not in tab.evaluate("JSON.stringify(localStorage)")
    tab.get_by_role("button", name="Abmelden").click()
    expect(tab.get_by_role("heading", name="Der Schlüssel, bitte")).to_be_visible()
    assert tab.evaluate("sessionStorage.length") == 0
    assert tab.locator(".job, .version").count() == 0


def test_a_key_may_hold_any_letters(tab: Page, settings: Settings, complaints: list[str]) -> None:
    """A header takes bytes alone, so they travel as UTF-8."""
    with serving(settings.home, admin_key="Schlüssel ☂") as url:
        tab.goto(f"{url}/admin")
        unlock(tab, "Schlüssel ☂")
        expect(tab.get_by_role("heading", name="Aufträge")).to_be_visible()
        tab.goto("about:blank")
    complaints.clear()


def test_a_closed_administration_says_how_it_is_opened(
    tab: Page, shop_url: str, complaints: list[str]
) -> None:
    """Where the service has no key, none is asked for."""
    tab.goto(f"{shop_url}/admin")
    expect(tab.get_by_role("heading", name="Die Verwaltung ist geschlossen")).to_be_visible()
    expect(tab.locator("#closed")).to_contain_text("VITRINE_ADMIN_KEY")
    expect(tab.get_by_label("Schlüssel", exact=True)).to_be_hidden()
    complaints.clear()


# Jobs.


def test_a_fine_tuning_is_followed_from_the_upload_to_its_end(
    desk: Page, settings: Settings, at_work: Jobs
) -> None:
    """The options arrive; bar, stage, curves and log go on while it runs; its end is announced, and tells
    the gain and the reason, with the curves of all epochs."""
    desk.get_by_label("Epochen").fill("4")
    desk.get_by_label("Was lernt").select_option("die letzten 2 Schichten")
    desk.get_by_label("Aktivieren, wenn").check()
    card = finetune(desk, "waiting")
    options = at_work.list(1)[0].parameters["options"]
    told = [options[name] for name in ("out", "epochs", "trainable", "microbatch", "activate")]
    assert told == ["waiting", 4, "last:2", None, True]
    bar = card.get_by_role("progressbar", name="Lernen")
    expect(bar).to_have_js_property("value", 0.5)
    expect(card.locator(".progress")).to_contain_text("Lernen · 2 / 4")
    expect(card.locator(".state")).to_have_text("läuft")
    expect(card.get_by_role("img", name="Fehler (Loss): von 4,00 auf 3,00 bis Schritt 2")).to_be_visible()
    card.get_by_text("Protokoll (1)").click()
    expect(card.locator("pre")).to_have_text(f"the base: {HACK}")
    (settings.home / "jobs" / at_work.list(1)[0].id / "go").touch()
    expect(card.locator(".state")).to_have_text("fertig")
    expect(desk.get_by_role("status")).to_have_text("Feinabstimmung: fertig")
    expect(card.locator(".outcome")).to_contain_text(
        f"waiting wurde behalten, aber nicht aktiviert: no gain {HACK}"
    )
    expect(card.locator(".outcome")).to_contain_text("mRR@20 0,250 → 0,500 (+0,250; 95 %: +0,125 bis +0,375)")
    expect(card.get_by_role("img", name="Fehler (Loss): von 4,00 auf 2,00 bis Epoche 4")).to_be_visible()
    expect(
        card.get_by_role("img", name="mRR@20, Validierung: von 0,250 auf 0,500 bis Epoche 4")
    ).to_be_visible()
    expect(card.locator("pre")).to_be_visible()
    comparison = card.get_by_role("link", name="Mit base vergleichen")
    expect(comparison).to_have_attribute("href", "/?q=rotes+Kleid&a=base&b=waiting")


def test_lora_and_what_spares_memory_can_be_chosen(desk: Page, at_work: Jobs) -> None:
    """What a large transformer needs on a small GPU is in the form, folded away."""
    desk.get_by_label("Was lernt").select_option("kleine Zusätze (LoRA, nur bei Transformern)")
    desk.get_by_text("Gerät und Speicher").click()
    desk.get_by_role("combobox", name="Gerät", exact=True).select_option("CPU")
    desk.get_by_role("combobox", name="Genauigkeit").select_option("float32")
    desk.get_by_label("Texte zugleich im Speicher").fill("64")
    desk.get_by_label("Zwischenergebnisse neu berechnen").check()
    finetune(desk, "large")
    options = at_work.list(1)[0].parameters["options"]
    names = ("trainable", "device", "precision", "microbatch", "gradient_checkpointing")
    assert [options[name] for name in names] == ["lora", "cpu", "fp32", 64, True]


def test_a_stream_that_breaks_is_taken_up_where_it_was(desk: Page) -> None:
    """The page asks for what comes after the last event that it has seen, and hears of the end."""
    asked: list[str | None] = []

    def cut(route: Route) -> None:
        asked.append(route.request.headers.get("last-event-id"))
        if len(asked) > 1:
            return route.continue_()
        # What a service that is restarted in the middle of an event has sent.
        job = desk.evaluate("() => document.querySelector('.job').dataset.id")
        known = {"id": job, "kind": "finetune", "state": "queued", "created": "2026-01-01T00:00:00+00:00"}
        empty = dict.fromkeys(("started", "finished", "progress", "result", "error"))
        whole = f"id: 0\nevent: job\ndata: {json.dumps(known | empty | {'log': []})}\n\n"
        return route.fulfill(content_type="text/event-stream", body=f"{whole}: still here\n\nid: 7\nda")

    desk.route("**/events", cut)
    card = finetune(desk, "broken")
    expect(card.locator(".state")).to_have_text("fertig")
    assert asked[:2] == [None, "0"]
    desk.unroute("**/events")


def test_a_service_that_is_gone_is_missed_and_welcomed_back(desk: Page, complaints: list[str]) -> None:
    """That there is no connection is told while it is so."""
    desk.route("**/events", lambda route: route.abort())
    card = finetune(desk, "lonely")
    expect(desk.locator("#trouble")).to_have_text("Keine Verbindung zum Dienst. Es wird weiter versucht …")
    desk.unroute("**/events")
    expect(card.locator(".state")).to_have_text("fertig")
    expect(desk.locator("#trouble")).to_be_empty()
    complaints.clear()


def test_a_job_is_cancelled_after_a_question(desk: Page, at_work: Jobs) -> None:
    """A no, or Escape, leaves it alone; a queued one beside it is cancelled in the same way."""
    running = finetune(desk, "endless")
    expect(running.locator(".state")).to_have_text("läuft")
    waiting = finetune(desk, "next")
    expect(waiting.locator(".state")).to_have_text("wartet")
    button = running.get_by_role("button", name="Abbrechen")
    for leave in ("Nein", "Escape"):
        button.click()
        expect(desk.get_by_role("alertdialog")).to_contain_text("Feinabstimmung abbrechen?")
        if leave == "Nein":
            confirm(desk, leave)
        else:
            desk.keyboard.press(leave)
        expect(desk.get_by_role("alertdialog")).to_be_hidden()
        expect(button).to_be_focused()
    assert not any(job.cancelling for job in at_work.list(2))
    for card in (waiting, running):
        card.get_by_role("button", name="Abbrechen").click()
        confirm(desk, "Ja, abbrechen")
        expect(card.locator(".state")).to_have_text("abgebrochen")
        expect(card.get_by_role("button")).to_have_count(0)
    expect(desk.get_by_role("status")).to_have_text("Feinabstimmung: abgebrochen")


def test_a_failed_job_says_why(desk: Page) -> None:
    """In words for its code, with the detail beneath."""
    card = finetune(desk, "failing")
    expect(card.locator(".state")).to_have_text("gescheitert")
    expect(card.locator(".outcome")).to_contain_text("Das ist unser Fehler")


def test_a_file_that_is_no_pairs_is_refused_beside_its_form(
    desk: Page, at_work: Jobs, complaints: list[str]
) -> None:
    """With the rows; what was entered stays, no job is started, and the other form says nothing."""
    before = len(at_work.list())
    desk.get_by_label("Name des neuen Modells").fill("shop-de")
    desk.get_by_label("Datei mit Paaren").set_input_files(pairs(b"text,product\nKleid,1\n"))
    desk.get_by_role("button", name="Feinabstimmung starten").click()
    refusal = desk.get_by_role("form", name="Textmodell feinabstimmen").get_by_role("alert")
    expect(refusal).to_contain_text("So geht es nicht.")
    expect(refusal).to_contain_text("line 2")
    expect(desk.get_by_label("Name des neuen Modells")).to_have_value("shop-de")
    assert desk.locator("#reindex .refusal").inner_text() == ""
    assert len(at_work.list()) == before
    complaints.clear()


def test_the_same_start_sent_twice_is_one_job(desk: Page, at_work: Jobs, complaints: list[str]) -> None:
    """An answer that was lost on its way is asked for again under the same key."""
    before = len(at_work.list())
    lost: list[str] = []

    def lose(route: Route) -> None:
        lost.append(route.request.headers["idempotency-key"])
        if len(lost) > 1:
            return route.continue_()
        route.fetch()
        body = json.dumps({"code": "jobs_unavailable", "detail": "the answer was lost"})
        return route.fulfill(status=503, content_type="application/problem+json", body=body)

    desk.route("**/admin/reindex", lose)
    desk.get_by_role("button", name="Einlesen starten").click()
    expect(desk.locator("#reindex .refusal")).to_contain_text("the answer was lost")
    with desk.expect_response("**/admin/reindex"):
        desk.get_by_role("button", name="Einlesen starten").click()
    expect(desk.locator("#reindex .refusal")).to_be_empty()
    assert lost[0] == lost[1]
    assert len(at_work.list()) == before + 1
    desk.unroute("**/admin/reindex")
    complaints.clear()


def test_a_catalogue_outside_the_data_folder_is_refused_in_words(desk: Page, complaints: list[str]) -> None:
    """Beside the form that named it."""
    desk.get_by_label("Katalog", exact=True).fill("../catalogue.csv")
    desk.get_by_role("button", name="Einlesen starten").click()
    expect(desk.locator("#reindex .refusal")).to_contain_text("Der Pfad führt aus VITRINE_DATA hinaus.")
    expect(desk.locator("#reindex .refusal")).to_contain_text("'../catalogue.csv'")
    complaints.clear()


def test_a_hostile_catalogue_is_read_and_shown_as_it_is_called(
    desk: Page, settings: Settings, at_work: Jobs
) -> None:
    """A reindex of a named catalogue ends in a new active version; its path is text. The version before can
    be activated again. Without a name that of the current version is read, by a request without a body."""
    first = str(current_version(settings.home))
    hostile = f"{HACK}.csv"
    with (settings.data / "catalogue.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with (settings.data / hostile).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows[:31])
    desk.get_by_label("Katalog", exact=True).fill(hostile)
    desk.get_by_role("button", name="Einlesen starten").click()
    card = desk.locator(".job").first
    expect(card.locator("h3")).to_have_text("Einlesen")
    expect(card.locator(".outcome")).to_contain_text("30 Artikel, 30 Bilder, 0 ausgesondert", timeout=60_000)
    version = str(at_work.list(1)[0].result["version"])  # type: ignore[index]
    shown = desk.locator(f'#indexes [data-id="{version}"]')
    expect(shown).to_contain_text(hostile)
    expect(shown.locator(".state")).to_have_text("aktiv")
    desk.get_by_role("button", name=f"Aktivieren: {first}").click()
    confirm(desk, "Ja, aktivieren")
    expect(desk.locator(f'#indexes [data-id="{first}"] .state')).to_have_text("aktiv")
    expect(desk.get_by_role("status")).to_have_text(f"{first} ist jetzt aktiv.")
    expect(desk.get_by_role("heading", name="Indexversionen")).to_be_focused()
    assert current_version(settings.home) == first
    with desk.expect_request("**/admin/reindex") as sent:
        desk.get_by_role("button", name="Einlesen starten").click()
    assert sent.value.post_data is None
    expect(desk.locator(".job").first.locator(".outcome")).to_contain_text("62 übernommen", timeout=60_000)


def test_a_report_is_shown_in_a_frame_of_its_own(desk: Page) -> None:
    """With its styles and pictures, under the page's policy; sandboxed, so that nothing in it can act."""
    queries: FilePayload = {
        "name": "fragen.csv",
        "mimeType": "text/csv",
        "buffer": b"query,item\nrotes Kleid,demo-0001\nblaue Hose,demo-0002\n",
    }
    key = {"Authorization": f"Bearer {KEY}"}
    started = desk.request.post("/admin/evaluate", multipart={"queries": queries}, headers=key)
    assert started.status == 202, started.text()
    desk.reload()
    card = desk.locator(f'.job[data-id="{started.json()["id"]}"]')
    expect(card.locator(".outcome")).to_contain_text("base: mRR@20", timeout=120_000)
    card.get_by_role("button", name="Bericht").click()
    frame = desk.get_by_role("dialog").locator("iframe")
    expect(frame).to_have_attribute("sandbox", "")
    inside = desk.frame_locator("dialog iframe")
    expect(inside.get_by_role("heading", level=1)).to_have_text("What base finds")
    expect(inside.locator("body")).to_have_css("margin", "0px")
    picture = inside.locator("img").first
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("img => img.naturalWidth") > 0
    desk.get_by_role("button", name="Schließen").click()
    expect(frame).to_have_count(0)


# Versions.


def test_a_tower_goes_live_and_back_and_away(desk: Page, settings: Settings) -> None:
    """Each after a question; searches are answered by the one that the page says is active."""
    name = twin(settings, "shop-de")
    desk.reload()
    card, base = (desk.locator(f'#towers [data-id="{tower}"]') for tower in (name, "base"))
    expect(base.locator(".state")).to_have_text("aktiv")
    expect(base.get_by_role("button")).to_have_count(0)
    expect(card.locator("dl")).to_contain_text("Ausbase")
    card.get_by_text("Ganze Karte").click()
    expect(card.locator("pre")).to_contain_text(HACK)
    expect(card.get_by_role("link", name="Mit base vergleichen")).to_have_attribute(
        "href", "/?q=rotes+Kleid&a=base&b=shop-de"
    )
    card.get_by_role("button", name="Aktivieren").click()
    expect(desk.get_by_role("alertdialog")).to_contain_text("shop-de aktivieren?")
    assert active(settings) == "base"
    confirm(desk, "Ja, aktivieren")
    expect(card.locator(".state")).to_have_text("aktiv")
    expect(card.locator("pre")).to_be_visible()
    expect(desk.get_by_role("status")).to_have_text("shop-de ist jetzt aktiv.")
    assert desk.request.get("/search?q=Kleid").json()["text_tower"] == "shop-de"
    desk.get_by_role("button", name="Zurück zum vorigen").click()
    confirm(desk, "Ja, zurück")
    expect(base.locator(".state")).to_have_text("aktiv")
    assert active(settings) == "base"
    card.get_by_role("button", name="Löschen").click()
    confirm(desk, "Ja, löschen")
    expect(card).to_have_count(0)
    expect(desk.get_by_role("heading", name="Textmodelle")).to_be_focused()
    assert not (settings.home / "towers" / name).exists()


def test_a_refusal_stands_beside_what_was_refused(
    desk: Page, settings: Settings, complaints: list[str]
) -> None:
    """A tower that went live elsewhere meanwhile cannot be deleted; without a tower before there is no way
    back."""
    name = twin(settings, "in-use")
    desk.reload()
    card = desk.locator(f'#towers [data-id="{name}"]')
    expect(card).to_be_visible()
    registry = Registry(settings.home)
    registry.activate(name)
    card.get_by_role("button", name="Löschen").click()
    confirm(desk, "Ja, löschen")
    expect(card.get_by_role("alert")).to_contain_text("Das Modell wird gebraucht.")
    registry.activate("base")
    registry.delete(name)
    (settings.home / "towers" / "history.json").write_text("{}")
    desk.get_by_role("button", name="Zurück zum vorigen").click()
    confirm(desk, "Ja, zurück")
    expect(desk.locator("#rollback-refusal")).to_contain_text("there is no tower to roll back to")
    complaints.clear()


def test_hostile_names_are_text(desk: Page) -> None:
    """Whatever the service answers as a tower's or a version's name, its parent, its path, its measures."""

    def hostile(route: Route) -> None:
        answer = route.fetch().json()
        for tower in answer.get("towers", []):
            tower |= {"id": HACK, "family": HACK, "space": HACK, "created": HACK, "active": False}
            tower |= {"parent": {"id": HACK}, "metrics": {HACK: {"mRR@20": 0.5}}}
        for index in answer.get("indexes", []):
            index |= {"version": HACK, "created": HACK, "image_tower": HACK, "active": False}
            index |= {"catalogue": {"path": HACK}, "items": HACK}
        route.fulfill(json=answer)

    desk.route(re.compile("/admin/(towers|indexes)$"), hostile)
    desk.reload()
    expect(desk.locator("#towers h3").first).to_have_text(HACK)
    expect(desk.locator("#indexes h3").first).to_have_text(HACK)
    desk.locator("#towers").get_by_role("button").first.click()
    expect(desk.get_by_role("alertdialog")).to_contain_text(HACK)
    desk.keyboard.press("Escape")


# How it is used.


def test_everything_can_be_done_with_the_keyboard(
    tab: Page, settings: Settings, complaints: list[str]
) -> None:
    """The key and Enter open; the first Tab leads past the forms; Enter asks, Tab and Enter do."""
    name = twin(settings, "by-hand")
    tab.goto("/admin")
    expect(tab.get_by_label("Schlüssel", exact=True)).to_be_focused()
    tab.keyboard.insert_text(KEY)
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", name="Aufträge")).to_be_visible()
    tab.reload()
    expect(tab.get_by_role("heading", name="Aufträge")).to_be_visible()
    tab.keyboard.press("Tab")
    expect(tab.get_by_role("link", name="Zu den Aufträgen")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", name="Aufträge")).to_be_focused()
    button = tab.get_by_role("button", name=f"Löschen: {name}")
    for _ in range(100):
        tab.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            break
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("alertdialog").get_by_role("button", name="Nein")).to_be_focused()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(button).to_have_count(0)
    expect(tab.get_by_role("status")).to_have_text(f"{name} ist gelöscht.")
    complaints.clear()


def test_either_language_is_spoken_at_once(desk: Page) -> None:
    """Fixed texts, jobs and versions, numbers too; what is unfolded stays so. It holds for the next visit."""
    card = finetune(desk, "spoken")
    expect(card.locator(".state")).to_have_text("fertig")
    card.get_by_text("Protokoll (1)").click()
    desk.get_by_role("button", name="English").click()
    expect(desk).to_have_title("Administration · Vitrine")
    expect(desk.get_by_role("heading", name="Index versions")).to_be_visible()
    expect(card.locator("h3")).to_have_text("Fine-tuning")
    expect(card.locator(".outcome")).to_contain_text("mRR@20 0.250 → 0.500")
    expect(card.locator("pre")).to_be_visible()
    expect(desk.locator("#towers dt").first).to_have_text("Created")
    desk.reload()
    expect(desk.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()


def test_every_text_is_there_in_both_languages(desk: Page) -> None:
    """The same names, and the same kind of thing under each."""
    shapes = desk.evaluate(
        """async () => {
            const { ADMIN_TEXTS } = await import("/static/admin-texts.js");
            const shape = (it) => it && typeof it === "object" && !Array.isArray(it)
                ? Object.fromEntries(Object.entries(it).map(([name, value]) => [name, shape(value)]))
                : typeof it;
            return [shape(ADMIN_TEXTS.de), shape(ADMIN_TEXTS.en)];
        }"""
    )
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_sticks_out(desk: Page, settings: Settings, width: int) -> None:
    """At the width of a phone and of a desk: the forms, a card unfolded, a question, the longest name."""
    name = twin(settings, "a" * 64)
    desk.set_viewport_size({"width": width, "height": 844})
    desk.reload()
    card = desk.locator(f'#towers [data-id="{name}"]')
    card.get_by_text("Ganze Karte").click()
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert desk.evaluate(overflow) == 0
    card.get_by_role("button", name="Löschen").click()
    dialog = desk.get_by_role("alertdialog")
    assert dialog.evaluate("dialog => dialog.scrollWidth - dialog.clientWidth") == 0
    confirm(desk, "Ja, löschen")
    expect(card).to_have_count(0)
