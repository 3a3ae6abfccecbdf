"""Pictures with their texts, from tables: what the pretraining learns from, ready for the GPU."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow.parquet
from numpy.typing import NDArray
from PIL import Image

from models import phrases
from models.preprocessing import Pixels, Preprocessing
from models.sentence_encoder import Tokenizer

LONGEST = 64
"""Pieces of a text that training reads; a search query has about a dozen."""
POOLS = ("en", "de", "other")
"""A picture's texts lie in three pools, of which each training step draws one text each."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Picture:
    """One picture of a table; `product` is shared by the colour variants of one design."""

    row: Row
    product: str
    read: Callable[[], bytes]


def read_table(path: Path, split: str | None = None) -> list[Picture]:
    """The rows of a JSONL, CSV or Parquet table, of one split where told, each with its picture.

    Pictures are inside the table (`image.bytes`), in the tar of the table's name, or in its folder.
    Rows without the column `split` belong to every split.
    """
    tar = path.with_suffix(".tar")
    places = _members(tar) if tar.exists() else {}
    pictures = []
    for row in _rows(path):
        if split is not None and row.get("split", split) != split:
            continue
        image = row.pop("image")
        if isinstance(image, dict):
            read: Callable[[], bytes] = partial(bytes, image["bytes"])
        elif image in places:
            read = partial(_read_span, tar, *places[image])
        else:
            read = (path.parent / image).read_bytes
        pictures.append(Picture(row, f"{path.parent.name}/{path.stem}/{row.get('product', row['id'])}", read))
    return pictures


def _rows(path: Path) -> Iterator[Row]:
    if path.suffix == ".parquet":
        yield from pyarrow.parquet.read_table(path).to_pylist()
    elif path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
    else:
        with path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)


def _members(tar: Path) -> dict[str, tuple[int, int]]:
    with tarfile.open(tar) as archive:
        return {member.name: (member.offset_data, member.size) for member in archive if member.isfile()}


def _read_span(path: Path, start: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(length)


def decode(pictures: Sequence[Picture], preprocessing: Preprocessing, workers: int) -> Pixels:
    """(pictures, size, size, 3), in their order."""
    pixels = np.empty((len(pictures), preprocessing.size, preprocessing.size, 3), dtype=np.uint8)

    def place(row: int) -> None:
        with Image.open(io.BytesIO(pictures[row].read())) as picture:
            pixels[row] = preprocessing(picture.convert("RGB"))

    # Threads: Pillow gives way while it decodes and resizes, and nothing of this size should be copied.
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(place, range(len(pictures))):
            pass
    return pixels


@dataclass(frozen=True)
class Texts:
    """Texts as pieces: `ids` (texts, LONGEST) int32 padded with 0, `lengths`, `scope`; `same` is equal for
    texts that say the same, whatever their capitals."""

    ids: NDArray[np.int32]
    lengths: NDArray[np.int64]
    scope: NDArray[np.int64]
    same: NDArray[np.int64]


def pieces(texts: Sequence[phrases.Text], tokenizer: Tokenizer) -> Texts:
    ids = np.zeros((len(texts), LONGEST), dtype=np.int32)
    lengths = np.empty(len(texts), dtype=np.int64)
    for row, found in enumerate(tokenizer([text.text for text in texts])):
        kept = found[:LONGEST]
        ids[row, : len(kept)], lengths[row] = kept, len(kept)
    scope = np.array([text.scope for text in texts], dtype=np.int64)
    same = np.array([zlib.crc32(text.text.lower().encode()) for text in texts], dtype=np.int64)
    return Texts(ids, lengths, scope, same)


@dataclass(frozen=True)
class Told:
    """Pictures' texts. Pool p of picture i holds texts[start[i, p] : start[i, p] + size[i, p]].

    `product`, `kind` and `tone` (kind and colour) number what pictures share, by phrases.Scope.
    """

    texts: Texts
    start: NDArray[np.int64]
    size: NDArray[np.int64]
    product: NDArray[np.int64]
    tone: NDArray[np.int64]
    kind: NDArray[np.int64]


def tell(pictures: Sequence[Picture], counts: Sequence[int], seed: int, workers: int) -> Told:
    """Makes texts for picture i: counts[i] in English, as many in German, as many in the other languages."""
    chunks = [slice(first, first + 256) for first in range(0, len(pictures), 256)]
    with ProcessPoolExecutor(workers) as pool:
        parts = list(
            pool.map(
                _tell,
                ([p.row for p in pictures[chunk]] for chunk in chunks),
                (counts[chunk] for chunk in chunks),
                range(seed, seed + len(chunks)),
            )
        )
    size = np.concatenate([part[1] for part in parts])
    start = np.concatenate([[0], size.ravel().cumsum()[:-1]]).reshape(size.shape)
    keys = [key for part in parts for key in part[2]]
    texts = Texts(
        *(
            np.concatenate([getattr(part[0], name) for part in parts])
            for name in ("ids", "lengths", "scope", "same")
        )
    )
    return Told(
        texts,
        start,
        size,
        product=_numbered([picture.product for picture in pictures]),
        tone=_numbered(
            [
                f"{kind}/{colour}" if kind and colour else p.product
                for (kind, colour), p in zip(keys, pictures, strict=True)
            ]
        ),
        kind=_numbered([kind or p.product for (kind, _), p in zip(keys, pictures, strict=True)]),
    )


def _tell(
    rows: Sequence[Row], counts: Sequence[int], seed: int
) -> tuple[Texts, NDArray[np.int64], list[tuple[str, str]]]:
    random = Random(seed)
    made: list[phrases.Text] = []
    size = np.zeros((len(rows), len(POOLS)), dtype=np.int64)
    keys = []
    for place, (row, count) in enumerate(zip(rows, counts, strict=True)):
        others = [language for language in phrases.LANGUAGES if language not in POOLS]
        wanted = {"en": count, "de": count} | dict.fromkeys(others, max(1, count // len(others)))
        for pool, languages in enumerate((["en"], ["de"], others)):
            told = list(phrases.texts(row, {language: wanted[language] for language in languages}, random))
            size[place, pool] = len(told)
            made += told
        found = phrases.facts(row)
        keys.append((found.kind_key, found.colour_key))
    return pieces(made, Tokenizer()), size, keys


def _numbered(keys: Sequence[str]) -> NDArray[np.int64]:
    return np.unique(np.array(keys), return_inverse=True)[1].astype(np.int64)


def parallel(rows: Sequence[Mapping[str, Any]]) -> list[tuple[phrases.Text, phrases.Text]]:
    """(English, the same in another language) for every language that a row has."""
    return [
        (
            phrases.Text(row["en"], "en", phrases.Scope.PRODUCT),
            phrases.Text(row[language], language, phrases.Scope.PRODUCT),
        )
        for row in rows
        for language in row
        if language in phrases.LANGUAGES and language != "en"
    ]
