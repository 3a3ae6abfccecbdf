"""German as people type it, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from models import lexicon
from models.bundled import SHIPPED, open_text
from models.queries import read_pairs
from models.sentence_encoder import TypedTokenizer
from models.spelling import WORDS, read_words

HM_VAL = SHIPPED.parent / "validation" / "hm-val.jsonl"


@pytest.fixture(scope="module")
def tokenizer() -> TypedTokenizer:
    return TypedTokenizer()


@pytest.mark.parametrize(
    ("typed", "spelled"),
    [
        ("gruenes Kleid", "grünes Kleid"),
        ("grunes kleid", "grünes kleid"),
        ("weisse Bluse", "weiße Bluse"),
        ("kleid fur damen", "kleid für damen"),
        ("Kleid ohne Aermel", "Kleid ohne Ärmel"),
        ("trompetenaermel", "trompetenärmel"),
        ("GRUENE HOSE", "GRÜNE HOSE"),
        ("WEISSES HEMD", "WEIẞES HEMD"),
        ("schwrze Hose", "schwarze Hose"),
        ("schwazre Hose", "schwarze Hose"),
        ("Sommerklied", "Sommerkleid"),
        ("gru\u0308nes Kleid", "grünes Kleid"),
    ],
)
def test_german_is_spelled(typed: str, spelled: str, tokenizer: TypedTokenizer) -> None:
    """Umlauts written out or dropped, ss for ß and single slips are mended, capitals stay; once is enough."""
    assert tokenizer.respelled(typed) == spelled
    assert tokenizer.respelled(spelled) == spelled


@pytest.mark.parametrize(
    "text",
    [
        "Maeve Kleid",
        "fur coat",
        "blue dress",
        "Schoenen",
        "Adidas Schuhe",
        "robe d'été",
        "asdfgh",
        "",
        "38",
        "rotes Kleid",
    ],
)
def test_names_and_other_languages_stay(text: str, tokenizer: TypedTokenizer) -> None:
    """What is no German, no word at all, or right as it is."""
    assert tokenizer.respelled(text) == text


def test_queries_in_seven_other_languages_stay(tokenizer: TypedTokenizer) -> None:
    """Not one of 840 is changed."""
    asked = [pair.query for pair in read_pairs(HM_VAL) if pair.lang != "de"]
    assert len(asked) == 840
    assert [tokenizer.respelled(query) for query in asked] == asked


@pytest.mark.parametrize(
    "typed",
    ["GRÜNES SPITZENKLEID", "grünes spitzenkleid", "gruenes Spitzenkleid", "grunes Spitzen Kleid"],
)
def test_a_tower_reads_every_way_to_type_a_text_alike(typed: str, tokenizer: TypedTokenizer) -> None:
    """Capitals, umlauts, and a compound in two words give the pieces of "grünes Spitzenkleid"."""
    assert tokenizer([typed]) == tokenizer(["grünes Spitzenkleid"])


def test_texts_in_other_languages_are_read_without_capitals(tokenizer: TypedTokenizer) -> None:
    """ "Vestido NEGRO" has the pieces of "vestido negro", and "İpek" those of "ipek"."""
    assert tokenizer(["Vestido NEGRO", "İpek elbise"]) == tokenizer(["vestido negro", "ipek elbise"])


def test_the_vector_is_that_of_the_text_as_it_is_spelled() -> None:
    """A tower mends what it encodes, whoever asks it."""
    typed, spelled = open_text().encode(["WEISSES KLEID OHNE AERMEL", "weißes Kleid ohne Ärmel"])
    assert (typed == spelled).all()


def test_long_texts_take_bounded_time(tokenizer: TypedTokenizer) -> None:
    """Of many slips only the first four are looked up; the others stay as they are."""
    text = "schwarze Hose " * 30 + "schwrze Hose " * 30
    assert tokenizer.respelled(text).count("schwrze") == 26


def test_the_dictionary_is_of_words_seen_in_training(tmp_path: Path) -> None:
    """A word counts where it was seen twice, in the split train; a noun has its capital; a rare slip of a
    frequent word is left out, and what another language has, too, is marked."""
    table = tmp_path / "pairs.jsonl"
    rows = [
        '{"query": "das karierte Gewand", "lang": "de", "split": "train"}\n' * 200,
        '{"query": "das kariertte Gewand", "lang": "de", "split": "train"}\n' * 2,
        '{"query": "das Geheimnis", "lang": "de", "split": "test"}\n' * 2,
        '{"query": "gewand gerwand", "lang": "en", "split": "train"}\n' * 20,
    ]
    table.write_text("".join(rows), encoding="utf-8")
    words = {word: (seen, mark) for word, seen, mark in lexicon.counted([table])}
    assert words["karierte"] == (200, "")
    assert words["Gewand"] == (202, "*")
    assert words["gerwand"] == (20, "-")
    assert not {"kariertte", "Geheimnis", "geheimnis"} & set(words)
    assert words["Kleid"][0] == 1, "the glossary's words are always known"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Words, how often they were seen, and their marks."""
    lexicon.write_words(tmp_path / "words.tsv", [("Hüte", 9, ""), ("top", 3, "*"), ("hutte", 2, "-")])
    known = read_words(tmp_path / "words.tsv")
    assert dict(known.count) == {"hüte": 9, "top": 3}
    assert (set(known.nouns), set(known.german), set(known.foreign)) == ({"hüte"}, {"hüte"}, {"hutte"})
    assert [known.with_umlauts(word) for word in ("huete", "hute", "hut")] == ["hüte", "hüte", None]


def test_the_dictionary_ships() -> None:
    """Some thousand words, most of them German alone."""
    known = read_words(WORDS)
    assert 8_000 < len(known.german) < len(known.count) < 20_000
