"""A catalogue of over 200 damaged, odd and hostile files among good ones: each is indexed or set aside."""

from __future__ import annotations

import io
import json
import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.build import BuildConfig, Built, build
from indexer.store import IndexVersion, indexes, open_current
from tests.conftest import quiet

GOOD = 15
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def busy(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((64, 48))


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def claimed(width: int, height: int, *more: bytes) -> bytes:
    """A PNG that claims a size, and holds next to nothing."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rest = b"".join(more) + chunk(b"IDAT", zlib.compress(b"\x00")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + rest


def flipped(data: bytes, random: Random, bits: int) -> bytes:
    changed = bytearray(data)
    for _ in range(bits):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def without_pillow(random: Random) -> Iterator[tuple[str, bytes]]:
    """Files that are no picture at all, or only pretend to be one."""
    yield "zero.jpg", b""
    yield "text.jpg", b"a red dress"
    yield "vector.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    yield "vector.jpg", b"<svg/>"
    yield "page.html", b"<img src=x onerror=alert(1)>"
    yield "paper.pdf", b"%PDF-1.7\n%%EOF"
    yield "script.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n"
    yield "archive.zip", b"PK\x05\x06" + bytes(18)
    yield "program.exe", b"MZ" + random.randbytes(500)
    yield "bomb.png", claimed(50_000, 50_000)
    yield "wide.png", claimed(2**31 - 1, 1)
    yield "flat.png", claimed(0, 10)
    yield "over.png", claimed(8_000, 5_001)
    yield "short.png", claimed(100, 100)
    yield "zipped.png", claimed(1, 1, chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(50_000_000), 9)))
    yield "profile.png", claimed(1, 1, chunk(b"iCCP", b"a\x00\x00" + zlib.compress(bytes(50_000_000), 9)))
    yield "bomb.gif", b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + bytes(3) + b"\x2c" + bytes(10)
    yield (
        "bomb.bmp",
        b"BM" + struct.pack("<IHHIIiiHHI", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0) + bytes(20),
    )
    yield (
        "bomb.webp",
        b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\x10" + b"\xff" * 9,
    )
    yield "large.jpg", b"\xff\xd8" + bytes(10_000_000)
    for number in range(20):
        start = random.choice(
            [b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\x00", b"RIFF"]
        )
        yield f"random-{number}.jpg", start + random.randbytes(random.randrange(1, 2_000))


def odd(random: Random) -> Iterator[tuple[str, bytes]]:
    """Pictures that are whole, and unusual."""
    picture = busy(0)
    for kind in FORMATS:
        yield f"{kind} called.txt", encoded(picture, kind)
    yield "no extension", encoded(picture, "PNG")
    yield "Größe 100 % „rot“ #1?.jpg", encoded(picture, "JPEG")
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16"):
        shown = Image.new(mode, (9, 9)) if mode == "I;16" else picture.convert(mode)
        yield f"mode {mode.replace(';', ' ')}.png", encoded(shown, "PNG")
    yield "cmyk.jpg", encoded(picture.convert("CMYK"), "JPEG")
    yield "cmyk.tif", encoded(picture.convert("CMYK"), "TIFF")
    yield "lab.tif", encoded(picture.convert("LAB"), "TIFF")
    yield "float.tif", encoded(picture.convert("F"), "TIFF")
    yield "nan.tif", encoded(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF")
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        yield f"animated {kind}", encoded(picture, kind, save_all=True, append_images=[busy(1), busy(2)])
    yield "one pixel.png", encoded(Image.new("RGB", (1, 1)), "PNG")
    yield "a line.png", encoded(Image.new("RGB", (1, 5_000)), "PNG")
    yield "profile.jpg", encoded(picture, "JPEG", icc_profile=random.randbytes(300))
    yield "exif.jpg", encoded(picture, "JPEG", exif=b"Exif\x00\x00MM\x00*" + random.randbytes(60))
    yield "progressive.jpg", encoded(picture, "JPEG", progressive=True)
    yield "trailing.jpg", encoded(picture, "JPEG") + random.randbytes(1_000)
    yield "jpeg 2000.jpg", encoded(picture, "JPEG2000")
    yield "icon.jpg", encoded(picture, "ICO")
    yield "plain.ppm", encoded(picture, "PPM")


def damaged(random: Random) -> Iterator[tuple[str, bytes]]:
    """Whole pictures that were cut, or in which bits were turned round, or zeroed, or doubled."""
    for kind in FORMATS:
        data = encoded(busy(3), kind)
        for number in range(8):
            yield f"cut {number} {kind}", data[: random.randrange(1, len(data))]
        for number in range(12):
            yield f"flipped {number} {kind}", flipped(data, random, random.choice([1, 3, 10, 100]))
        for number in range(4):
            at = random.randrange(len(data))
            yield f"zeroed {number} {kind}", data[:at] + bytes(min(64, len(data) - at)) + data[at + 64 :]
        yield f"headless {kind}", data[20:]
        yield f"twice {kind}", data + data


def special(folder: Path) -> Iterator[str]:
    """Names in the catalogue behind which there is no regular file of the folder."""
    os.mkfifo(folder / "pipe.jpg")
    yield "pipe.jpg"
    (folder / "link.jpg").symlink_to("/etc/hostname")
    yield "link.jpg"
    (folder / "loop.jpg").symlink_to("loop.jpg")
    yield "loop.jpg"
    (folder / "dangling.jpg").symlink_to("nothing.jpg")
    yield "dangling.jpg"
    (folder / "device.jpg").symlink_to("/dev/zero")
    yield "device.jpg"
    (folder / "folder.jpg").mkdir()
    yield "folder.jpg"
    with (folder / "sparse.jpg").open("wb") as file:
        file.truncate(1 << 40)
    yield "sparse.jpg"
    yield from (
        "missing.jpg",
        "../outside.jpg",
        "/etc/hostname",
        "a/../../b.jpg",
        "x" * 300 + ".jpg",
        "https://a/b.jpg",
    )
    yield from ("file:///etc/hostname", "data:image/png;base64,AAAA", ".", "pipe.jpg/below.jpg")


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """item → the file that it names; drawn with a fixed seed."""
    folder = tmp_path_factory.mktemp("damaged")
    random = Random(0)
    pictures = {name: data for make in (without_pillow, odd, damaged) for name, data in make(random)}
    for name, data in pictures.items():
        (folder / name).write_bytes(data)
    names = [*pictures, *special(folder)]
    rows = {f"bad-{number}": name for number, name in enumerate(names)}
    good = {f"good-{number}": f"good-{number}.png" for number in range(GOOD)}
    for number, name in enumerate(good.values()):
        busy(100 + number).save(folder / name)
    shuffled = [*rows.items(), *good.items()]
    random.shuffle(shuffled)
    with (folder / "catalogue.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": item, "image": name}) + "\n" for item, name in shuffled)
    return rows | {"": str(folder)}


@pytest.fixture(scope="module")
def built(
    bad: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Built, IndexVersion, list[dict[str, str]]]:
    """The build's result, the index, and what was set aside."""
    home = tmp_path_factory.mktemp("home")
    result = build(home, BuildConfig(Path(bad[""]) / "catalogue.jsonl"), quiet)
    lines = (indexes(home) / result.manifest.version / "quarantine.jsonl").read_text("utf-8").splitlines()
    return result, open_current(home), [json.loads(line) for line in lines]


def test_there_are_at_least_200_of_them(bad: dict[str, str]) -> None:
    """Each under a name of its own."""
    assert len(set(bad.values()) - {bad[""]}) >= 200


def test_each_is_indexed_or_set_aside_with_a_reason(
    bad: dict[str, str], built: tuple[Built, IndexVersion, list[dict[str, str]]]
) -> None:
    """The build ended; no item is lost, none is both, and every reason is one line that says something."""
    result, index, lines = built
    quarantined = [line["item"] for line in lines]
    assert len(quarantined) == len(set(quarantined)) == result.manifest.quarantined
    indexed = set(index.ids(range(len(index))))
    assert indexed.isdisjoint(quarantined)
    assert indexed | set(quarantined) == (bad.keys() - {""}) | {f"good-{number}" for number in range(GOOD)}
    for line in lines:
        assert 10 <= len(line["reason"]) <= 300, line
        assert line["reason"].isprintable(), line


def test_the_good_ones_are_all_there(built: tuple[Built, IndexVersion, list[dict[str, str]]]) -> None:
    """No neighbour spoiled them, and each has its own vector, in the order of the catalogue."""
    _, index, _ = built
    for number in range(GOOD):
        row = index.row(f"good-{number}")
        assert row is not None
        (picture,) = index.picture_rows(row)
        assert index.picture(picture)[0].name == f"good-{number}.png"
    assert np.isfinite(index.vectors).all()
    assert np.allclose(np.linalg.norm(index.vectors.astype(np.float32), axis=1), 1, atol=2e-3)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("zero.jpg", "the file is empty"),
        ("text.jpg", "none of JPEG"),
        ("vector.svg", "none of JPEG"),
        ("paper.pdf", "none of JPEG"),
        ("script.eps", "none of JPEG"),
        ("jpeg 2000.jpg", "none of JPEG"),
        ("bomb.png", "more than 40,000,000 pixels"),
        ("bomb.gif", "pixels"),
        ("bomb.bmp", "pixels"),
        ("bomb.webp", "damaged|pixels|none of"),
        ("over.png", "8,000 × 5,001 pixels"),
        ("large.jpg", "10,000,002 bytes, the limit is 10,000,000"),
        ("sparse.jpg", "bytes, the limit is 10,000,000"),
        ("short.png", "damaged"),
        ("pipe.jpg", "not a file"),
        ("folder.jpg", "not a file"),
        ("link.jpg", "its path leaves"),
        ("device.jpg", "its path leaves"),
        ("loop.jpg", "no such file|not a file"),
        ("missing.jpg", "no such file"),
        ("../outside.jpg", "its path leaves"),
        ("/etc/hostname", "its path leaves|no such file"),
        ("https://a/b.jpg", "remote picture: allow its host"),
    ],
)
def test_the_reason_fits(
    name: str, reason: str, bad: dict[str, str], built: tuple[Built, IndexVersion, list[dict[str, str]]]
) -> None:
    """What is wrong with a file is what quarantine.jsonl says, under the file's name."""
    (item,) = (item for item, file in bad.items() if file == name)
    (line,) = (line for line in built[2] if line["item"] == item)
    assert re.search(reason, line["reason"])
    assert line["picture"] == name


def test_odd_pictures_are_taken(
    bad: dict[str, str], built: tuple[Built, IndexVersion, list[dict[str, str]]]
) -> None:
    """Whole pictures in unusual clothes are indexed: any extension, CMYK, 16 bits, animations, odd names."""
    names = {item: name for item, name in bad.items() if item}
    indexed = {names[item] for item in built[1].ids(range(len(built[1]))) if item in names}
    expected = {name for name, _ in odd(Random(0))} - {"jpeg 2000.jpg", "icon.jpg", "plain.ppm"}
    assert expected - indexed == set()


def test_nothing_of_the_machine_is_indexed(
    built: tuple[Built, IndexVersion, list[dict[str, str]]], bad: dict[str, str]
) -> None:
    """Every indexed picture lies in the catalogue's own folder."""
    index = built[1]
    folder = os.path.realpath(bad[""])
    for picture in range(len(index.vectors)):
        assert index.picture(picture)[0].file.startswith(folder + os.sep)
