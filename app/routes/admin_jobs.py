"""Jobs: what operators let run, how far it is, and what came of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response, Security
from fastapi import Path as InPath
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from app import admin_schemas as schemas
from app import intake
from app.auth import BEARER
from app.dependencies import EndingDep, JobsDep, NoParameters, RegistryDep, SettingsDep
from app.jobs import Job
from app.middleware import MAX_BODY, MAX_UPLOAD
from app.pairs import read_usable
from app.problems import NothingToIndex, ReportMissing, UploadTooLarge, documented
from app.settings import Settings
from indexer.store import current_version
from models.queries import read_pairs

router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Security(BEARER)])

ENDED = ("finished", "failed", "cancelled")
_LOOK_SECONDS = 0.25
_SILENT_SECONDS = 15.0
"""A comment is sent after so long, for the proxies that end a silent connection."""

IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=200, description="Sent again, it is answered with the first job."),
]
JobId = Annotated[str, InPath(description="A job's id.", examples=["3f9c0b6f4e1d2a87"])]


# What starts a job.

_STARTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "The job, which waits for its turn.",
        "headers": {"Location": {"description": "Where it is.", "schema": {"type": "string"}}},
    }
}
_STREAMED: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


@dataclass(frozen=True)
class _Sent:
    """A file, by its path in VITRINE_DATA or as it was uploaded, and the options beside it."""

    file: str | UploadFile
    options: dict[str, Any]


def _sent(
    member: str, whole: type[BaseModel], options: type[BaseModel]
) -> Callable[..., AsyncIterator[_Sent]]:
    """Reads a JSON body of the form `whole`, or a form of the file `member` and of `options` as JSON."""

    async def read(request: Request) -> AsyncIterator[_Sent]:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            members = _validated(whole, await request.body())
            yield _Sent(members.pop(member), members)
            return
        if kind != "multipart/form-data":
            raise _refused("content-type", f"it is {kind!r}: send application/json or multipart/form-data")
        async with request.form(max_files=2, max_fields=2, max_part_size=MAX_BODY) as form:
            for name in form:
                if name not in (member, "options"):
                    told = f"there is no such part: send {member} and options"
                    raise _refused(name, told, "extra_forbidden")
                if len(form.getlist(name)) > 1:
                    raise _refused(name, "this part was sent twice")
            file, text = form.get(member), form.get("options", "{}")
            if not isinstance(file, UploadFile):
                raise _refused(member, "this part must be a file, with a name")
            if not isinstance(text, str):
                raise _refused("options", "this part must be text, not a file")
            yield _Sent(file, _validated(options, text.encode("utf-8", "surrogatepass")))

    return read


def _validated(model: type[BaseModel], body: bytes) -> dict[str, Any]:
    try:
        return model.model_validate_json(body).model_dump()
    except ValidationError as error:
        raise RequestValidationError(
            [{**refusal, "loc": ("body", *refusal["loc"])} for refusal in error.errors()]
        ) from None


def _refused(place: str, message: str, kind: str = "bad_value") -> RequestValidationError:
    return RequestValidationError([{"type": kind, "loc": ("body", place), "msg": message}])


def _either(member: str, whole: type[BaseModel], options: type[BaseModel]) -> dict[str, Any]:
    """The body that `_sent` reads, for the OpenAPI document."""
    form = {
        "type": "object",
        "required": [member],
        "additionalProperties": False,
        "properties": {
            member: {
                "type": "string",
                "format": "binary",
                "description": f"JSONL, or CSV where its name ends in .csv; {MAX_UPLOAD:,} bytes at most.",
            },
            "options": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": options.model_json_schema(),
                "description": "The other members of the JSON form.",
                "examples": ["{}"],
            },
        },
    }
    content = {
        "application/json": {"schema": whole.model_json_schema()},
        "multipart/form-data": {"schema": form},
    }
    return {"requestBody": {"required": True, "content": content}}


_PAIRS = ("pairs", schemas.FinetuneRequest, schemas.FinetuneOptions)
_QUERIES = ("queries", schemas.EvaluateRequest, schemas.EvaluateOptions)


@router.post(
    "/reindex",
    status_code=202,
    summary="Build an index version",
    responses=_STARTED | documented(401, 403, 404, 408, 413, 422, 503),
)
def reindex(
    *,
    jobs: JobsDep,
    settings: SettingsDep,
    response: Response,
    _: NoParameters,
    request: schemas.ReindexRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> schemas.JobResponse:
    """Without a body it reads again what the current index was made from, else what VITRINE_CATALOGUE and
    VITRINE_IMAGES name."""
    parameters = (request or schemas.ReindexRequest()).model_dump()
    for name in ("catalogue", "images"):
        if parameters[name] is not None:
            parameters[name] = str(intake.folder_or_file(settings.data, parameters[name]))
    if parameters["image_tower"] is not None:
        models = settings.home / "models"
        parameters["image_tower"] = intake.tower(settings.data, models, parameters["image_tower"])
    nothing_there = current_version(settings.home) is None and settings.catalogue is None
    if parameters["catalogue"] is None and nothing_there:
        raise NothingToIndex("there is no index to repeat and VITRINE_CATALOGUE is not set: name a catalogue")
    return _accepted(response, jobs.enqueue("reindex", parameters, idempotency_key=idempotency_key))


@router.post(
    "/finetune",
    status_code=202,
    summary="Fine-tune the text tower on pairs",
    responses=_STARTED | documented(401, 403, 408, 413, 422, 503),
    openapi_extra=_either(*_PAIRS),
)
def finetune(
    *,
    sent: Annotated[_Sent, Depends(_sent(*_PAIRS))],
    jobs: JobsDep,
    settings: SettingsDep,
    response: Response,
    _: NoParameters,
    idempotency_key: IdempotencyKey = None,
) -> schemas.JobResponse:
    """Pairs are rows of `query`, `item` and optionally `lang`, `weight`, `split`; of `query` and
    `translation` where `parallel` is set. They are read at once, so that a wrong file is refused here;
    whether they are enough, and known to the index, is for the job to say."""
    options = sent.options
    texts = ("query", "translation" if options["parallel"] else "item")

    def require_usable(path: Path, split: str | None = None) -> None:
        read_usable(path, split, lambda _: True, texts)

    if options["gate"] is not None:
        options["gate"] = str(_taken(options["gate"], settings, require_usable))
    options["guard"] = [str(_taken(named, settings, read_pairs)) for named in options["guard"]]
    pairs = _taken(sent.file, settings, lambda path: require_usable(path, options["split"]))
    parameters = {"pairs": str(pairs), "options": options}
    return _accepted(response, jobs.enqueue("finetune", parameters, idempotency_key=idempotency_key))


@router.post(
    "/evaluate",
    status_code=202,
    summary="Score text towers on a query set",
    responses=_STARTED | documented(401, 403, 404, 408, 413, 422, 503),
    openapi_extra=_either(*_QUERIES),
)
def evaluate(
    *,
    sent: Annotated[_Sent, Depends(_sent(*_QUERIES))],
    jobs: JobsDep,
    settings: SettingsDep,
    registry: RegistryDep,
    response: Response,
    _: NoParameters,
    idempotency_key: IdempotencyKey = None,
) -> schemas.JobResponse:
    """Against the current index."""
    split, lang = sent.options["split"], sent.options["lang"]
    for tower in sent.options["text_towers"] or []:
        registry.card(tower)
    queries = _taken(sent.file, settings, lambda path: read_pairs(path, split=split, lang=lang))
    parameters = {"queries": str(queries), **sent.options}
    return _accepted(response, jobs.enqueue("evaluate", parameters, idempotency_key=idempotency_key))


def _taken(file: str | UploadFile, settings: Settings, check: Callable[[Path], object]) -> Path:
    """Where the job finds the file, which has passed `check`."""
    if isinstance(file, str):
        path = intake.file(settings.data, file)
        check(path)
        return path
    if (file.size or 0) > MAX_UPLOAD:
        raise UploadTooLarge(f"the file is larger than the limit of {MAX_UPLOAD:,} bytes")
    return intake.keep(file.file, file.filename or "", settings.home, check)


def _accepted(response: Response, job: Job) -> schemas.JobResponse:
    response.headers["Location"] = f"/admin/jobs/{job.id}"
    return _respond(job)


def _respond(job: Job) -> schemas.JobResponse:
    return schemas.JobResponse.model_validate(job)


# What becomes of it.


@router.get("/jobs", summary="The newest jobs", responses=documented(401, 403, 422, 503))
def newest(jobs: JobsDep, _: NoParameters) -> schemas.JobsResponse:
    return schemas.JobsResponse(jobs=[_respond(job) for job in jobs.list()])


@router.get("/jobs/{id}", summary="One job", responses=documented(401, 403, 404, 422, 503))
def job(id: JobId, jobs: JobsDep, _: NoParameters) -> schemas.JobResponse:
    return _respond(jobs.get(id))


@router.post("/jobs/{id}/cancel", summary="Cancel a job", responses=documented(401, 403, 404, 422, 503))
def cancel(id: JobId, jobs: JobsDep, _: NoParameters) -> schemas.JobResponse:
    """A queued job is cancelled at once, a running one within seconds; one that has ended stays as it is."""
    return _respond(jobs.cancel(id))


@router.get(
    "/jobs/{id}/report",
    summary="The page that a job has written",
    response_class=HTMLResponse,
    responses=documented(401, 403, 404, 422, 503),
)
def report(id: JobId, jobs: JobsDep, settings: SettingsDep, _: NoParameters) -> HTMLResponse:
    """A page without scripts, with its styles and pictures inside: show it in a sandboxed frame."""
    known = jobs.get(id)
    page = settings.home / "jobs" / known.id / "report" / "index.html"
    try:
        return HTMLResponse(page.read_bytes())
    except FileNotFoundError:
        raise ReportMissing(
            f"job {known.id} ({known.kind}, {known.state}) has written no report: finished jobs of finetune "
            "and evaluate have one"
        ) from None


@router.get(
    "/jobs/{id}/events",
    summary="A job as it goes on",
    response_class=StreamingResponse,
    responses=_STREAMED | documented(401, 403, 404, 422, 503),
)
def events(
    id: JobId,
    jobs: JobsDep,
    ending: EndingDep,
    _: NoParameters,
    last_event_id: Annotated[
        str, Header(description="The last `id:` that has come; what is newer follows.")
    ] = "",
) -> StreamingResponse:
    """Server-sent events `job`, each with the whole job and a rising `id:`: what it is now, then each change,
    until it has ended."""
    known = jobs.get(id)
    seen = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else -1
    return StreamingResponse(
        _events(lambda: jobs.get(known.id), seen, ending),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(look: Callable[[], Job], seen: int, ending: threading.Event) -> AsyncIterator[str]:
    """What `look` shows, from the first revision after `seen` to the last, or until the service ends."""
    sent = time.monotonic()
    while not ending.is_set():
        job = await run_in_threadpool(look)
        if job.revision > seen:
            seen, sent = job.revision, time.monotonic()
            yield f"id: {seen}\nevent: job\ndata: {_respond(job).model_dump_json()}\n\n"
        elif time.monotonic() - sent > _SILENT_SECONDS:
            sent = time.monotonic()
            yield ": still here\n\n"
        if job.state in ENDED:
            return
        await asyncio.sleep(_LOOK_SECONDS)
