"""create_app(): wiring only."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.admin_schemas import ReindexRequest
from app.auth import AdminKey
from app.engine import Engine
from app.images import Images
from app.jobs import Jobs
from app.middleware import PUBLIC, BodyLimit, Measured, RawIds, TooBusy
from app.openapi import name_problems, operation_id
from app.problems import answer_with_problems
from app.routes import admin_jobs, admin_versions, compare, embeddings, explain, fields, items, ops, search
from app.security import FRAMES_REPORTS, SecurityHeaders
from app.settings import Settings
from app.watcher import Watcher
from indexer.store import current_version

_STATIC = Path(__file__).parent / "static"
_SECONDS_TO_OPEN = 5.0


def create_app(settings: Settings) -> FastAPI:
    """The service over `settings.home`; it starts without an index, and takes up the first one published."""
    engine = Engine(
        settings.home,
        towers_in_memory=settings.towers_in_memory,
        device=settings.device,
        runtime=settings.runtime,
        index_device=settings.index_device,
    )
    jobs = Jobs(settings.jobs_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.watcher = Watcher(engine)
        app.state.watcher.start()
        _queue_first_index(settings, jobs)
        # A first search should find a tower; whoever opens a large one hears meanwhile that it is not ready.
        app.state.watcher.wait_for_first_look(_SECONDS_TO_OPEN)
        yield
        app.state.watcher.stop()

    app = FastAPI(
        title="Vitrine",
        summary="Finds a shop's products by their picture, from words in any language.",
        version=version("vitrine"),
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        # The interactive pages load their scripts from elsewhere, which our own policy forbids.
        docs_url=None,
        redoc_url=None,
    )
    app.state.engine = engine
    app.state.images = Images()
    app.state.jobs = jobs
    app.state.settings = settings
    # Set by whoever runs the service, when it is to end: it waits for the streams that are open.
    app.state.ending = threading.Event()
    answer_with_problems(app)
    for routes in (search, compare, explain, fields, items, embeddings, admin_jobs, admin_versions, ops):
        app.include_router(routes.router)
    name_problems(app)
    app.get("/", include_in_schema=False)(_page)
    app.get("/admin", include_in_schema=False)(_admin_page)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    # The last one added is the first that a request meets.
    app.add_middleware(TooBusy, most=settings.max_requests)
    app.add_middleware(BodyLimit)
    app.add_middleware(RawIds)
    app.add_middleware(AdminKey, settings=settings)
    if settings.cors_origins:
        app.add_middleware(PublicCors, origins=settings.cors_origins)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Measured, metrics=engine.metrics)
    return app


def _queue_first_index(settings: Settings, jobs: Jobs) -> None:
    """Where there is a catalogue and no index, sees to it that a job makes one."""
    if settings.catalogue is None or current_version(settings.home) is not None:
        return
    last = next((job for job in jobs.list() if job.kind == "reindex"), None)
    if last is None or last.state in admin_jobs.ENDED:
        # Of several services that start at once, one queues it: all name the same job before it.
        key = f"first index, after {'none' if last is None else last.id}"
        jobs.enqueue("reindex", ReindexRequest().model_dump(), idempotency_key=key)


def _page() -> FileResponse:
    return FileResponse(_STATIC / "index.html")


def _admin_page() -> FileResponse:
    return FileResponse(_STATIC / "admin.html", headers=FRAMES_REPORTS)


class PublicCors:
    """CORS for search, compare, explain, fields, items, pictures and embeddings, and for nothing else."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=["*"]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        public = scope["type"] == "http" and scope["path"].startswith(PUBLIC)
        await (self._open if public else self._app)(scope, receive, send)
