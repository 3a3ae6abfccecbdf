"""`vitrine classify` over six drawn garments, two of each kind, of which one's kind is written wrong."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from models.bundled import SHIPPED
from models.cards import read_card
from tests.app.test_cli import Ran, Vitrine, assert_one_line, vitrine

__all__ = ["vitrine"]

LABELS = {
    "pumps": {"de": ["Pumps", "Damenschuhe"], "en": "pumps"},
    "trousers": {"de": "Hose", "en": "trousers"},
    "belt": {"de": "Gürtel"},
}
BABEL = {"DE": [[9, 0, 4], ["Gürtel", "Pumps", "Hose"]], "EN": [[0, 4], ["pumps", "trousers"]]}
KINDS = ["pumps", "pumps", "trousers", "trousers", "belt", "belt"]
WRITTEN = ["Pumps", "damenschuhe", " hose ", "belt", "belt", "Gürtel"]  # the fourth is a pair of trousers


@pytest.fixture(scope="module")
def pictures(drawn: Path) -> list[Path]:
    """Two drawn pictures of each kind, as KINDS has them."""
    with drawn.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    of_kind = {kind: [row["image"] for row in rows if row["kind"] == kind][:2] for kind in set(KINDS)}
    return [drawn.parent / of_kind[kind][n % 2] for n, kind in enumerate(KINDS)]


@pytest.fixture
def shop(pictures: list[Path], tmp_path: Path) -> Path:
    """Their catalogue; its pictures lie beside it."""
    for number, picture in enumerate(pictures):
        shutil.copyfile(picture, tmp_path / f"{number}.jpg")
    rows = [{"id": f"id-{n}", "image": f"{n}.jpg", "sort": sort} for n, sort in enumerate(WRITTEN)]
    return written(tmp_path, "shop.jsonl", *rows)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return written(tmp_path, "labels.json", LABELS)


def written(folder: Path, name: str, *lines: object) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def tags(ran: Ran) -> list[dict[str, Any]]:
    assert ran.status == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_accuracies_count_the_items_whose_class_has_a_name(
    vitrine: Vitrine, labels: Path, shop: Path, tmp_path: Path
) -> None:
    """Ids and names match whatever their case. Five of six are right in German; in English nothing is called
    a belt, so that three are left, all right. Three classes have no accuracy@5. The home stays away."""
    home = tmp_path / "home"
    ran = vitrine("classify", labels, shop, "--truth", "sort", "--json", "--home", home)
    assert ran.status == 0, ran.err
    assert json.loads(ran.out) == {
        "de": {"n": 6, "accuracy@1": 5 / 6},
        "en": {"n": 3, "accuracy@1": 1.0},
    }
    assert "en: 1 of 3 classes have no name in it and are left out: belt\n" in ran.err
    assert "en: 3 of 6 items are not counted, their class has no name in it\n" in ran.err
    assert "embedding 6/6\n" in ran.err
    assert not home.exists()


def test_the_table_ends_with_the_mean_and_the_mistakes(vitrine: Vitrine, labels: Path, shop: Path) -> None:
    """The mean of 5/6 and 1 over languages; the belt that is a pair of trousers; classes with the most items
    first. A bootstrap of six values, five of which are 1, reaches 1."""
    ran = vitrine("classify", labels, shop, "--truth", "sort")
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0] == [
        *("language", "n", "accuracy@1", "accuracy@5", "accuracy@10"),
        *("95%", "of", "accuracy@1"),
    ]
    assert lines[1][:3] == ["de", "6", "0.8333"]
    assert lines[1][4:] == ["to", "1.0000"]
    assert lines[2:] == [
        ["en", "3", "1.0000", "1.0000", "to", "1.0000"],
        ["mean", "0.9167"],
        [],
        ["de,", "by", "class"],
        ["class", "n", "accuracy@1", "most", "often", "taken", "for"],
        ["Gürtel", "3", "0.6667", "Hose", "(1)"],
        ["Pumps", "2", "1.0000", "-"],
        ["Hose", "1", "1.0000", "-"],
    ]


def test_without_truth_items_are_tagged(vitrine: Vitrine, labels: Path, shop: Path) -> None:
    """A JSON line per item, in their order, with the class and its first name; or the best three in words."""
    found = tags(vitrine("classify", labels, shop, "--lang", "DE", "--json"))
    assert [one["id"] for one in found] == [f"id-{n}" for n in range(6)]
    assert [one["de"]["class"] for one in found] == KINDS
    assert [one["de"]["name"] for one in found] == [*["Pumps"] * 2, *["Hose"] * 2, *["Gürtel"] * 2]
    assert {tuple(one) for one in found} == {("id", "de")}
    assert {tuple(one["de"]) for one in found} == {("class", "name", "score")}
    ran = vitrine("classify", labels, shop, "--lang", "de", "--limit", 1)
    item, *best = ran.out.removesuffix("\n").split("  ")
    assert item == "id-0"
    assert best[0] == f"Pumps {found[0]['de']['score']:.2f}"
    assert {one.split(" ")[0] for one in best} == {"Pumps", "Hose", "Gürtel"}


def test_several_languages_are_several_members_and_lines(
    vitrine: Vitrine, labels: Path, shop: Path, tmp_path: Path
) -> None:
    """In the order in which they are asked for. Indonesian's code is the name of the item's own member."""
    asked = ["classify", labels, shop, "--limit", 1, "--lang", "en", "--lang", "de"]
    (found,) = tags(vitrine(*asked, "--json"))
    assert list(found) == ["id", "en", "de"]
    assert [line.split("  ")[:2] for line in vitrine(*asked).out.splitlines()] == [
        ["id-0", "en"],
        ["id-0", "de"],
    ]
    indonesian = written(tmp_path, "id.json", {"bag": {"id": "tas"}, "belt": {"id": "ikat pinggang"}})
    assert_one_line(vitrine("classify", indonesian, shop, "--json"), 2, "'id'", "'ind'", "--lang")
    assert vitrine("classify", indonesian, shop, "--limit", 1).status == 0


def test_an_item_is_as_near_as_its_best_picture(
    vitrine: Vitrine, labels: Path, shop: Path, tmp_path: Path
) -> None:
    """Trousers, a belt, and both pictures on one item; a picture that is none is set aside with a note."""
    (tmp_path / "broken.jpg").write_text("no picture", encoding="utf-8")
    rows = [("trousers", ["2.jpg"]), ("belt", ["4.jpg"]), ("both", ["broken.jpg", "2.jpg", "4.jpg"])]
    rows.append(("none", ["broken.jpg"]))
    several = written(tmp_path, "several.jsonl", *({"id": one, "image": of} for one, of in rows))
    ran = vitrine("classify", labels, several, "--lang", "de", "--json")
    trousers, belt, both = tags(ran)
    assert both["de"] == max(trousers["de"], belt["de"], key=lambda tag: tag["score"])
    assert "2 rows or pictures set aside, the first because" in ran.err


def test_no_readable_picture_is_an_error(vitrine: Vitrine, labels: Path, tmp_path: Path) -> None:
    """With the first reason."""
    (tmp_path / "broken.jpg").write_text("no picture", encoding="utf-8")
    shop = written(tmp_path, "shop.jsonl", {"id": "a", "image": "broken.jpg"})
    assert_one_line(vitrine("classify", labels, shop), 2, "shop.jsonl", "no item", "1 set aside", "because")


def test_templates_word_the_names(vitrine: Vitrine, labels: Path, shop: Path, tmp_path: Path) -> None:
    """The scores are others; a language without templates keeps its own, and a note says so."""
    templates = written(tmp_path, "templates.json", {"DE": ["ein Foto von {}", "{} auf Weiß"]})
    asked = ["classify", labels, shop, "--limit", 1, "--json"]
    (plain,), ran = tags(vitrine(*asked)), vitrine(*asked, "--templates", templates)
    (worded,) = tags(ran)
    assert worded["de"]["class"] == "pumps"
    assert worded["de"]["score"] != plain["de"]["score"]
    assert worded["en"] == plain["en"]
    assert "templates.json has no templates in en: the names alone are used there\n" in ran.err


def test_class_indices_match_numbers(vitrine: Vitrine, shop: Path, tmp_path: Path) -> None:
    """A Babel-ImageNet file; 4 and 0.0 of a column of numbers are its classes 4 and 0. An empty value and one
    that is no class are not counted, nor embedded."""
    babel = written(tmp_path, "babel.json", BABEL)
    values = [0, 0.0, 4, None, 9, 3.5]
    rows = [{"id": n, "image": f"{n}.jpg", "target": value} for n, value in enumerate(values)]
    indexed = written(tmp_path, "indexed.jsonl", *rows)
    ran = vitrine("classify", babel, indexed, "--truth", "target", "--lang", "de", "--json")
    assert json.loads(ran.out) == {"de": {"n": 4, "accuracy@1": 1.0}}
    assert "2 items are not counted, their target is not one class: (empty) (1), 3.5 (1)\n" in ran.err
    assert "embedding 4/4\n" in ran.err


def test_of_a_list_one_value_must_be_a_class(
    vitrine: Vitrine, labels: Path, shop: Path, tmp_path: Path
) -> None:
    """Words beside it do not matter; two classes at once are no truth."""
    values = [["sale", "Hose"], ["Pumps", "belt"], ["Pumps", "Damenschuhe"]]
    rows = [{"id": n, "image": f"{n}.jpg", "tags": value} for n, value in enumerate(values)]
    listed = written(tmp_path, "listed.jsonl", *rows)
    ran = vitrine("classify", labels, listed, "--truth", "tags", "--lang", "de", "--json")
    assert json.loads(ran.out) == {"de": {"n": 2, "accuracy@1": 0.0}}  # a pump called Hose, trousers Pumps
    assert "1 items are not counted, their tags is not one class: Pumps|belt (1)\n" in ran.err


def test_a_language_that_names_no_true_class_is_left_out(
    vitrine: Vitrine, labels: Path, shop: Path, tmp_path: Path
) -> None:
    """The belts have no English name: German stays, and English alone leaves nothing to measure."""
    belts = [{"id": n, "image": f"{n}.jpg", "sort": "belt"} for n in (4, 5)]
    catalogue = written(tmp_path, "belts.jsonl", *belts)
    asked = ["classify", labels, catalogue, "--truth", "sort", "--json"]
    assert json.loads(vitrine(*asked).out) == {"de": {"n": 2, "accuracy@1": 1.0}}
    assert_one_line(vitrine(*asked, "--lang", "en"), 2, "no item's class has a name", "--lang")


def test_wrong_input_is_one_line_and_exit_2(
    vitrine: Vitrine, labels: Path, shop: Path, tmp_path: Path
) -> None:
    """Before any picture is embedded: labels, a language, templates, a field, its values, a catalogue."""
    broken = written(tmp_path, "broken.json", ["{}"])
    assert_one_line(vitrine("classify", broken, shop), 2, "broken.json", "not a JSON object")
    assert_one_line(vitrine("classify", labels, shop, "--lang", "fr"), 2, "'fr'", "de, en")
    assert_one_line(vitrine("classify", labels, shop, "--templates", broken), 2, "broken.json")
    assert_one_line(vitrine("classify", labels, shop, "--truth", "kind"), 2, "'kind'", "sort")
    assert_one_line(vitrine("classify", labels, tmp_path / "gone.csv"), 2, "gone.csv")
    other = written(tmp_path, "other.json", {"hat": {"de": "Hut"}, "scarf": {"de": "Schal"}})
    assert_one_line(vitrine("classify", other, shop, "--truth", "sort"), 2, "sort", "hat, scarf", "belt (2)")


def test_the_homes_towers_answer(vitrine: Vitrine, labels: Path, shop: Path, tmp_path: Path) -> None:
    """The active one of the pictures' space unless one is named; a tower of another space is refused, in
    words that name both."""
    home = tmp_path / "home"
    base = read_card(SHIPPED / "base")
    for name, space in (("base", base.space), ("foreign", "0123456789abcdef")):
        folder = home / "towers" / name
        shutil.copytree(SHIPPED / "base", folder)
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        (folder / "card.json").write_text(json.dumps(card | {"id": name, "space": space}), encoding="utf-8")
    asked = ["classify", labels, shop, "--limit", 1, "--json", "--home", home]
    assert len(tags(vitrine(*asked, "--text-tower", "base"))) == 1
    assert_one_line(vitrine(*asked, "--text-tower", "foreign"), 2, "foreign", "0123456789abcdef", base.space)
    (home / "towers" / "active.json").write_text(json.dumps({base.space: "gone"}), encoding="utf-8")
    assert_one_line(vitrine(*asked), 2, "'gone'", "base, foreign")
