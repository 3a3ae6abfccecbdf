"""A file of pairs: what is usable of it, what is said of the rest, and when it is too little."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.pairs import MIN_JUDGED, TooFewPairs, Usable, divide, products, read_usable
from indexer.store import open_current
from models.queries import Pair, QueriesError
from models.splits import part_of

KNOWN = {"1", "2", "3"}


def written(folder: Path, *rows: dict[str, Any] | str) -> Path:
    path = folder / "pairs.jsonl"
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def row(query: str, item: str, **more: Any) -> dict[str, Any]:
    return {"query": query, "item": item} | more


def usable(path: Path, split: str | None = "train") -> Usable:
    return read_usable(path, split, KNOWN.__contains__)


def test_everything_that_is_left_out_is_counted_with_its_lines(tmp_path: Path) -> None:
    """Of nine rows three pairs remain; the fifth repeats the first, and their weights are added."""
    path = written(
        tmp_path,
        row("rotes Kleid", "1", weight=2),
        row("blaue Hose", "9"),
        row(" ", "1"),
        row("blaue Hose", "2"),
        row("rotes Kleid", "1", weight=3),
        "{",
        row("Hemd", "3", weight=0),
        row("gelber Hut", "8"),
        row("rotes Kleid", "2"),
    )
    found = usable(path)
    assert (found.rows, [(pair.query, pair.item, pair.weight) for pair in found.pairs]) == (
        9,
        [("rotes Kleid", "1", 5), ("blaue Hose", "2", 1), ("rotes Kleid", "2", 1)],
    )
    assert sorted(found.notes) == sorted(
        [
            "2 rows left out: an item that the index lacks (lines 2, 8)",
            "1 row left out: no text in `query` or no id in `item` (line 3)",
            "1 row left out: not JSON (line 6)",
            "1 row left out: a weight that is not a number above 0 (line 7)",
            "1 row said before: merged, the weights added (line 5)",
        ]
    )


def test_many_lines_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    """Seven unknown items after one that is known."""
    path = written(tmp_path, row("Hemd", "1"), *(row("Hemd", f"no {number}") for number in range(7)))
    assert usable(path).notes == [
        "7 rows left out: an item that the index lacks (lines 2, 3, 4, 5, 6, … (7 in all))"
    ]


def test_of_a_file_with_splits_one_is_read(tmp_path: Path) -> None:
    """`train` where nothing else is said; without the column all rows are, whatever split is named."""
    path = written(tmp_path, row("a", "1", split="train"), row("b", "2", split="test"))
    assert [pair.query for pair in usable(path).pairs] == ["a"]
    assert [pair.query for pair in usable(path, "test").pairs] == ["b"]
    assert [pair.query for pair in usable(path, None).pairs] == ["a", "b"]
    with pytest.raises(QueriesError, match=r"has no row with split 'val': it has test, train"):
        usable(path, "val")
    assert len(usable(written(tmp_path, row("a", "1"), row("b", "2"))).pairs) == 2


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"text,id\nHose,1\n", "a.csv has no usable row; 1 row left out: no text in `query`"),
        ("a.csv", b"query,item\n", "a.csv has no usable row"),
        ("a.csv", b"query,item\nHose,4\n", "1 row left out: an item that the index lacks"),
        ("a.csv", "query,item\ngrün,1\nHose,2\nweiß,3\n".encode("latin-1"), "lines 2, 4 are not UTF-8"),
        ("a.jsonl", b"\xff\xfe{\x00}\x00", "line 1 is not UTF-8"),
        ("a.jsonl", b'{"query": "\\ud800", "item": "1"}', "half a character"),
        ("a.jsonl", b"[]", "not a JSON object"),
        ("a.parquet", b"PAR1\x15\x04\x15", "a.parquet has no usable row"),
    ],
)
def test_what_gives_no_pair_is_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    """In one line that says what is wrong with the rows."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(QueriesError) as refused:
        read_usable(tmp_path / name, "train", KNOWN.__contains__)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def many(items: int, each: int = 3) -> Usable:
    pairs = [Pair(f"{item}-{number}", f"item {item}") for item in range(items) for number in range(each)]
    return Usable("pairs.csv", "", len(pairs), pairs, ["2 rows left out: not JSON (lines 1, 2)"])


def alone(items: int) -> dict[str, str]:
    return {f"item {item}": f"item {item}" for item in range(items)}


def test_a_product_is_in_one_part_whatever_the_order() -> None:
    """300 items, three to a product: no product straddles two parts, and the file's order does not matter."""
    tied = {f"item {item}": f"product {item // 3}" for item in range(300)}
    whole = many(300)
    parts, _ = divide(whole, tied)
    held = [{tied[pair.item] for pair in part} for part in (parts.train, parts.val, parts.gate)]
    assert sum(map(len, held)) == len(set.union(*held)) == 100
    assert all(part_of(product) == "gate" for product in held[2])
    turned, _ = divide(Usable("", "", 0, whole.pairs[::-1], []), tied)
    assert set(map(str, turned.gate)) == set(map(str, parts.gate))


def test_a_file_that_decides_is_not_learnt_from() -> None:
    """Its 10 products are left out of both other parts; what would have decided is learnt from."""
    whole = many(300)
    gate = Usable("gate.csv", "", 10, [Pair(f"gate {item}", f"item {item}") for item in range(10)], [])
    parts, notes = divide(whole, alone(300), gate)
    assert parts.gate == gate.pairs
    assert not {pair.item for pair in gate.pairs} & {pair.item for pair in [*parts.train, *parts.val]}
    assert len(parts.train) + len(parts.val) == 3 * 290
    assert {part_of(pair.item) for pair in parts.train} == {"train", "gate"}
    assert notes == ["30 pairs are of products that gate.csv decides on, and are not learnt from"]


@pytest.mark.parametrize(("items", "each"), [(1, 1), (20, 1), (6, 300), (60, 1)])
def test_too_little_is_refused(items: int, each: int) -> None:
    """One row; few pairs; many pairs of few items; too few queries to decide with. The message counts what
    there is, says what is needed, and repeats what was left out."""
    with pytest.raises(TooFewPairs, match=r"pairs\.csv gives .* to learn from.*2 rows left out.*add pairs"):
        divide(many(items, each), alone(items))


def test_enough_is_enough() -> None:
    """300 pairs of 100 items have more than 10 queries in each part."""
    parts, notes = divide(many(100), alone(100))
    assert min(len(parts.val), len(parts.gate)) >= MIN_JUDGED
    assert notes == []


def test_variants_are_tied_by_their_product(home: Path) -> None:
    """The drawn shop's colour variants share a product; its 62 items are of fewer."""
    index = open_current(home)
    tied = products(index)
    assert len(tied) == len(index)
    assert tied[0] == index.fields([0])[0]["product"]
    assert len(set(tied)) < len(tied)
