"""The drawn demo catalogue: what a fresh machine searches before it has a shop."""

import csv
import dataclasses
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from indexer.drawing.picture import DRAWINGS
from indexer.drawing.sheet import COLOURS
from indexer.drawn import (
    COLUMNS,
    KINDS,
    SIZE,
    Garment,
    draw,
    garments,
    inflected,
    query,
    rows,
    title_de,
    title_en,
    titles,
    write_demo,
)

DRESS = Garment(
    id="demo-0001",
    kind="dress",
    kind_de="Kleid",
    colour="red",
    colour_de="rot",
    pattern="solid",
    sleeves="none",
    length="short",
    product="00001",
    price=29.99,
    sizes=("S", "M"),
    in_stock=True,
)
T_SHIRT = dataclasses.replace(DRESS, kind="T-shirt", kind_de="T-Shirt", sleeves="", length="")


def in_colour(garment: Garment, colour: str) -> Garment:
    """The same garment, solid, in another colour."""
    return dataclasses.replace(garment, colour=colour, pattern="solid")


def middle(picture: Image.Image) -> NDArray[np.float32]:
    """The pixels of the middle of a picture, where every T-shirt is cloth."""
    return np.asarray(picture.crop((130, 150, 190, 250)), np.float32)


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    """Two writings with one seed agree in every file, byte for byte."""
    for name in ("one", "two"):
        write_demo(tmp_path / name, seed=7, count=12)
    ours = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(ours) == 13
    for path in ours:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_another_seed_gives_another_shop() -> None:
    """A seed decides the articles and, for an equal article, the picture."""
    assert garments(1, 20) != garments(2, 20)
    assert draw(DRESS, 1).tobytes() != draw(DRESS, 2).tobytes()
    assert draw(DRESS, 1).tobytes() == draw(DRESS, 1).tobytes()


def test_the_catalogue_has_the_promised_columns_and_a_picture_for_every_row(tmp_path: Path) -> None:
    """catalogue.csv lies beside pictures/, and each row's image is a 320 x 400 JPEG."""
    path = write_demo(tmp_path, count=6)
    assert path == tmp_path / "catalogue.csv"
    with path.open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert tuple(written[0]) == COLUMNS
    assert written == rows(0, 6)
    assert [row["id"] for row in written] == [f"demo-000{n}" for n in range(1, 7)]
    for row in written:
        with Image.open(tmp_path / row["image"]) as picture:
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", SIZE)


def test_progress_counts_every_picture(tmp_path: Path) -> None:
    """The callback hears (1, n) up to (n, n), in order."""
    heard: list[tuple[int, int]] = []
    write_demo(tmp_path, count=4, progress=lambda done, count: heard.append((done, count)))
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_every_colour_of_every_kind_is_in_the_shop() -> None:
    """ "<colour> <kind>" always has an answer, and no pair is twice ahead of another."""
    shop = garments(0)
    pairs = Counter((garment.kind, garment.colour) for garment in shop)
    assert len(shop) == 600
    assert len(pairs) == len(KINDS) * len(COLOURS)
    assert set(pairs.values()) == {1, 2}


def test_a_product_is_one_design_in_two_to_four_colours() -> None:
    """Variants share kind, pattern, cut, price and sizes, and differ in colour."""
    products: dict[str, list[Garment]] = defaultdict(list)
    for garment in garments(3, 496):
        products[garment.product].append(garment)
    for variants in products.values():
        assert 2 <= len(variants) <= 4
        assert len({garment.colour for garment in variants}) == len(variants)
        shared = {(g.kind, g.pattern, g.sleeves, g.length, g.price, g.sizes) for g in variants}
        assert len(shared) == 1


def test_fields_are_written_as_shops_write_them() -> None:
    """Prices carry a currency, sizes are |-separated, a product keeps its leading zeros."""
    for row in rows(0, 40):
        amount, currency = row["price"].split(" ")
        assert currency == "EUR"
        assert amount == f"{float(amount):.2f}"
        assert len(row["product"]) == 5
        assert row["in_stock"] in {"yes", "no"}
        assert row["sizes"] == "One Size" or "|" in row["sizes"]


@pytest.mark.parametrize(
    ("adjective", "gender", "expected"),
    [
        ("rot", "n", "rotes"),
        ("schwarz", "f", "schwarze"),
        ("hellblau", "m", "hellblauer"),
        ("grün", "pl", "grüne"),
        ("rosa", "f", "rosa"),
        ("beige", "m", "beige"),
    ],
)
def test_german_adjectives_agree_with_the_noun(adjective: str, gender: str, expected: str) -> None:
    """The strong nominative ending follows the gender; rosa, lila, orange and beige take none."""
    assert inflected(adjective, gender) == expected


def test_a_title_says_all_that_the_picture_shows() -> None:
    """Length, colour, kind, sleeves and pattern, inflected in German."""
    dotted = dataclasses.replace(DRESS, pattern="dotted")
    assert title_de(DRESS) == "Kurzes rotes Kleid ohne Ärmel"
    assert title_de(dotted) == "Kurzes rotes Kleid ohne Ärmel, gepunktet"
    assert title_en(dotted) == "Short red polka dot dress without sleeves"
    assert title_de(dataclasses.replace(T_SHIRT, pattern="striped")) == "Rotes T-Shirt mit Streifen"
    assert title_en(T_SHIRT) == "Red T-shirt"


def test_a_query_is_colour_and_kind() -> None:
    """What a shopper types first, in either language."""
    assert query(DRESS, "de") == "rotes Kleid"
    assert query(DRESS, "en") == "red dress"
    shorts = dataclasses.replace(T_SHIRT, kind="shorts", kind_de="Shorts")
    assert "rote kurze Hose" in titles(shorts)["de"]


def test_titles_name_colour_and_kind_by_the_words_of_the_fields() -> None:
    """Every title holds its colour word (as a stem in German) and its kind word."""
    for row in rows(5):
        assert row["colour_de"] in row["title"].lower()
        assert row["kind_de"] in row["title"]
        assert row["colour"] in row["title_en"].lower()
        assert row["kind"].lower() in row["title_en"].lower()


def test_phrasings_are_three_to_six_distinct_ones_and_start_with_the_query() -> None:
    """Training gets varied texts for every garment, in both languages."""
    for garment in garments(2):
        for lang, phrasings in titles(garment).items():
            assert 3 <= len(phrasings) <= 6
            assert len(set(phrasings)) == len(phrasings)
            assert phrasings[0] == query(garment, lang)


def test_every_kind_can_be_drawn() -> None:
    """Catalogue and drawings know the same kinds, and each drawing covers a good part of its sheet."""
    assert {kind.en for kind in KINDS} == set(DRAWINGS)
    for kind in KINDS:
        garment = dataclasses.replace(
            DRESS, kind=kind.en, colour="black", sleeves=kind.sleeves[-1], length=kind.lengths[-1]
        )
        picture = draw(garment, 0)
        assert picture.size == SIZE
        dark = (np.asarray(picture.convert("L")) < 110).mean()
        assert 0.06 < dark < 0.6, kind.en


@pytest.mark.parametrize("colour", list(COLOURS))
def test_a_garment_has_the_colour_that_its_text_names(colour: str) -> None:
    """The middle of a solid T-shirt lies nearer to its own colour than to any other."""
    seen = middle(draw(in_colour(T_SHIRT, colour), 4)).mean(axis=(0, 1))
    nearest = min(COLOURS, key=lambda name: float(np.linalg.norm(seen - np.asarray(COLOURS[name]))))
    assert nearest == colour


@pytest.mark.parametrize("pattern", ["striped", "dotted", "checked", "floral"])
def test_a_pattern_shows_and_leaves_most_of_the_cloth_its_colour(pattern: str) -> None:
    """A patterned blue T-shirt differs from the solid one in places, and is still mostly blue."""
    solid = in_colour(T_SHIRT, "blue")
    plain = middle(draw(solid, 1))
    printed = middle(draw(dataclasses.replace(solid, pattern=pattern), 1))
    changed = (np.abs(printed - plain).max(axis=2) > 30).mean()
    assert 0.08 < changed < 0.7
    assert printed[..., 2].mean() > printed[..., 0].mean() + 50
