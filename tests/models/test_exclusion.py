"""Words that exclude: what a query wants, and what it does not."""

from __future__ import annotations

import pytest

from models.exclusion import Parsed, parse


@pytest.mark.parametrize(
    ("query", "wanted", "excluded"),
    [
        ("Tasche ohne Reißverschluss", "Tasche", ["Reißverschluss"]),
        ("Kleid nicht schwarz", "Kleid", ["schwarz"]),
        ("Tasche, kein Leder", "Tasche", ["Leder"]),
        ("Hose nicht aus Leder", "Hose", ["Leder"]),
        ("Kleid außer schwarz", "Kleid", ["schwarz"]),
        ("Jacke, aber nicht dunkelblau", "Jacke", ["dunkelblau"]),
        ("Kleid, das nicht schwarz ist", "Kleid", ["schwarz"]),
        ("jacket without hood", "jacket", ["hood"]),
        ("shoes that are not black", "shoes", ["black"]),
        ("pants with pockets and no belt holes", "pants with pockets", ["belt holes"]),
        ("coat not dark blue", "coat", ["dark blue"]),
        ("robe sans ceinture", "robe", ["ceinture"]),
        ("robe pas noire", "robe", ["noire"]),
        ("pull pas bleu foncé", "pull", ["bleu foncé"]),
        ("vestito senza bottoni", "vestito", ["bottoni"]),
        ("vestito non nero", "vestito", ["nero"]),
        ("vestido sin botones", "vestido", ["botones"]),
        ("vestido que no sea negro", "vestido", ["negro"]),
        ("camisa sem botões", "camisa", ["botões"]),
        ("sukienka bez guzików", "sukienka", ["guzików"]),
        ("sukienka nie czarna", "sukienka", ["czarna"]),
        ("jurk zonder knopen", "jurk", ["knopen"]),
        ("jas, geen capuchon", "jas", ["capuchon"]),
        ("düğmesiz kırmızı yelek", "kırmızı yelek", ["düğmeli"]),
        ("siyah olmayan elbise", "elbise", ["siyah"]),
        ("платье без пояса", "платье", ["пояса"]),
    ],
)
def test_what_is_excluded_leaves_the_query(query: str, wanted: str, excluded: list[str]) -> None:
    """In each language that is read."""
    assert parse(query) == Parsed(wanted, tuple(excluded))


@pytest.mark.parametrize(
    ("query", "wanted", "excluded"),
    [
        ("Jacke ohne Kapuze und Gürtel", "Jacke", ["Kapuze", "Gürtel"]),
        ("Kleid nicht schwarz, blau oder rot", "Kleid", ["schwarz", "blau", "rot"]),
        ("Jacke ohne Kapuze, ohne Kragen", "Jacke", ["Kapuze", "Kragen"]),
        ("Mantel weder schwarz noch blau", "Mantel", ["schwarz", "blau"]),
        ("siyah veya mavi olmayan elbise", "elbise", ["siyah", "mavi"]),
    ],
)
def test_a_list_is_excluded_as_a_whole(query: str, wanted: str, excluded: list[str]) -> None:
    assert parse(query) == Parsed(wanted, tuple(excluded))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("Blazer ohne Verschluss, leicht tailliert", "Blazer, leicht tailliert"),
        ("Strickjacke ohne Knöpfe mit Bindegürtel", "Strickjacke mit Bindegürtel"),
        ("cardigan ohne knöpfe feinstrick damen", "cardigan feinstrick damen"),
        ("black dress without buttons women", "black dress women"),
        ("keine schwarzen Schuhe", "Schuhe"),
        ("not black dress", "dress"),
        ("top sans bretelles et jean noir", "top et jean noir"),
        ("Hemd ohne lange Ärmel", "Hemd"),
    ],
)
def test_what_follows_is_wanted_again(query: str, wanted: str) -> None:
    """After a comma, a preposition, a whole noun; the garment itself; a second one after "et"."""
    assert parse(query).wanted == wanted


@pytest.mark.parametrize(
    ("query", "wanted", "excluded"),
    [
        ("Kleid ohne Kragen und mit Ärmeln", "Kleid mit Ärmeln", ["Kragen"]),
        ("Jacke ohne Kapuze und mit Taschen", "Jacke mit Taschen", ["Kapuze"]),
        ("Jacke ohne Kapuze und Gürtel und mit Taschen", "Jacke mit Taschen", ["Kapuze", "Gürtel"]),
        ("Bluse ohne Kragen und in Blau", "Bluse in Blau", ["Kragen"]),
        ("Jacke nicht schwarz und aus Leder", "Jacke aus Leder", ["schwarz"]),
        ("Rock nicht zu kurz und mit Schlitz", "Rock mit Schlitz", ["kurz"]),
        ("Kleid ohne Rüschen und zu Jeans", "Kleid und zu Jeans", ["Rüschen"]),
        ("Kleid nicht schwarz, blau oder in Rot", "Kleid, blau oder in Rot", ["schwarz"]),
        ("ohne Kragen und mit Ärmeln", "mit Ärmeln", ["Kragen"]),
        ("dress without collar and with sleeves", "dress with sleeves", ["collar"]),
        ("dress without collar or with sleeves", "dress with sleeves", ["collar"]),
        ("coat without hood and in black", "coat in black", ["hood"]),
        ("vestido sem botões e com bolsos", "vestido com bolsos", ["botões"]),
        ("sukienka bez kołnierza i z paskiem", "sukienka z paskiem", ["kołnierza"]),
    ],
)
def test_what_a_preposition_joins_is_wanted_again(query: str, wanted: str, excluded: list[str]) -> None:
    """The "und" before it goes; colours after a comma stay with it."""
    assert parse(query) == Parsed(wanted, tuple(excluded))


@pytest.mark.parametrize(
    ("query", "wanted", "excluded"),
    [
        ("Hemd nicht aus Polyester oder aus Acryl", "Hemd", ["Polyester", "Acryl"]),
        ("Kleid weder schwarz noch aus Leder", "Kleid", ["schwarz", "Leder"]),
        ("coat without a hood and an emblem", "coat", ["hood", "emblem"]),
    ],
)
def test_some_prepositions_go_on_excluding(query: str, wanted: str, excluded: list[str]) -> None:
    """The one from before again, after "oder"; any after "noch"; "an" is no preposition in English."""
    assert parse(query) == Parsed(wanted, tuple(excluded))


@pytest.mark.parametrize(
    "query",
    [
        "schwarzes Kleid mit V-Ausschnitt",
        "nicht nur schwarz",
        "Kleid ohne Ende",
        "no-show socks",
        "non-iron shirt",
        "No. 5 shirt",
        "Comic Sans Shirt",
        "sans serif t-shirt",
        "Sin City T-Shirt",
        "SIN Kleid",
        "Spodnie z szerokim pasem, szeroki pas damski",
        "jaqueta com bolsos no peito",
        "dikişsiz tayt",
        "Kleid ohne",
        "ohne",
        "Kleid ohne und",
        "siyah ve değil",
        "",
        "👗 ¿?",
    ],
)
def test_nothing_is_excluded_where_nothing_is_meant(query: str) -> None:
    """The query is kept to the letter: idioms, names, other languages' words, and a word without a noun."""
    assert parse(query) == Parsed(query)


def test_a_query_may_do_nothing_but_exclude() -> None:
    """ "alles" and its like want nothing."""
    assert parse("nicht schwarz") == Parsed("", ("schwarz",))
    assert parse("alles außer schwarz") == Parsed("", ("schwarz",))
    assert parse("Not a dress") == Parsed("", ("dress",))


@pytest.mark.parametrize(
    ("query", "wanted", "excluded"),
    [
        ("Kleid ohne Ärmel", "Kleid ärmellos", "Ärmel"),
        ("dress with no sleeves", "dress sleeveless", "sleeves"),
        ("robe sans manches", "robe sans manches", "manches"),
        ("kolsuz elbise", "kolsuz elbise", "kollu"),
    ],
)
def test_what_towers_have_a_word_for_is_wanted_too(query: str, wanted: str, excluded: str) -> None:
    assert parse(query) == Parsed(wanted, (excluded,))


def test_a_query_of_a_thousand_words_is_read_at_once() -> None:
    """And no more than eight texts are taken out of it."""
    assert len(parse("ohne Knöpfe und Kragen, " * 200).excluded) <= 8
