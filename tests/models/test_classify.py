"""Zero-shot classification: a tiny tower of three words, and pictures that are those words' vectors."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from models.classify import (
    Labels,
    LabelsError,
    OfClass,
    Ranking,
    by_class,
    class_vectors,
    correct,
    rank,
    read_labels,
    read_templates,
)
from models.towers import Vectors

WORDS = ["rot", "grün", "blau"]
AXES = np.eye(3, dtype=np.float32)
SHOP = {
    "dress": {"de": "Kleid", "en": "dress"},
    "trousers": {"de": ["Hose", "Hosen"], "EN": ["trousers", "pants"]},
    "shoes": {"en": "shoes"},
}
BABEL = {"DE": [[7, 0], ["Hahn (Vogel)", "Schleie"]], "ZH_YUE": [[0, 12], ["丁鱥", "朱雀"]]}


class ThreeWords:
    """A text tower of three dimensions: one for each word that it knows."""

    id = "three-words"
    space = "0" * 16
    dim = 3

    def encode(self, texts: Sequence[str]) -> Vectors:
        counts = np.array([[text.count(word) for word in WORDS] for text in texts], dtype=np.float32)
        unit: Vectors = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return unit


def written(folder: Path, content: object) -> Path:
    path = folder / "labels.json"
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_name_classes_in_several_languages(tmp_path: Path) -> None:
    """One name or a list of them; a language's case does not matter; languages in the order of the file."""
    labels = read_labels(written(tmp_path, SHOP))
    assert labels.classes == {
        "dress": {"de": ("Kleid",), "en": ("dress",)},
        "trousers": {"de": ("Hose", "Hosen"), "en": ("trousers", "pants")},
        "shoes": {"en": ("shoes",)},
    }
    assert labels.languages() == ["de", "en"]


def test_a_babel_imagenet_file_is_read_as_it_is(tmp_path: Path) -> None:
    """Its languages are in capitals, its classes are indices, in their order; each language has its own."""
    labels = read_labels(written(tmp_path, BABEL))
    assert list(labels.classes) == ["0", "7", "12"]
    assert labels.choose(["DE"]) == {"de": {"0": ("Schleie",), "7": ("Hahn (Vogel)",)}}
    assert labels.choose(["zh_yue"]) == {"zh_yue": {"0": ("丁鱥",), "12": ("朱雀",)}}


def test_a_language_holds_the_classes_that_have_a_name_in_it(tmp_path: Path) -> None:
    """German has no word for shoes here; none chosen is all of them, one chosen twice is one."""
    labels = read_labels(written(tmp_path, SHOP))
    assert {language: list(names) for language, names in labels.choose([]).items()} == {
        "de": ["dress", "trousers"],
        "en": ["dress", "trousers", "shoes"],
    }
    assert list(labels.choose(["en", "EN"])) == ["en"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dress", "dress"),
        (" Dress ", "dress"),
        ("kleid", "dress"),
        ("PANTS", "trousers"),
        ("Ro\u0308cke", "skirt"),
        ("Rock", None),
        ("Mantel", None),
        ("", None),
    ],
)
def test_a_text_is_the_class_of_that_id_or_name(text: str, expected: str | None) -> None:
    """Whatever its case and the composition of its umlauts; a name of two classes is neither."""
    labels = Labels(
        {
            "dress": {"de": ("Kleid",)},
            "trousers": {"en": ("trousers", "pants")},
            "skirt": {"de": ("Rock", "Röcke")},
            "music": {"en": ("rock",)},
        }
    )
    assert labels.class_of(text) == expected


def test_an_id_comes_before_a_name() -> None:
    """ "rock" is the id of music and a name of the skirt; ids that differ in case alone are told apart."""
    labels = Labels({"rock": {"en": ("music",)}, "skirt": {"de": ("Rock",)}, "SKIRT": {"de": ("Kilt",)}})
    assert labels.class_of("Rock") == "rock"
    assert [labels.class_of(text) for text in ("skirt", "SKIRT", "Skirt")] == ["skirt", "SKIRT", None]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", ["not JSON"]),
        ("[]", ["not a JSON object"]),
        ({"dress": {"de": "Kleid"}, "DE": [[0], ["Kleid"]]}, ["neither"]),
        ({"dress": "Kleid"}, ["neither"]),
        ({"dress": {"de": "Kleid"}}, ["1 classes", "two"]),
        ({}, ["0 classes"]),
        ({"dress": {"de": "Kleid"}, "skirt": {}}, ["'skirt'", "no name"]),
        ({"dress": {"de": "Kleid"}, "skirt": {"de": " "}}, ["'skirt' in 'de'", '" "', "none of them empty"]),
        ({"dress": {"de": "Kleid"}, "skirt": {"de": []}}, ["'skirt' in 'de'", "[]"]),
        ({"dress": {"de": "Kleid"}, "skirt": {"de": ["Rock", 7]}}, ["'skirt' in 'de'", "7"]),
        ({"DE": [[0, 1], ["Kleid"]]}, ["'DE'", "2 class indices and 1 names"]),
        ({"DE": [[0, "1"], ["Kleid", "Rock"]]}, ["'DE'", "'1'", "whole number"]),
        ({"DE": [[0, True], ["Kleid", "Rock"]]}, ["'DE'", "True"]),
        ({"DE": [[0, 1], ["Kleid", ""]]}, ["class 1 in 'DE'", "empty"]),
        ({"DE": ["Kleid", "Rock"]}, ["'DE'", "[[class indices], [names]]"]),
    ],
)
def test_labels_of_another_form_are_refused(tmp_path: Path, content: object, words: list[str]) -> None:
    """In one line, which names the place."""
    with pytest.raises(LabelsError) as refused:
        read_labels(written(tmp_path, content))
    assert "\n" not in str(refused.value)
    for word in ["labels.json", *words]:
        assert word in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """As labels and as templates."""
    for read in (read_labels, read_templates):
        with pytest.raises(LabelsError, match=r"gone\.json cannot be read"):
            read(tmp_path / "gone.json")


def test_a_language_without_two_classes_is_refused(tmp_path: Path) -> None:
    """One that no class has a name in, with those that there are; one where there is nothing to choose."""
    labels = read_labels(written(tmp_path, SHOP | {"hat": {"fr": "chapeau"}}))
    with pytest.raises(LabelsError, match="no class has a name in 'it': there are de, en, fr"):
        labels.choose(["de", "it"])
    with pytest.raises(LabelsError, match="only 'hat' has a name in 'fr'"):
        labels.choose([])


def test_templates_are_read_by_language(tmp_path: Path) -> None:
    """In the form in which Babel-ImageNet's prompts come, its capitals included."""
    path = written(tmp_path, {"DE": ["ein Foto von {}", "{}!"], "en": ["a photo of a {}"]})
    assert read_templates(path) == {"de": ("ein Foto von {}", "{}!"), "en": ("a photo of a {}",)}


@pytest.mark.parametrize("template", ["ein Foto", "{} und {}", ""])
def test_a_template_has_one_place_for_the_name(tmp_path: Path, template: str) -> None:
    """Not none, not two."""
    with pytest.raises(LabelsError, match=r"labels\.json: 'de'"):
        read_templates(written(tmp_path, {"de": ["{}", template]}))


def test_a_class_is_the_unit_mean_of_its_names() -> None:
    """ "rot" and "blau" together lie half way between the two, at 1/√2 each."""
    vectors = class_vectors(ThreeWords(), [["rot", "blau"], ["grün"]], ["{}"])
    assert vectors == pytest.approx(np.array([[1, 0, 1], [0, math.sqrt(2), 0]]) / math.sqrt(2))


def test_every_name_is_put_in_every_template() -> None:
    """ "blau" lies at 90°, "blau rot" at 45°; the mean of unit vectors at 67.5°."""
    (vector,) = class_vectors(ThreeWords(), [["blau"]], ["{}", "{} rot"])
    angle = math.radians(67.5)
    assert vector == pytest.approx([math.cos(angle), 0, math.sin(angle)])


def test_many_names_are_encoded_in_parts() -> None:
    """600 names of one class and one of another: more than are encoded together."""
    vectors = class_vectors(ThreeWords(), [["rot"] * 599 + ["blau"], ["grün"]], ["{}"])
    assert vectors == pytest.approx(np.array([[599, 0, 1], [0, math.hypot(599, 1), 0]]) / math.hypot(599, 1))


def test_an_item_is_as_near_as_its_best_picture() -> None:
    """The first item has a red and a blue picture, the second a green one. Equal scores keep the order."""
    ranking = rank(AXES[[0, 2, 1]], [0, 2], AXES)
    assert ranking.rows.tolist() == [[0, 2, 1], [1, 0, 2]]
    assert ranking.scores.tolist() == [[1, 1, 0], [1, 0, 0]]


def test_the_ten_best_classes_are_kept() -> None:
    """Of twelve classes whose cosine with the picture falls with their number."""
    angles = np.linspace(0, 1, 12)
    classes = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    ranking = rank(np.array([[1, 0]], dtype=np.float16), [0], classes)
    assert ranking.rows.tolist() == [list(range(10))]


def test_many_items_are_ranked_in_parts() -> None:
    """Item n has n % 3 more pictures than one, all of its colour n % 3; nothing spills to its neighbour."""
    counts = [1 + n % 3 for n in range(2500)]
    pictures = AXES[[n % 3 for n, count in enumerate(counts) for _ in range(count)]]
    starts = np.cumsum([0, *counts[:-1]]).tolist()
    ranking = rank(pictures.astype(np.float16), starts, AXES)
    assert ranking.rows[:, 0].tolist() == [n % 3 for n in range(2500)]
    assert ranking.scores[:, 1].max() == 0


RANKING = Ranking(
    np.array([[0, 1, 2], [1, 0, 2], [1, 0, 2], [2, 0, 1], [1, 2, 0]]), np.zeros((5, 3), dtype=np.float32)
)
TRUTH = np.array([0, 0, 0, 0, 1])


def test_an_item_is_right_where_its_class_is_among_the_first() -> None:
    """Item by item: its class stands at rank 1, 2, 2, 2, 1."""
    assert correct(RANKING, TRUTH, 1).tolist() == [1, 0, 0, 0, 1]
    assert correct(RANKING, TRUTH, 2).tolist() == [1, 1, 1, 1, 1]


def test_a_class_tells_what_it_is_mistaken_for() -> None:
    """Of four items of class 0 one is right, two are taken for 1 and one for 2; class 2 has no item."""
    assert by_class(RANKING, TRUTH) == [OfClass(0, 4, 0.25, (1, 2)), OfClass(1, 1, 1.0, None)]


def test_some_items_of_a_ranking() -> None:
    """Those chosen, in their order."""
    assert RANKING.of(TRUTH == 1).rows.tolist() == [[1, 2, 0]]
