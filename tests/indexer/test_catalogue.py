"""read_catalogue, from every format to items."""

import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.catalogue import Catalogue, CatalogueError, Quarantined, read_catalogue
from indexer.remote import RemotePictures


def shop(folder: Path, *pictures: str) -> Path:
    """A folder with these pictures, each holding its own name."""
    for name in pictures:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def jsonl(folder: Path, *rows: dict[str, Any]) -> Path:
    file = folder / "c.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def contents(catalogue: Catalogue) -> dict[str, list[str]]:
    """Each item's pictures, read."""
    return {item.id: [one.read(1000).decode() for one in item.pictures] for item in catalogue.items}


def test_a_jsonl_row_becomes_an_item(tmp_path: Path) -> None:
    """Id and image are no fields, everything else is, with its type."""
    shop(tmp_path, "a.jpg")
    row = {
        "id": 7,
        "image": "a.jpg",
        "product": 12,
        "name": "Kleid",
        "price": 19.99,
        "sizes": ["S"],
        "in_stock": True,
    }
    catalogue = read_catalogue(jsonl(tmp_path, row))
    assert contents(catalogue) == {"7": ["a.jpg"]}
    assert catalogue.items[0].fields == {
        "product": "12",
        "title": "Kleid",
        "name": "Kleid",
        "price": 19.99,
        "sizes": ["S"],
        "in_stock": True,
    }
    assert list(catalogue.types.items()) == [
        ("product", "string"),
        ("title", "string"),
        ("name", "string"),
        ("price", "number"),
        ("sizes", "list"),
        ("in_stock", "boolean"),
    ]
    assert catalogue.quarantined == []


def test_a_csv_row_becomes_the_same_item(tmp_path: Path) -> None:
    """Text is typed: price and currency, list, boolean, and a leading zero kept."""
    shop(tmp_path, "a.jpg")
    (tmp_path / "c.csv").write_text("id;image;price;sizes;in_stock;code\n07;a.jpg;19,99 €;S|M;yes;0815\n")
    item = read_catalogue(tmp_path / "c.csv").items[0]
    assert item.id == "07"
    assert item.fields == {
        "price": 19.99,
        "price_currency": "EUR",
        "sizes": ["S", "M"],
        "in_stock": True,
        "code": "0815",
    }


def test_a_merchant_feed_reads_alike_as_tsv_and_xml(tmp_path: Path) -> None:
    """Main and additional pictures in order, each once; Google's availability is a boolean."""
    shop(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    (tmp_path / "feed.txt").write_text(
        "id\ttitle\timage link\tadditional image link\tavailability\tprice\n"
        "1\tKleid\ta.jpg\tb.jpg, c.jpg,a.jpg\tin_stock\t19.99 EUR\n"
    )
    (tmp_path / "feed.xml").write_text(
        '<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>1</g:id><title>Kleid</title>'
        "<g:image_link>a.jpg</g:image_link><g:additional_image_link>b.jpg</g:additional_image_link>"
        "<g:additional_image_link>c.jpg</g:additional_image_link>"
        "<g:availability>in_stock</g:availability><g:price>19.99 EUR</g:price></item></channel></rss>"
    )
    for name in ("feed.txt", "feed.xml"):
        catalogue = read_catalogue(tmp_path / name)
        assert contents(catalogue) == {"1": ["a.jpg", "b.jpg", "c.jpg"]}
        assert catalogue.items[0].fields == {
            "title": "Kleid",
            "availability": True,
            "price": 19.99,
            "price_currency": "EUR",
        }


def test_pictures_inside_a_parquet_table(tmp_path: Path) -> None:
    """Bytes stay where they are until they are read."""
    table = pa.table({"id": ["1", "2"], "image": [{"bytes": b"a", "path": None}] * 2, "price": [1, 2]})
    pq.write_table(table, tmp_path / "t.parquet")
    catalogue = read_catalogue(tmp_path / "t.parquet")
    assert contents(catalogue) == {"1": ["a"], "2": ["a"]}
    assert catalogue.types == {"price": "integer"}


def test_a_folder_of_pictures_is_a_catalogue(tmp_path: Path) -> None:
    """The id is the relative name without extension; notes beside them are set aside, dot files not seen."""
    shop(tmp_path, "b/2.jpg", "a.v2.png", "b/2.png", "noext", "notes.txt", ".DS_Store")
    catalogue = read_catalogue(tmp_path)
    assert contents(catalogue) == {"a.v2": ["a.v2.png"], "b/2": ["b/2.jpg"], "noext": ["noext"]}
    assert catalogue.quarantined == [
        Quarantined("b/2", "b/2.png", "an item before it has the same id, and the first stays"),
        Quarantined("notes", "notes.txt", "a .txt file is no picture"),
    ]
    assert [item.id for item in read_catalogue(tmp_path, limit=2).items] == ["a.v2", "b/2"]


def test_a_name_that_is_not_utf8_is_set_aside(tmp_path: Path) -> None:
    """Its bytes fit into no index; the line in quarantine can be written all the same."""
    (tmp_path / "a.jpg").touch()
    (tmp_path / b"b\xff.jpg".decode(errors="surrogateescape")).touch()
    (quarantined,) = read_catalogue(tmp_path).quarantined
    assert quarantined == Quarantined("b ", "b .jpg", "its name is not UTF-8: rename it")


def test_a_tar_of_pictures_is_a_catalogue(tmp_path: Path) -> None:
    """A broken end costs what stood there, in one line."""
    with tarfile.open(tmp_path / "t.tar", "w") as tar:
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            info = tarfile.TarInfo(name)
            info.size = 5
            tar.addfile(info, io.BytesIO(name.encode()))
    content = (tmp_path / "t.tar").read_bytes()
    (tmp_path / "t.tar").write_bytes(content[:2048] + b"!" * 600)
    catalogue = read_catalogue(tmp_path / "t.tar")
    assert contents(catalogue) == {"a": ["a.jpg"], "b": ["b.jpg"]}
    assert catalogue.quarantined == [
        Quarantined("", "t.tar", "the tar breaks off after 2 members: a header is damaged")
    ]


@pytest.mark.parametrize("image", ["a.jpg|b.jpg", ["a.jpg", "b.jpg"], " a.jpg | | b.jpg|a.jpg "])
def test_several_pictures_keep_their_order(tmp_path: Path, image: Any) -> None:
    """A list or `|`; blanks and repetitions fall away."""
    shop(tmp_path, "a.jpg", "b.jpg")
    catalogue = read_catalogue(jsonl(tmp_path, {"id": "1", "images": image}))
    assert contents(catalogue) == {"1": ["a.jpg", "b.jpg"]}
    assert catalogue.quarantined == []


def test_bad_pictures_are_set_aside_and_good_ones_stay(tmp_path: Path) -> None:
    """An item without any is set aside itself; nothing is guessed from another folder's name."""
    shop(tmp_path / "shop", "a.jpg", "images/x.jpg")
    shop(tmp_path, "secret.jpg")
    file = jsonl(
        tmp_path,
        {"id": "1", "image": ["a.jpg", "../secret.jpg", "none.jpg", 7]},
        {"id": "2", "image": "x.jpg"},
        {"id": "3", "image": ""},
        {"id": "4", "image": "https://Shop.example/a,b.jpg"},
    )
    catalogue = read_catalogue(file, tmp_path / "shop")
    assert contents(catalogue) == {"1": ["a.jpg"]}
    assert catalogue.quarantined == [
        Quarantined("1", "../secret.jpg", "its path leaves shop: move the picture into it"),
        Quarantined("1", "none.jpg", "no such file in shop"),
        Quarantined("1", "7", "it is not the name of a picture"),
        Quarantined("2", "x.jpg", "no such file in shop"),
        Quarantined("3", "", "it names no picture"),
        Quarantined(
            "4",
            "https://Shop.example/a,b.jpg",
            "remote picture: allow its host with --allow-host shop.example",
        ),
    ]


def test_rows_without_a_good_id_are_set_aside_by_line(tmp_path: Path) -> None:
    """Blank, repeated, too long, with control characters, or no text at all."""
    shop(tmp_path, "a.jpg")
    ids = ["1", "", None, " 1 ", "x" * 257, "a\nb", ["l"], True, 1.5, 2.0, "x" * 256]
    file = jsonl(tmp_path, *({"id": value, "image": "a.jpg"} for value in ids))
    file.write_text(file.read_text() + "nonsense\n")
    catalogue = read_catalogue(file)
    assert [item.id for item in catalogue.items] == ["1", "2", "x" * 256]
    assert [(one.item[:3], one.picture, one.reason) for one in catalogue.quarantined] == [
        ("", "", "line 12: it is not a JSON object: Expecting value: line 1 column 1 (char 0)"),
        ("", "a.jpg", "line 2: it has no id"),
        ("", "a.jpg", "line 3: it has no id"),
        (" 1 ", "a.jpg", "line 4: an item before it has the same id, and the first stays"),
        ("xxx", "a.jpg", "line 5: its id has 257 characters, at most 256 are kept"),
        ("a b", "a.jpg", "line 6: its id holds control characters"),
        ("['l", "a.jpg", "line 7: its id is neither text nor an integer"),
        ("Tru", "a.jpg", "line 8: its id is neither text nor an integer"),
        ("1.5", "a.jpg", "line 9: its id is neither text nor an integer"),
    ]


def test_split_and_limit_choose_rows_and_leave_types_alone(tmp_path: Path) -> None:
    """The type of a column is that of the whole file; rows that are not chosen are not looked up."""
    shop(tmp_path, "a.jpg")
    rows: list[dict[str, Any]] = [
        {"id": "1", "image": "a.jpg", "split": "train", "size": 1},
        {"id": "2", "image": "none.jpg", "split": "train", "size": "M"},
        {"id": "3", "image": "a.jpg", "split": "test", "size": 3},
        {"id": "4", "image": "a.jpg", "split": "test", "size": 4},
    ]
    test = read_catalogue(jsonl(tmp_path, *rows), split="test", limit=1)
    assert [(item.id, item.fields) for item in test.items] == [("3", {"split": "test", "size": "3"})]
    assert test.types["size"] == "string"
    assert test.quarantined == []
    limited = read_catalogue(jsonl(tmp_path, *rows), limit=2)
    assert [item.id for item in limited.items] == ["1", "3"]


@pytest.mark.parametrize(
    ("name", "content", "arguments", "message"),
    [
        ("none.jsonl", None, {}, "there is no catalogue none.jsonl"),
        ("c.csv", "", {}, "c.csv is empty"),
        ("c.csv", "\n\n", {}, "c.csv has no header: it is empty"),
        ("c.csv", "id,image\n", {}, "c.csv has columns and no rows"),
        ("c.jsonl", "\n", {}, "c.jsonl is empty"),
        (
            "c.jsonl",
            "[]\n1\n",
            {},
            "c.jsonl has no row that can be read, e.g. line 1: it is not a JSON object",
        ),
        ("c.json", "[{}]", {}, "c.json is one JSON list: write one object a line"),
        ("c.csv", "name,image\nx,a.jpg\n", {}, "c.csv has no id column among name, image"),
        ("c.csv", "id,price\n1,2\n", {}, "c.csv has no image column among id, price"),
        ("c.csv", "id,image,a,a\n1,a.jpg,,\n", {}, "c.csv has two columns named a"),
        ("c.csv", "id,image\n1,a.jpg\n", {"split": "test"}, "c.csv has no column split among id, image"),
        (
            "c.csv",
            "id,image,split\n1,a.jpg,train\n2,a.jpg,train\n",
            {"split": "test"},
            r"c.csv has no row of split test: it has train \(2\)",
        ),
        ("c.csv", "id,image\n1,a.jpg\n", {"images": Path("none")}, "there is no folder or tar none"),
        ("c.csv", b"\x1f\x8b\x08", {}, "c.csv is compressed, plain files are read: gunzip c.csv"),
        ("c.parquet", "id,image", {}, "c.parquet is no whole Parquet table"),
        ("t.tar", "nonsense" * 100, {}, "t.tar is not a tar"),
    ],
)
def test_a_wrong_input_is_one_line_with_its_cure(
    tmp_path: Path, name: str, content: str | bytes | None, arguments: dict[str, Any], message: str
) -> None:
    """CatalogueError, whatever the reader below would say."""
    shop(tmp_path, "a.jpg")
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CatalogueError, match=message) as error:
        read_catalogue(tmp_path / name, **arguments)
    assert "\n" not in str(error.value)


def test_folders_take_neither_images_nor_split(tmp_path: Path) -> None:
    """An empty folder is told as well."""
    with pytest.raises(CatalogueError, match="holds no file"):
        read_catalogue(tmp_path)
    shop(tmp_path / "a", "a.jpg")
    with pytest.raises(CatalogueError, match="leave --images out"):
        read_catalogue(tmp_path / "a", tmp_path)
    with pytest.raises(CatalogueError, match="leave --split out"):
        read_catalogue(tmp_path / "a", split="test")


def test_all_pictures_missing_is_one_mistake(tmp_path: Path) -> None:
    """The wrong --images is told once, with an example, instead of a line for each row."""
    shop(tmp_path / "shop", "other.jpg")
    rows = [{"id": str(n), "image": f"{n}.jpg"} for n in range(1200)]
    with pytest.raises(
        CatalogueError, match=r"none of the 1,200 pictures named in c\.jsonl is in shop, e\.g\. 0\.jpg"
    ):
        read_catalogue(jsonl(tmp_path, *rows), tmp_path / "shop")


def test_the_format_is_found_by_content_where_the_name_says_nothing(tmp_path: Path) -> None:
    """A feed called `export` is read whatever it is."""
    shop(tmp_path, "a.jpg")
    pq.write_table(pa.table({"id": ["1"], "image": ["a.jpg"]}), tmp_path / "t")
    with tarfile.open(tmp_path / "tar", "w") as tar:
        tar.add(tmp_path / "a.jpg", "1.jpg")
    for content in (
        b"\xef\xbb\xbf id;image\n1;a.jpg\n",
        b'{"id": 1, "image": "a.jpg"}',
        b"<rss><item><id>1</id><image>a.jpg</image></item></rss>",
        (tmp_path / "t").read_bytes(),
        (tmp_path / "tar").read_bytes(),
    ):
        (tmp_path / "export").write_bytes(content)
        assert contents(read_catalogue(tmp_path / "export")) == {"1": ["a.jpg"]}


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_remote_pictures_come_in_the_order_of_the_rows(tmp_path: Path) -> None:
    """Fetched side by side from the allowed host, beside local ones; a failure costs its own picture."""
    shop(tmp_path / "web", *(f"{n}.jpg" for n in range(20)))
    shop(tmp_path, "local.jpg")
    with serving(tmp_path / "web") as port:
        here = f"http://shop.example:{port}"
        rows: list[dict[str, Any]] = [{"id": str(n), "image": f"{here}/{n}.jpg"} for n in range(20)]
        rows[3]["image"] = ["local.jpg", f"{here}/3.jpg", f"{here}/none.jpg"]
        remote = RemotePictures(
            frozenset({f"shop.example:{port}"}),
            tmp_path / "remote",
            resolve=lambda *_: ["127.0.0.1"],
            is_allowed_address=lambda _: True,
        )
        catalogue = read_catalogue(jsonl(tmp_path, *rows), remote=remote)
        read_catalogue(jsonl(tmp_path, *rows), remote=remote, limit=2)
    assert list(contents(catalogue)) == [str(n) for n in range(20)]
    assert contents(catalogue)["3"] == ["local.jpg", "3.jpg"]
    assert [one.reason for one in catalogue.quarantined] == ["shop.example answered 404 File not found"]


ROWS = st.lists(
    st.dictionaries(st.sampled_from(["id", "image", "g:price", "split", " "]), st.text() | st.none())
)


@settings(max_examples=200, deadline=None)
@given(st.binary() | ROWS.map(lambda rows: "\n".join(map(json.dumps, rows)).encode()), st.data())
def test_no_bytes_make_a_reader_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, data: st.DataObject
) -> None:
    """Any bytes are a catalogue or a CatalogueError, and every line of quarantine can be written."""
    folder = tmp_path_factory.getbasetemp()
    name = data.draw(st.sampled_from(["c.csv", "c.tsv", "c.jsonl", "c.xml", "c.tar", "c.parquet", "c"]))
    start = data.draw(st.sampled_from([b"", b"id,image\n", b'{"id": "1", "image": ".."}\n', b"<rss><item>"]))
    (folder / name).write_bytes(start + content)
    with suppress(CatalogueError):
        for one in read_catalogue(folder / name).quarantined:
            f"{one.item}{one.picture}{one.reason}".encode()
