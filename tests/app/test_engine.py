"""Towers and an index → hits, without HTTP."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.engine import Engine, ItemNotFound, ZeroQuery
from app.query import ItemTerm, PictureTerm, Search, TextTerm
from indexer.build import BuildConfig, build
from indexer.store import IndexDamaged, NoIndex, SpaceMismatch, current_version, indexes, open_current
from models.registry import Registry, TowerNotFound
from tests.conftest import DRAWN_ITEMS, quiet


@pytest.fixture(scope="module")
def engine(home: Path) -> Engine:
    """Over the drawn shop; searched, never changed."""
    engine = Engine(home)
    engine.refresh()
    return engine


@pytest.fixture
def workshop(home: Path, tmp_path: Path) -> Path:
    """A copy of the drawn shop's home, with a second tower "twin" that equals "base"."""
    copy = tmp_path / "home"
    shutil.copytree(home, copy, symlinks=True)
    shutil.copytree(copy / "towers" / "base", copy / "towers" / "twin")
    card = copy / "towers" / "twin" / "card.json"
    card.write_text(
        json.dumps(json.loads(card.read_text(encoding="utf-8")) | {"id": "twin"}), encoding="utf-8"
    )
    return copy


def ids(engine: Engine, text: str, tower: str | None = None) -> list[str]:
    return [hit.id for hit in engine.search([TextTerm(text)], Search(limit=5, text_tower=tower)).hits]


def test_an_empty_home_has_no_index(tmp_path: Path) -> None:
    """NoIndex names the command that cures it, before and after a refresh; refresh names the home, too."""
    engine = Engine(tmp_path)
    with pytest.raises(NoIndex, match="there is no index yet: vitrine index CATALOGUE"):
        engine.search([TextTerm("Hose")], Search(limit=1))
    with pytest.raises(NoIndex, match=f"vitrine index CATALOGUE --home {tmp_path}"):
        engine.refresh()
    engine.refresh_if_changed()
    with pytest.raises(NoIndex):
        _ = engine.served


def test_hits_carry_score_and_fields(engine: Engine) -> None:
    """Best first; the total counts the whole shop."""
    answer = engine.search([TextTerm("rotes Kleid")], Search(limit=4))
    assert answer.total == DRAWN_ITEMS
    assert [hit.score for hit in answer.hits] == sorted((hit.score for hit in answer.hits), reverse=True)
    assert all(hit.fields["title"] for hit in answer.hits)
    assert (answer.index, answer.text_tower) == (engine.served.index.version, "base")
    assert answer.encode_seconds >= 0
    assert answer.search_seconds > 0


def test_terms_that_cancel_out_have_no_direction(engine: Engine) -> None:
    """A text less itself, or nothing at all."""
    for terms in ([TextTerm("a"), TextTerm("a", -1.0)], [TextTerm("a", 0.0)], []):
        with pytest.raises(ZeroQuery):
            engine.search(terms, Search(limit=1))


def test_an_unknown_item_is_named(engine: Engine) -> None:
    """In a term, as itself, and as what to be similar to."""
    with pytest.raises(ItemNotFound, match="'gone'"):
        engine.search([ItemTerm("gone")], Search(limit=1))
    with pytest.raises(ItemNotFound, match="'gone'"):
        engine.similar("gone", limit=1)
    with pytest.raises(ItemNotFound, match="'gone'"):
        engine.fields("gone")


SAME = [f"item {number}" for number in (7, 3, 11, 0, 5, 9, 1, 10, 2, 8, 4, 6)]


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Over "two", with a red and a blue picture, "one", with a green one, and twelve items of one brown."""
    folder = tmp_path_factory.mktemp("colours")
    for name, colour in {
        "red": (220, 0, 0),
        "blue": (0, 0, 220),
        "green": (0, 180, 0),
        "brown": (120, 60, 30),
    }.items():
        Image.new("RGB", (24, 24), colour).save(folder / f"{name}.png")
    rows = ["two,red.png|blue.png,Two", "one,green.png,One", *(f"{name},brown.png,Brown" for name in SAME)]
    catalogue = folder / "catalogue.csv"
    catalogue.write_text("\n".join(["id,image,title", *rows, ""]), encoding="utf-8")
    build(folder / "home", BuildConfig(catalogue), quiet)
    engine = Engine(folder / "home")
    engine.refresh()
    return engine


def test_an_item_is_the_mean_of_its_pictures(colours: Engine) -> None:
    """Similar to a red-and-blue item: the cosine with (red + blue), normalised, by hand; in a sum of terms,
    too. An item scores by its best picture."""
    red, blue, green, *_ = colours.served.index.vectors.astype(np.float32)
    mean = (red + blue) / np.linalg.norm(red + blue)
    answer = colours.similar("two", limit=50)
    found = {hit.id: hit.score for hit in answer.hits}
    assert found.keys() == {"one", *SAME}
    assert answer.total == 13
    assert found["one"] == pytest.approx(float(mean @ green), abs=1e-5)
    alike = Search(limit=50, fold_duplicates=False)
    hits = colours.search([PictureTerm(Image.new("RGB", (24, 24), (0, 0, 220)), "blue")], alike).hits
    assert {hit.id: hit.score for hit in hits}["two"] == pytest.approx(1, abs=1e-3)
    both = colours.search([ItemTerm("two"), ItemTerm("one", -0.25)], alike)
    query = mean - 0.25 * green / np.linalg.norm(green)
    query /= np.linalg.norm(query)
    found = {hit.id: hit.score for hit in both.hits}
    assert found.keys() == {"one", *SAME}
    assert found["one"] == pytest.approx(float(query @ green), abs=1e-5)
    assert found["one"] == pytest.approx(float(query @ green), abs=1e-5)


def test_equal_scores_keep_the_order_of_the_catalogue(colours: Engine) -> None:
    """Twelve items of the same picture come in the order of the file, page after page."""
    pages = [
        hit.id
        for offset in range(0, 14, 4)
        for hit in colours.search(
            [TextTerm("braun")], Search(limit=4, offset=offset, fold_duplicates=False, lexical=0)
        ).hits
    ]
    assert [name for name in pages if name in SAME] == SAME
    similar = [hit.id for hit in colours.similar("item 0", limit=4).hits]
    assert similar == [name for name in SAME if name != "item 0"][:4]


def test_a_plain_folder_of_pictures_can_be_searched(tmp_path: Path) -> None:
    """Its items have no field at all, and are items all the same."""
    (tmp_path / "shop").mkdir()
    for name, grey in {"dark": 10, "light": 240}.items():
        Image.new("L", (24, 24), grey).save(tmp_path / "shop" / f"{name}.png")
    build(tmp_path / "home", BuildConfig(tmp_path / "shop"), quiet)
    engine = Engine(tmp_path / "home")
    engine.refresh()
    assert engine.fields("dark")[2] == {}
    answer = engine.search([TextTerm("hell")], Search(limit=5))
    assert {hit.id: hit.fields for hit in answer.hits} == {"dark": {}, "light": {}}


def test_a_named_tower_is_used_and_told(workshop: Path) -> None:
    """A copy of the active tower finds what that one finds, with one tower in memory at a time, too."""
    engine = Engine(workshop, towers_in_memory=1)
    engine.refresh()
    for _ in range(2):
        assert ids(engine, "Hose", "twin") == ids(engine, "Hose", "base") == ids(engine, "Hose")
    assert engine.search([TextTerm("Hose")], Search(limit=1, text_tower="twin")).text_tower == "twin"
    with pytest.raises(TowerNotFound, match="base, fashion-de, twin"):
        ids(engine, "Hose", "nope")


def test_an_activated_tower_is_taken_up(workshop: Path) -> None:
    """The next refresh serves with it; the index stays open."""
    engine = Engine(workshop)
    engine.refresh()
    index = engine.served.index
    Registry(workshop).activate("twin")
    engine.refresh_if_changed()
    assert engine.served.encoder.tower.id == "twin"
    assert engine.served.index is index


def test_a_refresh_without_news_changes_nothing(workshop: Path) -> None:
    """The same pair is served on."""
    engine = Engine(workshop)
    engine.refresh()
    served = engine.served
    engine.refresh()
    engine.refresh_if_changed()
    assert engine.served is served


def test_a_space_without_an_active_tower_is_refused(workshop: Path) -> None:
    """The error names the index and its space."""
    (workshop / "towers" / "active.json").unlink()
    with pytest.raises(SpaceMismatch, match=open_current(workshop).space):
        Engine(workshop).refresh()


def test_a_damaged_version_is_refused_and_the_one_before_answers_on(
    workshop: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Logged once, however often it is looked at."""
    engine = Engine(workshop)
    engine.refresh()
    before = ids(engine, "Hose")
    version = current_version(workshop)
    damaged = indexes(workshop) / "99991231-000000-dddddd"
    shutil.copytree(indexes(workshop) / str(version), damaged)
    (damaged / "items.parquet").write_bytes(b"damaged")
    (indexes(workshop) / "current").unlink()
    (indexes(workshop) / "current").symlink_to(damaged.name)
    with pytest.raises(IndexDamaged, match=r"items\.parquet"):
        engine.refresh()
    with caplog.at_level(logging.ERROR, "vitrine"):
        for _ in range(3):
            engine.refresh_if_changed()
    assert [record.message.count("items.parquet") for record in caplog.records] == [1]
    assert ids(engine, "Hose") == before


def test_a_version_that_was_deleted_answers_on(workshop: Path) -> None:
    """What is served was read at opening."""
    engine = Engine(workshop)
    engine.refresh()
    before = ids(engine, "Hose")
    shutil.rmtree(indexes(workshop))
    engine.refresh_if_changed()
    assert ids(engine, "Hose") == before
