"""Catalogue pictures as the service hands them out."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.main import create_app
from app.settings import Settings
from indexer.build import BuildConfig, build
from tests.conftest import quiet

RIGHT_ON_TOP = 6
"""EXIF's word for a camera that was held upright: the picture is to be turned by 90° to the right."""


class Answer(Protocol):
    """What the test client answers, whichever HTTP library it is built on."""

    status_code: int

    @property
    def content(self) -> bytes: ...
    @property
    def text(self) -> str: ...


def photograph(file: Path) -> None:
    """100 × 50, to be shown as 50 × 100, with a place and a maker in its EXIF."""
    exif = Image.Exif()
    exif[0x0112] = RIGHT_ON_TOP
    exif[0x010F] = "SecretMaker"
    Image.new("RGB", (100, 50), (10, 120, 200)).save(file, exif=exif, comment=b"SecretNote")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of many shapes; some tests delete or change the file that only they use."""
    pictures = tmp_path_factory.mktemp("pictures")
    Image.new("RGB", (2000, 1000), (200, 30, 30)).save(pictures / "wide.png")
    Image.new("RGB", (50, 40), (30, 200, 30)).save(pictures / "small.gif")
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(pictures / "clear.webp", lossless=True)
    Image.new("L", (4, 17_000), 90).save(pictures / "taller-than-webp.png")
    Image.new("L", (4, 66_000), 90).save(pictures / "taller-than-jpeg.png")
    photograph(pictures / "photograph.jpg")
    for number, name in enumerate(("deleted", "changed", "replaced", "pipe")):
        Image.new("RGB", (60, 60), (60 * number, 40, 90)).save(pictures / f"{name}.jpg")
    return pictures


@pytest.fixture(scope="module")
def pictures(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = tmp_path_factory.mktemp("home")
    rows = [{"id": file.stem, "image": file.name, "title": "a picture"} for file in sorted(folder.iterdir())]
    catalogue = home / "catalogue.jsonl"
    catalogue.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    build(home, BuildConfig(catalogue, images=folder), quiet)
    with TestClient(create_app(Settings(home=home))) as service:
        yield service


def opened(response: Answer) -> Image.Image:
    assert response.status_code == 200, response.text
    return Image.open(io.BytesIO(response.content))


@pytest.mark.parametrize(
    ("width", "size"),
    [(160, (160, 80)), (320, (320, 160)), (640, (640, 320)), (1280, (1280, 640)), (None, (1280, 640))],
)
def test_a_wide_picture_is_scaled_to_the_width(
    pictures: TestClient, width: int | None, size: tuple[int, int]
) -> None:
    """2000 × 1000 keeps its shape; without a width it gets the largest."""
    response = pictures.get("/images/wide", params={} if width is None else {"width": width})
    assert opened(response).size == size


@pytest.mark.parametrize("width", [160, 320, 640, 1280])
def test_a_small_picture_is_never_enlarged(pictures: TestClient, width: int) -> None:
    """50 × 40 stays 50 × 40."""
    assert opened(pictures.get(f"/images/small?width={width}")).size == (50, 40)


@pytest.mark.parametrize("query", ["width=200", "width=0", "width=-160", "width=full", "n=-1", "n=x"])
def test_other_widths_and_numbers_are_bad_values(pictures: TestClient, query: str) -> None:
    """Four widths exist; pictures are counted from 0."""
    response = pictures.get(f"/images/wide?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "bad_value")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("image/avif,image/webp,*/*;q=0.8", "webp"),
        ("image/webp", "webp"),
        ("image/jpeg", "jpeg"),
        ("*/*", "jpeg"),
        ("", "jpeg"),
        ("image/jpeg,image/webp;q=0", "jpeg"),
    ],
)
def test_webp_is_for_whoever_accepts_it_by_name(pictures: TestClient, accept: str, kind: str) -> None:
    """Everyone else gets JPEG, whatever the format of the file; a weight of 0 is a refusal."""
    response = pictures.get("/images/small", headers={"Accept": accept})
    assert response.headers["content-type"] == f"image/{kind}"
    assert response.headers["vary"] == "Accept"
    assert opened(response).format == kind.upper()


def test_transparency_is_white(pictures: TestClient) -> None:
    """What can be seen through shows a white page."""
    assert opened(pictures.get("/images/clear")).convert("RGB").getpixel((32, 32)) == (255, 255, 255)


def test_a_photograph_is_turned_upright_and_tells_nothing_else(pictures: TestClient) -> None:
    """Encoded again by us: the orientation is applied, EXIF and comments are gone."""
    for accept in ("image/jpeg", "image/webp"):
        response = pictures.get("/images/photograph", headers={"Accept": accept})
        picture = opened(response)
        assert picture.size == (50, 100)
        assert not picture.getexif()
        assert b"Secret" not in response.content


@pytest.mark.parametrize("accept", ["image/webp", "image/jpeg"])
@pytest.mark.parametrize("item", ["taller-than-webp", "taller-than-jpeg"])
def test_a_picture_taller_than_its_format_allows_is_no_failure(
    pictures: TestClient, item: str, accept: str
) -> None:
    """WebP ends at 16,383 pixels a side, JPEG at 65,535: a strip beyond that is an answer, not a 500."""
    assert pictures.get(f"/images/{item}", headers={"Accept": accept}).status_code in {200, 404}


def test_an_etag_names_content_width_and_format(pictures: TestClient) -> None:
    """Five answers of one item that differ have five tags; the same answer has the same tag again."""
    requests = [(width, "image/jpeg") for width in (160, 320, 640, 1280)] + [(160, "image/webp")]
    tags = [
        pictures.get(f"/images/wide?width={width}", headers={"Accept": accept}).headers["etag"]
        for width, accept in requests
    ]
    assert len(set(tags)) == 5
    assert pictures.get("/images/wide?width=160").headers["etag"] == tags[0]
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)


def test_who_holds_the_picture_gets_304(pictures: TestClient) -> None:
    """No body, the tag again; also where the tag is weak or one of several."""
    tag = pictures.get("/images/wide?width=160").headers["etag"]
    for held in (tag, f"W/{tag}", f'"another", {tag}'):
        response = pictures.get("/images/wide?width=160", headers={"If-None-Match": held})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag
        assert response.headers["cache-control"]


def test_who_holds_another_picture_gets_this_one(pictures: TestClient) -> None:
    """A tag of another width does not match."""
    tag = pictures.get("/images/wide?width=160").headers["etag"]
    assert pictures.get("/images/wide?width=320", headers={"If-None-Match": tag}).status_code == 200


def test_a_picture_that_was_deleted_is_gone(pictures: TestClient, folder: Path) -> None:
    """404 image_gone with the file's name and the cure; the item itself is still there."""
    (folder / "deleted.jpg").unlink()
    response = pictures.get("/images/deleted")
    assert (response.status_code, response.json()["code"]) == (404, "image_gone")
    assert "deleted.jpg" in response.json()["detail"]
    assert str(folder) not in json.dumps(response.json())
    assert pictures.get("/items/deleted").status_code == 200


def test_a_picture_that_was_changed_is_gone(pictures: TestClient, folder: Path) -> None:
    """What is not what was indexed is not shown as if it were."""
    Image.new("RGB", (60, 60), (255, 255, 0)).save(folder / "changed.jpg")
    response = pictures.get("/images/changed")
    assert (response.status_code, response.json()["code"]) == (404, "image_gone")


def test_a_link_in_the_place_of_a_picture_is_not_followed(pictures: TestClient, folder: Path) -> None:
    """Nor is a folder read."""
    (folder / "replaced.jpg").unlink()
    (folder / "replaced.jpg").symlink_to("wide.png")
    (folder / "pipe.jpg").unlink()
    (folder / "pipe.jpg").mkdir()
    for item in ("replaced", "pipe"):
        response = pictures.get(f"/images/{item}")
        assert (response.status_code, response.json()["code"]) == (404, "image_gone")
