"""Opening pictures: what is read as what, and what is refused for which reason."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from models.pictures import FORMATS, MAX_BYTES, PictureError, open_picture

BRICK = (200, 40, 40)
GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6  # colour types of PNG


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, content: bytes, *, depth: int = 8, colour: int = GREY) -> bytes:
    """A PNG by hand: `content` is its rows, each behind a filter byte."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(content))
        + chunk(b"IEND", b"")
    )


def pixels(data: bytes) -> NDArray[np.int64]:
    picture = open_picture(data)
    assert picture.mode == "RGB"
    return np.asarray(picture).astype(np.int64)


def striped() -> Image.Image:
    """64 × 48, so busy that a JPEG of it has something to lose."""
    y, x = np.mgrid[:48, :64]
    return Image.fromarray(np.stack([x * 4, y * 5, (x * y) % 256], axis=2).astype(np.uint8))


@pytest.mark.parametrize("kind", FORMATS)
def test_every_promised_format_is_read(kind: str) -> None:
    """A plain 16 × 12 picture comes back in its size and colour, to the rounding of lossy formats."""
    found = pixels(encoded(Image.new("RGB", (16, 12), BRICK), kind))
    assert found.shape == (12, 16, 3)
    assert np.abs(found - BRICK).max() <= 6


@pytest.mark.parametrize(
    ("orientation", "size", "place"),
    [
        (1, (3, 2), (0, 0)),
        (2, (3, 2), (2, 0)),
        (3, (3, 2), (2, 1)),
        (4, (3, 2), (0, 1)),
        (5, (2, 3), (0, 0)),
        (6, (2, 3), (1, 0)),
        (7, (2, 3), (1, 2)),
        (8, (2, 3), (0, 2)),
    ],
)
def test_a_picture_stands_upright(orientation: int, size: tuple[int, int], place: tuple[int, int]) -> None:
    """The stored top left corner lands where its EXIF orientation says that it is seen."""
    stored = Image.new("RGB", (3, 2), "white")
    stored.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = open_picture(encoded(stored, "PNG", exif=exif))
    assert picture.size == size
    assert picture.getpixel(place) == (255, 0, 0)


def test_a_photograph_that_was_scaled_in_decoding_stands_upright_too() -> None:
    """A 1600 × 800 JPEG of orientation 6 is seen as a portrait with its stored left side on top."""
    stored = Image.new("RGB", (1600, 800), "blue")
    stored.paste((255, 0, 0), (0, 0, 800, 800))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = open_picture(encoded(stored, "JPEG", exif=exif), at_least=100)
    assert picture.size == (200, 400)
    assert np.abs(np.asarray(picture)[50, 100].astype(int) - (255, 0, 0)).max() <= 6


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_costs_no_picture() -> None:
    """A JPEG whose EXIF block is nonsense is shown as it is stored."""
    data = encoded(Image.new("RGB", (16, 12), BRICK), "JPEG", exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff")
    assert pixels(data).shape == (12, 16, 3)


def test_transparency_lies_on_white() -> None:
    """Red that is fully transparent is white, half transparent black is half grey, opaque red stays."""
    row = bytes([0, 255, 0, 0, 0, 0, 0, 0, 128, 255, 0, 0, 255])
    found = pixels(png(3, 1, row, colour=RGBA))
    assert found.tolist() == [[[255, 255, 255], [127, 127, 127], [255, 0, 0]]]


def test_transparency_of_a_grey_picture_lies_on_white() -> None:
    """Of black in grey with alpha, the transparent pixel is white and the opaque one black."""
    found = pixels(png(2, 1, bytes([0, 0, 0, 0, 255]), colour=GREY_ALPHA))
    assert found.tolist() == [[[255, 255, 255], [0, 0, 0]]]


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_white(kind: str) -> None:
    """The palette's transparent colour is white, its other colour stays."""
    picture = Image.new("P", (2, 1))
    picture.putpalette([0, 0, 0, 200, 40, 40])
    picture.putpixel((1, 0), 1)
    found = pixels(encoded(picture, kind, transparency=0))
    assert found.tolist() == [[[255, 255, 255], list(BRICK)]]


def test_a_transparent_colour_key_is_white() -> None:
    """The one colour that an RGB PNG names as transparent is white."""
    picture = Image.new("RGB", (2, 1), BRICK)
    picture.putpixel((0, 0), (1, 2, 3))
    found = pixels(encoded(picture, "PNG", transparency=(1, 2, 3)))
    assert found.tolist() == [[[255, 255, 255], list(BRICK)]]


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "AVIF"])
def test_other_formats_transparency_lies_on_white(kind: str) -> None:
    """A fully transparent black picture is white."""
    found = pixels(encoded(Image.new("RGBA", (16, 16), (0, 0, 0, 0)), kind))
    assert found.min() >= 250


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_shown_in_its_colours(kind: str) -> None:
    """Full cyan ink alone is (0, 255, 255)."""
    found = pixels(encoded(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), kind))
    assert np.abs(found - (0, 255, 255)).max() <= 6


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_a_palette_gives_its_colours(kind: str) -> None:
    """Indexes are looked up, not taken for greys."""
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 40, 40])
    picture.putpixel((1, 0), 1)
    assert pixels(encoded(picture, kind)).tolist() == [[[10, 20, 30], list(BRICK)]]


def test_sixteen_bit_grey_keeps_its_range() -> None:
    """0, 32,896 and 65,535 of 16 bits are 0, 128 and 255 of 8."""
    content = b"\x00" + struct.pack(">HHH", 0, 128 * 257, 65_535)
    assert pixels(png(3, 1, content, depth=16)).tolist() == [[[0] * 3, [128] * 3, [255] * 3]]


def test_sixteen_bit_colour_keeps_its_range() -> None:
    """(65,535, 32,896, 0) of 16 bits is (255, 128, 0) of 8."""
    content = b"\x00" + struct.pack(">HHH", 65_535, 128 * 257, 0)
    assert pixels(png(1, 1, content, depth=16, colour=RGB)).tolist() == [[[255, 128, 0]]]


def test_sixteen_bit_transparency_lies_on_white() -> None:
    """Black that is fully transparent in 16 bits is white."""
    content = b"\x00" + struct.pack(">HHHH", 0, 0, 0, 0)
    assert pixels(png(1, 1, content, depth=16, colour=RGBA)).tolist() == [[[255] * 3]]


def test_floating_point_grey_runs_from_0_to_1() -> None:
    """0, a half and 1 of a float TIFF are 0, 127 and 255."""
    values = np.array([[0, 0.5, 1]], dtype=np.float32)
    assert pixels(encoded(Image.fromarray(values), "TIFF")).tolist() == [[[0] * 3, [127] * 3, [255] * 3]]


def test_one_bit_is_black_and_white() -> None:
    """The bits 10 are white and black."""
    assert pixels(png(2, 1, b"\x00\x80", depth=1)).tolist() == [[[255] * 3, [0] * 3]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_only_the_first_frame_is_read(kind: str) -> None:
    """Red then blue is red."""
    red, blue = Image.new("RGB", (16, 16), (255, 0, 0)), Image.new("RGB", (16, 16), (0, 0, 255))
    found = pixels(encoded(red, kind, save_all=True, append_images=[blue]))
    assert np.abs(found - (255, 0, 0)).max() <= 6


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size() -> None:
    """2000 × 1000 for 200 pixels comes at a half, the smallest part with 400 pixels a side, and is the same
    picture to the rounding of resizing."""
    data = encoded(striped().resize((2000, 1000)), "JPEG", quality=95)
    scaled = open_picture(data, at_least=200)
    assert scaled.size == (1000, 500)
    whole = np.asarray(open_picture(data).resize((200, 100), Image.Resampling.BICUBIC)).astype(int)
    part = np.asarray(scaled.resize((200, 100), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(whole - part).mean() < 1


def test_a_small_jpeg_is_decoded_whole() -> None:
    """64 × 48 stays that, whatever is asked for."""
    assert open_picture(encoded(striped(), "JPEG"), at_least=224).size == (64, 48)


def test_an_empty_file_is_refused() -> None:
    """Zero bytes have their own reason."""
    with pytest.raises(PictureError, match=r"^the file is empty$"):
        open_picture(b"")


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        b"a red dress\n",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"GIF",
        b"\xff\xd8",
        bytes(100),
        encoded(Image.new("RGB", (9, 9)), "PPM"),
        encoded(Image.new("RGB", (16, 16)), "ICO"),
        encoded(Image.new("RGB", (9, 9)), "JPEG2000"),
    ],
    ids=["svg", "text", "pdf", "eps", "three bytes", "two bytes", "zeros", "ppm", "ico", "jpeg 2000"],
)
def test_what_is_no_picture_of_ours_is_refused(data: bytes) -> None:
    """The reason lists the formats that are taken; the decoders of all others stay closed."""
    with pytest.raises(PictureError, match="the file is none of JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF"):
        open_picture(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_a_truncated_picture_is_refused(kind: str) -> None:
    """Half of a file is no picture, rather than half a picture over grey."""
    data = encoded(striped(), kind)
    with pytest.raises(PictureError):
        open_picture(data[: len(data) // 2])


def test_a_truncated_jpeg_says_that_it_is_damaged() -> None:
    """The reason is fit for a quarantine line."""
    data = encoded(striped(), "JPEG")
    with pytest.raises(PictureError, match="the picture is damaged: image file is truncated"):
        open_picture(data[: len(data) // 2])


def test_a_decompression_bomb_is_refused_undecoded() -> None:
    """A tiny PNG that claims 50,000 × 50,000 pixels is refused from its header."""
    data = png(50_000, 50_000, b"\x00")
    assert len(data) < 100
    with pytest.raises(PictureError, match="40,000,000"):
        open_picture(data)


def test_more_than_40_megapixels_are_refused() -> None:
    """8,000 × 5,001 is one row too many, and the reason names both numbers."""
    with pytest.raises(PictureError, match="has 8,000 × 5,001 pixels, the limit is 40,000,000 in all"):
        open_picture(png(8_000, 5_001, b"\x00"))


def test_40_megapixels_are_taken() -> None:
    """8,000 × 5,000 is the limit itself: one white bit each."""
    picture = open_picture(png(8_000, 5_000, (b"\x00" + b"\xff" * 1_000) * 5_000, depth=1))
    assert picture.size == (8_000, 5_000)


def test_more_than_10_megabytes_are_refused() -> None:
    """The reason names both numbers; one byte less is looked at."""
    with pytest.raises(PictureError, match="the file has 10,000,001 bytes, the limit is 10,000,000"):
        open_picture(bytes(MAX_BYTES + 1))
    with pytest.raises(PictureError, match="none of"):
        open_picture(bytes(MAX_BYTES))


def test_a_reason_is_one_line() -> None:
    """A reason becomes a line of quarantine.jsonl and of a log."""
    for data in (b"", b"text", png(50_000, 50_000, b"\x00"), encoded(striped(), "PNG")[:60]):
        with pytest.raises(PictureError) as caught:
            open_picture(data)
        assert len(str(caught.value).splitlines()) == 1


def opens_or_is_refused(data: bytes) -> None:
    """No other outcome is allowed."""
    try:
        picture = open_picture(data, at_least=16)
    except PictureError:
        return
    assert picture.mode == "RGB"
    assert min(picture.size) > 0


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM"]),
)
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_a_picture_or_refused(data: bytes, start: bytes) -> None:
    """Whatever the bytes, behind a format's first bytes or not, nothing but PictureError is raised."""
    opens_or_is_refused(start + data)


FLIPPED = {kind: encoded(striped(), kind) for kind in FORMATS}


@given(
    st.sampled_from(FORMATS),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=12),
)
@settings(max_examples=300, deadline=None)
def test_flipped_bits_give_a_picture_or_are_refused(kind: str, flips: list[tuple[float, int]]) -> None:
    """A real file with some bits turned round raises nothing but PictureError."""
    data = bytearray(FLIPPED[kind])
    for place, bit in flips:
        data[int(place * len(data))] ^= 1 << bit
    opens_or_is_refused(bytes(data))
