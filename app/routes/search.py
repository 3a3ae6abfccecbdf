"""Search: by words, by weighted terms, by a picture."""

from __future__ import annotations

import time
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query

from app import schemas
from app.dependencies import EngineDep, ImagesDep, NoParameters
from app.engine import Answer, ItemTerm, PictureTerm, Term, TextTerm
from app.problems import UploadTooLarge, documented
from models.pictures import MAX_BYTES

router = APIRouter(tags=["search"])


@router.get("/search", summary="Search by words", responses=documented(404, 409, 422, 429, 503))
def search_from_url(
    query: Annotated[schemas.SearchQuery, Query()], engine: EngineDep
) -> schemas.SearchResponse:
    """The same as POST /search with a plain text, for a browser."""
    return _search(engine, [TextTerm(query.q)], query, query.text_tower, time.perf_counter())


@router.post(
    "/search",
    summary="Search by words or weighted terms",
    responses=documented(404, 408, 409, 413, 422, 429, 503),
)
def search(request: schemas.SearchRequest, _: NoParameters, engine: EngineDep) -> schemas.SearchResponse:
    """The query's vector is the normalised sum of weight × unit vector of its terms."""
    if isinstance(request.query, str):
        terms: list[Term] = [TextTerm(request.query)]
    else:
        terms = [_term(term) for term in request.query]
    return _search(engine, terms, request, request.text_tower, time.perf_counter())


@router.post(
    "/search/image",
    summary="Search by a picture, alone or with words",
    responses=documented(404, 408, 409, 413, 422, 429, 503),
)
def search_by_picture(
    request: Annotated[schemas.PictureSearch, Form(media_type="multipart/form-data")],
    _: NoParameters,
    engine: EngineDep,
    images: ImagesDep,
) -> schemas.SearchResponse:
    """The picture's weight is 1, that of the words `weight`."""
    started = time.perf_counter()
    data = request.file.file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UploadTooLarge(f"the picture is larger than the limit of {MAX_BYTES:,} bytes")
    terms: list[Term] = [PictureTerm(images.decode(data))]
    if request.text is not None:
        terms.append(TextTerm(request.text, request.weight))
    return _search(engine, terms, request, request.text_tower, started)


def _term(term: schemas.Text | schemas.ItemReference) -> Term:
    if isinstance(term, schemas.Text):
        return TextTerm(term.text, term.weight)
    return ItemTerm(term.item, term.weight)


def _search(
    engine: EngineDep, terms: list[Term], page: schemas.Page, text_tower: str | None, started: float
) -> schemas.SearchResponse:
    answer = engine.search(terms, limit=page.limit, offset=page.offset, text_tower=text_tower)
    return respond(answer, started)


def respond(answer: Answer, started: float) -> schemas.SearchResponse:
    """The body for an answer to a request that began at `started` (of time.perf_counter)."""
    hits = [
        schemas.Hit(id=hit.id, score=round(hit.score, 6), image=image_url(hit.id), fields=hit.fields)
        for hit in answer.hits
    ]
    took = schemas.Took(
        encode=_milliseconds(answer.encode_seconds),
        search=_milliseconds(answer.search_seconds),
        total=_milliseconds(time.perf_counter() - started),
    )
    return schemas.SearchResponse(
        hits=hits, total=answer.total, index=answer.index, text_tower=answer.text_tower, took_ms=took
    )


def image_url(item: str, picture: int = 0) -> str:
    """The path of a picture; ids may hold any character, `/` too."""
    path = f"/images/{quote(item, safe='')}"
    return f"{path}?n={picture}" if picture else path


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 2)
