"""Query-like text: what shoppers might type for a product, in nine languages, made from its fields and prose.

Shoppers write "kurzes rotes Kleid mit V-Ausschnitt", catalogues write prose. `glossary.tsv` names kinds,
colours, audiences and details in every language beside the English words by which a catalogue tells them;
a phrase joins a few of them by the grammar of its language. Words dropped and spelled as people type them
(umlauts written out, no capitals) make a text tower sure of more than one spelling.

The glossary's columns are role, pattern and one column a language; alternatives are split by `|`.
A German detail is read after "mit", unless it begins with `~` (an adjective before the noun, agreeing with
it), `=` (stands alone) or ends with `-` (the first half of a compound). In the other languages `~` marks an
adjective and everything else is a phrase in itself; `!` marks an adjective that never changes, and `a/b`
gives two forms where the rule fails (masculine and feminine; in Dutch before a neuter noun and otherwise).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from random import Random
from typing import Any

LANGUAGES = ("en", "de", "fr", "it", "es", "pl", "tr", "nl")
GLOSSARY = Path(__file__).parent / "glossary.tsv"

_AFTER_NOUN = {"fr", "it", "es"}
_GERMAN_ENDINGS = {"m": "er", "f": "e", "n": "es", "p": "e"}
# fmt: off
_GERMAN_UNCHANGING = {
    "rosa", "lila", "orange", "oliv", "creme", "ecru", "offwhite", "navy", "navyblau", "khaki", "mint",
    "rosé", "pink", "hellrosa", "altrosa", "zartrosa", "dunkelrosa", "helllila", "dunkellila",
    "hellorange", "dunkelorange", "flieder", "lavendel", "senf", "camel", "cognac", "taupe", "greige",
    "petrol", "bordeaux", "anthrazit", "apricot", "pfirsich", "fuchsia", "aubergine", "pflaume", "gold",
    "silber", "uni",
}
# fmt: on
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_BARE = str.maketrans("àâçéèêëîïôùûóíúñąćęłńśźżğışçöüáì", "aaceeeeiiouuoiunacelnszzgiscouai")


class Scope(IntEnum):
    """Which other products a text fits as well as its own; training must not call those wrong answers."""

    PRODUCT = 0
    KIND_AND_COLOUR = 1
    KIND = 2


@dataclass(frozen=True)
class Text:
    text: str
    language: str
    scope: Scope


@dataclass(frozen=True, eq=False)
class Entry:
    """One row of the glossary."""

    pattern: str
    words: Mapping[str, tuple[str, ...]]

    @functools.cached_property
    def names(self) -> frozenset[str]:
        return frozenset(self.pattern.split("|"))

    @functools.cached_property
    def anywhere(self) -> re.Pattern[str]:
        return re.compile(rf"(?:(?<=\W)|(?<!\w))(?:{self.pattern})", re.MULTILINE)

    @functools.cached_property
    def at_end(self) -> re.Pattern[str]:
        return re.compile(rf"(?:^|[\s,])(?:{self.pattern})$")


@functools.cache
def glossary() -> dict[str, list[Entry]]:
    """Entries by role: kind, colour, audience, attribute, and plain (said of most things, so seldom)."""
    roles: dict[str, list[Entry]] = {}
    lines = GLOSSARY.read_text(encoding="utf-8").splitlines()
    for line in lines[1:]:
        role, pattern, *cells = line.split("\t")
        words = {language: tuple(cell.split("|")) for language, cell in zip(LANGUAGES, cells, strict=True)}
        roles.setdefault(role, []).append(Entry(pattern, words))
    return roles


@dataclass(frozen=True)
class Facts:
    """What the glossary can say about a product: names for its kind, its colour, for whom, its details."""

    kinds: tuple[Entry, ...]
    colour: Entry | None
    audience: Entry | None
    details: tuple[Entry, ...]
    plain: Entry | None

    @property
    def kind_key(self) -> str:
        """Equal for products of one kind, whatever their shop calls it; empty where it is not known."""
        return self.kinds[0].pattern if self.kinds else ""

    @property
    def colour_key(self) -> str:
        return self.colour.pattern if self.colour else ""


def facts(row: Mapping[str, Any]) -> Facts:
    """From the fields `type` or `kind`, `colour`, `pattern`, `section` or `gender`, and the English prose."""
    known = glossary()
    kind = _field(row, "type") or _field(row, "kind")
    title = _field(row, "title_en") or _field(row, "name")
    description = _field(row, "description")
    for_whom = _field(row, "section") or _field(row, "gender")
    lines = [description, title, f"pattern={_field(row, 'pattern')}", f"section={for_whom}"]
    heads = [re.split(r" (?:in|with|made|for) |\. |, ", text.rstrip("."))[0] for text in (description, title)]
    by_field = [entry for entry in known["kind"] if kind in entry.names]
    by_head = [
        entry
        for entry in known["kind"]
        if entry not in by_field and any(entry.at_end.search(head) for head in heads)
    ]
    return Facts(
        kinds=tuple(by_field + by_head),
        colour=_named(known["colour"], _field(row, "colour")),
        audience=_named(known["audience"], for_whom),
        details=tuple(entry for entry in known["attribute"] if entry.anywhere.search("\n".join(lines))),
        plain=next((entry for entry in known["plain"] if entry.pattern in lines), None),
    )


def texts(row: Mapping[str, Any], counts: Mapping[str, int], random: Random) -> Iterator[Text]:
    """As many texts of each language as `counts` asks, language by language.

    A row that cannot be told in a language (a photograph with captions in two) is told in one of its own.
    """
    found = facts(row)
    own = list(_own_texts(row, bool(found.details)))
    prose = list(_fragments(row))
    for language, count in counts.items():
        told = [text for text in own if text.language == language]
        for _ in range(count):
            if told and random.random() < 0.35:
                yield _typed(random.choice(told), random)
            elif language == "en" and prose and random.random() < 0.5:
                yield _typed(Text(_excerpt(prose, row, random), "en", Scope.PRODUCT), random)
            elif found.kinds:
                yield _typed(phrase(found, language, random), random)
            elif own:
                near = told or [text for text in own if text.language in {"en", "de"}]
                yield _typed(random.choice(near), random)
            elif prose:
                yield _typed(Text(random.choice(prose), "en", Scope.PRODUCT), random)


def phrase(found: Facts, language: str, random: Random) -> Text:
    """One query for a product of these facts; the facts must name a kind."""
    noun, _, gender = random.choice(random.choice(found.kinds).words[language]).partition(":")
    colour = _word(found.colour, language, random) if random.random() < 0.93 else ""
    audience = _word(found.audience, language, random) if random.random() < 0.35 else ""
    wanted = random.choices((0, 1, 2, 3, 4, 5), (18, 15, 22, 23, 15, 7))[0]
    chosen = random.sample(found.details, min(wanted, len(found.details)))
    if found.plain and random.random() < 0.06:
        chosen.append(found.plain)
    details = [random.choice(entry.words[language]) for entry in chosen]
    if language == "de":
        text = _german(noun, gender, details, random, colour=colour, audience=audience)
    else:
        text = _plain(language, (noun, gender), details, random, colour=colour, audience=audience)
    scope = Scope.PRODUCT if details else Scope.KIND_AND_COLOUR if colour else Scope.KIND
    return Text(text, language, scope)


def _german(noun: str, gender: str, details: list[str], random: Random, *, colour: str, audience: str) -> str:
    keywords = random.random() < 0.3
    before = [word[1:] for word in details if word.startswith("~")]
    prefix = [word[:-1] for word in details if word.endswith("-")]
    alone = [word[1:] for word in details if word.startswith("=")]
    with_ = [word for word in details if word[0] not in "~=" and not word.endswith("-")]
    if audience.endswith("-"):
        prefix, audience = ([audience[:-1]], "") if not prefix else (prefix, "")
    for first in prefix[:1]:
        noun = _compound(first, noun, random)
    alone += prefix[1:]
    if keywords:
        parts = [noun, colour, audience.removeprefix("für "), *before, *alone]
        if random.random() < 0.5:
            random.shuffle(parts)
        return " ".join(filter(None, [*parts, *with_]))
    adjectives = [*before, colour] if colour else before
    if random.random() < 0.25:
        random.shuffle(adjectives)
    *outer, last = noun.split(" ") if noun.startswith(("kurze ", "flache ", "bauchfreies ")) else [noun]
    words = [*outer, *(_inflected(adjective, gender) for adjective in adjectives), last]
    if audience:
        words.insert(
            len(words) - 1 if audience in {"Damen", "Herren"} and random.random() < 0.5 else len(words),
            audience,
        )
    text = " ".join(words)
    if with_:
        text += " mit " + _joined(with_, " und ", random)
    for word in alone:
        text += (" " if word.startswith(("aus ", "im ", "in ", "mit ", "für ", "zum ")) else ", ") + word
    return text[0].upper() + text[1:] if random.random() < 0.3 else text


def _inflected(adjective: str, gender: str) -> str:
    if adjective in _GERMAN_UNCHANGING:
        return adjective
    return adjective.removesuffix("e") + _GERMAN_ENDINGS[gender]


def _compound(first: str, noun: str, random: Random) -> str:
    if "-" in noun or " " in noun or "-" in first:
        return f"{first}-{noun}"
    return random.choices(
        (first + noun[0].lower() + noun[1:], f"{first}-{noun}", f"{first} {noun}"), (85, 8, 7)
    )[0]


def _plain(
    language: str, named: tuple[str, str], details: list[str], random: Random, *, colour: str, audience: str
) -> str:
    """The other languages: adjectives before or after the noun, phrases last (in Turkish first)."""
    noun, gender = named
    adjectives = [_agreeing(word[1:], language, gender) for word in details if word.startswith("~")]
    phrases = [word for word in details if not word.startswith("~")]
    shade = [_agreeing(colour, language, gender)] if colour else []
    if audience in {"damski", "męski"}:
        adjectives, audience = [*adjectives, _agreeing(audience, language, gender)], ""
    if language == "tr":
        words = [*phrases, *adjectives, *shade, audience, noun]
        return " ".join(filter(None, words))
    if language == "en" and audience in {"women's", "men's", "girls'", "boys'", "mens", "ladies"}:
        adjectives, audience = [audience, *adjectives], ""
    if language in _AFTER_NOUN:
        after = [*shade, *adjectives] if random.random() < 0.7 else [*adjectives, *shade]
        words = [noun, *after, audience]
    elif language == "nl":
        words = [*adjectives, *shade, noun, audience]
    else:
        words = [*(adjectives + shade if random.random() < 0.8 else shade + adjectives), noun, audience]
    text = " ".join(filter(None, words))
    if phrases:
        and_ = {"en": " and ", "fr": " et ", "it": " e ", "es": " y ", "pl": " i ", "nl": " en "}[language]
        text += random.choice((" ", " ", ", ")) + _joined(phrases, and_, random)
    return text


def _agreeing(adjective: str, language: str, gender: str) -> str:
    """The adjective as the noun's gender asks for it; `gender` is m, f, n, p, mp, fp, h or d."""
    if adjective.startswith("!"):
        return adjective[1:]
    masculine, _, other = adjective.partition("/")
    form = masculine
    feminine, plural = gender.startswith("f"), gender.endswith("p")
    if language == "nl":
        form = other if other and gender != "h" else masculine
    elif language == "fr":
        if feminine:
            form = other or masculine.removesuffix("e") + "e"
        if plural and not form.endswith(("s", "x")):
            form += "s"
    elif language == "it" and masculine.endswith("o"):
        form = masculine[:-1] + {"m": "o", "f": "a", "mp": "i", "fp": "e"}[gender]
    elif language == "it" and masculine.endswith("e") and plural:
        form = masculine[:-1] + "i"
    elif language == "es":
        if feminine and masculine.endswith("o"):
            form = masculine[:-1] + "a"
        if plural:
            form += "s" if form[-1] in "aeiou" else "es"
    elif language == "pl" and gender in {"f", "n", "p"} and masculine[-1] in "yi":
        soft = "i" if masculine.endswith("i") and gender != "f" else ""
        form = masculine[:-1] + ("a" if gender == "f" else soft + "e")
    return form


def _joined(words: list[str], and_: str, random: Random) -> str:
    if len(words) == 1:
        return words[0]
    separator = random.choice((", ", ", ", " "))
    last = random.choice((and_, and_, ", "))
    return separator.join(words[:-1]) + last + words[-1]


def _own_texts(row: Mapping[str, Any], has_details: bool) -> Iterator[Text]:
    """Titles and human captions, as the row has them."""
    scope = Scope.PRODUCT if has_details else Scope.KIND_AND_COLOUR
    for column, language in (("title", "de"), ("title_en", "en")):
        if row.get(column) and row.get("title_en"):
            yield Text(str(row[column]), language, scope)
    for language, captions in (row.get("captions") or {}).items():
        yield from (Text(caption, language, Scope.PRODUCT) for caption in captions)
    for language, caption in (row.get("translation") or {}).items():
        if language in LANGUAGES:
            yield Text(caption, language, Scope.PRODUCT)


def _fragments(row: Mapping[str, Any]) -> Iterator[str]:
    """Name and clauses of the English description."""
    if row.get("name"):
        yield str(row["name"])
    yield from filter(None, re.split(r"(?<=[a-z])\. ", str(row.get("description") or "").rstrip(". ")))


def _excerpt(prose: list[str], row: Mapping[str, Any], random: Random) -> str:
    """One to three fragments, with the colour before them as often as not."""
    start = random.choices((0, 1, 2), (35, 45, 20))[0] % len(prose)
    text = ". ".join(prose[start : start + random.choice((1, 1, 2, 3))])
    colour = str(row.get("colour") or "")
    return f"{colour.lower()} {text[0].lower()}{text[1:]}" if colour and random.random() < 0.6 else text


def _typed(text: Text, random: Random) -> Text:
    """The text as somebody might type it."""
    words = text.text
    if random.random() < 0.35:
        words = words.lower()
    if random.random() < 0.06:
        words = words.translate(_SPELLED_OUT if text.language == "de" else _BARE)
    if random.random() < 0.12 and words.count(" ") > 3 and text.scope is Scope.PRODUCT:
        pieces = words.split(" ")
        del pieces[random.randrange(len(pieces))]
        words = " ".join(pieces)
    return Text(words, text.language, text.scope)


def _word(entry: Entry | None, language: str, random: Random) -> str:
    return random.choice(entry.words[language]) if entry else ""


def _named(entries: list[Entry], name: str) -> Entry | None:
    return next((entry for entry in entries if name in entry.names), None)


def _field(row: Mapping[str, Any], name: str) -> str:
    return str(row.get(name) or "").lower()
