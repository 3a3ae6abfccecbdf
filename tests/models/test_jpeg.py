"""Which JPEGs may be decoded by a GPU: plain ones, and none of which Pillow might think otherwise."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.blending import HALVED_ACROSS, HALVED_DOWN
from models.jpeg import plain_jpeg
from models.pictures import PictureError, open_picture

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))


def jpeg(picture: Image.Image = NOISE, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", **options)
    return file.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    """A whole JPEG that begins with this segment."""
    plain = jpeg()
    return plain[:2] + bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content + plain[2:]


def oriented(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(exif=exif)


@pytest.mark.parametrize(
    "data",
    [
        jpeg(),
        jpeg(subsampling="4:4:4"),
        jpeg(subsampling="4:2:2"),
        jpeg(optimize=True),
        jpeg(restart_marker_blocks=2),
        jpeg(NOISE.convert("L")),
        jpeg(icc_profile=b"x" * 100_000),
        jpeg(comment=b"red \xff\xd9 dress"),
        oriented(1),
    ],
    ids=["4:2:0", "4:4:4", "4:2:2", "own tables", "restarts", "grey", "profile", "comment", "upright"],
)
def test_a_plain_jpeg_has_its_size(data: bytes) -> None:
    """Whatever the subsampling, the tables and what stands before the picture."""
    plain = plain_jpeg(data)
    assert plain is not None
    assert (plain.width, plain.height) == (60, 40)


@pytest.mark.parametrize(
    ("subsampling", "halved"),
    [("4:4:4", 0), ("4:2:2", HALVED_ACROSS), ("4:2:0", HALVED_ACROSS | HALVED_DOWN)],
)
def test_it_says_how_colours_are_stored(subsampling: str, halved: int) -> None:
    """For each pixel, for two side by side, or for four; a grey picture has none."""
    colour, grey = plain_jpeg(jpeg(subsampling=subsampling)), plain_jpeg(jpeg(NOISE.convert("L")))
    assert colour is not None
    assert grey is not None
    assert (colour.halved, grey.halved) == (halved, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + b"\xff" * 50 + b"\xff\xd9",
        jpeg(progressive=True),
        jpeg(NOISE.convert("CMYK")),
        jpeg(keep_rgb=True),
        oriented(6),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation='6'/>"),
        segment(0xE1, b"Exif\0\0II*\0" + b"\xff" * 20),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\2"),
        segment(0xC0, b"\x08\0\x10\0\x10\1\1\x11\0"),
        segment(0xC4, b"\0" + b"\3" + bytes(15) + b"abc"),
        segment(0xDB, b"\x10" + bytes(128)),
        jpeg() + b"more",
        jpeg() + jpeg(),
        jpeg()[:-2],
        jpeg()[:-300],
        jpeg()[:-302] + b"\xff\xda" + jpeg()[-300:],
    ],
)
def test_any_other_file_is_left_to_pillow(data: bytes) -> None:
    """Nothing, progressive, of four channels, in RGB, turned, in two frames, cut, doubled, out of tables …"""
    assert plain_jpeg(data) is None


def test_a_picture_over_the_limit_is_left_to_pillow() -> None:
    """Which says how many pixels it has: 40 million at most."""
    large = bytearray(jpeg())
    frame = large.index(b"\xff\xc0")
    large[frame + 5 : frame + 9] = (8_001).to_bytes(2, "big") + (5_000).to_bytes(2, "big")
    assert plain_jpeg(bytes(large)) is None


def test_what_pillow_refuses_is_not_plain() -> None:
    """Of 3,000 JPEGs in which bits were turned or parts cut out, none that is plain is refused by Pillow."""
    random = Random(0)
    plain = 0
    for number in range(3_000):
        data = bytearray(jpeg(optimize=True, restart_marker_blocks=number % 2 * 3))
        if number % 3:
            for _ in range(random.choice((1, 2, 5))):
                # Half of them in the head, which is where a decoder stumbles.
                at = random.randrange(random.choice((len(data), 700)))
                data[at] ^= 1 << random.randrange(8)
        else:
            at = random.randrange(len(data))
            del data[at : at + random.randrange(1, 100)]
        if plain_jpeg(bytes(data)) is None:
            continue
        plain += 1
        try:
            open_picture(bytes(data))
        except PictureError as error:
            pytest.fail(f"case {number} is plain, and yet {error}")
    assert 300 < plain < 2_700


def test_photographs_are_plain(shared_data: Path) -> None:
    """All of them would be decoded on the GPU, and have the size that Pillow finds."""
    with tarfile.open(shared_data / "hm.tar") as tar:
        for member, _ in zip(tar, range(200), strict=False):
            file = tar.extractfile(member)
            if file is None:
                continue
            data = file.read()
            plain = plain_jpeg(data)
            assert plain is not None
            assert (plain.width, plain.height) == Image.open(io.BytesIO(data)).size
