"""Words that exclude: a query → what is wanted of it and what is not.

Towers of CLIP's kind hear "nicht schwarz" as "schwarz". So the words after "nicht", "ohne" and their like are
taken out of the text, for the search to move away from. Read are German, English, French, Italian, Spanish,
Portuguese, Dutch, Polish, Turkish and Russian. In doubt nothing is excluded: a query that was misread would
lose what it asks for.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.phrases import LANGUAGES, glossary


@dataclass(frozen=True)
class Parsed:
    """`wanted` is the query itself where nothing is excluded, and empty where it does nothing but exclude."""

    wanted: str
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Cue:
    """A word that excludes what follows. `part`: a noun ("ohne Kragen"), where otherwise a colour or another
    adjective may follow ("nicht schwarz"); `sure`: means nothing else in any of these languages."""

    languages: tuple[str, ...]
    part: bool = False
    sure: bool = False


_TABLE = Path(__file__).with_suffix(".tsv")
_SUFFIX = re.compile(r"(\w{2,})(s[ıiuü]z)", re.IGNORECASE)
_HARMONY = {"ı": "lı", "i": "li", "u": "lu", "ü": "lü"}
_NAMES = {("comic", "sans"), ("open", "sans"), ("why", "not"), ("original", "sin")}
_TOKEN = re.compile(r"d'|l'|w/o|\d+/\d+[-\w]*|[^\W_]+(?:[-.’'][^\W_]+)*|[/&+]|[^\w\s]", re.IGNORECASE)
WEIGHT = 0.5
"""Of an excluded text against the wanted one. More of it leaves fewer items that have what is excluded, and
fewer of the wanted kind."""
_MOST = 8
"""Excluded texts of one query; what more there is stays in it."""


@dataclass(frozen=True)
class _Words:
    """The table, as it is read: words in lower case, `both` ("und") and `either` ("oder") by language.

    `after`: Turkish words that exclude what stands before them; `not_suffixed`: those that end like a word
    that excludes, but mean something of their own (endless, flawless) or have no opposite to move away from.
    `idioms` follow a word that excludes where nothing is excluded: "nicht nur", "no show", "sin hombros" (off
    the shoulder). `skipped` stand between it and what it excludes, `bounds` end that, `leading` words only
    lead to it and go with it; `nor` joins only what is excluded. `shop` tells languages apart that the
    glossary has not. `learnt`: excluded things whose absence the towers have learnt a word for, which is
    wanted then; LOG.md has what that gives.
    """

    cues: Mapping[str, _Cue]
    both: Mapping[str, frozenset[str]]
    either: Mapping[str, frozenset[str]]
    shop: Mapping[str, frozenset[str]]
    learnt: Mapping[str, str]
    after: frozenset[str]
    not_suffixed: frozenset[str]
    idioms: frozenset[str]
    skipped: frozenset[str]
    bounds: frozenset[str]
    leading: frozenset[str]
    modifiers: frozenset[str]
    nor: frozenset[str]


@functools.cache
def _words() -> _Words:
    lines = _TABLE.read_text(encoding="utf-8").splitlines()[1:]
    table = [(role, second, words.split()) for role, second, words in (line.split("\t") for line in lines)]

    def of(wanted: str) -> frozenset[str]:
        return frozenset(word for role, _, words in table if role == wanted for word in words)

    def by_language(wanted: str) -> dict[str, frozenset[str]]:
        return {second: frozenset(words) for role, second, words in table if role == wanted}

    cues = {
        word: _Cue(tuple(second.split()), part=role.startswith("part"), sure=role.endswith("sure"))
        for role, second, words in table
        if role.removesuffix(" sure") in {"part", "any"}
        for word in words
    }
    return _Words(
        cues,
        by_language("and"),
        by_language("or"),
        by_language("shop"),
        {word: second for role, second, words in table if role == "learnt" for word in words},
        *map(of, ("after", "not suffixed", "idiom", "skipped", "bound", "leading", "modifier", "nor")),
    )


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    word: str
    """In lower case."""


@functools.cache
def _lexicon() -> dict[str, frozenset[str]]:
    """The words of each language that a fashion shop's queries are made of."""
    words: dict[str, set[str]] = {language: set() for language in LANGUAGES}
    for entries in glossary().values():
        for entry in entries:
            for language, phrases in entry.words.items():
                words[language].update(_spelt(phrases))
    found = {language: frozenset(own) for language, own in words.items()}
    return {**found, **_words().shop}


@functools.cache
def _connectives() -> frozenset[str]:
    """In every language; what a phrase is never made of."""
    words = _words()
    return words.leading.union(*words.both.values(), *words.either.values())


@functools.cache
def _colours() -> tuple[str, ...]:
    """The stems of the colours' names in every language."""
    names = {
        word.lstrip("~!=").split("/")[0].lower()
        for entry in glossary()["colour"]
        for words in entry.words.values()
        for word in words
    }
    single = {name for name in names if " " not in name and len(name) > 2}
    return tuple(sorted({name[:-1] if name[-1] in "aeoyi" and len(name) > 4 else name for name in single}))


@functools.cache
def _known(role: str) -> frozenset[str]:
    """Every word of a role's names, in every language."""
    return frozenset(
        word for entry in glossary()[role] for phrases in entry.words.values() for word in _spelt(phrases)
    )


@functools.cache
def _garments() -> frozenset[str]:
    """The kinds, but for belts, which many a coat has or has not."""
    return frozenset(
        word
        for entry in glossary()["kind"]
        if "belt" not in entry.names
        for phrases in entry.words.values()
        for word in _spelt(phrases)
    )


def _spelt(phrases: Iterable[str]) -> Iterator[str]:
    for phrase in phrases:
        yield from re.findall(r"[^\W\d_]{3,}", phrase.lower())


def parse(text: str) -> Parsed:
    """What a query wants, and what it does not; texts as they are in the query, in its order."""
    reader = _Reader(text)
    return reader.parsed() if reader.may_exclude else Parsed(text)


class _Reader:
    """One query, read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [
            _Token(match.start(), match.end(), match.group().lower()) for match in _TOKEN.finditer(text)
        ]
        self.may_exclude = any(
            token.word in _words().cues or token.word in _words().after or _SUFFIX.fullmatch(token.word)
            for token in self.tokens
        )

    def parsed(self) -> Parsed:
        kept: list[str] = []
        excluded: list[str] = []
        done = at = 0
        while at < len(self.tokens) and len(excluded) < _MOST:
            begin, end, found = self._read(at)
            if not found:
                at += 1
                continue
            begin = self._leading(begin)
            kept += [self.text[done : self._start(begin)], *_learnt(found)]
            excluded += found
            at = self._trailing(end)
            done = self._start(at)
        if not excluded:
            return Parsed(self.text)
        wanted = " ".join(" ".join([*kept, self.text[done:]]).split())
        wanted = re.sub(r"\s+([,;.])", r"\1", wanted).strip(" ,;.-–")
        if all(word in _words().leading for word in wanted.lower().split()):
            wanted = ""
        return Parsed(wanted, tuple(dict.fromkeys(excluded)))

    def _read(self, at: int) -> tuple[int, int, list[str]]:
        """From which token to which something is excluded here, and what; usually nothing."""
        word = self.tokens[at].word
        if word in _words().after and self._speaks("tr"):
            return self._before(at)
        suffixed = _SUFFIX.fullmatch(word)
        if suffixed and word not in _words().not_suffixed and self._speaks("tr"):
            # kolsuz, sleeveless → kollu, with sleeves
            stem = self.text[self.tokens[at].start :][: suffixed.end(1)]
            return at, at + 1, [stem + _HARMONY[suffixed[2][1].lower()]]
        cue = _words().cues.get(word)
        if cue is None or not (cue.sure or self._speaks(*cue.languages)):
            return at, at, []
        after = self._word(at + 1)
        if after in _words().idioms or after.isdigit() or (self._word(at - 1), word) in _NAMES:
            return at, at, []
        end, found = self._listed(at + 1, cue)
        return at, end, found

    def _listed(self, at: int, cue: _Cue) -> tuple[int, list[str]]:
        """ "Ärmel und Kragen", "schwarz, blau oder rot"; after a comma only colours, as other words may be
        wanted again, and after "und" no garment: "ohne Ärmel und Jeans" are two garments. Before what is
        wanted again, "und mit Taschen", the "und" goes too."""
        either = frozenset().union(*(_words().either[language] for language in cue.languages))
        both = frozenset().union(*(_words().both[language] for language in cue.languages))
        end, found = self._phrase(at, cue)
        while found:
            following, pending = end, []
            while self._word(following) == "," and self._is_colour(following + 1):
                following, more = self._phrase(following + 1, cue)
                pending += more
            joining = self._word(following)
            if joining not in either and (pending or joining not in both):
                break
            again = self._word(following + 1)
            repeated = joining in either and again == self._word(at)  # "nicht aus Wolle oder aus Leder"
            if self._is_bound(following + 1, cue) and joining not in _words().nor and not repeated:
                return (end if pending else following + 1), found
            last, more = self._phrase(following + 1, cue)
            if not more or (joining in both and self._names_garment(following + 1, last)):
                break
            end, found = last, [*found, *pending, *more]
        return end, found

    def _phrase(self, at: int, cue: _Cue) -> tuple[int, list[str]]:
        """Adjectives and a noun, or an adjective alone; where it ends, and nothing where there is none."""
        while self._word(at) in _words().skipped and self._is_word(at + 1):
            at += 1
        end = at
        while self._is_word(end) and (self._is_colour(end) or self._word(end) in _words().modifiers):
            end += 1
        adjective = end > at
        if not cue.part and any(self._is_colour(place) for place in range(at, end)):
            pass  # "not black shoes" are shoes
        elif not cue.part and adjective:
            end += self._word(end) in _known("attribute") - _connectives()
        elif self._is_noun(end):
            end = self._noun_end(end + 1, cue)
        if end == at:
            return at, []
        return end, [self.text[self.tokens[at].start : self.tokens[end - 1].end]]

    def _noun_end(self, end: int, cue: _Cue) -> int:
        word, before = self._word(end), self._word(end - 1)
        if "en" in cue.languages and self._speaks("en"):
            # "belt holes": a second noun, if the phrase ends with it.
            last = end + 1 >= len(self.tokens) or not self._is_word(end + 1)
            plain = word not in _words().modifiers and word not in _known("kind") and not self._is_colour(end)
            return end + (self._is_noun(end) and last and plain)
        if not {"fr", "it", "es", "pt"} & set(cue.languages):
            return end
        if word in {"de", "d'", "di"} and self._is_noun(end + 1):
            return end + 2
        # "manches longues": an adjective that agrees with the noun before it.
        return end + (word in _words().modifiers and word[-1] == before[-1])

    def _before(self, at: int) -> tuple[int, int, list[str]]:
        """ "siyah veya mavi olmayan": what stands before a Turkish word that excludes."""
        found: list[str] = []
        begin = at
        while self._is_word(begin - 1) and self._word(begin - 1) not in _connectives():
            begin -= 1
            found.insert(0, self.text[self.tokens[begin].start : self.tokens[begin].end])
            if self._word(begin - 1) not in _words().either["tr"] | _words().both["tr"]:
                break
            begin -= 1
        return begin, at + 1, found

    def _leading(self, begin: int) -> int:
        while begin and (self._word(begin - 1) in _words().leading or self._word(begin - 1) == ","):
            begin -= 1
        return begin

    def _trailing(self, end: int) -> int:
        return end + (self._word(end) in {"ist", "sind", "sein", "is", "are"})

    def _speaks(self, *languages: str) -> bool:
        """Whether the query has words of one of these languages, and not more of another."""
        counts = self._spoken
        own = max(counts[language] for language in languages)
        return own > 0 and own == max(counts.values())

    @functools.cached_property
    def _spoken(self) -> dict[str, int]:
        words = {token.word for token in self.tokens if token.word not in _words().cues}
        return {language: len(words & lexicon) for language, lexicon in _lexicon().items()}

    def _names_garment(self, begin: int, end: int) -> bool:
        return any(self._word(place) in _garments() for place in range(begin, end))

    def _is_noun(self, at: int) -> bool:
        word = self._word(at)
        others = (_words().bounds, _words().cues, _connectives(), _known("audience"))
        return self._is_word(at) and not any(word in words for words in others)

    def _is_bound(self, at: int, cue: _Cue) -> bool:
        word = self._word(at)
        return word in _words().bounds and not (word == "an" and "en" in cue.languages)  # an article there

    def _is_word(self, at: int) -> bool:
        return 0 <= at < len(self.tokens) and self.tokens[at].word[0].isalnum()

    def _is_colour(self, at: int) -> bool:
        word = self._word(at)
        return any(word.startswith(stem) and len(word) <= len(stem) + 2 for stem in _colours())

    def _word(self, at: int) -> str:
        return self.tokens[at].word if 0 <= at < len(self.tokens) else ""

    def _start(self, at: int) -> int:
        return self.tokens[at].start if at < len(self.tokens) else len(self.text)


def _learnt(excluded: Sequence[str]) -> list[str]:
    words = _words().learnt
    return [words[text.lower()] for text in excluded if text.lower() in words]
