"""Compare: what two text towers find for the same words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from app import schemas
from app.dependencies import EngineDep
from app.problems import documented
from app.query import Search, TextTerm
from app.routes.search import respond

router = APIRouter(tags=["search"])


@router.get("/compare", summary="What two towers find", responses=documented(404, 409, 422, 429, 503))
def compare(query: Annotated[schemas.CompareQuery, Query()], engine: EngineDep) -> schemas.CompareResponse:
    """Both answers, of the same index version, and where each item is in them."""
    served = engine.served

    def answer(tower: str) -> schemas.SearchResponse:
        started = time.perf_counter()
        asked = Search(limit=query.limit, text_tower=tower)
        return respond(engine.search([TextTerm(query.q)], asked, served), started)

    a, b = answer(query.a), answer(query.b)
    changes = rank_changes([hit.id for hit in a.hits], [hit.id for hit in b.hits])
    overlap = sum(ranks.a is not None and ranks.b is not None for ranks in changes)
    return schemas.CompareResponse(query=query.q, a=a, b=b, overlap=overlap, changes=changes)


def rank_changes(a: Sequence[str], b: Sequence[str]) -> list[schemas.Ranks]:
    """The ranks of every id in either list: first those of `a` in its order, then those of `b` alone."""
    in_a = {item: rank for rank, item in enumerate(a, start=1)}
    in_b = {item: rank for rank, item in enumerate(b, start=1)}
    return [schemas.Ranks(id=item, a=in_a.get(item), b=in_b.get(item)) for item in in_a | in_b]
