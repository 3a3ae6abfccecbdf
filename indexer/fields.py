"""Fields: what type a column has, decided over all of its values, and its values in that type."""

import json
import math
import re
from collections.abc import Callable
from typing import NamedTuple

from indexer.items import Value


class Column(NamedTuple):
    """One field of every row; None where it is empty."""

    type: str
    values: list[Value]


# Identifiers: digits that nobody adds up.
_IDENTIFIERS = {"id", "product", "item_group_id", "gtin", "ean", "mpn"}
# Words of a column name that promise prose, in which `|` is punctuation and "501" is a name.
_PROSE = {"title", "name", "description"}

_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "in stock": True, "out of stock": False}
_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_EXACT_DIGITS = 15  # before the point: what a float holds without rounding
_LEADING_ZERO = re.compile(r"-?0[0-9]")
_NOT_FINITE = {"nan", "inf", "-inf", "infinity", "-infinity"}

# ISO 4217, so that "30 DEN" of a pair of tights is no price.
_CURRENCY = re.compile(
    "AED|AFN|ALL|AMD|ANG|AOA|ARS|AUD|AWG|AZN|BAM|BBD|BDT|BGN|BHD|BIF|BMD|BND|BOB|BRL|BSD|BTN|BWP|BYN"
    "|BZD|CAD|CDF|CHF|CLP|CNY|COP|CRC|CUP|CVE|CZK|DJF|DKK|DOP|DZD|EGP|ERN|ETB|EUR|FJD|FKP|GBP|GEL|GHS"
    "|GIP|GMD|GNF|GTQ|GYD|HKD|HNL|HRK|HTG|HUF|IDR|ILS|INR|IQD|IRR|ISK|JMD|JOD|JPY|KES|KGS|KHR|KMF|KPW"
    "|KRW|KWD|KYD|KZT|LAK|LBP|LKR|LRD|LSL|LYD|MAD|MDL|MGA|MKD|MMK|MNT|MOP|MRU|MUR|MVR|MWK|MXN|MYR|MZN"
    "|NAD|NGN|NIO|NOK|NPR|NZD|OMR|PAB|PEN|PGK|PHP|PKR|PLN|PYG|QAR|RON|RSD|RUB|RWF|SAR|SBD|SCR|SDG|SEK"
    "|SGD|SHP|SLE|SOS|SRD|SSP|STN|SVC|SYP|SZL|THB|TJS|TMT|TND|TOP|TRY|TTD|TWD|TZS|UAH|UGX|USD|UYU|UZS"
    "|VES|VND|VUV|WST|XAF|XCD|XCG|XOF|XPF|YER|ZAR|ZMW|ZWG"
)
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP"}
_PRICE = re.compile(r"(-?[0-9][0-9., '\u00a0\u202f]*?)[ \u00a0\u202f]?([A-Z]{3}|[€$£])")
# A separator before exactly three digits groups thousands: 1.299 € and 1,299 USD are no pennies.
_GROUPED_BY_COMMA = re.compile(r"-?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?")
_GROUPED = re.compile(r"-?[1-9][0-9]{0,2}([. '\u00a0\u202f][0-9]{3})+(,[0-9]+)?")
_PLAIN = re.compile(r"-?[0-9]+([.,][0-9]+)?")


def type_columns(columns: dict[str, list[Value]], *, bare: bool) -> dict[str, Column]:
    """Every column in its type, in order; blank text and numbers that are not finite become None.

    `bare`: the format knows only text (CSV, XML), so text that looks like numbers or a `|` list is that;
    JSON and Parquet mean what they say. Booleans and prices are recognised in either. A column of prices
    becomes its amounts, followed by its currencies as `<name>_currency`; without a column `title`, one is
    put before `name`."""
    typed: dict[str, Column] = {}
    title = _title_of(columns)
    for name, raw in columns.items():
        values = [_clean(value, bare) for value in raw]
        prices = None if _stays_text(name) or f"{name}_currency" in columns else _prices(values)
        if prices:
            typed[name], typed[f"{name}_currency"] = prices
            continue
        column = _typed(name, values, bare)
        if name == title and column.type == "string":
            typed["title"] = column
        typed[name] = column
    return typed


def _title_of(columns: dict[str, list[Value]]) -> str | None:
    spelled = {name.lower(): name for name in reversed(columns)}
    return spelled.get("title", spelled.get("name"))


def _clean(value: Value, bare: bool) -> Value:
    if isinstance(value, str):
        stripped = value.strip()
        return None if not stripped else stripped if bare else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value


def _stays_text(name: str) -> bool:
    plain = name.lower().replace(" ", "_")
    return plain in _IDENTIFIERS or not _PROSE.isdisjoint(plain.split("_"))


def _typed(name: str, values: list[Value], bare: bool) -> Column:
    kinds = {_kind(value) for value in values if value is not None}
    if kinds <= _SCALARS and _stays_text(name):
        return _as_text(values)
    if kinds <= {"string"}:
        return _typed_text([None if value is None else str(value) for value in values], bare)
    kind = _common(kinds, values)
    if kind == "number":
        return Column(kind, [float(value) if isinstance(value, int) else value for value in values])
    if kind == "list":
        return Column(
            kind, [value if value is None or isinstance(value, list) else [value] for value in values]
        )
    return _as_text(values) if kind == "string" else Column(kind, values)


_SCALARS = {"string", "boolean", "integer", "number"}


def _common(kinds: set[str], values: list[Value]) -> str:
    """The type that holds values of several kinds and loses none."""
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds == {"integer", "number"} and all(_fits_float(value) for value in values):
        return "number"
    if kinds <= {"list", "json"}:
        return "json"
    return "list" if "list" in kinds and "json" not in kinds else "string"


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        return "list"
    return "json"


def _fits_float(value: Value) -> bool:
    return not isinstance(value, int) or int(float(value)) == value


def _as_text(values: list[Value]) -> Column:
    return Column(
        "string",
        [
            value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for value in values
        ],
    )


def _typed_text(values: list[str | None], bare: bool) -> Column:
    there = [value.strip() for value in values if value is not None]
    if there and all(_boolean_word(text) in _BOOLEANS for text in there):
        return _each(values, "boolean", lambda text: _BOOLEANS[_boolean_word(text)])
    if not bare:
        return Column("string", list(values))
    if number := _number_type(there):
        return _each(values, number, int if number == "integer" else _finite)
    if any("|" in text for text in there):
        return _each(values, "list", lambda text: [part for one in text.split("|") if (part := one.strip())])
    return _each(values, "string", str)


def _each(values: list[str | None], kind: str, convert: Callable[[str], Value]) -> Column:
    return Column(kind, [None if value is None else convert(value.strip()) for value in values])


def _boolean_word(text: str) -> str:
    return text.lower().replace("_", " ")


def _number_type(texts: list[str]) -> str | None:
    """ "integer" or "number" when that loses nothing: no leading zero, plus, exponent or too many digits."""
    numbers = [text for text in texts if text.lower() not in _NOT_FINITE]
    if not numbers or any(_LEADING_ZERO.match(text) for text in numbers):
        return None
    if all(_INTEGER.fullmatch(text) and len(text) <= 20 and -(2**63) <= int(text) < 2**63 for text in texts):
        return "integer"
    if all(_NUMBER.fullmatch(text) and len(text.partition(".")[0]) <= _EXACT_DIGITS for text in numbers):
        return "number"
    return None


def _finite(text: str) -> float | None:
    return None if text.lower() in _NOT_FINITE else float(text)


def _prices(values: list[Value]) -> tuple[Column, Column] | None:
    """Amounts and currencies, when every value that is there is a price."""
    amounts: list[Value] = []
    currencies: list[Value] = []
    for value in values:
        if value is None:
            price: tuple[float, str] | tuple[None, None] | None = (None, None)
        else:
            price = _price(value.strip()) if isinstance(value, str) else None
        if price is None:
            return None
        amounts.append(price[0])
        currencies.append(price[1])
    if not any(currencies):
        return None
    return Column("number", amounts), Column("string", currencies)


def _price(text: str) -> tuple[float, str] | None:
    match = _PRICE.fullmatch(text)
    if not match:
        return None
    currency = _SIGNS.get(match[2], match[2])
    amount = _amount(match[1])
    if not _CURRENCY.fullmatch(currency) or amount is None or not math.isfinite(amount):
        return None
    return amount, currency


def _amount(text: str) -> float | None:
    """A number as German or English prices write it."""
    if _GROUPED_BY_COMMA.fullmatch(text):
        return float(text.replace(",", ""))
    if _GROUPED.fullmatch(text):
        return float(re.sub(r"[^0-9,-]", "", text).replace(",", "."))
    if _PLAIN.fullmatch(text):
        return float(text.replace(",", "."))
    return None
