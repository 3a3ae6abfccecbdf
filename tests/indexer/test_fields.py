"""What type a column has."""

import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.fields import Column, type_columns

NO = None


def column(values: list[Any], name: str = "field", *, bare: bool = True) -> Column:
    return type_columns({name: values}, bare=bare)[name]


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (["1", "-20", ""], "integer", [1, -20, NO]),
        (["1", "2.50"], "number", [1.0, 2.5]),
        (["1", "nan", "inf"], "number", [1.0, NO, NO]),
        (["nan", "Inf"], "string", ["nan", "Inf"]),
        (["007", "8"], "string", ["007", "8"]),
        (["0", "0.5"], "number", [0.0, 0.5]),
        (["00.5"], "string", ["00.5"]),
        (["+49", "50"], "string", ["+49", "50"]),
        (["12E4"], "string", ["12E4"]),
        (["9223372036854775807"], "integer", [2**63 - 1]),
        (["9223372036854775808"], "string", ["9223372036854775808"]),
        (["1" * 5000], "string", ["1" * 5000]),
        (["12345678901234567890.5"], "string", ["12345678901234567890.5"]),
        (["٣"], "string", ["٣"]),
        (["TRUE", "no", "In Stock", "out_of_stock", ""], "boolean", [True, False, True, False, NO]),
        (["yes", "perhaps"], "string", ["yes", "perhaps"]),
        (["S|M | L", "XL", ""], "list", [["S", "M", "L"], ["XL"], NO]),
        (["36|38", "40"], "list", [["36", "38"], ["40"]]),
        ([" rot ", "  "], "string", ["rot", NO]),
        (["", ""], "string", [NO, NO]),
        ([], "string", []),
    ],
)
def test_text_is_typed_over_the_whole_column(texts: list[str], kind: str, values: list[Any]) -> None:
    """In CSV and XML one value that does not fit makes the column text; blank cells never do."""
    assert column(texts) == (kind, values)


@pytest.mark.parametrize(
    ("texts", "amounts", "currencies"),
    [
        (["19.99 EUR", "5 USD", ""], [19.99, 5.0, NO], ["EUR", "USD", NO]),
        (["19,99 EUR", "19,99 €", "5€"], [19.99, 19.99, 5.0], ["EUR", "EUR", "EUR"]),
        (["1.299,00 EUR", "1,299.00 EUR", "1.299 €"], [1299.0] * 3, ["EUR"] * 3),
        (["0.999 EUR", "-1 GBP"], [0.999, -1.0], ["EUR", "GBP"]),
    ],
)
def test_prices_become_an_amount_and_a_currency(
    texts: list[str], amounts: list[Any], currencies: list[Any]
) -> None:
    """German and English spelling; three digits after a separator are thousands; in JSON as well."""
    for bare in (True, False):
        typed = type_columns({"price": list(texts), "colour": ["rot"] * len(texts)}, bare=bare)
        assert typed["price"] == ("number", amounts)
        assert typed["price_currency"] == ("string", currencies)
        assert list(typed) == ["price", "price_currency", "colour"]


@pytest.mark.parametrize("text", ["30 DEN", "19.99", "19.99 eur", "1,2,3 EUR", "EUR", "1 EUR 2"])
def test_what_is_not_quite_a_price_stays_text(text: str) -> None:
    """One such value among prices keeps the column whole: nothing is lost."""
    assert column(["5 EUR", text]) == ("string", ["5 EUR", text])


def test_a_currency_column_that_is_there_is_not_overwritten() -> None:
    """With a column `price_currency` of its own, `price` stays text."""
    typed = type_columns({"price": ["5 EUR"], "price_currency": ["USD"]}, bare=True)
    assert typed == {"price": ("string", ["5 EUR"]), "price_currency": ("string", ["USD"])}


@pytest.mark.parametrize("name", ["product", "GTIN", "ean", "mpn", "item_group_id", "item group id"])
def test_identifiers_stay_text_even_where_json_has_numbers(name: str) -> None:
    """A product number is a name: nobody adds it up, and 0815 is not 815."""
    assert column(["1", "2"], name) == ("string", ["1", "2"])
    assert column([111586, None], name, bare=False) == ("string", ["111586", None])


@pytest.mark.parametrize("name", ["title", "title_de", "name", "description", "product_name"])
def test_prose_is_never_a_list_or_a_number(name: str) -> None:
    """A title "Kleid | rot" keeps its bar, and the jeans "501" are no integer."""
    assert column(["Kleid | rot", "501"], name) == ("string", ["Kleid | rot", "501"])
    assert column(["501"], name) == ("string", ["501"])


@pytest.mark.parametrize(
    ("values", "kind", "typed"),
    [
        ([1, 2, None], "integer", [1, 2, NO]),
        ([1, 2.5], "number", [1.0, 2.5]),
        ([2**53 + 1, 0.5], "string", [str(2**53 + 1), "0.5"]),
        ([1.5, math.nan, math.inf], "number", [1.5, NO, NO]),
        ([2**64], "string", [str(2**64)]),
        ([True, False], "boolean", [True, False]),
        ([True, 1], "string", ["true", "1"]),
        (["1", "2"], "string", ["1", "2"]),
        ([" a|b "], "string", [" a|b "]),
        (["a", 1], "string", ["a", "1"]),
        (["yes", "no"], "boolean", [True, False]),
        ([["S"], ["M", "L"], []], "list", [["S"], ["M", "L"], []]),
        (["S", ["M"]], "list", [["S"], ["M"]]),
        ([{"de": "rot"}], "json", [{"de": "rot"}]),
        ([[{"a": 1}], ["b"]], "json", [[{"a": 1}], ["b"]]),
        ([{"a": "ä"}, "b"], "string", ['{"a": "ä"}', "b"]),
    ],
)
def test_json_means_what_it_says(values: list[Any], kind: str, typed: list[Any]) -> None:
    """Numbers stay numbers and text text; mixed columns take the type that loses nothing."""
    assert column(values, bare=False) == (kind, typed)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["name", "colour"], ["title", "name", "colour"]),
        (["name", "title"], ["name", "title"]),
        (["Title", "name"], ["title", "Title", "name"]),
        (["colour"], ["colour"]),
    ],
)
def test_title_is_the_first_of_title_and_name(names: list[str], expected: list[str]) -> None:
    """A missing `title` is put before the column it repeats."""
    typed = type_columns({name: [name] for name in names}, bare=True)
    assert list(typed) == expected
    if "title" in typed:
        assert typed["title"].values == [names[-1] if "title" in names else names[0]]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = SCALARS | st.lists(SCALARS) | st.dictionaries(st.text(), SCALARS)
PYTHON: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "list": list,
    "json": (list, dict),
}


@settings(deadline=None)
@given(
    st.dictionaries(st.text(min_size=1), st.lists(VALUES, min_size=3, max_size=3), max_size=4), st.booleans()
)
def test_every_value_has_its_columns_type(columns: dict[str, list[Any]], bare: bool) -> None:
    """Whatever goes in, a column comes out as long as it was, of one type, with finite 64-bit numbers."""
    typed = type_columns(columns, bare=bare)
    assert set(columns) <= set(typed)
    for kind, values in typed.values():
        assert len(values) == 3
        for value in values:
            if value is None:
                continue
            assert isinstance(value, PYTHON[kind])
            assert kind == "boolean" or not isinstance(value, bool)
            if isinstance(value, int | float):
                assert -(2**63) <= value < 2**63 or isinstance(value, float)
                assert math.isfinite(value)


@settings(deadline=None)
@given(st.lists(st.from_regex(re.compile(r"-?[0-9.,+eE|a ]{0,20}"), fullmatch=True), min_size=1, max_size=4))
def test_typing_text_loses_nothing(texts: list[str]) -> None:
    """A column is text, stripped, unless every value can be written again from its number or list."""
    kind, values = column(texts)
    for text, value in zip((text.strip() for text in texts), values, strict=True):
        if not text:
            assert value is None
        elif kind == "string":
            assert value == text
        elif kind == "integer":
            assert str(value) == text or text == "-0"
        elif kind == "number":
            assert value == float(text)
        else:
            assert kind == "list"
            assert value == [part.strip() for part in text.split("|") if part.strip()]


@settings(deadline=None)
@given(st.decimals(0, 99999, places=2), st.sampled_from(["EUR", "USD", "€"]), st.booleans())
def test_every_price_of_two_decimals_is_read_exactly(amount: Any, currency: str, german: bool) -> None:
    """ "1234.50 EUR" and "1234,50 EUR" are 1234.5."""
    text = f"{amount:f} {currency}"
    typed = type_columns({"price": [text.replace(".", ",") if german else text]}, bare=True)
    assert typed["price"].values == [float(amount)]
