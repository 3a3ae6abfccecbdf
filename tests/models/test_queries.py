"""Query sets and pairs: what is read from JSONL and CSV, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.queries import Pair, QueriesError, judge_pairs, lines, read_pairs

LINES = [
    '{"query": "rotes Kleid", "item": "hm-1", "lang": "de", "split": "train", "weight": 2}',
    '{"query": "red dress", "item": "hm-1", "lang": "en", "split": "test"}',
    '{"query": "rotes Kleid", "item": "hm-2", "lang": "de", "split": "test"}',
]


def written(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    return written(tmp_path, "queries.jsonl", "\n".join(LINES))


def test_jsonl_is_read_in_order(jsonl: Path) -> None:
    """A line is a pair; what a line leaves out is None, and a weight is 1."""
    assert read_pairs(jsonl) == [
        Pair("rotes Kleid", "hm-1", lang="de", weight=2.0, split="train"),
        Pair("red dress", "hm-1", lang="en", weight=1.0, split="test"),
        Pair("rotes Kleid", "hm-2", lang="de", weight=1.0, split="test"),
    ]


def test_csv_is_read_the_same(tmp_path: Path) -> None:
    """Columns in any order, quoted commas, empty cells as if they were not there, other columns ignored."""
    text = 'item,query,weight,lang,note\n007,"Kleid, rot",0.5,de,x\nhm-2,Hose,,,\n'
    assert read_pairs(written(tmp_path, "pairs.CSV", text)) == [
        Pair("Kleid, rot", "007", lang="de", weight=0.5),
        Pair("Hose", "hm-2"),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", "query,item\r\nHose,1\r\n"), ("a.jsonl", '{"query": "Hose", "item": "1"}\r\n\r\n')],
)
def test_what_excel_adds_is_no_part_of_the_text(tmp_path: Path, name: str, text: str) -> None:
    """A byte order mark, \\r\\n and empty lines are passed over."""
    assert read_pairs(written(tmp_path, name, text, "utf-8-sig")) == [Pair("Hose", "1")]


def test_one_split_is_chosen(jsonl: Path) -> None:
    """`test` has the second and third line."""
    assert [pair.item for pair in read_pairs(jsonl, split="test")] == ["hm-1", "hm-2"]


def test_one_language_of_a_split_is_chosen(jsonl: Path) -> None:
    """German in `test` is the third line alone."""
    assert [pair.item for pair in read_pairs(jsonl, split="test", lang="de")] == ["hm-2"]


def test_a_split_that_is_not_there_is_refused(jsonl: Path) -> None:
    """The error names the file, what was asked for and what there is."""
    with pytest.raises(QueriesError, match=r"queries\.jsonl has no row with split 'val': it has test, train"):
        read_pairs(jsonl, split="val")


def test_a_language_that_is_not_in_the_split_is_refused(jsonl: Path) -> None:
    """`train` is German alone."""
    with pytest.raises(QueriesError, match="has no row with lang 'en': it has de"):
        read_pairs(jsonl, split="train", lang="en")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.jsonl", LINES[0] + '\n{"query": "Hose"}', r"a\.jsonl, line 2 needs .*; it has query"),
        ("a.jsonl", '{"query": " ", "item": "1"}', "line 1 needs a text in `query`"),
        ("a.jsonl", '{"query": ["Hose"], "item": "1"}', "line 1 needs a text in `query`"),
        ("a.jsonl", '{"query": "Hose", "item": ""}', "and an id in `item`"),
        ("a.jsonl", "{}\n{", "line 1 needs"),
        ("a.jsonl", LINES[0] + "\n\n{", "line 3 is not JSON"),
        ("a.jsonl", "[]", "line 1 is not a JSON object"),
        ("a.jsonl", "[" * 100_000, "line 1 is not JSON"),
        ("a.jsonl", "", "has no rows"),
        ("a.csv", "", "has no rows"),
        ("a.csv", "query,item\n", "has no rows"),
        ("a.csv", "text,id\nHose,1\n", r"a\.csv, line 2 needs .*; it has text, id"),
        ("a.csv", "query,item\nHose\n", "line 2 needs"),
        ("a.csv", 'query,item\n"two\nlines",1\n,2\n', "line 4 needs"),
    ],
)
def test_what_is_no_query_set_is_refused(tmp_path: Path, name: str, text: str, reason: str) -> None:
    """The error names the file, the line, and what disagrees."""
    with pytest.raises(QueriesError, match=reason):
        read_pairs(written(tmp_path, name, text))


@pytest.mark.parametrize("weight", ["0", "-1", "NaN", "Infinity", '"heavy"', "true", "[1]"])
def test_a_weight_is_a_number_above_zero(tmp_path: Path, weight: str) -> None:
    """Everything else would turn a loss round or make it no number."""
    text = f'{{"query": "Hose", "item": "1", "weight": {weight}}}'
    with pytest.raises(QueriesError, match=r"line 1 has the weight .*: a weight is a number above 0"):
        read_pairs(written(tmp_path, "a.jsonl", text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The error repeats the path."""
    with pytest.raises(QueriesError, match=r"nothing\.jsonl cannot be read as a query set: .*No such file"):
        read_pairs(tmp_path / "nothing.jsonl")


def test_what_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """Latin-1 umlauts are not guessed at."""
    path = written(tmp_path, "a.csv", "query,item\ngrün,1\n", "latin-1")
    with pytest.raises(
        QueriesError, match=r"a\.csv cannot be read as a query set: line 2 is not UTF-8 \(Latin-1"
    ):
        read_pairs(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """A folder has no rows."""
    with pytest.raises(QueriesError, match="cannot be read as a query set"):
        read_pairs(tmp_path)


def test_pairs_are_judged_row_by_row(tmp_path: Path) -> None:
    """What is wrong with a row is no reason to refuse the others; each knows its line."""
    text = '{"query": "Hose", "item": "1"}\n{"query": "", "item": "1"}\n\n{\n{"query": "Hut", "item": 2}\n'
    pairs, faults = judge_pairs(written(tmp_path, "a.jsonl", text))
    assert [(pair.query, pair.item, pair.line) for pair in pairs] == [("Hose", "1", 1), ("Hut", "2", 5)]
    assert [(fault.line, fault.reason) for fault in faults] == [
        (2, "no text in `query` or no id in `item`"),
        (4, "not JSON"),
    ]
    assert (
        faults[0].message == "a.jsonl, line 2 needs a text in `query` and an id in `item`; it has query, item"
    )


def test_other_columns_can_be_asked_for(tmp_path: Path) -> None:
    """The second of two texts is asked, the first answers."""
    path = written(tmp_path, "a.csv", "query,translation\nred dress,rotes Kleid\nblue hat,\n")
    pairs, faults = judge_pairs(path, ("translation", "query"))
    assert [(pair.query, pair.item) for pair in pairs] == [("rotes Kleid", "red dress")]
    assert [fault.reason for fault in faults] == ["no text in `translation` or no text in `query`"]


def test_half_a_character_is_no_text(tmp_path: Path) -> None:
    """JSON can write it, and nothing can encode it."""
    with pytest.raises(QueriesError, match="line 1 has half a character"):
        read_pairs(written(tmp_path, "a.jsonl", r'{"query": "\ud800", "item": "1"}'))


def test_lines_are_named_as_a_person_would() -> None:
    """One, some, and more than are worth naming."""
    assert lines([7]) == "line 7"
    assert lines([3, 1_200]) == "lines 3, 1,200"
    assert lines(range(1, 9)) == "lines 1, 2, 3, 4, 5, … (8 in all)"
