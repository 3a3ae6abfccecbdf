"""Which JPEGs a decoder in hardware may be given: those that all decoders read alike, told by their markers.

The rest (progressive, CMYK, turned by EXIF, cut off, damaged) are left to Pillow, whose judgement of what is
a picture counts. A file is walked through in some microseconds; nothing is decoded.
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from operator import mul

from models.pictures import MAX_PIXELS

_BEGIN, _END = b"\xff\xd8", b"\xff\xd9"
_FRAME, _HUFFMAN, _SCAN, _QUANTISERS, _RESTART_INTERVAL = 0xC0, 0xC4, 0xDA, 0xDB, 0xDD
_JFIF, _EXIF_OR_XMP, _PROFILE_OR_SEVERAL, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
_OTHERS = (*range(0xE3, 0xEE), 0xEF, 0xFE)  # of applications, and comments
_ORIENTATION = 0x0112
_TABLES = frozenset((0, 1, 16, 17))
_SHARES = tuple(1 << shorter for shorter in range(15, -1, -1))  # of all codes, what one of each length takes
_SUBSAMPLED = frozenset((0x11, 0x12, 0x21, 0x22))  # 4:4:4, 4:4:0, 4:2:2, 4:2:0

# Within a scan 0xFF is followed by a zero, or by the number of a restart where there are any.
_MARKER = re.compile(rb"\xff[^\x00]")
_MARKER_BUT_RESTART = re.compile(rb"\xff[^\x00\xd0-\xd7]")


@dataclass(frozen=True, slots=True)
class PlainJpeg:
    """`halved` is how its colours are stored, as in `models.blending`: 1 for two pixels side by side, 2 for
    two above each other, 3 for both."""

    width: int
    height: int
    halved: int


def plain_jpeg(data: bytes) -> PlainJpeg | None:
    """What a baseline JPEG in grey or YCbCr is, upright, of one scan and whole; None for any other file."""
    if not (data.startswith(_BEGIN) and data.endswith(_END)):
        return None
    try:
        return _walk(data)
    except (IndexError, struct.error):
        return None


def _walk(data: bytes) -> PlainJpeg | None:
    segments: dict[int, bytes] = defaultdict(bytes)
    at = len(_BEGIN)
    while data[at] == 0xFF:
        marker, length = data[at + 1], (data[at + 2] << 8) | data[at + 3]
        content = data[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == _SCAN:
            return _described(segments[_FRAME]) if _is_whole(content, segments, data, at) else None
        is_plain = _PLAIN.get(marker)
        if (
            is_plain is None
            or length < 2
            or (marker in _ONCE and marker in segments)
            or not is_plain(content)
        ):
            return None
        segments[marker] += content
    return None


def _described(frame: bytes) -> PlainJpeg:
    height, width = struct.unpack_from(">HH", frame, 1)
    across, down = frame[7] >> 4, frame[7] & 15  # as many pixels to a colour
    return PlainJpeg(width, height, (across > 1) + 2 * (down > 1))


def _is_whole(scan: bytes, segments: dict[int, bytes], data: bytes, at: int) -> bool:
    """Whether the scan from byte `at` on is all of the frame, by tables that are there, and the last."""
    frame, tables = segments[_FRAME], scan[2:-3:2]
    if not (
        frame
        and scan[0] == frame[5]
        and len(scan) == 4 + 2 * scan[0]
        and scan[1:-3:2] == frame[6::3]
        and scan[-3:] == b"\x00\x3f\x00"
        and _quantisers(segments[_QUANTISERS]).issuperset(frame[8::3])
        and _huffman_tables(segments[_HUFFMAN]) >= {of for one in tables for of in (one >> 4, one & 15 | 16)}
    ):
        return False
    marker = _MARKER_BUT_RESTART if any(segments[_RESTART_INTERVAL]) else _MARKER
    end = marker.search(data, at)
    return end is not None and end.start() == len(data) - len(_END)


def _is_plain_frame(content: bytes) -> bool:
    precision, height, width, components = struct.unpack_from(">BHHB", content)
    if precision != 8 or not 0 < width * height <= MAX_PIXELS or len(content) != 6 + 3 * components:
        return False
    ids, samplings = content[6::3], content[7::3]
    if components == 1:
        return samplings == b"\x11"
    return (
        components == 3
        and samplings[0] in _SUBSAMPLED
        and samplings[1:] == b"\x11\x11"
        and len(set(ids)) == 3
        and ids != b"RGB"
    )


def _huffman_tables(content: bytes) -> set[int]:
    """Those that are defined: 0 and 1 for DC, 16 and 17 for AC. None where one is not as baseline has it."""
    defined = set()
    at = 0
    while at < len(content):
        table, counts = content[at], content[at + 1 : at + 17]
        symbols = content[at + 17 : at + 17 + sum(counts)]
        if not (
            table in _TABLES
            and len(symbols) == sum(counts) > 0
            and sum(map(mul, counts, _SHARES)) <= 1 << 16  # no code runs out of room
            and (table >= 16 or max(symbols) < 16)
        ):
            return set()
        defined.add(table)
        at += 17 + len(symbols)
    return defined


def _quantisers(content: bytes) -> set[int]:
    """Those that are defined. None where one is of words, not of bytes."""
    return set(content[::65]) if len(content) % 65 == 0 and max(content[::65], default=0) < 4 else set()


def _is_upright(content: bytes) -> bool:
    """Whether this Exif or XMP says nothing of an orientation, or that the picture is the right way up."""
    if not content.startswith(b"Exif\0\0"):
        return b"Orientation" not in content
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[6:10])
    if order is None:
        return False
    (first,) = struct.unpack_from(f"{order}I", content, 10)
    (entries,) = struct.unpack_from(f"{order}H", content, 6 + first)
    for entry in range(entries):
        tag, kind, count, value = struct.unpack_from(f"{order}HHIH", content, 8 + first + 12 * entry)
        if tag == _ORIENTATION:
            return (kind, count, value) == (3, 1, 1)
    return True


_ONCE = frozenset((_FRAME, _EXIF_OR_XMP))
_PLAIN: dict[int, Callable[[bytes], object]] = {
    _FRAME: _is_plain_frame,
    _HUFFMAN: bool,
    _QUANTISERS: bool,
    _RESTART_INTERVAL: lambda content: len(content) == 2,
    _JFIF: lambda content: len(content) >= 14 or not content.startswith(b"JFIF"),
    _EXIF_OR_XMP: _is_upright,
    _PROFILE_OR_SEVERAL: lambda content: len(content) >= 14 and not content.startswith(b"MPF"),
    # 0 is RGB, 2 is YCCK.
    _ADOBE: lambda content: not content.startswith(b"Adobe") or content[11] == 1,
    **dict.fromkeys(_OTHERS, lambda _: True),
}
