"""Search: by words, by weighted terms, by a picture."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Query

from app import schemas
from app.answer import Answer, Interpreted, Listed
from app.dependencies import FIELDS_ONCE, EngineDep, ImagesDep, NoParameters
from app.problems import UploadTooLarge, documented
from app.query import ItemTerm, PictureTerm, Search, Term, TextTerm
from indexer.facets import Facet
from models.pictures import MAX_BYTES

router = APIRouter(tags=["search"])
_OPTIONS = {member.name for member in dataclasses.fields(Search)}


@router.get("/search", summary="Search by words", responses=documented(404, 409, 422, 429, 503))
def search_from_url(
    query: Annotated[schemas.SearchQuery, Query()], engine: EngineDep
) -> schemas.SearchResponse:
    """The same as POST /search with a plain text, for a browser."""
    return _search(engine, [TextTerm(query.q)], query, time.perf_counter())


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
    return _search(engine, terms, request, time.perf_counter())


@router.post(
    "/search/image",
    summary="Search by a picture, alone or with words",
    dependencies=[FIELDS_ONCE],
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
    terms: list[Term] = [PictureTerm(images.decode(data), hashlib.sha256(data).hexdigest())]
    if request.text is not None:
        terms.append(TextTerm(request.text, request.weight))
    return _search(engine, terms, request, started)


def _term(term: schemas.Text | schemas.ItemReference) -> Term:
    if isinstance(term, schemas.Text):
        return TextTerm(term.text, term.weight)
    return ItemTerm(term.item, term.weight)


def _search(
    engine: EngineDep, terms: list[Term], request: schemas.CursorPage, started: float
) -> schemas.SearchResponse:
    # What a request leaves null is as if it had not been said.
    said = {name: value for name, value in request if name in _OPTIONS and value is not None}
    return respond(engine.search(terms, Search(**said)), started)


def respond(answer: Answer, started: float) -> schemas.SearchResponse:
    """The body for an answer to a request that began at `started` (of time.perf_counter)."""
    hits = [
        schemas.Hit(
            **_listed(hit),
            relevance=None if hit.relevance is None else round(hit.relevance, 6),
            variants=[schemas.ListedItem(**_listed(one)) for one in hit.variants],
            duplicates=[schemas.ListedItem(**_listed(one)) for one in hit.duplicates],
        )
        for hit in answer.hits
    ]
    took = schemas.Took(
        encode=_milliseconds(answer.encode_seconds),
        search=_milliseconds(answer.search_seconds),
        total=_milliseconds(time.perf_counter() - started),
    )
    counted = answer.facets
    return schemas.SearchResponse(
        hits=hits,
        total=answer.total,
        facets=None if counted is None else {name: facet(found) for name, found in counted.items()},
        facets_over=None if counted is None else answer.facets_over,
        index=answer.index,
        text_tower=answer.text_tower,
        interpreted=_interpretation(answer.interpreted),
        next=answer.next,
        took_ms=took,
    )


def _interpretation(found: Interpreted) -> schemas.Interpretation | None:
    if not any(isinstance(term, TextTerm) for term in found.asked):
        return None
    texts = [
        schemas.WeightedText(text=term.text, weight=term.weight)
        for term in found.terms
        if isinstance(term, TextTerm)
    ]
    return schemas.Interpretation(terms=texts, excluded=list(found.excluded), normalised=found.normalised)


def _listed(item: Listed) -> dict[str, Any]:
    return {
        "id": item.id,
        "score": round(item.score, 6),
        "image": image_url(item.id),
        "fields": item.fields,
    }


def facet(found: Facet) -> dict[str, int] | schemas.NumberFacet:
    """The body for a facet."""
    if isinstance(found, dict):
        return found
    last = len(found.buckets) - 1
    buckets = [
        schemas.Bucket(gte=one.start, **{"lte" if place == last else "lt": one.end}, count=one.count)
        for place, one in enumerate(found.buckets)
    ]
    return schemas.NumberFacet(min=found.min, max=found.max, buckets=buckets)


def image_url(item: str, picture: int = 0) -> str:
    """The path of a picture; ids may hold any character, `/` too."""
    path = f"/images/{quote(item, safe='')}"
    return f"{path}?n={picture}" if picture else path


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 2)
