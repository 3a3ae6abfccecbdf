"""Makes `words.tsv`, the dictionary of `spelling.py`: `python -m models.lexicon fashion-de.jsonl …`.

Its words are those of the German texts that the towers learn from, and of the glossary. Rare words that are a
slip away from a frequent one are left out: people wrote some of these texts.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.phrases import glossary
from models.spelling import FOREIGN, LETTERS, SHARED, WORDS, Dictionary, dictionary_of, slips

_LEAST = 2
_RARE = 5
_SLIP = 100
"""A rare word is a slip if the other is so many times as frequent."""
_OWN = 20
"""A word is German alone if other languages have it less than a twentieth as often."""


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """(language, text) of a query set, a parallel text or a table with captions; of the split train where
    there are several."""
    with path.open(encoding="utf-8") as file:
        rows: Iterator[dict[str, Any]] = map(json.loads, file)
        for row in rows:
            if row.get("split", "train") != "train":
                continue
            if "query" in row:
                yield row["lang"], row["query"]
            for lang, captions in row.get("captions", {}).items():
                yield from ((lang, caption) for caption in captions)
            told = row.get("translation", row)
            yield from ((lang, text) for lang, text in told.items() if len(lang) == 2)


def in_glossary() -> Iterator[tuple[str, str]]:
    for entries in glossary().values():
        for entry in entries:
            for lang, names in entry.words.items():
                yield from ((lang, name.partition(":")[0]) for name in names)


def counted(paths: list[Path]) -> list[tuple[str, int, str]]:
    """(word, how often it was seen, SHARED if other languages have it), the most frequent first, nouns with a
    capital; then the FOREIGN ones."""
    german: Counter[str] = Counter()
    others: Counter[str] = Counter()
    capitals: Counter[str] = Counter()
    for path in paths:
        for lang, text in texts(path):
            (german if lang == "de" else others).update(_words(text))
            if lang == "de":
                capitals.update(_capitals(text))
    ours = {word for lang, text in in_glossary() if lang == "de" for word in _words(text)}
    for lang, text in in_glossary():
        if lang == "de":
            capitals.update(_capitals(f"mit {text}"))
    others.update(word for lang, text in in_glossary() if lang != "de" for word in _words(text))
    count = {word: seen for word, seen in german.items() if seen >= _LEAST} | {
        word: max(german[word], 1) for word in ours
    }
    kept = [word for word in count if word in ours or not _is_slip(word, count)]
    kept.sort(key=lambda word: (-count[word], word))
    rows = [
        (
            word.capitalize() if capitals[word] > 0 else word,
            count[word],
            SHARED if others[word] * _OWN >= count[word] else "",
        )
        for word in kept
    ]
    known = dictionary_of({word: count[word] for word in kept})
    near = [word for word in sorted(others) if word not in known.count and _is_near(word, known)]
    return rows + [(word, others[word], FOREIGN) for word in near]


def write_words(path: Path, rows: list[tuple[str, int, str]]) -> None:
    path.write_text("".join(f"{word}\t{seen}\t{mark}\n" for word, seen, mark in rows), encoding="utf-8")


def _words(text: str) -> list[str]:
    return [word for word in LETTERS.findall(text.lower()) if len(word) > 1]


def _capitals(text: str) -> dict[str, int]:
    """For each word but the first, how much oftener it has a capital than not; nothing of texts with none."""
    words = LETTERS.findall(text)[1:]
    told: Counter[str] = Counter()
    if any(word[0].isupper() for word in words):
        for word in words:
            told[word.lower()] += 1 if word[0].isupper() else -1
    return dict(told)


def _is_slip(word: str, count: dict[str, int]) -> bool:
    if count[word] > _RARE or len(word) < 5:
        return False
    return any(count.get(other, 0) >= _SLIP * count[word] for other, _ in slips(word) if other != word)


def _is_near(word: str, known: Dictionary) -> bool:
    """Whether the word would be read as a German one."""
    meant = known.with_umlauts(word) or known.compound(word) or known.corrected(word)
    return meant not in {None, word}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", type=Path, nargs="+", help="query sets, parallel texts, tables of captions")
    rows = counted(parser.parse_args().texts)
    write_words(WORDS, rows)
    marks = Counter(mark for _, _, mark in rows)
    print(
        f"{marks['']:,} words are German alone, {marks[SHARED]:,} shared, {marks[FOREIGN]:,} foreign and near"
    )


if __name__ == "__main__":
    main()
