"""A typed client, made of the OpenAPI document by a generator, and what it gets from a real service."""

from __future__ import annotations

import importlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from indexer.store import IndexVersion, open_current
from models.pictures import MAX_BYTES
from tests.conftest import DRAWN_ITEMS, serving
from tests.test_clients import wait_until_ready

KEY = "key-of-the-generated-client"
CONFIG = {
    "post_hooks": [],
    # A picture is bytes to a client, whatever its format.
    "content_type_overrides": {
        "image/jpeg": "application/octet-stream",
        "image/webp": "application/octet-stream",
    },
}
OPERATIONS = {
    *("search", "search_from_url", "search_by_picture", "compare", "explain", "fields", "create_embeddings"),
    *("item", "similar", "image", "livez", "readyz", "metrics", "reindex", "finetune", "evaluate", "newest"),
    *("job", "events", "cancel", "report", "towers", "activate_tower", "roll_back", "delete_tower"),
    *("indexes", "activate_index"),
}


@pytest.fixture(scope="module")
def url(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    copied = tmp_path_factory.mktemp("clients") / "home"
    shutil.copytree(home, copied, symlinks=True)
    with serving(copied, admin_key=KEY) as address:
        wait_until_ready(address)
        yield address


@pytest.fixture(scope="module")
def document(url: str) -> dict[str, Any]:
    made: dict[str, Any] = httpx.get(f"{url}/openapi.json").json()
    return made


@pytest.fixture(scope="module")
def generated(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The package that the generator writes; it is refused if the generator has to leave anything out."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "openapi_python_client",
        "generate",
        "--meta",
        "none",
        "--fail-on-warning",
    ]
    command += ["--path", "openapi.json", "--config", "config.json", "--output-path", "vitrine_client"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("vitrine_client")


@pytest.fixture(scope="module")
def api(generated: ModuleType) -> Any:
    """name → the operation's module; `models` is the package of what they take and give."""
    tags = {
        "search": ["search", "search_by_picture", "fields", "compare"],
        "items": ["item", "similar", "image"],
    }
    tags |= {"embeddings": ["create_embeddings"], "admin": ["newest", "towers"]}
    modules = {
        name: importlib.import_module(f"{generated.__name__}.api.{tag}.{name}")
        for tag, names in tags.items()
        for name in names
    }
    return modules | {"models": importlib.import_module(f"{generated.__name__}.models")}


@pytest.fixture(scope="module")
def index(home: Path) -> IndexVersion:
    return open_current(home)


def test_operations_keep_their_names(document: dict[str, Any]) -> None:
    """Code that was written against a generated client calls them; each name is there once."""
    found = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert sorted(found) == sorted(OPERATIONS)


def test_every_schema_has_a_plain_name_of_its_own(document: dict[str, Any]) -> None:
    """A name that carries its module or an ordinal is one that two schemas fought for."""
    names = list(document["components"]["schemas"])
    assert all(name.isalnum() for name in names), names
    assert len({name.lower() for name in names}) == len(names)


def test_a_text_is_searched(generated: Any, api: Any, url: str) -> None:
    """Typed hits, facets and times; catalogue fields by their names."""
    models = api["models"]
    request = models.SearchRequest(
        query="rotes Kleid",
        limit=3,
        filter_=models.Filter.from_dict({"colour": ["red", "pink"], "$not": {"kind": "bag"}}),
        facets=["colour", "price"],
    )
    answer = api["search"].sync(client=generated.Client(url), body=request)
    assert isinstance(answer, models.SearchResponse)
    assert len(answer.hits) == 3
    assert all(hit.fields["title"] for hit in answer.hits)
    assert {hit.fields["colour"] for hit in answer.hits} <= {"red", "pink"}
    assert sum(answer.facets["colour"].to_dict().values()) >= answer.total
    assert answer.facets["price"].min_ <= answer.facets["price"].max_
    assert answer.took_ms.total > 0


def test_weighted_terms_are_searched(generated: Any, api: Any, url: str) -> None:
    """Texts and items in one query."""
    models = api["models"]
    terms = [models.Text("Kleid"), models.Text("Punkte", weight=-0.5), models.ItemReference("demo-0003")]
    answer = api["search"].sync(client=generated.Client(url), body=models.SearchRequest(query=terms))
    assert len(answer.hits) == 20
    assert "demo-0003" not in {hit.id for hit in answer.hits}


def test_a_picture_is_searched(generated: Any, api: Any, url: str, index: IndexVersion) -> None:
    """A file and words, as a form."""
    types = importlib.import_module(f"{generated.__name__}.types")
    picture = types.File(io.BytesIO(index.picture(0)[0].read(MAX_BYTES)), "a.jpg", "image/jpeg")
    form = api["models"].PictureSearch(file=picture, text="Kleid", weight=0.1, limit=5)
    answer = api["search_by_picture"].sync(client=generated.Client(url), body=form)
    assert index.ids([0])[0] in {hit.id for hit in answer.hits}


def test_an_item_its_like_and_its_picture_are_read(generated: Any, api: Any, url: str) -> None:
    """By id; the picture as bytes."""
    client = generated.Client(url)
    item = api["item"].sync("demo-0001", client=client)
    assert item.fields["title"]
    similar = api["similar"].sync("demo-0001", client=client, limit=4)
    assert (len(similar.hits), similar.total) == (4, DRAWN_ITEMS - 1)
    picture = api["image"].sync("demo-0001", client=client, width=api["models"].Width.VALUE_160)
    assert picture.payload.read(2) == b"\xff\xd8"


def test_the_catalogue_is_described(generated: Any, api: Any, url: str) -> None:
    """Names, types and ranges."""
    fields = api["fields"].sync(client=generated.Client(url)).fields
    assert fields["price"].type_ == "number"
    assert fields["price"].range_.min_ < fields["price"].range_.max_
    assert fields["sizes"].of == "string"


def test_texts_and_pictures_are_embedded(generated: Any, api: Any, url: str) -> None:
    """Vectors of 512 numbers."""
    request = api["models"].EmbeddingRequest(input_=["rotes Kleid", "red dress"])
    answer = api["create_embeddings"].sync(client=generated.Client(url), body=request)
    assert [len(one.embedding) for one in answer.data] == [512, 512]


def test_a_refusal_is_a_typed_problem(generated: Any, api: Any, url: str) -> None:
    """With our code, for a program to decide on."""
    body = api["models"].SearchRequest(query="Kleid", facets=["nothing"])
    answer = api["search"].sync_detailed(client=generated.Client(url), body=body)
    assert answer.status_code == 422
    assert isinstance(answer.parsed, api["models"].Problem)
    assert answer.parsed.code == "unknown_field"


def test_the_operator_shows_the_key(generated: Any, api: Any, url: str) -> None:
    """As a bearer token; without it the answer is a problem."""
    operator = generated.AuthenticatedClient(url, token=KEY)
    assert [tower.id for tower in api["towers"].sync(client=operator).towers] == ["base", "fashion-de"]
    assert api["newest"].sync(client=operator).jobs == []
    assert api["newest"].sync(client=generated.Client(url)).code == "unauthorized"
