"""Zero-shot classification: classes named in words; a picture is of the class whose words lie nearest."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.towers import TextTower, Vectors

CUTOFFS = (1, 5, 10)
_TEXTS_AT_ONCE = 256
_ITEMS_AT_ONCE = 1024
_SHOWN_LANGUAGES = 20

Names = dict[str, tuple[str, ...]]
"""class → its names in one language, at least one."""


class LabelsError(ValueError):
    """The labels or templates are wrong; one line that says what disagrees and the cure."""


@dataclass(frozen=True)
class Labels:
    """`classes` holds class → language, in lower case → names, of which the first is the one shown."""

    classes: dict[str, Names]

    def languages(self) -> list[str]:
        """Every language in which a class has a name, in the order of the file."""
        return list(dict.fromkeys(language for names in self.classes.values() for language in names))

    def choose(self, languages: Iterable[str]) -> dict[str, Names]:
        """language → its classes: those of `languages`, all where there are none, in their order.

        A class without a name in a language is left out of it. Raises LabelsError for a language that no
        class, or only one, has a name in.
        """
        wanted = list(dict.fromkeys(map(_language, languages))) or self.languages()
        return {language: self._of(language) for language in wanted}

    def _of(self, language: str) -> Names:
        named = {one: names[language] for one, names in self.classes.items() if language in names}
        if not named:
            there = sorted(self.languages())
            more = f" and {len(there) - _SHOWN_LANGUAGES} more" if len(there) > _SHOWN_LANGUAGES else ""
            shown = ", ".join(there[:_SHOWN_LANGUAGES])
            raise LabelsError(f"no class has a name in {language!r}: there are {shown}{more}")
        if len(named) == 1:
            raise LabelsError(
                f"only {next(iter(named))!r} has a name in {language!r}: name two, or choose other languages"
            )
        return named

    def class_of(self, text: str) -> str | None:
        """The class of this id, else the one of this name in any language, whatever their case.

        None where there is no such class, or several.
        """
        if text.strip() in self.classes:
            return text.strip()
        for spelled in (self._by_id, self._by_name):
            if found := spelled.get(_folded(text)):
                return next(iter(found)) if len(found) == 1 else None
        return None

    @cached_property
    def _by_id(self) -> dict[str, set[str]]:
        return _spellings((one, one) for one in self.classes)

    @cached_property
    def _by_name(self) -> dict[str, set[str]]:
        return _spellings(
            (name, one) for one, of in self.classes.items() for names in of.values() for name in names
        )


def _spellings(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for text, one in pairs:
        found.setdefault(_folded(text), set()).add(one)
    return found


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip()).casefold()


def _language(code: str) -> str:
    return code.strip().lower()


def read_labels(path: Path) -> Labels:
    """`{class: {language: name or [names]}}`, or Babel-ImageNet's `{"DE": [[class indices], [names]]}`
    (Geigle et al. 2023, arXiv:2306.08658), whose classes are the indices, in their order, as text.

    Raises LabelsError for anything else, an empty name, or fewer than two classes.
    """
    content = _read(path)
    if all(isinstance(names, dict) for names in content.values()):
        classes = _by_class(path.name, content)
    elif all(isinstance(columns, list) for columns in content.values()):
        classes = _by_language(path.name, content)
    else:
        raise LabelsError(
            f"{path.name} is neither {{class: {{language: name or [names]}}}} "
            "nor {language: [[class indices], [names]]}: write one of them"
        )
    if len(classes) < 2:
        raise LabelsError(f"{path.name} has {len(classes)} classes: give at least two to choose from")
    return Labels(classes)


def _by_class(file: str, content: dict[str, Any]) -> dict[str, Names]:
    classes: dict[str, Names] = {}
    for one, names in content.items():
        if not names:
            raise LabelsError(f"{file}: {one!r} has no name: give one, or leave the class out")
        of = classes.setdefault(one.strip(), {})
        for language, value in names.items():
            texts = _texts(value, f"{file}: {one!r} in {language!r}")
            of[_language(language)] = of.get(_language(language), ()) + texts
    return classes


def _by_language(file: str, content: dict[str, Any]) -> dict[str, Names]:
    classes: dict[int, Names] = {}
    for language, columns in content.items():
        for index, value in _rows(f"{file}: {language!r}", columns):
            of = classes.setdefault(index, {})
            texts = _texts(value, f"{file}: class {index} in {language!r}")
            of[_language(language)] = of.get(_language(language), ()) + texts
    return {str(index): classes[index] for index in sorted(classes)}


def _rows(place: str, columns: list[Any]) -> list[tuple[int, Any]]:
    if len(columns) != 2 or not all(isinstance(column, list) for column in columns):
        raise LabelsError(f"{place} is not [[class indices], [names]]")
    indices, names = columns
    if len(indices) != len(names):
        raise LabelsError(
            f"{place} has {len(indices):,} class indices and {len(names):,} names: one for each"
        )
    for index in indices:
        if not isinstance(index, int) or isinstance(index, bool):
            raise LabelsError(f"{place} has the class index {index!r}: an index is a whole number")
    return list(zip(indices, names, strict=True))


def read_templates(path: Path) -> dict[str, tuple[str, ...]]:
    """language, in lower case → its templates, from `{language: [templates]}`.

    Raises LabelsError for another form, or a template that does not have `{}`, where the name goes, once.
    """
    templates = {}
    for language, value in _read(path).items():
        place = f"{path.name}: {language!r}"
        templates[_language(language)] = _texts(value, place)
        for template in templates[_language(language)]:
            if (times := template.count("{}")) != 1:
                raise LabelsError(
                    f"{place} has {{}} {times} times in {template!r}: it stands once, where the name goes"
                )
    return templates


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise LabelsError(f"{path.name} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise LabelsError(f"{path.name} is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise LabelsError(f"{path.name} is not a JSON object")
    return content


def _texts(value: Any, place: str) -> tuple[str, ...]:
    """One text or several, trimmed, each once."""
    several = value if isinstance(value, list) else [value]
    if not several or not all(isinstance(one, str) and one.strip() for one in several):
        shown = json.dumps(value, ensure_ascii=False)[:80]
        raise LabelsError(f"{place} is {shown}: give a text or a list of texts, none of them empty")
    return tuple(dict.fromkeys(one.strip() for one in several))


def class_vectors(tower: TextTower, names: Sequence[Sequence[str]], templates: Sequence[str]) -> Vectors:
    """(classes, dim): for each class the unit mean of the unit vectors of its names in every template (prompt
    ensembling, Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision",
    3.1.4)."""
    texts = [
        (row, template.replace("{}", name))
        for row, of in enumerate(names)
        for name in of
        for template in templates
    ]
    sums = np.zeros((len(names), tower.dim), dtype=np.float32)
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        batch = texts[start : start + _TEXTS_AT_ONCE]
        np.add.at(sums, [row for row, _ in batch], tower.encode([text for _, text in batch]))
    unit: Vectors = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return unit


@dataclass(frozen=True)
class Ranking:
    """(items, depth): each item's best classes, best first, as `rows` of the class vectors; their cosines."""

    rows: NDArray[np.intp]
    scores: Vectors

    def of(self, items: NDArray[np.bool_]) -> Ranking:
        """Of these items alone."""
        return Ranking(self.rows[items], self.scores[items])


def rank(pictures: NDArray[np.floating[Any]], starts: Sequence[int], classes: Vectors) -> Ranking:
    """The ten best classes of each item, or all where they are fewer; equal scores keep the classes' order.

    An item's pictures are the rows from its start to that of the next, at least one; its score for a class
    is that of its best picture.
    """
    depth = min(max(CUTOFFS), len(classes))
    rows = np.empty((len(starts), depth), dtype=np.intp)
    scores = np.empty((len(starts), depth), dtype=np.float32)
    for first in range(0, len(starts), _ITEMS_AT_ONCE):
        some = np.asarray([*starts[first : first + _ITEMS_AT_ONCE]])
        end = starts[first + len(some)] if first + len(some) < len(starts) else len(pictures)
        cosines = pictures[some[0] : end].astype(np.float32) @ classes.T
        of_items = np.maximum.reduceat(cosines, some - some[0])
        best = np.argsort(-of_items, axis=1, kind="stable")[:, :depth]
        rows[first : first + len(some)] = best
        scores[first : first + len(some)] = np.take_along_axis(of_items, best, axis=1)
    return Ranking(rows, scores)


def correct(ranking: Ranking, truth: NDArray[np.intp], cutoff: int) -> NDArray[np.float64]:
    """Per item 1 where its true class is among the first `cutoff`, else 0; accuracy@cutoff is their mean."""
    found: NDArray[np.bool_] = (ranking.rows[:, :cutoff] == truth[:, None]).any(axis=1)
    return found.astype(np.float64)


@dataclass(frozen=True)
class OfClass:
    """How one class fared: `items` of it, the share of them that was recognised, and the wrong class, if any,
    that was answered most often: the row of that class, and how many times."""

    row: int
    items: int
    accuracy: float
    mistaken: tuple[int, int] | None


def by_class(ranking: Ranking, truth: NDArray[np.intp]) -> list[OfClass]:
    """Of every class that has an item, those with the most items first."""
    answers: dict[int, Counter[int]] = {}
    for true, answer in zip(truth.tolist(), ranking.rows[:, 0].tolist(), strict=True):
        answers.setdefault(true, Counter())[answer] += 1
    found = []
    for row, counts in answers.items():
        wrong = Counter({answer: times for answer, times in counts.items() if answer != row})
        items = counts.total()
        found.append(OfClass(row, items, counts[row] / items, wrong.most_common(1)[0] if wrong else None))
    return sorted(found, key=lambda one: (-one.items, one.row))
