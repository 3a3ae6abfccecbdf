"""Perturbed queries: each way to type, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.queries import Pair
from models.robustness import DRAWS, PERTURBATIONS, Drop, Robustness, perturbed, perturbed_texts, robustness
from models.towers import Vectors


@pytest.mark.parametrize(
    ("name", "text", "typed"),
    [
        ("umlauts written out", "grünes Kleid, Ärmel", "gruenes Kleid, Aermel"),
        ("umlauts dropped", "grünes Kleid, Ärmel", "grunes Kleid, Armel"),
        ("ss for ß", "weißes Kleid", "weisses Kleid"),
        ("all lower case", "Rotes Kleid", "rotes kleid"),
        ("all upper case", "weißes Kleid", "WEISSES KLEID"),
        ("compounds split", "Spitzenkleid hellblau Sport-BH", "Spitzen Kleid hell blau Sport BH"),
        ("compounds joined", "rotes Jeans Kleid mit T-Shirt", "rotes Jeanskleid mit Tshirt"),
        ("an English word", "rotes Top", "red Top"),
    ],
)
def test_each_perturbation_types_so(name: str, text: str, typed: str) -> None:
    """What the tables call each of them; a text that it does not concern stays."""
    assert perturbed(text, name, 0) == typed
    assert perturbed("38", name, 0) == "38"


def test_other_endings_are_other_forms_of_the_same_words() -> None:
    """The adjective has another ending or none, the noun is in the plural, whatever was drawn."""
    forms = {perturbed("rotes Sommerkleid", "other endings", seed) for seed in range(40)}
    assert forms == {f"{adjective} Sommerkleider" for adjective in ("rot", "rote", "roter", "roten")}


@pytest.mark.parametrize(
    ("name", "length"), [("letters swapped", 0), ("letter dropped", -1), ("letter doubled", 1)]
)
def test_one_word_has_one_slip(name: str, length: int) -> None:
    """In a word of five letters or more, never its first letter; the text is longer or shorter by it."""
    for seed in range(20):
        typed = perturbed("rot schwarzes Hut", name, seed)
        assert typed != "rot schwarzes Hut"
        assert typed.startswith("rot s")
        assert typed.endswith(" Hut")
        assert len(typed) == len("rot schwarzes Hut") + length


def test_sizes_and_brands_are_added() -> None:
    """The text stays whole, with a size behind it or a brand before it."""
    assert perturbed("rotes Kleid", "a size added", 1).startswith("rotes Kleid ")
    assert perturbed("rotes Kleid", "a brand added", 1).endswith(" rotes Kleid")


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_the_same_seed_types_the_same(name: str) -> None:
    """However often it is asked."""
    text = "weißes Spitzenkleid mit grünem Gürtel"
    assert perturbed(text, name, 3) == perturbed(text, name, 3)


class Literal:
    """A text tower that knows two texts to the letter, and puts all others on one place."""

    id = "literal"
    space = "0" * 16
    dim = 3

    def encode(self, texts: Sequence[str]) -> Vectors:
        rows = {"grün": 0, "rot": 1}
        return np.eye(3, dtype=np.float32)[[rows.get(text, 2) for text in texts]]


def search(queries: Vectors, depth: int) -> list[list[str]]:
    """The item of the text; for all others, item "b" behind another."""
    return [[["a"], ["b"], ["c", "b"]][int(row.argmax())] for row in queries]


def test_the_drop_is_over_the_queries_that_change() -> None:
    """ "grün" written out is no longer found: all is lost; "rot" has no umlaut, and falls from 1 to 1/2 in
    capitals, which with "grün" makes a mean of 1/4."""
    found = robustness(Literal(), [Pair("grün", "a"), Pair("rot", "b")], search)
    drops = {drop.perturbation: drop for drop in found.drops}
    assert (found.queries, found.plain) == (2, 1.0)
    assert drops["umlauts written out"] == Drop("umlauts written out", 1, 1.0, 0.0)
    assert drops["all upper case"] == Drop("all upper case", 2, 1.0, 0.25)
    assert drops["all upper case"].relative == 0.75
    assert drops["ss for ß"] == Drop("ss for ß", 0, 0.0, 0.0)


def test_the_mean_is_over_perturbations_that_change_something() -> None:
    """Of drops of 50% and 10%, and one of no query, it is 30%."""
    drops = [Drop("a", 1, 1.0, 0.5), Drop("b", 9, 0.5, 0.45), Drop("c", 0, 0.0, 0.0)]
    found = Robustness("base", 9, 0.5, drops)
    assert found.mean_drop == pytest.approx(0.3)
    assert found.summary["drops"]["a"] == {"queries": 1, "plain": 1.0, "perturbed": 0.5, "drop": 0.5}


def test_the_texts_are_each_listed_once() -> None:
    """A query first; drawn thrice, what is not drawn at random is one text."""
    texts = perturbed_texts([Pair("rot", "b"), Pair("rot", "c")])
    assert texts[0] == "rot"
    assert len(texts) == len(set(texts)) <= 1 + DRAWS * len(PERTURBATIONS)
