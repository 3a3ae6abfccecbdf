"""The OpenAPI document, fuzzed over a real server: no answer that the document does not allow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, reject, seed, settings, strategies
from schemathesis import BaseSchema, Case, GenerationMode
from schemathesis.checks import (
    CheckFunction,
    load_all_checks,
    not_a_server_error,
)
from schemathesis.core.errors import InvalidSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import serving

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
"""With an index served, 503 is a failure like any other 5xx."""

load_all_checks()


OPERATIONS = [
    ("/search", "GET"),
    ("/search", "POST"),
    ("/search/image", "POST"),
    ("/compare", "GET"),
    ("/explain", "GET"),
    ("/fields", "GET"),
    ("/items/{id}", "GET"),
    ("/items/{id}/similar", "GET"),
    ("/images/{id}", "GET"),
    ("/v1/embeddings", "POST"),
    ("/livez", "GET"),
    ("/readyz", "GET"),
    ("/metrics", "GET"),
    ("/admin/reindex", "POST"),
    ("/admin/finetune", "POST"),
    ("/admin/evaluate", "POST"),
    ("/admin/jobs", "GET"),
    ("/admin/jobs/{id}", "GET"),
    ("/admin/jobs/{id}/events", "GET"),
    ("/admin/jobs/{id}/report", "GET"),
    ("/admin/jobs/{id}/cancel", "POST"),
    ("/admin/towers", "GET"),
    ("/admin/towers/active", "PUT"),
    ("/admin/towers/rollback", "POST"),
    ("/admin/towers/{id}", "DELETE"),
    ("/admin/indexes", "GET"),
    ("/admin/indexes/active", "PUT"),
]
REFUSING = [
    "/search",
    "/search/image",
    "/compare",
    "/explain",
    "/items/{id}/similar",
    "/images/{id}",
    "/v1/embeddings",
    "/admin/reindex",
    "/admin/finetune",
    "/admin/evaluate",
    "/admin/towers/active",
    "/admin/indexes/active",
]
"""The paths to which something can be sent that the document forbids."""
KEY = "key-of-the-fuzz-test"
CASES = [(path, method, GenerationMode.POSITIVE) for path, method in OPERATIONS] + [
    (path, method, GenerationMode.NEGATIVE) for path, method in OPERATIONS if path in REFUSING
]


@pytest.fixture(scope="module")
def document(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the document of a running service with a home of its own, whose operator we are."""
    copied = tmp_path_factory.mktemp("fuzz") / "home"
    shutil.copytree(home, copied, symlinks=True)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VITRINE_ADMIN_KEY", KEY)
        with serving(copied) as url:
            yield f"{url}/openapi.json"


@pytest.fixture(scope="module")
def api(document: str) -> BaseSchema:
    return schemathesis.openapi.from_url(document)


def test_every_operation_is_fuzzed(document: str) -> None:
    """The list above is the document's."""
    schema: dict[str, Any] = requests.get(document).json()
    found = {(path, method.upper()) for path, methods in schema["paths"].items() for method in methods}
    assert found == set(OPERATIONS)


@strategies.composite
def drawable(draw: strategies.DrawFn, cases: strategies.SearchStrategy[Case[Any]]) -> Case[Any]:
    """Without what the generator finds that it cannot make: it knows no opposite of some lists."""
    try:
        return draw(cases)
    except InvalidSchema:
        reject()


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_no_request_breaks_the_documents_promises(
    api: BaseSchema, path: str, method: str, mode: GenerationMode
) -> None:
    """Whatever is sent, as documented or not: status, type and body are documented ones, and never a 5xx."""
    with requests.Session() as session:

        @seed(2)
        @settings(
            max_examples=30,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=drawable(api[path][method].as_strategy(generation_mode=mode)))
        def fuzz(case: Case[Any]) -> None:
            headers = {"Authorization": f"Bearer {KEY}"} if path.startswith("/admin/") else None
            case.call_and_validate(session=session, checks=CHECKS, headers=headers)

        fuzz()
