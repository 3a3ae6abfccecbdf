"""An index version: written, published, opened, searched and kept. Its vectors are made by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from indexer import ann, nearest, store
from indexer.items import Value
from indexer.source import Source
from indexer.store import (
    FILES,
    MANIFEST,
    BuilderBusy,
    IndexDamaged,
    IndexVersion,
    NoIndex,
    SpaceMismatch,
    Staging,
    builder_lock,
    indexes,
    keep_newest,
    make_current,
    open_current,
    versions,
)

SPACE = "5" * 16
REPOSITORY = Path(__file__).parent.parent.parent


def publish(
    home: Path,
    vectors: ArrayLike,
    *,
    version: str = "v1",
    items: Sequence[int] | None = None,
    fields: Sequence[dict[str, Value]] | None = None,
    types: dict[str, str] | None = None,
    link: str | None = None,
) -> store.Manifest:
    """Publishes a version; picture n is of item `items[n]`, by default of item n, and ids are a0, a1 …"""
    rows = np.asarray(vectors, dtype=np.float16)
    of_item = list(range(len(rows))) if items is None else list(items)
    count = of_item[-1] + 1
    with builder_lock(home):
        staging = Staging(home, version)
        ids = [f"a{n}" for n in range(count)]
        staging.write_items(ids, fields or [{} for _ in ids], types or {})
        sources = [Source(f"/pictures/{n}.jpg") for n in range(len(rows))]
        staging.write_pictures(of_item, sources, [f"{n:064}" for n in range(len(rows))])
        staging.write_quarantine([{"item": "b", "picture": "ü.jpg", "reason": "the file is empty"}])
        neighbours, description = ann.build(rows, lambda: rows.astype(np.float32))
        if link is None:
            write_vectors(staging, rows, neighbours)
        else:
            staging.link_vectors(link)
        return staging.publish(
            created="2025-01-01T00:00:00+00:00",
            image_tower="tiny",
            space=SPACE,
            dim=rows.shape[1],
            items=count,
            pictures=len(rows),
            quarantined=1,
            catalogue={},
            types=types or {},
            ann=description,
        )


def write_vectors(staging: Staging, vectors: NDArray[np.float16], neighbours: ann.Neighbours) -> None:
    written = staging.vector_rows(vectors.shape[1])
    for row, vector in enumerate(vectors):
        written.add(f"{row:064}", vector)
    assert written.finish()
    staging.write_neighbours(neighbours)


def unit(*values: float) -> NDArray[np.float32]:
    """A vector of 8 dimensions that begins with these values."""
    vector = np.zeros(8, dtype=np.float32)
    vector[: len(values)] = values
    length: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return length


# Publishing and opening


def test_a_home_without_an_index_says_how_to_build_one(tmp_path: Path) -> None:
    """The error has the command; asking creates nothing."""
    with pytest.raises(NoIndex, match="holds no index yet: vitrine index CATALOGUE --home"):
        open_current(tmp_path)
    assert versions(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_what_was_published_is_current(tmp_path: Path) -> None:
    """`current` is a relative link to the version, so a home can be moved; the folder is opened by it."""
    publish(tmp_path, np.eye(2, 8), version="v1")
    publish(tmp_path, np.eye(3, 8), version="v2")
    assert os.readlink(tmp_path / "indexes" / "current") == "v2"
    assert versions(tmp_path) == ["v1", "v2"]
    moved = tmp_path.rename(tmp_path.with_name(tmp_path.name + "-moved"))
    assert (open_current(moved).version, len(open_current(moved))) == ("v2", 3)


def test_a_version_holds_what_the_design_lists(tmp_path: Path) -> None:
    """Six files and no more; the manifest has each one's bytes and SHA-256 but its own."""
    manifest = publish(tmp_path, np.eye(2, 8))
    folder = tmp_path / "indexes" / "v1"
    assert {file.name for file in folder.iterdir()} == {*FILES, MANIFEST}
    assert manifest.files.keys() == set(FILES)
    assert all(entry["bytes"] == (folder / name).stat().st_size for name, entry in manifest.files.items())
    assert store.read_manifest(folder) == manifest
    assert np.load(folder / "vectors.npy").dtype == np.float16
    line = (folder / "quarantine.jsonl").read_text(encoding="utf-8")
    assert json.loads(line) == {"item": "b", "picture": "ü.jpg", "reason": "the file is empty"}


def test_an_unpublished_version_is_not_seen(tmp_path: Path) -> None:
    """While a version is written the old one is served, and only it is listed."""
    publish(tmp_path, np.eye(2, 8))
    Staging(tmp_path, "v2").write_items(["x"], [{}], {})
    assert versions(tmp_path) == ["v1"]
    assert open_current(tmp_path).version == "v1"


def test_a_discarded_version_leaves_nothing(tmp_path: Path) -> None:
    """Neither its folder nor a link."""
    publish(tmp_path, np.eye(2, 8))
    before = sorted(indexes(tmp_path).iterdir())
    Staging(tmp_path, "v2").discard()
    assert sorted(indexes(tmp_path).iterdir()) == before


def test_an_older_version_is_served_again(tmp_path: Path) -> None:
    """A rollback is one rename of the link."""
    publish(tmp_path, np.eye(2, 8), version="v1")
    publish(tmp_path, np.eye(3, 8), version="v2")
    make_current(tmp_path, "v1")
    assert open_current(tmp_path).version == "v1"
    assert versions(tmp_path) == ["v1", "v2"]


def test_what_killed_builders_left_is_swept(tmp_path: Path) -> None:
    """The next builder removes half versions and half deletions, and touches no version."""
    publish(tmp_path, np.eye(2, 8))
    for left in (".building-v0", ".deleted-v0"):
        (indexes(tmp_path) / left).mkdir()
        (indexes(tmp_path) / left / "vectors.npy").write_bytes(b"half")
    with builder_lock(tmp_path):
        assert not list(indexes(tmp_path).glob(".building-*"))
        assert not list(indexes(tmp_path).glob(".deleted-*"))
    assert open_current(tmp_path).version == "v1"


def test_unchanged_vectors_are_linked(tmp_path: Path) -> None:
    """They are the same file on disk, so a version of new prices costs no second copy of the vectors; and the
    older version can go without the newer losing anything."""
    publish(tmp_path, np.eye(2, 8), version="v1")
    publish(tmp_path, np.eye(2, 8), version="v2", link="v1")
    for name in ("vectors.npy", "index.faiss"):
        assert (indexes(tmp_path) / "v1" / name).samefile(indexes(tmp_path) / "v2" / name)
    with builder_lock(tmp_path):
        assert keep_newest(tmp_path, 1) == ["v1"]
    assert open_current(tmp_path).search(unit(0, 1), 1).rows.tolist() == [1]


# Damage


@pytest.mark.parametrize("name", FILES)
def test_one_turned_bit_is_noticed(tmp_path: Path, name: str) -> None:
    """Whichever file it is in, opening names the file and the cure, and answers nothing."""
    publish(tmp_path, np.eye(2, 8))
    path = indexes(tmp_path) / "v1" / name
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        IndexDamaged, match=rf"^{name} of index version v1 has the SHA-256 .*: build it again"
    ):
        open_current(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    """A version that was copied in part is not opened."""
    publish(tmp_path, np.eye(2, 8))
    (indexes(tmp_path) / "v1" / name).unlink()
    with pytest.raises(IndexDamaged, match=f"index version v1 lacks {name}: build it again"):
        open_current(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"version": 1}', "\x00" * 10],
    ids=["empty", "cut", "list", "bare", "part", "zeros"],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    """It is the first thing that is read."""
    publish(tmp_path, np.eye(2, 8))
    (indexes(tmp_path) / "v1" / MANIFEST).write_text(text)
    with pytest.raises(IndexDamaged, match=r"manifest\.json cannot be read .*build the index again"):
        open_current(tmp_path)


def test_a_link_to_nothing_is_damage(tmp_path: Path) -> None:
    """Somebody deleted the folder by hand: the error names the version."""
    publish(tmp_path, np.eye(2, 8))
    (indexes(tmp_path) / "v1").rename(tmp_path / "elsewhere")
    with pytest.raises(IndexDamaged, match=r"index version v1 has no manifest\.json: build it again"):
        open_current(tmp_path)


# Retention


def test_the_newest_versions_are_kept(tmp_path: Path) -> None:
    """Of four, three stay; the oldest is gone and is named."""
    for name in ("v1", "v2", "v3", "v4"):
        publish(tmp_path, np.eye(1, 8), version=name)
    with builder_lock(tmp_path):
        assert keep_newest(tmp_path, 3) == ["v1"]
    assert versions(tmp_path) == ["v2", "v3", "v4"]
    assert not list(indexes(tmp_path).glob(".deleted-*"))


def test_the_current_version_is_never_deleted(tmp_path: Path) -> None:
    """After a rollback the oldest is current, and stays."""
    for name in ("v1", "v2", "v3"):
        publish(tmp_path, np.eye(1, 8), version=name)
    make_current(tmp_path, "v1")
    with builder_lock(tmp_path):
        assert keep_newest(tmp_path, 1) == ["v2"]
    assert versions(tmp_path) == ["v1", "v3"]
    assert open_current(tmp_path).version == "v1"


def test_an_open_version_is_never_deleted(tmp_path: Path) -> None:
    """What a service still reads stays until it lets go."""
    publish(tmp_path, np.eye(1, 8), version="v1")
    held = open_current(tmp_path)
    publish(tmp_path, np.eye(1, 8), version="v2")
    with builder_lock(tmp_path):
        assert keep_newest(tmp_path, 1) == []
        assert held.search(unit(1), 1).rows.tolist() == [0]
        del held
        assert keep_newest(tmp_path, 1) == ["v1"]


# The builder's lock

HOLDER = """
import sys
from pathlib import Path
from indexer.store import builder_lock
with builder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of `tmp_path`."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_builder_is_refused(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """The error names the process that builds. A killed builder holds nothing any more."""
    with (
        pytest.raises(BuilderBusy, match=f"process {holder.pid} on .*; wait for it, or end it"),
        builder_lock(tmp_path),
    ):
        pass
    holder.kill()
    holder.wait()
    with builder_lock(tmp_path):
        pass


def test_a_builder_that_failed_holds_nothing(tmp_path: Path) -> None:
    """The lock is free once the error has left the block, even while somebody still keeps the error."""
    with pytest.raises(ValueError, match="no such catalogue") as kept, builder_lock(tmp_path):
        raise ValueError("no such catalogue")
    with builder_lock(tmp_path):
        assert kept.value is not None


def test_one_process_does_not_build_twice_at_once(tmp_path: Path) -> None:
    """Two jobs of one process are two builders."""
    with (
        builder_lock(tmp_path),
        pytest.raises(BuilderBusy, match=f"process {os.getpid()} on "),
        builder_lock(tmp_path),
    ):
        pass


# Searching


def test_an_item_scores_as_its_best_picture(tmp_path: Path) -> None:
    """Item 0 has a near and a far picture, item 1 one between them: 0 is first, with the near one's cosine,
    and comes once."""
    publish(tmp_path, [unit(1), unit(0, 1), unit(1, 1)], items=[0, 0, 1])
    hits = open_current(tmp_path).search(unit(1), 10)
    assert hits.rows.tolist() == [0, 1]
    assert hits.scores.tolist() == pytest.approx([1, 0.5**0.5], abs=1e-3)


def test_a_limit_counts_items(tmp_path: Path) -> None:
    """Thirty pictures of the best item do not crowd out the second and third."""
    vectors = [unit(1, n / 1000) for n in range(30)] + [unit(0, 1), unit(0, 0, 1)]
    publish(tmp_path, vectors, items=[0] * 30 + [1, 2])
    assert open_current(tmp_path).search(unit(1, 0, 0.1), 3).rows.tolist() == [0, 2, 1]


@pytest.mark.parametrize("limit", [1, 5, 49, 50, 51])
def test_equal_scores_are_in_catalogue_order(tmp_path: Path, limit: int) -> None:
    """Fifty items with one and the same picture come as the catalogue has them, at the cut too."""
    publish(tmp_path, [unit(3, 1, 4, 1, 5, 9, 2, 6)] * 50)
    assert open_current(tmp_path).search(unit(1, 1, 1), limit).rows.tolist() == list(range(50))[:limit]


def test_an_item_is_left_out_of_its_own_neighbours(tmp_path: Path) -> None:
    """`without` costs no place: two others are found."""
    publish(tmp_path, [unit(1), unit(1, 1), unit(0, 1)])
    index = open_current(tmp_path)
    assert index.search(unit(1), 2, without=[0]).rows.tolist() == [1, 2]
    assert index.search(unit(1), 3).rows.tolist() == [0, 1, 2]


@pytest.mark.parametrize("directly", [0, 1_000])
def test_a_limit_is_filled_by_items_that_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directly: int
) -> None:
    """The two that pass come, though a hundred others are nearer; each by its best picture, and once. Whether
    they are looked up or searched for."""
    monkeypatch.setattr(nearest, "COMPARED_DIRECTLY", directly)
    vectors = [unit(1, n / 1000) for n in range(200)] + [unit(0, 1), unit(0, 0, 1), unit(0.1, 0, 1)]
    publish(tmp_path, vectors, items=[n // 2 for n in range(200)] + [100, 101, 101])
    index = open_current(tmp_path)
    passing = np.zeros(102, bool)
    passing[[100, 101]] = True
    hits = index.search(unit(1), 20, passing=passing)
    assert hits.rows.tolist() == [101, 100]
    assert hits.scores.tolist() == pytest.approx([0.0995, 0], abs=1e-3)
    assert index.search(unit(1), 1, passing=passing).rows.tolist() == [101]
    assert index.search(unit(1), 20, passing=np.zeros(102, bool)).rows.tolist() == []
    assert index.search(unit(1), 20, passing=passing, without=[101]).rows.tolist() == [100]


@st.composite
def shops(draw: st.DrawFn) -> tuple[NDArray[np.float16], list[int], NDArray[np.float32]]:
    """Pictures, the items that they are of, and a query: unit vectors of four halves each, so that every
    score is exact in any order of summing, and many are equal."""
    halves = st.permutations([0.5, 0.5, 0.5, -0.5, 0, 0, 0, 0])
    counts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=25))
    items = [item for item, count in enumerate(counts) for _ in range(count)]
    few = draw(st.lists(halves, min_size=1, max_size=6))
    vectors = [draw(st.sampled_from(few)) for _ in items]
    return np.array(vectors, np.float16), items, np.array(draw(halves), np.float32)


@given(shops(), st.integers(1, 30), st.data())
@settings(max_examples=60, deadline=None)
def test_a_search_is_what_comparing_everything_gives(
    tmp_path_factory: pytest.TempPathFactory,
    shop: tuple[NDArray[np.float16], list[int], NDArray[np.float32]],
    limit: int,
    data: st.DataObject,
) -> None:
    """Items by their best picture, equal ones in catalogue order, exactly, whatever the limit and whatever
    is left out."""
    vectors, items, query = shop
    home = tmp_path_factory.mktemp("oracle")
    publish(home, vectors, items=items)
    best: dict[int, float] = {}
    for item, score in zip(items, vectors.astype(np.float32) @ query, strict=True):
        best[item] = max(best.get(item, -2), float(score))
    without = data.draw(st.none() | st.sampled_from(items))
    expected = sorted((-score, item) for item, score in best.items() if item != without)[:limit]
    hits = open_current(home).search(query, limit, without=[] if without is None else [without])
    assert [(-score, row) for row, score in zip(hits.rows, hits.scores, strict=True)] == expected


def test_a_larger_search_is_what_comparing_everything_gives(tmp_path: Path) -> None:
    """2,000 items with three pictures each: the best 20 of numpy, to the rounding of float32."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(6_000, 64))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    query = random.normal(size=64).astype(np.float32)
    query /= np.linalg.norm(query)
    publish(tmp_path, vectors, items=[n // 3 for n in range(6_000)])
    best = (vectors.astype(np.float32) @ query).reshape(-1, 3).max(axis=1)
    hits = open_current(tmp_path).search(query, 20)
    assert np.allclose(hits.scores, -np.sort(-best)[:20], atol=1e-5)
    assert np.allclose(best[hits.rows], hits.scores, atol=1e-5)


def test_an_inverted_file_answers_through_the_same_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the limit (lowered here from 50,000, for speed) too an item comes once, by its best picture, and
    a limit that the visited lists cannot fill is filled by others."""
    monkeypatch.setattr(ann, "EXACT_UP_TO", 500)
    random = np.random.default_rng(0)
    centres = np.repeat(random.normal(size=(50, 32)), 20, axis=0)
    vectors = centres + random.normal(size=(1_000, 32)) * 0.1
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    manifest = publish(tmp_path, vectors, items=[n // 2 for n in range(1_000)])
    assert manifest.ann["exact"] is False
    index = open_current(tmp_path)
    hits = index.search(vectors[41].astype(np.float32), 5)
    assert hits.rows[0] == 20
    assert len(set(hits.rows.tolist())) == 5
    many = index.search(vectors[41].astype(np.float32), 500).rows.tolist()
    assert sorted(many) == list(range(500))


def test_an_items_vector_is_the_unit_mean_of_its_pictures(tmp_path: Path) -> None:
    """(1, 0) and (0, 1) give (1, 1) / √2; one picture gives itself."""
    publish(tmp_path, [unit(1), unit(0, 1), unit(0, 0, 1)], items=[0, 0, 1])
    index = open_current(tmp_path)
    assert np.allclose(index.item_vector(0), unit(1, 1), atol=1e-6)
    assert np.allclose(index.item_vector(1), unit(0, 0, 1), atol=1e-6)
    assert index.item_vector(0).dtype == np.float32
    assert np.array_equal(index.item_vectors(), [index.item_vector(0), index.item_vector(1)])
    assert index.item_vectors().dtype == np.float32


def test_pictures_that_cancel_out_give_no_direction(tmp_path: Path) -> None:
    """Opposite pictures have a mean of zero, which stays zero and never becomes nan."""
    publish(tmp_path, [unit(1), unit(-1)], items=[0, 0])
    assert open_current(tmp_path).item_vector(0).tolist() == [0] * 8
    assert open_current(tmp_path).item_vectors().tolist() == [[0] * 8]


def test_a_column_holds_a_field_of_every_item(home: Path) -> None:
    """As the items' fields have it, in their order; the drawn shop's sizes are lists."""
    index = open_current(home)
    fields = index.fields(range(len(index)))
    for name in ("title", "price", "sizes"):
        assert index.column(name) == [each.get(name) for each in fields]


def test_another_space_is_refused_by_name(tmp_path: Path) -> None:
    """The error names both spaces, the tower and the index; the index's own space passes."""
    publish(tmp_path, np.eye(1, 8))
    index = open_current(tmp_path)
    index.require_space("text", "base", SPACE)
    with pytest.raises(
        SpaceMismatch, match=f"text tower tuned is of space {'6' * 16}, index v1 holds {SPACE}: "
    ):
        index.require_space("text", "tuned", "6" * 16)


# Items, fields and pictures

TYPES = {
    "sku": "string",
    "price": "number",
    "stock": "integer",
    "new": "boolean",
    "sizes": "list",
    "counts": "list",
    "care": "json",
}
FIELDS: list[dict[str, Value]] = [
    {
        "sku": "007",
        "price": 19.99,
        "stock": 0,
        "new": False,
        "sizes": ["S", "M"],
        "counts": [1, 2],
        "care": {"wash": {"at": 30, "notes": ["mild", None]}, "ü": True},
    },
    {"sku": "1e5", "price": -0.5, "stock": 2**62, "new": True, "sizes": [], "counts": [], "care": [1, "x"]},
    {"sku": None, "price": None},
    {"sku": "Größe „M“\n\u0000", "sizes": ["a|b"], "care": "only text"},
]


def test_fields_come_back_in_their_types(tmp_path: Path) -> None:
    """Leading zeros, zero and false, lists of texts and of numbers, nested JSON: equal, types included. What
    is empty is left out."""
    publish(tmp_path, np.eye(4, 8), fields=FIELDS, types=TYPES)
    index = open_current(tmp_path)
    found = index.fields([0, 1, 2, 3])
    expected = [{name: value for name, value in row.items() if value is not None} for row in FIELDS]
    assert found == expected
    assert {name: index.column(name) for name in TYPES} == {
        name: [row.get(name) for row in FIELDS] for name in TYPES
    }
    assert found[2] == {}
    assert [type(found[0][name]) for name in TYPES] == [str, float, int, bool, list, list, dict]


def test_fields_keep_the_order_of_the_columns(tmp_path: Path) -> None:
    """As the catalogue had them."""
    publish(tmp_path, np.eye(4, 8), fields=FIELDS, types=TYPES)
    assert list(open_current(tmp_path).fields([0])[0]) == list(TYPES)


def test_fields_are_given_in_the_order_that_is_asked(tmp_path: Path) -> None:
    """Also twice, and for no rows."""
    publish(tmp_path, np.eye(4, 8), fields=FIELDS, types=TYPES)
    index = open_current(tmp_path)
    assert [row.get("sku") for row in index.fields([1, 0, 1])] == ["1e5", "007", "1e5"]
    assert index.fields(np.array([3, 2]))[1] == {}
    assert index.fields([]) == []


def test_items_without_fields_have_none(tmp_path: Path) -> None:
    """A folder of pictures has ids alone."""
    publish(tmp_path, np.eye(2, 8))
    assert open_current(tmp_path).fields([0, 1]) == [{}, {}]


def test_an_item_is_found_by_its_id(tmp_path: Path) -> None:
    """An id that is not there has no row."""
    publish(tmp_path, np.eye(3, 8))
    index = open_current(tmp_path)
    assert (index.row("a2"), index.row("a3")) == (2, None)
    assert index.ids([2, 0]) == ["a2", "a0"]
    assert len(index) == 3


def test_an_items_pictures_are_together_and_in_order(tmp_path: Path) -> None:
    """Items of two, one and three pictures have the rows 0-1, 2 and 3-5."""
    publish(tmp_path, np.eye(6, 8), items=[0, 0, 1, 2, 2, 2])
    index = open_current(tmp_path)
    assert [index.picture_rows(row) for row in range(3)] == [range(2), range(2, 3), range(3, 6)]


def test_a_picture_knows_where_its_bytes_are(tmp_path: Path) -> None:
    """A file, a span of a tar and a cell of a table come back as they were, with the SHA-256."""
    sources = [
        Source("/pictures/ü 1.jpg"),
        Source("/pictures/all.tar", offset=512, length=7),
        Source("/pictures/all.parquet", row_group=2, row=3, column="image.bytes"),
    ]
    with builder_lock(tmp_path):
        staging = Staging(tmp_path, "v1")
        staging.write_items(["a", "b", "c"], [{}, {}, {}], {})
        staging.write_pictures([0, 1, 2], sources, ["0" * 64, "1" * 64, "2" * 64])
        staging.write_quarantine([])
        vectors = np.eye(3, 8, dtype=np.float16)
        neighbours, description = ann.build(vectors, lambda: vectors.astype(np.float32))
        write_vectors(staging, vectors, neighbours)
        facts: dict[str, Any] = {"items": 3, "pictures": 3, "quarantined": 0, "catalogue": {}, "types": {}}
        staging.publish(created="", image_tower="tiny", space=SPACE, dim=8, ann=description, **facts)
    index = open_current(tmp_path)
    assert [index.picture(row) for row in range(3)] == [
        (source, str(row) * 64) for row, source in enumerate(sources)
    ]
    assert index.hashes() == ["0" * 64, "1" * 64, "2" * 64]


def test_a_deleted_version_answers_on_where_it_is_open(tmp_path: Path) -> None:
    """A reader has everything from its opening: vectors, fields and pictures."""
    publish(tmp_path, np.eye(4, 8), fields=FIELDS, types=TYPES)
    index = IndexVersion(indexes(tmp_path) / "v1")
    for file in (indexes(tmp_path) / "v1").iterdir():
        file.unlink()
    assert index.search(unit(0, 1), 1).rows.tolist() == [1]
    assert index.fields([0])[0]["sku"] == "007"
    assert index.item_vector(3).tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert index.picture(2)[0].name == "2.jpg"
