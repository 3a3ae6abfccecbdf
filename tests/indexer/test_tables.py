"""CSV, TSV and JSONL as they are found in shops."""

from pathlib import Path
from typing import Any

import pytest

from indexer.items import CatalogueError
from indexer.tables import field_names, read_csv, read_jsonl, roles_of, shown


def written(folder: Path, content: str | bytes, name: str = "c.csv") -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_delimiter_mark_and_line_ends_are_found(
    tmp_path: Path, delimiter: str, mark: str, ending: str
) -> None:
    """As Excel, LibreOffice and scripts write it, German or English."""
    rows = [["id", "image", "price, net; EUR"], ["1", "a.jpg", "5"], ["2", "b.jpg", "6"]]
    text = ending.join(delimiter.join(f'"{cell}"' for cell in row) for row in rows) + ending
    table = read_csv(written(tmp_path, mark + text))
    assert table.columns == {"id": ["1", "2"], "image": ["a.jpg", "b.jpg"], "price, net; EUR": ["5", "6"]}
    assert table.places == ["line 2", "line 3"]


def test_the_delimiter_is_the_one_that_finds_id_and_image(tmp_path: Path) -> None:
    """Commas within the header do not mislead."""
    table = read_csv(written(tmp_path, "id;image;a,b,c,d,e\n1;x.jpg;z\n"))
    assert list(table.columns) == ["id", "image", "a,b,c,d,e"]


def test_rows_that_do_not_fit_are_refused_by_line(tmp_path: Path) -> None:
    """Too many cells, and a cell that is too long, cost their own row; short and blank rows are fine."""
    long = "x" * 200_000
    text = f'id,image,a\n1,a.jpg,"two\nlines"\n\n2,b.jpg,c,d\n3,c.jpg\n4,{long},\n,,\n5,e\0.jpg,5" wide\n'
    table = read_csv(written(tmp_path, text))
    assert table.columns["id"] == ["1", "3", "5"]
    assert table.columns["a"] == ["two\nlines", "", '5" wide']
    assert table.places == ["line 2", "line 6", "line 9"]
    assert table.refused == [
        ("line 5", "4 cells under 3 columns: quote the cells that hold the delimiter"),
        ("line 7", "field larger than field limit (131072)"),
    ]


def test_a_quote_that_never_closes_is_told(tmp_path: Path) -> None:
    """Otherwise it would swallow the rest of the file in silence."""
    table = read_csv(written(tmp_path, 'id,image\n1,a.jpg\n2,"b.jpg\n3,c.jpg\n'))
    assert table.columns["id"] == ["1"]
    assert table.refused[0][0] == "line 3"
    assert "never closed" in table.refused[0][1]


@pytest.mark.parametrize("read", [read_csv, read_jsonl])
def test_another_encoding_is_refused_by_its_first_bad_line(tmp_path: Path, read: Any) -> None:
    """Umlauts in Windows-1252: the line, and the command that helps."""
    rows = '{"id": "1"}\n{"id": "gr\xfcn"}\n'.encode("cp1252")
    with pytest.raises(CatalogueError, match=r"c\.csv is not UTF-8 in line 2: .*iconv -f WINDOWS-1252"):
        read(written(tmp_path, rows))


def test_jsonl_columns_are_the_keys_of_all_lines(tmp_path: Path) -> None:
    """In the order of their first use; a key that a line lacks is None there."""
    table = read_jsonl(written(tmp_path, '\ufeff{"id": 1, "b": [1]}\n\n{"id": 2, "a": {"x": 1e2}}\r\n'))
    assert table.columns == {"id": [1, 2], "b": [[1], None], "a": [None, {"x": 100.0}]}
    assert table.places == ["line 1", "line 3"]


def test_jsonl_numbers_that_no_column_holds(tmp_path: Path) -> None:
    """NaN and infinities are None, integers beyond 64 bits text, at any depth."""
    line = '{"a": NaN, "b": [Infinity, 1e999], "c": {"d": 9223372036854775808}, "e": -9223372036854775808}'
    table = read_jsonl(written(tmp_path, line))
    assert table.columns == {"a": [None], "b": [[None, None]], "c": [{"d": str(2**63)}], "e": [-(2**63)]}


@pytest.mark.parametrize(
    "line", ["[1]", "1", '{"id": ', "null", "nonsense", "[" * 100_000, '{"a":' * 100 + "1" + "}" * 100]
)
def test_a_line_that_is_no_object_is_refused(tmp_path: Path, line: str) -> None:
    """Its number and a reason; the next line is read."""
    table = read_jsonl(written(tmp_path, line + '\n{"id": "2"}\n'))
    assert table.columns == {"id": ["2"]}
    assert [place for place, _ in table.refused] == ["line 1"]
    assert table.refused[0][1].startswith("it is not a JSON object")


def test_half_an_emoji_becomes_a_question_mark(tmp_path: Path) -> None:
    """A title that a shop's software cut inside a character can still be stored; a whole one stays."""
    table = read_jsonl(written(tmp_path, r'{"id": "1", "title": "Kleid \ud83d", "note": "\ud83d\udc57"}'))
    assert table.columns["title"] == ["Kleid ?"]
    assert table.columns["note"] == ["👗"]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["id", "image"], ("id", "image", None)),
        (["product_id", "SKU", "Photo", "img"], ("SKU", "img", None)),
        (
            ["g:id", "g:image_link", "g:additional_image_link"],
            ("g:id", "g:image_link", "g:additional_image_link"),
        ),
        (["ID", "image link", "additional image link"], ("ID", "image link", "additional image link")),
        (["article_id", "pictures", "image_path"], ("article_id", "image_path", None)),
    ],
)
def test_usual_spellings_of_id_and_image(names: list[str], chosen: tuple[str, str, str | None]) -> None:
    """Whatever the case, blank or underscore, with Google's prefix or without; better names first."""
    roles = roles_of(names, "c.csv")
    assert (roles.id, roles.image, roles.more) == chosen


@pytest.mark.parametrize(("names", "lacks"), [(["name", "image"], "id"), (["id", "price"], "image")])
def test_a_table_without_id_or_image_lists_what_it_has(names: list[str], lacks: str) -> None:
    """The columns that were found and the names that are accepted."""
    with pytest.raises(
        CatalogueError, match=f"has no {lacks} column among {', '.join(names)}: name one of them"
    ):
        roles_of(names, "c.csv")


def test_field_names_are_stripped_and_unique() -> None:
    """`g:` goes, a nameless column is left out, two columns of one name are refused."""
    assert field_names([" g:price ", "", " ", "product type"], "c.csv") == ["price", "", "", "product type"]
    with pytest.raises(CatalogueError, match=r"c\.csv has two columns named price"):
        field_names(["price", "g:price"], "c.csv")


def test_text_in_a_message_is_one_short_line() -> None:
    """Controls, line ends and undecodable bytes are blanked, length is cut."""
    assert shown("a\nb\0c\udcffd") == "a b c d"
    assert shown("x" * 300) == "x" * 199 + "…"
