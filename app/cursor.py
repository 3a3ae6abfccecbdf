"""Cursors: where the next page of an answer begins. The service keeps none: all is in the text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import asdict

from app.query import MAX_RANK, ItemTerm, PictureTerm, Search, Term, TextTerm
from models.cards import Card

_LAYOUT = struct.Struct(">H8s8s")
_FREE = ("limit", "offset", "cursor", "facets")
"""Members of a search that change neither what is found nor its order."""


class BadCursor(ValueError):
    """The cursor is none of ours, or another search's."""


class CursorExpired(ValueError):
    """What was searched is not served any more; the cure is to search again."""


class Cursors:
    """The cursors of one search in one index by one tower."""

    def __init__(self, terms: Sequence[Term], search: Search, index: str, text_tower: Card) -> None:
        """`index` is a version."""
        bound = {name: value for name, value in asdict(search).items() if name not in _FREE}
        self._asked = _digest([[_told(term) for term in terms], bound])
        # An id may be given to other weights; a calibration decides what is found only where there is a cut.
        calibration = None if search.min_relevance is None else text_tower.calibration
        self._served = _digest([index, text_tower.weights, calibration])

    def write(self, offset: int) -> str:
        """The cursor of the page that begins at this rank."""
        packed = _LAYOUT.pack(offset, self._served, self._asked)
        return base64.urlsafe_b64encode(packed).decode()

    def read(self, cursor: str) -> int:
        """The rank at which its page begins. Raises BadCursor, CursorExpired."""
        try:
            offset, served, asked = _LAYOUT.unpack(base64.b64decode(cursor, b"-_", validate=True))
        except (binascii.Error, ValueError, struct.error):
            raise BadCursor("the cursor is not one that an answer's next gave: send it as it came") from None
        if asked != self._asked or not 0 < offset < MAX_RANK:
            raise BadCursor(
                "the cursor is of another search: with it send the same request, but for limit and facets"
            )
        if served != self._served:
            raise CursorExpired(
                "since the cursor was given another index version, text tower or calibration has come to "
                "be served: search again, from the first page"
            )
        return int(offset)


def _told(term: Term) -> list[str | float]:
    match term:
        case TextTerm():
            return ["text", term.text, term.weight]
        case ItemTerm():
            return ["item", term.item, term.weight]
        case PictureTerm():
            return ["picture", term.sha256, term.weight]


def _digest(value: object) -> bytes:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).digest()
