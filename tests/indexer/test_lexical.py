"""The words of a catalogue: what is one word, what scores how much, what is named in full."""

from __future__ import annotations

import pytest

from indexer.items import Value
from indexer.lexical import Lexicon, Words, index_texts

SHOP: list[dict[str, Value]] = [
    {"title": "Grüner Rock", "brand": "Nordlicht", "sku": "0042", "sizes": ["S", "M"]},
    {"title": "Rotes Kleid", "brand": "Nordlicht", "sku": "0043", "sizes": ["M"]},
    {"title": "Rotes Kleid mit Punkten", "brand": "Rot", "sku": "0044", "url": "https://shop.example/kleid"},
    {"title": "Rote Hose", "brand": "Abendstern & Söhne", "sku": None, "price": 19.99},
]
GREEN, RED, DOTTED, TROUSERS = range(4)


def lexicon(fields: list[dict[str, Value]]) -> Lexicon:
    return Lexicon(index_texts([f"a-{row}" for row in range(len(fields))], fields), len(fields))


@pytest.fixture(scope="module")
def shop() -> Lexicon:
    return lexicon(SHOP)


@pytest.mark.parametrize(
    "spellings",
    [
        ["Grünes", "grünes", "GRÜNES", "gruenes", "grunes", "grün"],
        ["Kleider", "Kleid", "Kleides", "kleid"],
        ["Röcke", "roecke", "Rock"],
        ["Weiße", "weisse", "WEISSE"],
        ["dresses", "dress"],
        ["Été", "été", "ete"],
        ["ｓｋｉ", "Ski"],
    ],
)
def test_spellings_and_endings_are_one_word(spellings: list[str]) -> None:
    """Case, accents, umlauts written out or dropped, plural and inflection make no difference."""
    words = Words()
    assert len({tuple(words(spelling)) for spelling in spellings}) == 1


def test_punctuation_parts_words() -> None:
    """A hyphen, an underscore and a slash are no letters."""
    assert Words()("T-Shirt/Polo_XL, 0042") == ["t", "shirt", "polo", "xl", "0042"]


def test_a_script_without_spaces_is_found_by_its_neighbours() -> None:
    """ドレス is found in 赤いドレス, and the brand before it too."""
    assert Words()("Nike赤いドレス") == ["nik", "赤い", "いド", "ドレ", "レス"]
    assert lexicon([{"title": "赤いドレス"}, {"title": "青いスカート"}]).scores("ドレス").argmax() == 0


def test_an_item_that_has_every_word_scores_about_1(shop: Lexicon) -> None:
    """All words, one of two, none: about 1, in between, exactly 0."""
    scores = shop.scores("grüner Rock")
    assert scores[GREEN] == pytest.approx(1, abs=0.1)
    assert scores[RED] == scores[TROUSERS] == 0
    assert 0.1 < shop.scores("grünes Kleid")[RED] < 0.9


def test_a_rare_word_weighs_more_than_a_common_one(shop: Lexicon) -> None:
    """Of "rote Hose", most items have the first word and one the second."""
    scores = shop.scores("rote Hose")
    assert scores[TROUSERS] > 2 * scores[RED] > 0


def test_words_that_nobody_has_keep_the_score_low() -> None:
    """A German query meets an English shop in "in" alone: next to nothing."""
    english: list[dict[str, Value]] = [{"title": f"Dress in {colour}"} for colour in ("blue", "red", "green")]
    assert 0 < lexicon(english).scores("Kleid in Blau").max() < 0.1
    assert lexicon(english).scores("Dress in blue").max() > 0.9


def test_the_elements_of_lists_are_words_and_addresses_are_not(shop: Lexicon) -> None:
    """ "S" is a size of one item; a link says nothing of what it leads to."""
    assert [row for row, score in enumerate(shop.scores("S")) if score] == [GREEN]
    assert not shop.scores("https shop example").any()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("0042", [GREEN]),
        ("a-1", [RED]),
        ("A 1", [RED]),
        ("Rotes Kleid", [RED]),
        ("rotes  kleid!", [RED]),
        ("GRUENER ROCK", [GREEN]),
        ("Nordlicht", [GREEN, RED]),
        ("abendstern & soehne", [TROUSERS]),
        ("rotes", []),
        ("42", []),
        ("rote Kleider", []),
        ("", []),
        ("!", []),
        ("zzz", []),
    ],
)
def test_what_is_typed_in_full_names_its_items(shop: Lexicon, text: str, rows: list[int]) -> None:
    """An id, a number, a title or a brand, to the letter but for case, accents and punctuation; no part."""
    assert shop.named(text) == rows


def test_a_brand_that_is_a_common_word_names_nothing(shop: Lexicon) -> None:
    """Three items are red, one is by "Rot": who types it means the colour."""
    assert shop.named("Rot") == []
    assert len([score for score in shop.scores("rot") if score]) == 3


def test_an_article_number_may_be_a_number() -> None:
    """A column of integers that is called as article numbers are is one; other numbers are not."""
    numbers = lexicon([{"ean": 4006381333931, "stock": 7}])
    assert numbers.named("4006381333931") == [0]
    assert numbers.named("7") == []


def test_a_catalogue_without_text_has_no_words() -> None:
    """Ids are names in full and nothing else."""
    bare = lexicon([{"price": 1.5}, {}])
    assert not bare.has_text
    assert not bare.scores("a-1").any()
    assert bare.named("a-1") == [1]
    assert lexicon(SHOP).has_text
