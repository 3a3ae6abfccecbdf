"""For whoever operates the service: is it alive, is it ready, what does it do."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from app import schemas
from app.dependencies import EngineDep
from app.engine import TextTerm
from app.problems import documented, problem

router = APIRouter(tags=["operations"])

_KNOWN_QUERY = "rotes Kleid"


@router.get("/livez", summary="Is the process alive", responses=documented(503))
def livez(request: Request) -> schemas.Liveness | JSONResponse:
    """The process answers, and the thread that takes up new index versions runs."""
    if not request.app.state.watcher.is_alive():
        return problem(503, "not_alive", "the thread that takes up new index versions has ended: restart")
    return schemas.Liveness()


@router.get("/readyz", summary="Is it ready to search", responses=documented(503))
def readyz(engine: EngineDep) -> schemas.Readiness:
    """The towers are warm, an index is loaded, and a known query is answered; 503 before."""
    served = engine.served
    engine.search([TextTerm(_KNOWN_QUERY)], limit=1)
    return schemas.Readiness(
        index=served.index.version, text_tower=served.encoder.tower.id, items=len(served.index)
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(engine: EngineDep) -> Response:
    return Response(engine.metrics.text(), media_type=CONTENT_TYPE_LATEST)
