"""One picture: read, hashed and decoded by the CPU, or set aside with a reason."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.source import Source, SourceGone, TooLarge
from models.pictures import MAX_BYTES, PictureError, open_picture
from models.preprocessing import Pixels, Preprocessing


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of one picture: exactly one of a new `vector` (dim,), `known`, or a `reason` why not."""

    sha256: str = ""
    vector: NDArray[np.float16] | None = None
    known: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Bytes:
    """A picture that was read, and is to be decoded."""

    sha256: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture as its tower takes it."""

    sha256: str
    pixels: Pixels


def read(source: Source, known: Collection[str] = ()) -> Bytes | Embedded:
    """The picture's bytes, unless their SHA-256 is in `known`, or they cannot be read."""
    try:
        data = source.read(MAX_BYTES)
    except (SourceGone, TooLarge) as error:
        return Embedded(reason=str(error))
    sha256 = hashlib.sha256(data).hexdigest()
    return Embedded(sha256, known=True) if sha256 in known else Bytes(sha256, data)


def decode(picture: Bytes, preprocessing: Preprocessing) -> Prepared | Embedded:
    """The picture's pixels, or the reason why it has none."""
    try:
        pixels = preprocessing(open_picture(picture.data, at_least=preprocessing.size))
    except PictureError as error:
        return Embedded(reason=str(error))
    return Prepared(picture.sha256, pixels)
