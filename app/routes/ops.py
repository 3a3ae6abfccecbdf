"""For whoever operates the service: is it alive, is it ready, what does it do."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app import schemas
from app.dependencies import EngineDep, WatcherDep
from app.problems import documented
from app.query import Search, TextTerm
from app.tower_cache import KNOWN_QUERY

router = APIRouter(tags=["operations"])


@router.get("/livez", summary="Is the process alive", responses=documented(503))
def livez(watcher: WatcherDep) -> schemas.Liveness:
    """The process answers, and the thread that takes up new index versions runs."""
    watcher.require_alive()
    return schemas.Liveness()


@router.get("/readyz", summary="Is it ready to search", responses=documented(503))
def readyz(engine: EngineDep) -> schemas.Readiness:
    """The towers are warm, an index is loaded, and a known query is answered; 503 before."""
    served = engine.served
    engine.search([TextTerm(KNOWN_QUERY)], Search(limit=1))
    return schemas.Readiness(
        index=served.index.version, text_tower=served.encoder.tower.id, items=len(served.index)
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(engine: EngineDep) -> Response:
    return Response(engine.metrics.text(), media_type=CONTENT_TYPE_LATEST)
