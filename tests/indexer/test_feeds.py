"""Google Merchant XML feeds."""

from pathlib import Path

import pytest

from indexer.feeds import read_feed
from indexer.items import CatalogueError

RSS = """<?xml version="1.0" encoding="ISO-8859-1"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><g:id>1</g:id><title>Kleid, gr\xfcn</title><g:image_link>a.jpg</g:image_link>
<g:additional_image_link>b,c.jpg</g:additional_image_link>
<g:additional_image_link>d.jpg</g:additional_image_link>
<g:shipping><g:country>DE</g:country><g:price>4.95 EUR</g:price></g:shipping></item>
<item><g:id>2</g:id><g:title>Hose</g:title><title>ignored</title><g:image_link>e.jpg</g:image_link>
<g:additional_image_link>f,g.jpg</g:additional_image_link><description><![CDATA[<b>fett</b>]]></description></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
<title>Shop</title><entry><id>tag:shop</id><g:id>1</g:id><link href="https://shop.example/1"/>
<g:image_link> a.jpg </g:image_link><g:size/></entry></feed>"""


def feed(folder: Path, content: str | bytes) -> Path:
    file = folder / "feed.xml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_rss(tmp_path: Path) -> None:
    """Google's names without prefix, repeated elements as lists, nested ones as objects, any encoding."""
    table = read_feed(feed(tmp_path, RSS.encode("latin-1")))
    assert table.columns == {
        "id": ["1", "2"],
        "title": ["Kleid, grün", "Hose"],
        "image_link": ["a.jpg", "e.jpg"],
        "additional_image_link": [["b,c.jpg", "d.jpg"], ["f,g.jpg"]],
        "shipping": [{"country": "DE", "price": "4.95 EUR"}, None],
        "description": [None, "<b>fett</b>"],
    }
    assert table.places == ["product 1", "product 2"]


def test_atom(tmp_path: Path) -> None:
    """Google's id comes before Atom's own; a link is its address; an empty element is None."""
    table = read_feed(feed(tmp_path, ATOM))
    assert table.columns == {
        "id": ["1"],
        "link": ["https://shop.example/1"],
        "image_link": ["a.jpg"],
        "size": [None],
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('<!DOCTYPE r [<!ENTITY a "b">]><rss><item><id>&a;</id></item></rss>', "declares entities"),
        ('<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss/>', "declares entities"),
        ('<!DOCTYPE r SYSTEM "http://shop.example/x.dtd"><rss/>', "no <item>"),
        (RSS[:400], "not well-formed"),
        ('<?xml version="1.0" encoding="nonsense"?><rss/>', "not well-formed"),
        ("<html><body/></html>", "no <item>"),
        ("\0\1\2", "not well-formed"),
    ],
)
def test_a_feed_that_is_hostile_or_damaged_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    """Entities are refused, outside declarations never fetched, a break is told with its place."""
    with pytest.raises(CatalogueError, match=reason):
        read_feed(feed(tmp_path, content))


def test_deep_nesting_is_flattened(tmp_path: Path) -> None:
    """A hundred thousand levels are text, not a crash."""
    deep = "<a>" * 100_000 + "x" + "</a>" * 100_000
    table = read_feed(feed(tmp_path, f"<rss><item><id>1</id>{deep}</item></rss>"))
    value = table.columns["a"][0]
    while isinstance(value, dict):
        value = value["a"]
    assert value == "x"
