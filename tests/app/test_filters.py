"""Filters and facets over HTTP: on the drawn shop, and against comparing everything in plain Python."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.engine import Engine
from app.main import create_app
from app.settings import Settings
from indexer import nearest, ranking
from indexer.filter import MAX_CONDITIONS
from indexer.store import open_current
from tests.app.test_search import assert_problem
from tests.conftest import DRAWN_ITEMS
from tests.shops import publish_shop

Fields = dict[str, Any]


@pytest.fixture(scope="module")
def shop(home: Path) -> dict[str, Fields]:
    """The drawn shop: id → fields."""
    index = open_current(home)
    rows = range(len(index))
    return dict(zip(index.ids(rows), index.fields(rows), strict=True))


def search(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/search", json={"query": "Kleid", "limit": 100, **body})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


# On the drawn shop


@pytest.mark.parametrize(
    ("filter", "passes"),
    [
        ({"colour": "red"}, lambda item: item["colour"] == "red"),
        ({"kind": ["bag", "hat"]}, lambda item: item["kind"] in ("bag", "hat")),
        ({"price": {"gte": 20, "lt": 35}}, lambda item: 20 <= item["price"] < 35),
        ({"in_stock": False}, lambda item: not item["in_stock"]),
        ({"sizes": "XL"}, lambda item: "XL" in item["sizes"]),
        ({"title": {"exists": False}}, lambda _: False),
        (
            {"$or": [{"kind": "bag"}, {"price": {"gt": 50}}], "$not": {"colour": {"not": "black"}}},
            lambda item: (item["kind"] == "bag" or item["price"] > 50) and item["colour"] == "black",
        ),
        ({}, lambda _: True),
        (None, lambda _: True),
    ],
)
def test_what_passes_is_found_and_nothing_else(
    client: TestClient, shop: dict[str, Fields], filter: Fields | None, passes: Callable[[Fields], bool]
) -> None:
    """All of it, in the order of the search without a filter, and the total says how much it is."""
    expected = {name for name, fields in shop.items() if passes(fields)}
    whole = search(client)
    body = search(client, filter=filter)
    in_order = [hit for hit in whole["hits"] if hit["id"] in expected]
    assert [hit["id"] for hit in body["hits"]] == [hit["id"] for hit in in_order]
    assert [hit["score"] for hit in body["hits"]] == pytest.approx(
        [hit["score"] for hit in in_order], abs=2e-6
    )
    assert body["total"] == len(expected)
    assert body.keys() == whole.keys()


def test_pages_of_a_filtered_search_are_parts_of_one(client: TestClient) -> None:
    """`limit` and `offset` count items that pass."""
    filter = {"price": {"lt": 40}}
    whole = search(client, filter=filter)
    assert 10 < whole["total"] < DRAWN_ITEMS
    pages = [search(client, filter=filter, limit=4, offset=offset) for offset in range(0, 60, 4)]
    assert [hit for page in pages for hit in page["hits"]] == whole["hits"]
    assert {page["total"] for page in pages} == {whole["total"]}


def test_facets_count_what_passes_and_do_not_narrow_themselves(
    client: TestClient, shop: dict[str, Fields]
) -> None:
    """Red and blue bags are counted by colour among bags of any colour, by kind among what is red or blue;
    the answer says what was counted, and has facets only where they are asked for."""
    filter = {"colour": ["red", "blue"], "kind": "bag"}
    body = search(client, filter=filter, facets=["colour", "kind", "price", "in_stock"])
    bags = [item for item in shop.values() if item["kind"] == "bag"]
    coloured = [item for item in shop.values() if item["colour"] in ("red", "blue")]
    both = [item for item in bags if item["colour"] in ("red", "blue")]
    found = body["facets"]
    assert found["colour"] == counted(item["colour"] for item in bags)
    assert found["kind"] == counted(item["kind"] for item in coloured)
    assert found["in_stock"] == counted(json.dumps(item["in_stock"]) for item in both)
    assert found["price"]["max"] == max(item["price"] for item in both)
    assert sum(bucket["count"] for bucket in found["price"]["buckets"]) == len(both) == body["total"]
    assert body["facets_over"] == "filter"
    assert list(found) == ["colour", "kind", "price", "in_stock"]
    assert not {"facets", "facets_over"} & search(client, filter=filter).keys()


def counted(values: Iterator[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def test_a_bucket_is_the_condition_that_finds_it(client: TestClient) -> None:
    """Its bounds, taken as a filter, find as many items as it counts."""
    for bucket in search(client, facets=["price"])["facets"]["price"]["buckets"]:
        count = bucket.pop("count")
        assert search(client, filter={"price": bucket})["total"] == count


def test_facets_need_no_filter(client: TestClient, shop: dict[str, Fields]) -> None:
    """They count the whole shop."""
    found = search(client, limit=1, facets=["pattern"])["facets"]
    assert found == {"pattern": counted(item["pattern"] for item in shop.values())}


def test_weighted_terms_are_filtered_too(client: TestClient) -> None:
    """What is like an item and passes: neither the item itself nor what does not pass."""
    terms = [{"item": "demo-0010"}]
    colour = search(client, query=terms)["hits"][0]["fields"]["colour"]
    for condition in (colour, {"not": colour}):
        body = search(client, query=terms, filter={"colour": condition})
        assert {hit["fields"]["colour"] == colour for hit in body["hits"]} == {condition == colour}
        assert "demo-0010" not in [hit["id"] for hit in body["hits"]]


def test_a_picture_is_filtered_by_json_in_its_form(client: TestClient) -> None:
    """The same items as a search by words finds, nearest to the picture."""
    picture = client.get("/images/demo-0001").content
    filter = {"kind": ["bag", "hat"], "price": {"lte": 40}}
    form = {"filter": json.dumps(filter), "limit": "100"}
    body = client.post("/search/image", files={"file": picture}, data=form).json()
    assert {hit["id"] for hit in body["hits"]} == {hit["id"] for hit in search(client, filter=filter)["hits"]}
    assert body["total"] == len(body["hits"]) > 0


@pytest.mark.parametrize(
    ("filter", "code"),
    [
        ("{", "bad_value"),
        ("[]", "bad_value"),
        ('"colour"', "bad_value"),
        ('{"price": NaN}', "bad_value"),
        ('{"price": "cheap"}', "bad_value"),
        ('{"color": "red"}', "unknown_field"),
        pytest.param("[" * 10_000, "bad_value", id="nested too deep"),
        pytest.param('{"$not":' * 150 + "{}" + "}" * 150, "bad_value", id="nested deep"),
        pytest.param(json.dumps({"colour": ["x" * 100] * 700}), "bad_value", id="too long"),
    ],
)
def test_a_form_with_a_wrong_filter_is_refused(client: TestClient, filter: str, code: str) -> None:
    """As a body is; JSON text of 64 KB at most."""
    picture = client.get("/images/demo-0001?width=160").content
    assert_problem(client.post("/search/image", files={"file": picture}, data={"filter": filter}), 422, code)


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (
            {"filter": {"color": "red"}},
            "unknown_field",
            "there is no field color; the fields are title (string)",
        ),
        ({"filter": {"id": "demo-0001"}}, "unknown_field", "price (number)"),
        ({"filter": {"price": "cheap"}}, "bad_value", "price is a number"),
        ({"filter": {"price": {"lte": "50"}}}, "bad_value", "in_stock (boolean)"),
        ({"filter": {"price": {"le": 50}}}, "bad_value", "lte"),
        ({"filter": {"in_stock": 1}}, "bad_value", "in_stock is true or false"),
        ({"filter": {"sizes": {"gt": 3}}}, "bad_value", "sizes (list)"),
        ({"filter": {"colour": None}}, "bad_value", "exists"),
        ({"filter": {"product": 17}}, "bad_value", "product is a text"),
        ({"filter": []}, "bad_value", "object"),
        ({"filter": "red"}, "bad_value", "object"),
        ({"facets": ["color"]}, "unknown_field", "colour (string)"),
        ({"facets": "colour"}, "bad_value", "list"),
        ({"facets": None}, "bad_value", "list"),
        ({"facets": [7]}, "bad_value", "string"),
        ({"facets": ["colour"] * 17}, "bad_value", "16"),
    ],
)
def test_what_does_not_fit_the_catalogue_is_refused(
    client: TestClient, body: Fields, code: str, told: str
) -> None:
    """With its code, and the fields and their types."""
    response = client.post("/search", json={"query": "Kleid", **body})
    assert_problem(response, 422, code)
    assert told in response.json()["detail"]


@pytest.mark.parametrize(
    "filter",
    [
        pytest.param('{"$not":' * 900 + "{}" + "}" * 900, id="nested deep"),
        pytest.param('{"colour":' + "[" * 900 + "]" * 900 + "}", id="a value nested deep"),
        pytest.param('{"$or": [' + ",".join(['{"price":1}'] * 5_000) + "]}", id="wide"),
        pytest.param('{"$and": [' + ",".join(["{}"] * 20_000) + "]}", id="wide and empty"),
        pytest.param('{"' + "x" * 60_000 + '": 1}', id="a long name"),
        pytest.param('{"\\ud800": 1}', id="half a character for a name"),
        pytest.param('{"colour": "\\ud800"}', id="half a character"),
        pytest.param('{"price": 1e999}', id="infinite"),
        pytest.param('{"price": {"gt": NaN}}', id="no number"),
        pytest.param('{"price": "' + "x" * 60_000 + '"}', id="a long value"),
    ],
)
def test_hostile_filters_are_refused_at_once(client: TestClient, filter: str) -> None:
    """64 KB of anything: a short answer, within a second."""
    body = '{"query": "Kleid", "filter": ' + filter + "}"
    started = time.perf_counter()
    response = client.post("/search", content=body, headers={"Content-Type": "application/json"})
    assert time.perf_counter() - started < 1
    assert response.status_code == 422, response.text
    assert response.json()["code"] in ("bad_value", "unknown_field")
    assert len(response.content) < 2_000


def test_a_large_filter_is_answered(client: TestClient, shop: dict[str, Fields]) -> None:
    """Thousands of values in a list, conditions up to the limit, and whole numbers of hundreds of digits."""
    assert search(client, filter={"colour": ["red", *map(str, range(9_000))]})["total"] > 0
    wide = {"$or": [{"price": {"gt": 0}}] * (MAX_CONDITIONS // 2)}
    assert search(client, filter=wide)["total"] == DRAWN_ITEMS
    assert search(client, filter={"price": {"lt": 10**300}})["total"] == DRAWN_ITEMS


# Against plain Python


class Oracle:
    """What the design says of filters and facets, written down once more, item by item."""

    def __init__(self, items: list[Fields], without: int) -> None:
        """`without` is the item that is asked with, which is not among what is found."""
        self.items = items
        self._without = without

    def passing(self, filter: Fields, free: str | None = None) -> list[int]:
        kept = {name: condition for name, condition in filter.items() if name != free}
        passing = [row for row, fields in enumerate(self.items) if self.passes(fields, kept)]
        return [row for row in passing if row != self._without]

    def passes(self, fields: Fields, filter: Fields) -> bool:
        return all(self._member(fields, name, condition) for name, condition in filter.items())

    def _member(self, fields: Fields, name: str, condition: Any) -> bool:
        if name == "$and":
            return all(self.passes(fields, one) for one in condition)
        if name == "$or":
            return any(self.passes(fields, one) for one in condition)
        if name == "$not":
            return not self.passes(fields, condition)
        return self._meets(values(fields.get(name)), condition)

    def _meets(self, found: list[Any], condition: Any) -> bool:
        if isinstance(condition, list):
            return any(self._meets(found, one) for one in condition)
        if not isinstance(condition, dict):
            return any(one == condition for one in found)
        within = [
            one
            for one in found
            if one > condition.get("gt", lowest(one))
            and one >= condition.get("gte", one)
            and one <= condition.get("lte", one)
            and ("lt" not in condition or one < condition["lt"])
        ]
        if {"gt", "gte", "lt", "lte"} & condition.keys() and not within:
            return False
        if "exists" in condition and condition["exists"] != bool(found):
            return False
        return "not" not in condition or not self._meets(found, condition["not"])

    def counts(self, name: str, filter: Fields) -> dict[str, int]:
        """Value → items, by count and then by the first item of the catalogue that has it."""
        counts = {text(value): 0 for fields in self.items for value in values(fields.get(name))}
        for row in self.passing(filter, free=name):
            for value in {text(value) for value in values(self.items[row].get(name))}:
                counts[value] += 1
        ranked = sorted(counts.items(), key=lambda pair: -pair[1])
        return {value: count for value, count in ranked if count}


def lowest(one: Any) -> Any:
    """Something that `one` is greater than."""
    return -math.inf if isinstance(one, int | float) else chr(0)[:0]


def values(value: Any) -> list[Any]:
    """A field's values: its elements, if it is a list."""
    if value is None:
        return []
    return list(dict.fromkeys(value)) if isinstance(value, list) else [value]


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


TYPES = {
    "colour": "string",
    "price": "number",
    "stock": "integer",
    "new": "boolean",
    "sizes": "list",
    "lengths": "list",
}
COLOURS = ["rot", "blau", "Grün", "ß", "a|b"]
PRICES = [0.0, -1.5, 9.99, 10.0, 1e9]
STOCK = [0, 1, -7, 2**53, 2**53 + 1]
SIZES = ["S", "M", "XL"]
LENGTHS = [30, 32, 34]
POOLS: dict[str, list[Any]] = {
    "colour": COLOURS,
    "price": PRICES,
    "stock": STOCK,
    "new": [True, False],
    "sizes": SIZES,
    "lengths": LENGTHS,
}


def a_field(name: str) -> st.SearchStrategy[Any]:
    value: st.SearchStrategy[Any] = st.sampled_from(POOLS[name])
    if TYPES[name] == "list":
        # Empty lists of numbers are elements of a type all the same, as long as one item has an element.
        value = st.lists(value, max_size=3)
    return st.none() | value


@st.composite
def catalogues(draw: st.DrawFn, least: int = 0) -> tuple[list[Fields], list[int], NDArray[np.float16]]:
    """Items' fields, the item of each picture, and vectors of four halves each: every score is exact, and
    many are equal. The first item has one picture and every field, so that each has its type."""
    full = {name: [pool[0]] if TYPES[name] == "list" else pool[0] for name, pool in POOLS.items()}
    others = st.fixed_dictionaries({name: a_field(name) for name in TYPES})
    fields = [full, *draw(st.lists(others, min_size=least, max_size=14))]
    pictures = [1, *(draw(st.integers(1, 3)) for _ in fields[1:])]
    items = [item for item, count in enumerate(pictures) for _ in range(count)]
    halves = st.permutations([0.5, 0.5, 0.5, -0.5, 0, 0, 0, 0])
    few = draw(st.lists(halves, min_size=1, max_size=5))
    vectors = np.zeros((len(items), 512), np.float16)
    for row in range(len(items)):
        vectors[row, :8] = draw(st.sampled_from(few))
    return fields, items, vectors


def operands(name: str) -> st.SearchStrategy[Any]:
    """Values of the field's type: those that items have, and others."""
    others: dict[str, list[Any]] = {
        "colour": ["", "z"],
        "price": [9, 10, -0.0],
        "stock": [0.5, 1.0, 2**70],
        "lengths": [31, 32.5],
    }
    return st.sampled_from(POOLS[name] + others.get(name, []))


def conditions(name: str) -> st.SearchStrategy[Any]:
    plain = operands(name) | st.lists(operands(name), max_size=3)
    bounds = {} if name == "new" else {sign: operands(name) for sign in ("gt", "gte", "lt", "lte")}

    def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        optional = {**bounds, "exists": st.booleans(), "not": inner}
        return st.fixed_dictionaries({}, optional=optional).filter(bool)

    return plain | objects(plain) | objects(objects(plain))


# One field or two: more, and hardly any item passes.
FIELDS_OF_FILTERS = st.lists(st.sampled_from(list(TYPES)), max_size=2, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: conditions(name) for name in names})
)


def combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, max_size=3)
    combinators = st.fixed_dictionaries({}, optional={"$and": several, "$or": several, "$not": inner})
    return st.builds(lambda one, other: one | other, FIELDS_OF_FILTERS, combinators)


FILTERS = st.recursive(FIELDS_OF_FILTERS, combined, max_leaves=4)


class Shops:
    """A running service whose shop can be exchanged."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._versions = itertools.count()
        self.client = TestClient(create_app(Settings(home=home, keep_indexes=1)))

    def stock(self, fields: list[Fields], items: list[int], vectors: NDArray[np.float16]) -> None:
        version = f"v{next(self._versions):06}"
        publish_shop(self._home, vectors, items, fields, TYPES, version=version)
        engine: Engine = cast(FastAPI, self.client.app).state.engine
        engine.refresh()


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Shops:
    return Shops(tmp_path_factory.mktemp("shops"))


@given(catalogues(), st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_filtered_search_is_what_comparing_everything_gives(
    shops: Shops,
    monkeypatch: pytest.MonkeyPatch,
    catalogue: tuple[list[Fields], list[int], NDArray[np.float16]],
    data: st.DataObject,
) -> None:
    """Hits, their order, total, pages and facets are the oracle's, on random shops and with random filters;
    whether what passes is looked up, or FAISS finds it."""
    fields, items, vectors = catalogue
    shops.stock(fields, items, vectors)
    oracle = Oracle(fields, without=0)
    best: dict[int, float] = {}
    for item, score in zip(items, vectors.astype(np.float32) @ vectors[0].astype(np.float32), strict=True):
        best[item] = max(best.get(item, -2), float(score))
    for _ in range(4):
        filter = data.draw(FILTERS)
        monkeypatch.setattr(nearest, "COMPARED_DIRECTLY", data.draw(st.sampled_from([0, 1_000])))
        limit = data.draw(st.integers(1, 20))
        ranked = sorted(oracle.passing(filter), key=lambda row: (-best[row], row))
        found = []
        for offset in range(0, len(fields) + limit, limit):
            request = {"query": [{"item": "a0"}], "filter": filter, "limit": limit, "offset": offset}
            request |= {"facets": list(TYPES), "fold_duplicates": False}
            response = shops.client.post("/search", json=request)
            assert response.status_code == 200, response.text
            body = response.json()
            assert body["total"] == len(ranked)
            found += [(hit["id"], hit["score"]) for hit in body["hits"]]
        assert found == [(f"a{row}", best[row]) for row in ranked]
        assert_facets(body["facets"], oracle, filter)


@given(catalogues(least=10), st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_pages_of_groups_are_what_comparing_everything_gives(
    shops: Shops,
    monkeypatch: pytest.MonkeyPatch,
    catalogue: tuple[list[Fields], list[int], NDArray[np.float16]],
    data: st.DataObject,
) -> None:
    """Collapsed, folded and set apart, from page to page by cursors, with limits that change: hits, scores,
    variants and duplicates are the oracle's, and no item comes twice."""
    fields, items, vectors = catalogue
    shops.stock(fields, items, vectors)
    cosines = vectors.astype(np.float32) @ vectors[0].astype(np.float32)
    pictures = {item: vectors[items.index(item)].astype(np.float32) for item in items}
    best = {
        item: float(max(cosines[place] for place, of in enumerate(items) if of == item)) for item in items
    }
    for _ in range(4):
        options = {
            "collapse": data.draw(st.sampled_from([None, "colour", "price", "new"])),
            "fold_duplicates": data.draw(st.booleans()),
            "diversity": data.draw(st.sampled_from([0, 0, 0.25, 0.5, 1])),
        }
        monkeypatch.setattr(ranking, "SCORED_ALL", data.draw(st.sampled_from([0, 5_000])))
        filter = data.draw(st.sampled_from([{}, {}, {"colour": {"not": "ß"}}]) | FILTERS)
        passing = Oracle(fields, without=0).passing(filter)
        values = [row.get(str(options["collapse"])) for row in fields]
        groups = Groups(passing, best, pictures, values, options)
        request = {"query": [{"item": "a0"}], "filter": filter} | options
        cursor, start, seen = None, 0, []
        while True:
            limit = data.draw(st.integers(1, 6))
            page = {"limit": limit, "cursor": cursor} if cursor else {"limit": limit}
            response = shops.client.post("/search", json=request | page)
            assert response.status_code == 200, response.text
            body = response.json()
            end = start + limit
            assert [told(hit) for hit in body["hits"]] == groups.page(start, end)
            seen += [one for hit in body["hits"] for one in (hit, *others(hit))]
            assert body["total"] == len(passing)
            assert (body["next"] is None) == (end >= len(groups.ranked))
            cursor, start = body["next"], end
            if cursor is None:
                break
        assert len({one["id"] for one in seen}) == len(seen)


def others(hit: dict[str, Any]) -> list[dict[str, Any]]:
    return [*hit.get("variants", []), *hit.get("duplicates", [])]


def told(hit: dict[str, Any]) -> tuple[tuple[str, float], list[Any], list[Any]]:
    """A hit, its variants and its duplicates, each as id and score."""
    listed = [[(one["id"], one["score"]) for one in hit.get(key, [])] for key in ("variants", "duplicates")]
    return (hit["id"], hit["score"]), listed[0], listed[1]


class Groups:
    """What collapsing, folding and setting apart come to, item by item."""

    def __init__(
        self,
        passing: list[int],
        best: dict[int, float],
        pictures: dict[int, NDArray[np.float32]],
        values: list[Any],
        options: dict[str, Any],
    ) -> None:
        self._best, self._pictures, self._values = best, pictures, values
        self._ranked_items = sorted(passing, key=lambda row: (-best[row], row))
        self._begun: list[int] = []
        self._twin_of: dict[int, int] = {}
        self._begun_before: dict[int, int] = {}
        for row in self._ranked_items:
            if values[row] is not None and values[row] in [values[first] for first in self._begun]:
                continue
            twins = [first for first in self._begun if float(pictures[row] @ pictures[first]) >= 0.995]
            if options["fold_duplicates"] and twins:
                self._twin_of[row], self._begun_before[row] = twins[0], len(self._begun)
            else:
                self._begun.append(row)
        self._diverse = bool(options["diversity"])
        self.ranked = self._apart(options["diversity"]) if self._diverse else self._begun

    def _apart(self, diversity: float) -> list[int]:
        """By maximal marginal relevance."""
        left, ranked = list(self._begun), list[int]()
        while left:

            def gain(row: int) -> float:
                likeness = max(
                    (float(self._pictures[row] @ self._pictures[one]) for one in ranked), default=0
                )
                return (1 - diversity) * self._best[row] - diversity * likeness

            ranked.append(max(left, key=gain))  # of equal ones the first
            left.remove(ranked[-1])
        return ranked

    def page(self, start: int, end: int) -> list[tuple[tuple[str, float], list[Any], list[Any]]]:
        """Duplicates are told as far as they rank before the next page."""
        known = len(self._begun) if self._diverse else end
        page = []
        for first in self.ranked[start:end]:
            value = self._values[first]
            variants = [
                row
                for row in self._ranked_items
                if value is not None
                and self._values[row] == value
                and row != first
                and row not in self._twin_of
            ]
            twins = [
                row for row, of in self._twin_of.items() if of == first and self._begun_before[row] <= known
            ]
            page.append((self._told(first), [*map(self._told, variants)], [*map(self._told, twins)]))
        return page

    def _told(self, row: int) -> tuple[str, float]:
        return f"a{row}", self._best[row]


def assert_facets(facets: dict[str, Any], oracle: Oracle, filter: Fields) -> None:
    for name, kind in TYPES.items():
        if kind not in ("number", "integer"):
            assert list(facets[name].items()) == list(oracle.counts(name, filter).items())
            continue
        numbers = [oracle.items[row].get(name) for row in oracle.passing(filter, free=name)]
        there = [number for number in numbers if number is not None]
        assert facets[name]["min"] == min(there, default=None)
        assert facets[name]["max"] == max(there, default=None)
        buckets = facets[name]["buckets"]
        for bucket in buckets:
            count = bucket.pop("count")
            assert count == len(oracle.passing(filter | {name: bucket}))
        assert [one["lt"] for one in buckets[:-1]] == [one["gte"] for one in buckets[1:]]
