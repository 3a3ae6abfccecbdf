"""From a catalogue to a published version: what is embedded, what is kept, what is set aside."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.build import BuildConfig, Built, Progress, build
from indexer.items import CatalogueError
from indexer.store import NoIndex, indexes, open_current, versions
from models import registry
from models.bundled import SHIPPED, open_image
from models.cards import read_card
from models.pictures import open_picture
from models.registry import Registry
from models.towers import TextTower, TowerError, open_tower
from tests.conftest import quiet

COLOURS = ["red", "green", "blue", "yellow", "black", "white", "orange", "purple"]


class Shop:
    """A catalogue of single-coloured pictures that a test changes and builds again."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.catalogue = folder / "catalogue.csv"
        self.rows: dict[str, dict[str, str]] = {}
        for colour in COLOURS[:4]:
            self.add(colour, colour)

    def paint(self, name: str, colour: str) -> str:
        Image.new("RGB", (16, 16), colour).save(self.catalogue.parent / f"{name}.png")
        return f"{name}.png"

    def add(self, item: str, *colours: str, price: str = "9.99") -> None:
        pictures = [self.paint(f"{item}-{n}", colour) for n, colour in enumerate(colours)]
        self.rows[item] = {"id": item, "image": "|".join(pictures), "title": item, "price": price}

    def build(self, **options: bool | int | str) -> Built:
        with self.catalogue.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["id", "image", "title", "price"])
            writer.writeheader()
            writer.writerows(self.rows.values())
        return build(self.home, BuildConfig(self.catalogue, device="cpu", **options), quiet)  # type: ignore[arg-type]

    def vector(self, item: str) -> list[float]:
        index = open_current(self.home)
        row = index.row(item)
        assert row is not None
        vector: list[float] = index.vectors[index.picture_rows(row)[0]].tolist()
        return vector

    def quarantine(self) -> list[dict[str, str]]:
        folder = indexes(self.home) / open_current(self.home).version
        return [json.loads(line) for line in (folder / "quarantine.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def text() -> TextTower:
    return open_tower(SHIPPED / "base", "text")


@pytest.fixture
def shop(tmp_path: Path, text: TextTower, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An empty home, in which builds find the text tower open already: it takes longer than four pictures."""
    monkeypatch.setattr(registry, "open_tower", lambda *_: text)
    return Shop(tmp_path)


def test_a_first_build_embeds_everything(shop: Shop) -> None:
    """Four items, each under its own vector, which is the one that the tower gives its picture."""
    built = shop.build()
    assert (built.embedded, built.reused) == (4, 0)
    index = open_current(shop.home)
    assert (index.version, len(index)) == (built.manifest.version, 4)
    assert index.ids(range(4)) == COLOURS[:4]
    tower = open_image(device="cpu")
    picture = open_picture((shop.catalogue.parent / "blue-0.png").read_bytes())
    expected = tower.encode(tower.preprocessing(picture)[None])[0]
    assert float(expected @ np.array(shop.vector("blue"))) == pytest.approx(1, abs=2e-3)


def test_only_what_changed_is_embedded_again(shop: Shop) -> None:
    """One picture is changed in place, one added and one removed: two are embedded, two re-used, the
    removed item is gone, and only the changed vector is another."""
    shop.build()
    before = {item: shop.vector(item) for item in COLOURS[:4]}
    shop.paint("green-0", "pink")
    del shop.rows["yellow"]
    shop.add("black", "black")
    built = shop.build()
    assert (built.embedded, built.reused) == (2, 2)
    index = open_current(shop.home)
    assert index.ids(range(len(index))) == ["red", "green", "blue", "black"]
    assert index.row("yellow") is None
    assert [shop.vector(item) == before[item] for item in ("red", "green", "blue")] == [True, False, True]


def test_a_rebuilt_version_is_the_one_that_a_full_build_gives(shop: Shop) -> None:
    """Re-used or embedded again, every vector is the same to rounding, and in the same place."""
    shop.build()
    shop.rows = dict(reversed(shop.rows.items()))
    shop.add("black", "black", "white")
    assert shop.build().reused == 4
    incremental = open_current(shop.home).vectors.astype(np.float32)
    built = shop.build(full=True)
    assert (built.embedded, built.reused) == (6, 0)
    again = open_current(shop.home).vectors.astype(np.float32)
    assert (incremental * again).sum(axis=1).min() > 0.999


def test_a_change_of_fields_embeds_nothing(shop: Shop) -> None:
    """New prices link vectors and FAISS index to the old version's files; the new price is served."""
    old = shop.build().manifest.version
    shop.rows["red"]["price"] = "4.99"
    built = shop.build()
    assert (built.embedded, built.reused) == (0, 4)
    for name in ("vectors.npy", "index.faiss"):
        before, after = (indexes(shop.home) / version / name for version in (old, built.manifest.version))
        assert before.stat().st_ino == after.stat().st_ino
    assert open_current(shop.home).fields([0])[0]["price"] == 4.99


def test_a_moved_picture_keeps_its_vector(shop: Shop) -> None:
    """The content counts, not the name: another file with the same bytes is not embedded again."""
    shop.build()
    folder = shop.catalogue.parent
    (folder / "red-0.png").rename(folder / "scarlet.png")
    shop.rows["red"]["image"] = "scarlet.png"
    built = shop.build()
    assert (built.embedded, built.reused) == (0, 4)
    assert open_current(shop.home).picture(0)[0].name == "scarlet.png"


def test_a_picture_that_moves_to_another_item_takes_its_vector_along(shop: Shop) -> None:
    """Two items swap pictures: nothing is embedded, and each has the other's vector."""
    shop.build()
    red, green = shop.vector("red"), shop.vector("green")
    rows = shop.rows
    rows["red"]["image"], rows["green"]["image"] = rows["green"]["image"], rows["red"]["image"]
    assert shop.build().embedded == 0
    assert (shop.vector("red"), shop.vector("green")) == (green, red)


def test_several_pictures_are_of_one_item(shop: Shop) -> None:
    """Each has a vector; an item with one unreadable picture of three keeps the other two."""
    shop.add("set", "black", "white", "orange")
    (shop.catalogue.parent / "set-1.png").write_bytes(b"")
    built = shop.build()
    assert (built.manifest.items, built.manifest.pictures, built.manifest.quarantined) == (5, 6, 1)
    index = open_current(shop.home)
    row = index.row("set")
    assert row is not None
    assert [index.picture(n)[0].name for n in index.picture_rows(row)] == ["set-0.png", "set-2.png"]
    assert shop.quarantine() == [{"item": "set", "picture": "set-1.png", "reason": "the file is empty"}]


def test_an_item_without_a_readable_picture_is_left_out(shop: Shop) -> None:
    """It is set aside with the reason, and comes back once its picture does."""
    (shop.catalogue.parent / "green-0.png").write_bytes(b"<svg/>")
    shop.build()
    index = open_current(shop.home)
    assert index.ids(range(len(index))) == ["red", "blue", "yellow"]
    (line,) = shop.quarantine()
    assert (line["item"], line["picture"]) == ("green", "green-0.png")
    assert "none of JPEG, PNG" in line["reason"]
    shop.paint("green-0", "green")
    built = shop.build()
    assert (built.embedded, built.reused, built.manifest.quarantined) == (1, 3, 0)


def test_a_catalogue_without_a_readable_picture_is_refused(shop: Shop) -> None:
    """The error says how many and why the first; the old version is served on."""
    old = shop.build().manifest.version
    for item in shop.rows:
        (shop.catalogue.parent / f"{item}-0.png").write_bytes(b"")
    with pytest.raises(CatalogueError, match="4 set aside, the first because the file is empty"):
        shop.build()
    assert open_current(shop.home).version == old
    assert versions(shop.home) == [old]


def test_a_failed_build_does_not_lock_out_the_next(shop: Shop) -> None:
    """While somebody still looks at the error, the next build begins."""
    catalogue = shop.catalogue.parent / "nothing.csv"
    with pytest.raises(CatalogueError) as kept:
        build(shop.home, BuildConfig(catalogue), quiet)
    assert shop.build().embedded == 4
    assert kept.value.args


def test_an_unknown_tower_is_refused(shop: Shop) -> None:
    """Nothing is published."""
    with pytest.raises(TowerError, match="there is no tower called 'clip'"):
        shop.build(tower="clip")
    with pytest.raises(NoIndex):
        open_current(shop.home)


def test_an_interrupted_build_leaves_nothing(shop: Shop) -> None:
    """Ctrl-C at the last moment: the old version is served, no half version lies about, and the next build
    goes on from the old one."""
    old = shop.build().manifest.version
    shop.add("black", "black")

    def interrupt(progress: Progress) -> None:
        if progress.stage == "publishing":
            raise KeyboardInterrupt

    shop.build()
    shop.add("white", "white")
    served = open_current(shop.home).version
    with pytest.raises(KeyboardInterrupt):
        build(shop.home, BuildConfig(shop.catalogue, device="cpu"), interrupt)
    assert open_current(shop.home).version == served != old
    assert not list(indexes(shop.home).glob(".building-*"))
    built = shop.build()
    assert (built.embedded, built.reused) == (1, 5)


def test_a_damaged_version_is_built_anew(shop: Shop) -> None:
    """Vectors that are not the manifest's are never re-used."""
    old = shop.build().manifest.version
    vectors = indexes(shop.home) / old / "vectors.npy"
    data = bytearray(vectors.read_bytes())
    data[-1] ^= 1
    vectors.write_bytes(data)
    assert shop.build().embedded == 4
    assert len(open_current(shop.home)) == 4


def test_vectors_of_another_space_are_not_reused(shop: Shop) -> None:
    """After an upgrade of the image tower, everything is embedded again. (Here the old version is stamped
    with another space, as another tower would have left it.)"""
    old = shop.build().manifest
    path = indexes(shop.home) / old.version / "manifest.json"
    path.write_text(path.read_text("utf-8").replace(old.space, "0" * 16), "utf-8")
    built = shop.build()
    assert (built.embedded, built.reused) == (4, 0)
    assert open_current(shop.home).space == old.space


def test_versions_are_kept_as_many_as_asked_for(shop: Shop) -> None:
    """Four builds within a second, two kept: the last two, of which the newest is current."""
    built = [shop.build(keep=2).manifest.version for _ in range(4)]
    assert versions(shop.home) == built[-2:]
    assert open_current(shop.home).version == built[-1]


def test_a_version_that_is_open_is_kept(shop: Shop) -> None:
    """A service that has not let go yet reads on; the next build clears up."""
    held = (shop.build(keep=1), open_current(shop.home))[1]
    assert shop.build(keep=1).reused == 4
    assert held.version in versions(shop.home)
    old = held.version
    del held
    shop.build(keep=1)
    assert old not in versions(shop.home)


def test_a_first_build_registers_and_activates_the_text_tower(shop: Shop) -> None:
    """The tower that ships with the image tower answers until somebody activates another; the tuned one that
    ships beside it is there to be named."""
    space = shop.build().manifest.space
    own = read_card(SHIPPED / "base")
    assert Registry(shop.home).active(space) == own.id
    assert Registry(shop.home).card(own.id) == own
    shop.build()
    assert [card.id for card in Registry(shop.home).cards()] == ["base", "fashion-de"]


def test_a_manifest_has_what_repeats_the_build(shop: Shop) -> None:
    """Where the catalogue is, absolute, and the options; what was built; and the types of the fields."""
    manifest = shop.build(limit=3).manifest
    catalogue: dict[str, object] = {
        "path": str(shop.catalogue.resolve()),
        "images": None,
        "split": None,
        "limit": 3,
        "allow_hosts": [],
    }
    assert manifest.catalogue == catalogue
    assert (manifest.items, manifest.pictures, manifest.quarantined) == (3, 3, 0)
    assert manifest.types == {"title": "string", "price": "number"}
    assert manifest.ann == {"type": "SQfp16", "exact": True}
    assert (manifest.image_tower, manifest.space, manifest.dim) == (
        "bundled",
        read_card(SHIPPED / "image").space,
        512,
    )


def test_pictures_lie_in_a_folder_or_a_tar(shop: Shop, tmp_path: Path) -> None:
    """The same pictures out of a tar are the same content, so nothing is embedded again."""
    shop.build()
    pictures = shutil.copytree(
        shop.catalogue.parent, tmp_path / "tar" / "in", ignore=shutil.ignore_patterns("home")
    )
    tar = Path(shutil.make_archive(str(tmp_path / "pictures"), "tar", pictures))
    built = build(shop.home, BuildConfig(shop.catalogue, images=tar, device="cpu"), quiet)
    assert (built.embedded, built.reused) == (0, 4)
    source, _ = open_current(shop.home).picture(0)
    assert source.file == str(tar)
    assert open_picture(source.read(10_000)).getpixel((0, 0)) == (255, 0, 0)


def test_progress_is_told_picture_by_picture(shop: Shop) -> None:
    """Reading, then each of four pictures, then publishing."""
    shop.build()
    told: list[Progress] = []
    build(shop.home, BuildConfig(shop.catalogue, device="cpu"), told.append)
    assert told == [
        Progress("reading", 0, 0),
        *(Progress("embedding", done, 4) for done in range(1, 5)),
        Progress("publishing", 4, 4),
    ]


def test_words_are_written_again_with_the_fields(tmp_path: Path) -> None:
    """A new title is found at once, the old one no more; the vectors stay the same file."""
    shop = Shop(tmp_path)
    before = shop.build().manifest.version
    shop.rows["red"]["title"] = "Feuerwehrmütze"
    built = shop.build()
    index = open_current(shop.home)
    assert built.embedded == 0
    assert index.lexicon is not None
    assert index.lexicon.named("feuerwehrmuetze") == [index.row("red")]
    assert not index.lexicon.scores("Feuerwehr").any()
    assert index.lexicon.scores("Feuerwehrmützen").argmax() == index.row("red")
    old, new = (indexes(shop.home) / version / "vectors.npy" for version in (before, index.version))
    assert old.samefile(new)
