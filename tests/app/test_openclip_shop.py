"""A shop that is indexed with a model of open_clip: by the same commands and calls as with other towers."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.jobs import Jobs
from app.main import create_app
from app.settings import Settings
from indexer.build import BuildConfig, build
from indexer.store import open_current
from models.pictures import open_picture
from models.registry import Registry
from models.towers import open_tower
from tests.app.test_cli import Vitrine, assert_one_line, vitrine
from tests.conftest import Answer, quiet
from tests.tiny_models import write_tiny

__all__ = ["vitrine"]

ITEMS = 12
KEY = "k" * 32


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("models") / "tiny", "xlm-roberta")


@pytest.fixture(scope="module")
def shop(drawn: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose index is of the model's space; tests must not change it."""
    home = tmp_path_factory.mktemp("home")
    build(home, BuildConfig(drawn, tower=f"local-dir:{model}", limit=ITEMS, device="cpu"), quiet)
    return home


@pytest.fixture(scope="module")
def other(drawn: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That home, after it was indexed again with a model of another space."""
    home = tmp_path_factory.mktemp("other") / "home"
    shutil.copytree(shop, home, symlinks=True)
    model = write_tiny(home.parent / "second", "xlm-roberta", seed=1)
    build(home, BuildConfig(drawn, tower=str(model), limit=ITEMS, device="cpu"), quiet)
    return home


@pytest.fixture(scope="module")
def service(shop: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(home=shop, device="cpu"))) as client:
        yield client


def test_the_index_is_of_the_models_space(shop: Path, model: Path) -> None:
    """Its manifest names the model, and the model's own text side is the active tower of its space."""
    index = open_current(shop)
    image = open_tower(f"local-dir:{model}", "image", "cpu")
    assert (index.manifest.image_tower, index.space) == (f"open_clip:local-dir:{model}", image.space)
    assert [card.id for card in Registry(shop).cards()] == ["tiny"]
    assert Registry(shop).active(index.space) == "tiny"


def test_words_find_the_items_nearest_to_them(service: TestClient, shop: Path) -> None:
    """Scores are the cosines of the text tower's vector and the pictures'."""
    body = service.post(
        "/search", json={"query": "rotes Kleid", "limit": ITEMS, "fold_duplicates": False, "lexical": 0}
    ).json()
    assert body["text_tower"] == "tiny"
    index = open_current(shop)
    query = Registry(shop).open("tiny", "cpu").encode(["rotes Kleid"])[0]
    cosines = index.item_vectors() @ query
    scores = [hit["score"] for hit in body["hits"]]
    assert scores == pytest.approx(sorted(cosines.tolist(), reverse=True), abs=1e-4)


def test_a_picture_finds_its_own_item(service: TestClient, drawn: Path) -> None:
    """The image tower of the index is opened for it."""
    with drawn.open(encoding="utf-8", newline="") as file:
        row = list(csv.DictReader(file))[5]
    picture = (drawn.parent / row["image"]).read_bytes()
    body = service.post("/search/image", files={"file": ("a.jpg", picture)}, data={"limit": "1"}).json()
    assert [hit["id"] for hit in body["hits"]] == [row["id"]]
    assert body["hits"][0]["score"] == pytest.approx(1, abs=1e-3)


def test_a_query_is_explained(service: TestClient) -> None:
    """By the pieces of the model's own tokenizer."""
    (tower,) = service.get("/explain", params={"q": "rotes ☃"}).json()["towers"]
    assert tower["text_tower"] == "tiny"
    assert [piece["text"] for piece in tower["pieces"]] == ["▁rotes", "▁", "☃"]


def test_the_same_model_again_embeds_nothing(shop: Path, drawn: Path, model: Path, tmp_path: Path) -> None:
    """Its space is the current index's; carried elsewhere, it is the same model."""
    home = tmp_path / "home"
    shutil.copytree(shop, home, symlinks=True)
    carried = shutil.copytree(model, tmp_path / "carried")
    built = build(home, BuildConfig(drawn, tower=str(carried), limit=ITEMS, device="cpu"), quiet)
    assert (built.embedded, built.reused) == (0, ITEMS)
    assert [card.id for card in Registry(home).cards()] == ["tiny"]


def test_another_model_embeds_everything(other: Path, drawn: Path) -> None:
    """Both spaces keep their active tower, and the vectors are the new tower's."""
    index = open_current(other)
    (first, *_) = Registry(other).towers()
    assert {card.card.id: card.active for card in Registry(other).towers()} == {"second": True, "tiny": True}
    assert first.card.space == index.space
    image = open_tower(index.manifest.image_tower, "image", "cpu")
    with drawn.open(encoding="utf-8", newline="") as file:
        picture = open_picture((drawn.parent / next(csv.DictReader(file))["image"]).read_bytes())
    vector = image.encode(image.preprocessing(picture)[None])[0]
    assert np.allclose(index.vectors[0], vector, atol=1e-3)


def test_a_tower_of_another_space_is_refused(vitrine: Vitrine, other: Path, shop: Path) -> None:
    """In words that name both spaces, by the command and over HTTP."""
    spaces = open_current(shop).space, open_current(other).space
    ran = vitrine("search", "rotes Kleid", "--text-tower", "tiny", "--home", other)
    assert_one_line(ran, 2, "text tower tiny is of space", *spaces)
    with TestClient(create_app(Settings(home=other, device="cpu"))) as client:
        answer = client.post("/search", json={"query": "rotes Kleid", "text_tower": "tiny"})
    assert (answer.status_code, answer.json()["code"]) == (409, "space_mismatch")
    assert all(space in answer.json()["detail"] for space in spaces)


# Commands.


def test_a_shop_is_indexed_and_searched_from_the_terminal(
    vitrine: Vitrine, drawn: Path, model: Path, tmp_path: Path
) -> None:
    """The folder's path is name enough."""
    ran = vitrine("index", drawn, "--tower", model, "--limit", ITEMS, "--home", tmp_path, "--device", "cpu")
    assert ran.status == 0, ran.err
    assert f"{ITEMS} embedded" in ran.err
    ran = vitrine("search", "rotes Kleid", "--limit", 3, "--json", "--home", tmp_path)
    assert ran.status == 0, ran.err
    assert (len(json.loads(ran.out)["hits"]), json.loads(ran.out)["text_tower"]) == (3, "tiny")


def test_a_wrong_tower_is_one_line(vitrine: Vitrine, drawn: Path, tmp_path: Path) -> None:
    """What was given, and what is near."""
    ran = vitrine("index", drawn, "--tower", "open_clip:ViT-B-32/openia", "--home", tmp_path)
    assert_one_line(ran, 2, "ViT-B-32 has no weights 'openia': there are openai, ")


def test_items_are_classified_by_another_tower(
    vitrine: Vitrine, drawn: Path, model: Path, shop: Path, tmp_path: Path
) -> None:
    """By the model's own text side, whether or not the home has it; one of another space is refused."""
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"dress": {"de": "rotes Kleid"}, "shirt": {"de": "blaues Hemd"}}))
    arguments = ("classify", labels, drawn, "--tower", model, "--limit", 3, "--json")
    fresh = vitrine(*arguments, "--home", tmp_path / "none")
    registered = vitrine(*arguments, "--home", shop)
    assert (fresh.status, registered.status) == (0, 0), (fresh.err, registered.err)
    assert fresh.out == registered.out
    assert len(fresh.out.splitlines()) == 3
    refused = vitrine(*("classify", labels, drawn, "--text-tower", "tiny", "--limit", 3), "--home", shop)
    assert_one_line(refused, 2, "text tower tiny was trained for space", "image tower bundled")


def test_a_pulled_model_needs_nothing_else(
    vitrine: Vitrine, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model whose tokenizer lies elsewhere becomes a folder of its own; stdout is what `--tower` takes. It
    spans the same space, and is not overwritten."""
    model = write_tiny(tmp_path / "scattered", "xlm-roberta")
    space = open_tower(str(model), "image", "cpu").space
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (model / file).rename(elsewhere / file)
    path = model / "open_clip_config.json"
    path.write_text(path.read_text().replace(str(model), str(elsewhere)))
    ran = vitrine("pull", model, "--home", tmp_path / "home")
    assert ran.status == 0, ran.err
    folder = tmp_path / "home" / "models" / "scattered"
    assert ran.out == f"local-dir:{folder}\n"
    assert_one_line(vitrine("pull", model, "--home", tmp_path / "home"), 2, "is there already")
    shutil.rmtree(model)
    shutil.rmtree(elsewhere)
    carried = folder.rename(tmp_path / "carried")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a network was asked for")

    monkeypatch.setattr("socket.socket.connect", refuse)
    assert open_tower(f"local-dir:{carried}", "image", "cpu").space == space
    assert open_tower(f"local-dir:{carried}", "text", "cpu").encode(["rotes Kleid"]).shape == (1, 64)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bundled", "need no network"),
        ("open_clip:ViT-B-33/openai", "near are ViT-B-32"),
        ("local-dir:none", "there is no folder"),
    ],
)
def test_what_cannot_be_pulled_leaves_nothing(vitrine: Vitrine, name: str, told: str, tmp_path: Path) -> None:
    """One line, and no half folder."""
    assert_one_line(vitrine("pull", name, "--home", tmp_path), 2, told)
    assert list(tmp_path.rglob("*")) == []


# Over HTTP.


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def admin(shop: Path, data: Path, tmp_path: Path) -> TestClient:
    """The operators' side of a service whose jobs nobody takes."""
    home = tmp_path / "home"
    shutil.copytree(shop, home, symlinks=True)
    app = create_app(Settings(home=home, data=data, admin_key=KEY))
    return TestClient(app, headers={"Authorization": f"Bearer {KEY}"})


def reindex(admin: TestClient, tower: str) -> Answer:
    answer: Answer = admin.post("/admin/reindex", json={"image_tower": tower})
    return answer


@pytest.mark.parametrize(
    "tower",
    [
        *("/etc", "/", "local-dir:/etc", "open_clip:local-dir:../home", "./..", "local-dir:out", "~/m"),
        *("open_clip:ViT-B-32//etc/passwd", "ViT-B-32::../home/jobs.sqlite", "ViT-B-32::out/passwd"),
    ],
)
def test_a_path_out_of_the_operators_folders_is_refused(admin: TestClient, data: Path, tower: str) -> None:
    """A folder or a checkpoint is read from VITRINE_DATA and the home's models/, and from nowhere else."""
    (data / "out").symlink_to("/etc")
    answer = reindex(admin, tower)
    inside = tower == "~/m"  # no home of a user's: a folder that is called ~
    assert (answer.status_code, answer.json()["code"]) == (
        422,
        "bad_value" if inside else "path_outside_data",
    )
    assert "VITRINE_DATA" in answer.json()["detail"]


def test_a_model_in_the_operators_folders_is_taken(admin: TestClient, data: Path, tmp_path: Path) -> None:
    """By a path that is relative to either, or absolute; the job gets it absolute. Tags, repositories and the
    bundled towers hold no path."""
    (data / "m").mkdir()
    pulled = tmp_path / "home" / "models" / "pulled"
    pulled.mkdir(parents=True)
    (data / "weights.pt").write_bytes(b"")
    jobs = Jobs(Settings(home=tmp_path / "home").jobs_url)
    for tower, expected in [
        ("local-dir:m", f"open_clip:local-dir:{data}/m"),
        (f"{data}/m", f"open_clip:local-dir:{data}/m"),
        ("./pulled", f"open_clip:local-dir:{pulled}"),
        (f"local-dir:{pulled}", f"open_clip:local-dir:{pulled}"),
        ("ViT-B-32::weights.pt", f"open_clip:ViT-B-32/{data}/weights.pt"),
        ("open_clip:ViT-B-32/openai", "open_clip:ViT-B-32/openai"),
        ("hf-hub:timm/ViT-B-16-SigLIP2", "hf-hub:timm/ViT-B-16-SigLIP2"),
        ("bundled", "bundled"),
    ]:
        answer = reindex(admin, tower)
        assert answer.status_code == 202, answer.text
        assert jobs.get(answer.json()["id"]).parameters["image_tower"] == expected


def test_what_is_no_tower_is_refused_at_once(admin: TestClient) -> None:
    """A name that cannot be read, or a folder that is not there: no job that fails later."""
    assert reindex(admin, "hf-hub:../x").json()["code"] == "tower_not_found"
    assert reindex(admin, "local-dir:gone").json()["code"] == "bad_value"
