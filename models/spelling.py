"""German as people type it → as it is spelled: umlauts, ß, single wrong letters, compounds, capitals.

What is right is told by `words.tsv`, the words of the German texts that the towers learned from (made by
`lexicon.py`), and by the tower's own vocabulary, which knows sixteen languages: a word that either has is
left alone, unless all else in the text is German and the dictionary has it with an umlaut. So texts in other
languages, names and brands stay as they are.

A tower applies this itself, where its texts become pieces: search, evaluation, embeddings and fine-tuning
then all read a text alike.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

WORDS = Path(__file__).parent / "words.tsv"
SHARED, FOREIGN = "*", "-"
"""Mark the words that other languages have too, and those that only they have, a slip from a German one."""
LETTERS = re.compile(r"[^\W\d_]+")

_ALPHABET = "abcdefghijklmnopqrstuvwxyzäöüß"
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_BARE = str.maketrans("äöü", "aou")
_SHORTEST = 5
"""Letters of a word that single wrong letters are looked for in; of shorter ones, too many are near."""
_SHORTEST_REPLACED = 6
"""The same for a letter in the place of another, which makes another word the most easily."""
_SHORTEST_ALONE = 8
"""The same where the word is the whole text, and nothing tells its language."""
_SHORTEST_HALVES = (3, 4)
"""Letters of the first and the last part of a compound."""
_ENDINGS = ("", "e", "er", "es", "en", "em")
_LONGEST = 40
"""Letters of a word that is looked into: no word of any use is longer, and the time grows with the square."""
_FREQUENT = 3
"""How often a part of a compound, or the word in the place of a wrong one, was seen at least."""
_SURER = 5
"""How much more frequent a word with umlauts is than the same without, where both are known."""
_CORRECTIONS = 4
"""Words of a text that wrong letters are looked for in: 0.1 ms each."""


@dataclass(frozen=True)
class Dictionary:
    """Words in lower case: `count` says how often each known one was seen, `german` which of them no other
    language has, `nouns` which have a capital, `foreign` which words only other languages have, and `umlauts`
    which word a spelling without ä, ö, ü and ß stands for."""

    count: Mapping[str, int]
    german: frozenset[str]
    nouns: frozenset[str]
    foreign: frozenset[str]
    umlauts: Mapping[str, str]

    def is_german(self, words: Sequence[str]) -> bool:
        """Whether at least half of these are known, and a fourth are German alone."""
        known = sum(word in self.count for word in words)
        own = sum(word in self.german for word in words)
        return 2 * known >= len(words) and 4 * own >= len(words)

    def with_umlauts(self, word: str) -> str | None:
        return self.umlauts.get(word) or self.umlauts.get(_bare(word))

    def compound(self, word: str) -> str | None:
        """The word with the umlauts of its two parts, the first perhaps with a linking s or n; None if there
        are no two that are known. Of several ways, that whose rarer part is the most frequent."""
        if len(word) > _LONGEST:
            return None
        ways = []
        for place in range(_SHORTEST_HALVES[0], len(word) - _SHORTEST_HALVES[1] + 1):
            last = self._part(word[place:])
            first = word[:place]
            for part, link in ((first, ""), (first[:-1], first[-1])):
                linked = link in {"", "s", "n"} and part[-1] != link
                if linked and last and (known := self._part(part)):
                    ways.append((min(self.count[known], self.count[last]), known + link + last))
        return max(ways)[1] if ways else None

    def _part(self, word: str) -> str | None:
        known = word if word in self.count else self.with_umlauts(word)
        return known if known and self.count[known] >= _FREQUENT else None

    def has(self, word: str) -> bool:
        """Whether the word is known, perhaps with another ending: no list has them all."""
        if word in self.count:
            return True
        stems = [word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)]
        stems = [stem for stem in stems if len(stem) >= 4 and stem[-1] != "e" and stem[-1] != stem[-2]]
        return any(stem + other in self.count for stem in stems for other in _ENDINGS)

    def corrected(self, word: str) -> str | None:
        """The most frequent known word that one letter left out, added, replaced or swapped with its
        neighbour makes of this one."""
        near = ((self.count[other] * share, other) for other, share in slips(word) if other in self.count)
        return max((found for found in near if found[0] >= _FREQUENT), default=(0.0, None))[1]


@functools.cache
def dictionary() -> Dictionary:
    return read_words(WORDS)


def read_words(path: Path) -> Dictionary:
    """The dictionary in a file of `lexicon.write_words`."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    foreign = frozenset(word for word, _, mark in rows if mark == FOREIGN)
    known = [row for row in rows if row[2] != FOREIGN]
    german = frozenset(word.lower() for word, _, mark in known if mark != SHARED)
    nouns = frozenset(word.lower() for word, _, _ in known if word[0].isupper())
    count = {word.lower(): int(seen) for word, seen, _ in known}
    return dictionary_of(count, german=german, nouns=nouns, foreign=foreign)


def dictionary_of(
    count: dict[str, int],
    *,
    german: frozenset[str] = frozenset(),
    nouns: frozenset[str] = frozenset(),
    foreign: frozenset[str] = frozenset(),
) -> Dictionary:
    """`count` is in falling order."""
    # The rarer first, so that the more frequent ones stand; last the spellings that leave the least in doubt.
    with_umlauts = [word for word in reversed(count) if _bare(word) != word]
    umlauts: dict[str, str] = {}
    for spelling in _SPELLINGS:
        umlauts |= {spelling(word): word for word in with_umlauts if spelling(word) != word}
    return Dictionary(count, german, nouns, foreign, umlauts)


def respelled(text: str, is_word: Callable[[str], bool]) -> str:
    """The text with its German words as they are spelled, capitals as they were; texts in other languages as
    they are.

    `is_word` says of a word in lower case whether the tower's vocabulary has it whole, in whatever language.
    """
    text = unicodedata.normalize("NFC", text)
    places = list(LETTERS.finditer(text))
    words = [place[0].lower() for place in places]
    known = dictionary()

    def is_elsewhere(word: str) -> bool:
        return word in known.foreign or is_word(word)

    read = [_with_umlauts(word, known, is_elsewhere) or word for word in words]
    # A word alone says too little: only what cannot be another language's is changed.
    is_german = len(words) > 1 and known.is_german(read)
    if not is_german and len(words) != 1:
        return text
    shortest = _SHORTEST if is_german else _SHORTEST_ALONE
    corrections = 0
    parts, end = [], 0
    for place, word in zip(places, words, strict=True):
        better = _with_umlauts(word, known, is_elsewhere, is_german=is_german)
        in_question = better is None and shortest <= len(word) <= _LONGEST and corrections < _CORRECTIONS
        if in_question and not known.has(word) and not is_elsewhere(word):
            corrections += 1
            better = known.corrected(word)
        parts += [text[end : place.start()], _capitals_of(place[0], better) if better else place[0]]
        end = place.end()
    return "".join([*parts, text[end:]])


def canonical(text: str, is_word: Callable[[str], bool]) -> str:
    """What a tower is given: equal for all ways to type a text that are known here.

    That is `respelled`, two words that are a known compound joined, with a capital for nouns; in texts that
    are not German, without capitals. A word alone is German if it is known, whoever else has it too.
    """
    # "İ" alone would become two characters.
    text = respelled(text.replace("İ", "i").lower(), is_word)
    known = dictionary()
    letters = LETTERS.findall(text)
    is_known_alone = len(letters) == 1 and letters[0] in known.count
    if not is_known_alone and not known.is_german(letters):
        return text
    words = text.split(" ")
    for place in range(len(words) - 2, -1, -1):
        halves = words[place : place + 2]
        whole = "".join(halves)
        is_compound = min(map(len, halves)) >= _SHORTEST_HALVES[0] and whole in known.german
        if is_compound and known.count[whole] >= _FREQUENT:
            words[place : place + 2] = [whole]
    return LETTERS.sub(
        lambda found: found[0].capitalize() if found[0] in known.nouns else found[0], " ".join(words)
    )


def _with_umlauts(
    word: str, known: Dictionary, is_elsewhere: Callable[[str], bool], *, is_german: bool = False
) -> str | None:
    """The word with its umlauts; itself if a compound of known words; None where nothing is known."""
    meant = known.with_umlauts(word)
    if seen := known.count.get(word):
        # Swiss spelling is in the dictionary too; "fur" is an English word beside "für".
        is_swiss = meant is not None and meant.replace("ß", "ss") == word
        may_be_meant = is_german and (is_swiss or word not in known.german)
        return meant if meant and may_be_meant and known.count[meant] >= _SURER * seen else None
    if is_elsewhere(word):
        return meant if is_german else None
    return meant or known.compound(word)


def slips(word: str) -> Iterator[tuple[str, float]]:
    """Every text that one slip makes of the word, and how likely the slip is beside the others: a letter in
    the place of another, or a wrong first letter, is the rarest."""
    for place in range(len(word) + 1):
        share = 1.0 if place else 0.2
        before, after = word[:place], word[place:]
        for letter in _ALPHABET:
            yield before + letter + after, share
            if after and len(word) >= _SHORTEST_REPLACED:
                yield before + letter + after[1:], 0.2 * share
        if after:
            yield before + after[1:], share
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:], share


def _bare(word: str) -> str:
    """Without umlauts, however they were written: "gruenes", "grünes" and "grunes" are one."""
    for written, umlaut in (("ae", "ä"), ("oe", "ö"), ("ue", "ü"), ("ß", "ss")):
        word = word.replace(written, umlaut)
    return word.translate(_BARE)


_SPELLINGS: tuple[Callable[[str], str], ...] = (
    _bare,
    lambda word: word.translate(_BARE),
    lambda word: word.translate(_WRITTEN_OUT).replace("ß", "ss"),
    lambda word: word.translate(_WRITTEN_OUT),
    lambda word: word.replace("ß", "ss"),
)
"""How a word is typed by who lacks umlauts, ß or both, from the most to the least doubtful."""


def _capitals_of(typed: str, word: str) -> str:
    if typed.isupper():
        return word.replace("ß", "ẞ").upper()
    return word[0].upper() + word[1:] if typed[0].isupper() else word
