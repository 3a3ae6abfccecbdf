"""Query-like text: what it says about a product, in which words, and what it leaves out."""

from random import Random

import pytest

from models import phrases
from models.phrases import LANGUAGES, Scope

DRESS = {
    "type": "Dress",
    "colour": "Dark Blue",
    "pattern": "Stripe",
    "section": "Ladieswear",
    "name": "Anna dress",
    "description": "Short dress in soft jersey with a V-neck and long sleeves. Unlined.",
}


def test_facts_are_read_from_fields_and_prose() -> None:
    """Kind, colour and audience come from the fields, details from the words of the description."""
    found = phrases.facts(DRESS)
    assert found.kinds[0].words["de"] == ("Kleid:n",)
    assert found.colour is not None
    assert found.colour.words["de"][0] == "dunkelblau"
    assert found.audience is not None
    assert "für Damen" in found.audience.words["de"]
    details = {word for entry in found.details for word in entry.words["de"]}
    assert {"V-Ausschnitt", "langen Ärmeln", "~gestreift", "=ungefüttert"} <= details


@pytest.mark.parametrize(
    ("row", "german", "french"),
    [
        ({"kind": "dress", "colour": "red"}, "rotes Kleid", "robe rouge"),
        ({"kind": "skirt", "colour": "black"}, "schwarzer Rock", "jupe noire"),
        ({"kind": "gloves", "colour": "white"}, "weiße Handschuhe", "gants blancs"),
        ({"kind": "coat", "colour": "purple"}, "lila Mantel", "manteau violet"),
    ],
)
def test_adjectives_agree_with_their_noun(row: dict[str, str], german: str, french: str) -> None:
    """A red dress is "rotes Kleid" and "robe rouge"; lila never changes."""
    random = Random(0)
    found = phrases.facts(row)
    assert german in {phrases.phrase(found, "de", random).text for _ in range(200)}
    assert french in {phrases.phrase(found, "fr", random).text for _ in range(200)}


def test_every_language_tells_every_product() -> None:
    """As many texts as asked, none empty, no mark of the glossary left in them."""
    made = list(phrases.texts(DRESS, dict.fromkeys(LANGUAGES, 20), Random(1)))
    assert [text.language for text in made] == [language for language in LANGUAGES for _ in range(20)]
    assert all(text.text.strip() for text in made)
    assert not [text.text for text in made if set(text.text) & set("~=!|:")]


def test_a_phrase_without_details_fits_others_of_its_kind_and_colour() -> None:
    """Training must not call another dark blue dress a wrong answer to "dunkelblaues Kleid"."""
    plain = phrases.facts({"kind": "dress", "colour": "navy"})
    scopes = {phrases.phrase(plain, "en", Random(seed)).scope for seed in range(40)}
    assert scopes == {Scope.KIND_AND_COLOUR, Scope.KIND}


def test_a_photograph_with_captions_is_told_in_their_words() -> None:
    """A photograph has no kind; in a language without a caption it keeps one of its own."""
    row = {"captions": {"en": ["a dog runs"], "de": ["ein Hund rennt"]}}
    made = {text.text.lower() for text in phrases.texts(row, dict.fromkeys(LANGUAGES, 8), Random(2))}
    assert made == {"a dog runs", "ein hund rennt"}


def test_the_glossary_is_whole() -> None:
    """Every row names something in every language, and every kind has a German gender."""
    entries = [entry for role in phrases.glossary().values() for entry in role]
    assert len(entries) > 250
    assert all(all(word for word in words) for entry in entries for words in entry.words.values())
    nouns = [noun for entry in phrases.glossary()["kind"] for noun in entry.words["de"]]
    assert {noun.partition(":")[2] for noun in nouns} == {"m", "f", "n", "p"}
