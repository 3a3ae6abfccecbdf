"""Product feeds: Google Merchant XML, as RSS 2.0 or Atom."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from indexer.items import CatalogueError, Value
from indexer.tables import MORE_IMAGES_NAME, Table, field_names

_GOOGLE = "{http://base.google.com/ns/1.0}"
_PRODUCTS = {"item", "entry"}  # RSS, Atom
_DEEPEST = 16  # levels of elements that become nested values; below, only their text is kept


def read_feed(path: Path) -> Table:
    """Each element inside a product is a column named without its namespace; of two with one name, Google's
    counts. Repeated elements become a list, elements with children an object. Entities are never expanded."""
    try:
        with path.open("rb") as file:
            products = list(_products(file))
    except DefusedXmlException as error:
        raise CatalogueError(f"{path.name} declares entities, which are refused: write plain XML") from error
    except (ParseError, ValueError, LookupError) as error:
        raise CatalogueError(
            f"{path.name} is not well-formed XML ({error}): export the feed again"
        ) from error
    if not products:
        raise CatalogueError(f"{path.name} has no <item> (RSS) and no <entry> (Atom): give a product feed")
    names = list(dict.fromkeys(name for product in products for name in product))
    columns = {
        name: [product.get(name) for product in products] for name in field_names(names, path.name) if name
    }
    places = [f"product {number}" for number in range(1, len(products) + 1)]
    return Table(columns, places, bare=True)


def _products(file: Any) -> Iterator[dict[str, Value]]:
    """One product at a time; its elements are let go at once, so a feed of any size fits in memory."""
    opened: list[Element] = []
    within = 0
    for event, element in iterparse(file, events=("start", "end")):
        is_product = _local(element.tag) in _PRODUCTS
        if event == "start":
            opened.append(element)
            within += is_product
            continue
        opened.pop()
        within -= is_product
        if is_product and not within:
            yield _product(element)
        if opened and not within:
            opened[-1].remove(element)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _product(element: Element) -> dict[str, Value]:
    google = {_local(child.tag) for child in element if child.tag.startswith(_GOOGLE)}
    children = [
        child for child in element if child.tag.startswith(_GOOGLE) or _local(child.tag) not in google
    ]
    return _object(children, _DEEPEST)


def _object(children: list[Element], deepest: int) -> dict[str, Value]:
    found: dict[str, list[Value]] = {}
    for child in children:
        found.setdefault(_local(child.tag), []).append(_value(child, deepest - 1))
    return {
        # An address may hold commas; a list tells the reader of the column that this one is not several.
        name: values if len(values) > 1 or name == MORE_IMAGES_NAME else values[0]
        for name, values in found.items()
    }


def _value(element: Element, deepest: int) -> Value:
    if len(element) and deepest:
        return _object(list(element), deepest)
    text = "".join(element.itertext()).strip()
    return text or element.get("href") or None  # Atom's <link href="…"/> has no text
