"""`vitrine classify`: zero-shot classification of a catalogue's items, measured or as tags."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.options import Device, Home, note, printable, settings_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from app.progress import Report
    from indexer.items import Catalogue, Item, Value
    from models.classify import Labels, Names, Ranking
    from models.towers import ImageTower, TextTower

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415

_SHOWN_VALUES = 5
_SHOWN_CLASSES = 20
_TAGS = 3
_CLASSES_AT_ONCE = 32


def classify(
    labels: Annotated[
        Path,
        typer.Argument(help="JSON: {class: {lang: name or [names]}}, or a Babel-ImageNet file."),
    ],
    catalogue: Annotated[Path, typer.Argument(help="The items, in any format that `vitrine index` reads.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder or tar that picture paths are relative to.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only the rows of this split.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N items.")] = None,
    lang: Annotated[
        list[str] | None,
        typer.Option(help="Language of the names; may be repeated.  [default: every one in LABELS]"),
    ] = None,
    truth: Annotated[
        str | None, typer.Option(help="Measure against this field: a class, or its name in any language.")
    ] = None,
    tower: Annotated[str, typer.Option(help="Image tower, as for `vitrine index`.")] = "bundled",
    text_tower: Annotated[
        str | None,
        typer.Option(
            help="A registered tower.  [default: the active one of the image tower's space, or its own]"
        ),
    ] = None,
    templates: Annotated[
        Path | None, typer.Option(help='JSON: {lang: ["ein Foto von {}", …]}.  [default: the names alone]')
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the towers compute.")] = Device.AUTO,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    home: Home = None,
) -> None:
    """Classifies items by their pictures into classes named in words; without --truth, tags them."""
    from app.progress import progress
    from indexer.catalogue import read_catalogue
    from models.classify import read_labels
    from models.towers import open_tower

    known = read_labels(labels)
    languages = known.choose(lang or ())
    wording = _wording(languages, templates)
    if as_json and not truth:
        _check_members(languages)
    for language, names in languages.items():
        _note_missing(known, language, names)
    shop = read_catalogue(catalogue, images, split=split, limit=limit)
    wanted = _with_truth(shop, truth, known) if truth else [(item, "") for item in shop.items]
    image_tower = open_tower(tower, "image", device.value)
    words = _text_tower(settings_of(home).home, text_tower, tower, image_tower, device)
    with progress() as report:
        pictures = _embed(wanted, shop, image_tower, report, catalogue.name)
        results = list(_results(pictures, languages, wording, words, report))
    if truth:
        _print_accuracies(results, pictures.truth, as_json)
    else:
        _print_tags(results, pictures.ids, as_json)


def _wording(languages: dict[str, Names], file: Path | None) -> dict[str, tuple[str, ...]]:
    """language → its templates, which are the name alone where the file, or its language, is missing."""
    from models.classify import read_templates

    templates = read_templates(file) if file else {}
    without = [language for language in languages if language not in templates]
    if file and without:
        note(f"{file.name} has no templates in {_some(without)}: the names alone are used there")
    return {language: templates.get(language, ("{}",)) for language in languages}


def _check_members(languages: dict[str, Names]) -> None:
    from models.classify import LabelsError

    if "id" in languages:  # Indonesian
        raise LabelsError(
            "the language 'id' and the item's id would be one member of the JSON: "
            "write it as 'ind' in LABELS, or choose others with --lang"
        )


def _note_missing(labels: Labels, language: str, names: Names) -> None:
    missing = [one for one in labels.classes if one not in names]
    if missing:
        note(
            f"{language}: {len(missing):,} of {len(labels.classes):,} classes have no name in it "
            f"and are left out: {_some(missing)}"
        )


def _some(values: list[str]) -> str:
    shown = ", ".join(printable(value) for value in values[:_SHOWN_VALUES])
    return f"{shown}, …" if len(values) > _SHOWN_VALUES else shown


def _with_truth(catalogue: Catalogue, field: str, labels: Labels) -> list[tuple[Item, str]]:
    """The items whose field names exactly one class, each with that class."""
    from indexer.catalogue import CatalogueError
    from models.classify import LabelsError

    if field not in catalogue.types:
        there = ", ".join(catalogue.types) or "none"
        raise CatalogueError(f"the catalogue has no field {field!r} for --truth: its fields are {there}")
    found = []
    unmatched: Counter[str] = Counter()
    for item in catalogue.items:
        texts = _texts(item.fields[field])
        classes = {one for text in texts if (one := labels.class_of(text)) is not None}
        if len(classes) == 1:
            found.append((item, classes.pop()))
        else:
            unmatched["|".join(texts) or "(empty)"] += 1
    values = _some([f"{value} ({times:,})" for value, times in unmatched.most_common()])
    if not found:
        raise LabelsError(
            f"no item's {field} is one of the classes {_some(list(labels.classes))}: it holds {values}"
        )
    if unmatched:
        note(f"{unmatched.total():,} items are not counted, their {field} is not one class: {values}")
    return found


def _texts(value: Value) -> list[str]:
    """A field's value as text; 7.0 of a column of numbers is the class 7."""
    if value is None or isinstance(value, dict):
        return []
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if isinstance(value, bool):
        return [str(value).lower()]
    return [str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)]


def _text_tower(home: Path, name: str | None, both: str, images: ImageTower, device: Device) -> TextTower:
    """The tower called `name`, else the active one of the pictures' space, else the other side of `both`."""
    from indexer.store import SpaceMismatch
    from models.registry import Registry
    from models.towers import open_tower

    registry = Registry(home)
    chosen = name or registry.active(images.space)
    tower = registry.open(chosen, device.value) if chosen else open_tower(both, "text", device.value)
    if tower.space != images.space:
        raise SpaceMismatch(
            f"text tower {tower.id} was trained for space {tower.space}, image tower {images.name} spans "
            f"{images.space}: name a tower of that space"
        )
    return tower


@dataclass(frozen=True)
class _Pictures:
    """The readable pictures of all items, and where each item's begin; `truth` is "" where none is asked."""

    ids: list[str]
    truth: list[str]
    starts: list[int]
    vectors: NDArray[np.float16]


def _embed(
    wanted: list[tuple[Item, str]], catalogue: Catalogue, tower: ImageTower, report: Report, file: str
) -> _Pictures:
    """The items that have a readable picture; CatalogueError where none has."""
    import numpy as np

    from indexer.catalogue import CatalogueError
    from indexer.embed import embed_items

    total = sum(len(item.pictures) for item, _ in wanted)
    ids, truth, starts = [], [], []
    vectors: list[NDArray[np.float16]] = []
    reasons = [line.reason for line in catalogue.quarantined]
    done = 0
    embedded = embed_items([item for item, _ in wanted], tower)
    for (item, true), (_, outcomes) in zip(wanted, embedded, strict=True):
        start = len(vectors)
        for _, outcome in outcomes:
            if outcome.vector is None:
                reasons.append(outcome.reason)
            else:
                vectors.append(outcome.vector)
        if len(vectors) > start:
            ids.append(item.id)
            truth.append(true)
            starts.append(start)
        done += len(outcomes)
        report("embedding", done, total)
    first = f", the first because {printable(reasons[0])}" if reasons else ""
    if not ids:
        raise CatalogueError(f"no item of {file} has a readable picture ({len(reasons):,} set aside{first})")
    if reasons:
        note(f"{len(reasons):,} rows or pictures set aside{first}")
    return _Pictures(ids, truth, starts, np.stack(vectors))


@dataclass(frozen=True)
class _Result:
    """One language's answers for every item; `ranking` counts along `names`."""

    language: str
    names: Names
    ranking: Ranking

    @cached_property
    def classes(self) -> list[str]:
        return list(self.names)

    @cached_property
    def shown(self) -> list[str]:
        """Each class's first name."""
        return [names[0] for names in self.names.values()]


def _results(
    pictures: _Pictures,
    languages: dict[str, Names],
    wording: dict[str, tuple[str, ...]],
    tower: TextTower,
    report: Report,
) -> Iterator[_Result]:
    import numpy as np

    from models.classify import class_vectors, rank

    total = sum(map(len, languages.values()))
    done = 0
    for language, names in languages.items():
        several = list(names.values())
        vectors = []
        for start in range(0, len(several), _CLASSES_AT_ONCE):
            some = several[start : start + _CLASSES_AT_ONCE]
            vectors.append(class_vectors(tower, some, wording[language]))
            done += len(some)
            report("naming", done, total)
        yield _Result(language, names, rank(pictures.vectors, pictures.starts, np.concatenate(vectors)))


def _print_tags(results: list[_Result], ids: list[str], as_json: bool) -> None:
    for row, item in enumerate(ids):
        if as_json:
            tags = {result.language: _tags(result, row, 1)[0] for result in results}
            print(json.dumps({"id": item} | tags, ensure_ascii=False))
            continue
        for result in results:
            best = (f"{tag['name']} {tag['score']:.2f}" for tag in _tags(result, row, _TAGS))
            language = [result.language] if len(results) > 1 else []
            print("  ".join([printable(item), *language, *map(printable, best)]))


def _tags(result: _Result, row: int, count: int) -> list[dict[str, Any]]:
    """The best `count` classes of the item in this row."""
    return [
        {"class": result.classes[place], "name": result.shown[place], "score": round(score, 6)}
        for place, score in zip(
            result.ranking.rows[row, :count].tolist(),
            result.ranking.scores[row, :count].tolist(),
            strict=True,
        )
    ]


@dataclass(frozen=True)
class _Measured:
    """A language's answers for the items that count in it: `truth` holds their classes' places in `names`."""

    result: _Result
    truth: NDArray[np.intp]

    @property
    def accuracies(self) -> dict[str, float]:
        """accuracy@k for every k that the number of classes allows."""
        from models.classify import CUTOFFS, correct

        return {
            f"accuracy@{cutoff}": float(correct(self.result.ranking, self.truth, cutoff).mean())
            for cutoff in CUTOFFS
            if cutoff <= len(self.result.names)
        }


def _print_accuracies(results: list[_Result], truth: list[str], as_json: bool) -> None:
    measured = list(_measured(results, truth))
    if as_json:
        print(json.dumps({one.result.language: {"n": len(one.truth)} | one.accuracies for one in measured}))
        return
    print("\n".join([*_table(measured), "", *_confusions(measured[0])]))


def _measured(results: list[_Result], truth: list[str]) -> Iterator[_Measured]:
    """Every language in which an item's class has a name; the others are noted."""
    import numpy as np

    from models.classify import LabelsError

    counted = False
    for result in results:
        places = {one: place for place, one in enumerate(result.names)}
        rows = np.array([places.get(one, -1) for one in truth])
        named = rows >= 0
        if not named.all():
            missing = f"{np.count_nonzero(~named):,} of {len(rows):,} items"
            note(f"{result.language}: {missing} are not counted, their class has no name in it")
        if named.any():
            counted = True
            yield _Measured(_Result(result.language, result.names, result.ranking.of(named)), rows[named])
    if not counted:
        raise LabelsError("no item's class has a name in a chosen language: choose others with --lang")


def _table(measured: list[_Measured]) -> Iterator[str]:
    """A line per language, and the plain mean over them."""
    from models.classify import CUTOFFS, correct
    from models.significance import confidence

    columns = [f"accuracy@{cutoff}" for cutoff in CUTOFFS]
    width = max(len(label) for label in ("language", *(one.result.language for one in measured)))

    def line(language: str, count: str, values: dict[str, float], interval: str) -> str:
        cells = (f"{values[column]:.4f}" if column in values else "" for column in columns)
        text = "  ".join(
            [f"{language:<{width}}", f"{count:>7}", *(f"{cell:>11}" for cell in cells), interval]
        )
        return text.rstrip()

    heads = "  ".join(f"{column:>11}" for column in columns)
    yield f"{'language':<{width}}  {'n':>7}  {heads}  95% of accuracy@1"
    for one in measured:
        bounds = confidence(correct(one.result.ranking, one.truth, 1))
        interval = f"{bounds.low:.4f} to {bounds.high:.4f}"
        yield line(one.result.language, f"{len(one.truth):,}", one.accuracies, interval)
    if len(measured) > 1:
        everywhere = [column for column in columns if all(column in one.accuracies for one in measured)]
        means = {
            column: sum(one.accuracies[column] for one in measured) / len(measured) for column in everywhere
        }
        yield line("mean", "", means, "")


def _confusions(measured: _Measured) -> Iterator[str]:
    """How the classes with the most items fared, and what each was most often mistaken for."""
    from models.classify import by_class

    classes = by_class(measured.result.ranking, measured.truth)
    shown = [printable(name) for name in measured.result.shown]
    listed = classes[:_SHOWN_CLASSES]
    width = max(len("class"), *(len(shown[one.row]) for one in listed))
    of = f"{len(listed)} of {len(classes)} classes" if len(classes) > len(listed) else "by class"
    yield f"{measured.result.language}, {of}"
    yield f"{'class':<{width}}  {'n':>7}  {'accuracy@1':>11}  most often taken for"
    for one in listed:
        wrong = f"{shown[one.mistaken[0]]} ({one.mistaken[1]:,})" if one.mistaken else "-"
        yield f"{shown[one.row]:<{width}}  {one.items:>7,}  {one.accuracy:>11.4f}  {wrong}"
