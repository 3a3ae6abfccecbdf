"""Catalogue pictures for a page: always decoded and encoded again by us, at one of a few widths."""

from __future__ import annotations

import hashlib
import io
import threading
from enum import IntEnum
from typing import Literal

from cachetools import LRUCache
from PIL import Image

from indexer.source import Source, SourceGone, TooLarge
from models.pictures import MAX_BYTES, PictureError, open_picture


class Width(IntEnum):
    """Pixels; a few widths, so that a page's pictures are found again."""

    TILE = 160
    CARD = 320
    PAGE = 640
    FULL = 1280


Kind = Literal["JPEG", "WEBP"]
_KEPT_BYTES = 64_000_000
_DECODED_AT_ONCE = 2
_QUALITY = 85
_MAX_HEIGHT = 16_383
"""What WebP can hold."""


class ImageGone(LookupError):
    """A picture is no longer what was indexed: missing, or changed."""


class Images:
    """Renders pictures, and keeps what was asked for last. Safe to use from several threads."""

    def __init__(self) -> None:
        # A hostile picture of few bytes can be 40 megapixels: few are decoded at once, whoever asks.
        self._decoding = threading.Semaphore(_DECODED_AT_ONCE)
        self._kept: LRUCache[str, bytes] = LRUCache(_KEPT_BYTES, getsizeof=len)
        self._lock = threading.Lock()

    def render(self, source: Source, sha256: str, width: Width, kind: Kind) -> bytes:
        """The picture at most `width` pixels wide, never enlarged. Raises ImageGone."""
        key = tag(sha256, width, kind)
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:
            with self._decoding:
                kept = _encode(_read(source, sha256, width), width, kind)
            with self._lock:
                self._kept[key] = kept
        return kept

    def decode(self, data: bytes) -> Image.Image:
        """An upload. Raises PictureError."""
        with self._decoding:
            return open_picture(data)


def tag(sha256: str, width: int, kind: str) -> str:
    """What an ETag says: the same for as long as the answer would be."""
    return f"{sha256[:32]}-{width}-{kind.lower()}"


def _read(source: Source, sha256: str, width: int) -> Image.Image:
    try:
        data = source.read(MAX_BYTES)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ImageGone(f"{source.name} has changed since it was indexed: reindex")
        return open_picture(data, at_least=width)
    except (SourceGone, TooLarge, PictureError) as error:
        raise ImageGone(f"{error}: reindex") from None


def _encode(picture: Image.Image, width: int, kind: str) -> bytes:
    scale = min(1, width / picture.width, _MAX_HEIGHT / picture.height)
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    # What a camera wrote beside the pixels (its owner, its place) is nobody's business.
    picture.info.clear()
    file = io.BytesIO()
    picture.save(file, kind, quality=_QUALITY)
    return file.getvalue()
