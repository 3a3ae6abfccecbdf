"""Fields: what the catalogue's items have, and what they can be filtered by."""

from __future__ import annotations

from fastapi import APIRouter

from app import schemas
from app.dependencies import EngineDep, NoParameters
from app.problems import documented
from app.routes.search import facet
from indexer.facets import Description

router = APIRouter(tags=["search"])


@router.get("/fields", summary="The catalogue's fields", responses=documented(422, 429, 503))
def fields(_: NoParameters, engine: EngineDep) -> schemas.FieldsResponse:
    """Types, ranges, the most frequent values and how many items have none, over the whole catalogue."""
    index = engine.served.index
    described = {name: _described(field) for name, field in index.descriptions.items()}
    return schemas.FieldsResponse(index=index.version, items=len(index), fields=described)


def _described(field: Description) -> schemas.FieldDescription:
    found = None if field.facet is None else facet(field.facet)
    return schemas.FieldDescription(
        type=field.type,
        of=field.of,
        missing=field.missing,
        distinct=field.distinct,
        values=found if isinstance(found, dict) else None,
        range=found if isinstance(found, schemas.NumberFacet) else None,
    )
