"""Errors on the wire: RFC 9457 `application/problem+json`, each with a stable `code`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from app.cursor import BadCursor, CursorExpired
from app.engine import DimensionsRefused, ItemNotFound, NoRelevance, ZeroQuery
from app.images import ImageGone
from app.intake import FileMissing, PathOutsideData
from app.jobs import JobNotFound, JobsUnavailable
from app.security import HEADERS
from app.watcher import NotAlive
from indexer.columns import UnknownField
from indexer.facets import BadFacet
from indexer.filter import BadFilter
from indexer.store import IndexDamaged, NoIndex, SpaceMismatch
from models.pictures import PictureError
from models.queries import QueriesError
from models.registry import TowerInUse
from models.towers import TowerError


class UploadTooLarge(ValueError):
    """An uploaded file is over its limit."""


class IndexNotFound(LookupError):
    """No index version of this name is in the home."""


class ReportMissing(LookupError):
    """The job has not written a report."""


class NothingToIndex(ValueError):
    """No catalogue is named, neither by the request nor by what is there."""


_logger = logging.getLogger("vitrine")

MEDIA_TYPE = "application/problem+json"

# What the domain raises → status and code; the error's message is the detail.
_CODES: dict[type[Exception], tuple[int, str]] = {
    NoIndex: (503, "no_index"),
    NotAlive: (503, "not_alive"),
    JobsUnavailable: (503, "jobs_unavailable"),
    ItemNotFound: (404, "item_not_found"),
    TowerError: (404, "tower_not_found"),  # not there, or damaged: the detail says which
    ImageGone: (404, "image_gone"),
    JobNotFound: (404, "job_not_found"),
    ReportMissing: (404, "report_not_found"),
    IndexNotFound: (404, "index_not_found"),
    SpaceMismatch: (409, "space_mismatch"),
    TowerInUse: (409, "tower_in_use"),
    IndexDamaged: (409, "index_damaged"),
    CursorExpired: (409, "cursor_expired"),
    UploadTooLarge: (413, "too_large"),
    PictureError: (422, "image_unreadable"),
    ZeroQuery: (422, "bad_value"),
    DimensionsRefused: (422, "bad_value"),
    NoRelevance: (422, "bad_value"),
    BadCursor: (422, "bad_value"),
    UnknownField: (422, "unknown_field"),
    BadFilter: (422, "bad_value"),
    BadFacet: (422, "bad_value"),
    PathOutsideData: (422, "path_outside_data"),
    FileMissing: (422, "bad_value"),
    QueriesError: (422, "bad_value"),
    NothingToIndex: (422, "bad_value"),
}
# What pydantic calls a refusal → our code; every other one is a bad value.
_REFUSALS = {
    "extra_forbidden": "unknown_field",
    "query_empty": "query_empty",
    "query_too_long": "query_too_long",
}


class Problem(BaseModel):
    """RFC 9457, "Problem Details for HTTP APIs"."""

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Service Unavailable"])
    status: int = Field(examples=[503])
    code: str = Field(description="Stable; fit for a program to decide on.", examples=["no_index"])
    detail: str = Field(description="What disagrees, and the cure.", examples=["there is no index yet"])


def problem(status: int, code: str, detail: str) -> JSONResponse:
    body = Problem(
        type="about:blank", title=HTTPStatus(status).phrase, status=status, code=code, detail=detail
    )
    retry = {"Retry-After": "1"} if status in (429, 503) else None
    return JSONResponse(body.model_dump(), status, retry, MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can answer with problems of these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def answer_with_problems(app: FastAPI) -> None:
    """Makes every error of `app` a problem."""
    for error, (status, code) in _CODES.items():
        app.add_exception_handler(error, _handler(status, code))
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _handler(status: int, code: str) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def handle(_: Request, error: Exception) -> JSONResponse:
        return problem(status, code, str(error))

    return handle


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    refusals = error.errors()
    codes = [_REFUSALS.get(refusal["type"], "bad_value") for refusal in refusals]
    # One code for all: the first that says more than "bad value", as unions refuse every form in turn.
    code = next((code for code in codes if code != "bad_value"), "bad_value")
    details = (f"{_place(refusal['loc'])}: {refusal['msg']}" for refusal in refusals)
    return problem(422, code, "; ".join(dict.fromkeys(details)))


def _place(location: tuple[str | int, ...]) -> str:
    # The first part says where in the request ("body", "query"), the others which member.
    return ".".join(str(part) for part in location[1:] or location)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # The framework's word for a body that it cannot parse; ours for any wrong input is 422.
        return problem(422, "bad_value", str(error.detail))
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    response = problem(error.status_code, code, str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # The server logs the traceback; the answer tells nothing of our insides.
    _logger.error("%s %s failed: %r", request.method, request.url.path, error)
    response = problem(500, "internal_error", "this is our fault; the service's log says more")
    # This handler stands outside of all middleware.
    response.headers.update(HEADERS)
    return response
