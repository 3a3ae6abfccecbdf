"""Explain: what the text towers read of a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from app import schemas
from app.dependencies import EngineDep
from app.problems import documented
from models.towers import Reading

router = APIRouter(tags=["search"])


@router.get("/explain", summary="What towers read of a query", responses=documented(404, 422, 429, 503))
def explain(query: Annotated[schemas.ExplainQuery, Query()], engine: EngineDep) -> schemas.ExplainResponse:
    """The pieces that each tower's tokenizer makes of the query. Where they are small or not known, the tower
    understands little."""
    return respond(query.q, engine.explain(query.q, text_tower=query.text_tower))


def respond(query: str, readings: Mapping[str, Reading]) -> schemas.ExplainResponse:
    """The body for what each tower reads of `query`, in that order."""
    towers = [
        schemas.Reading(
            text_tower=tower,
            pieces=[schemas.Piece(**asdict(piece)) for piece in reading.pieces],
            unknown=reading.unknown,
            cut=reading.cut,
        )
        for tower, reading in readings.items()
    ]
    return schemas.ExplainResponse(query=query, towers=towers)
