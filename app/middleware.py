"""What every request passes before its route: limits, ids as they were sent, measurement."""

from __future__ import annotations

import asyncio
import contextlib
import time

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics
from app.problems import problem
from models.pictures import MAX_BYTES

MAX_BODY = 64 * 1024
BODY_SECONDS = 10
MAX_UPLOAD = 100_000_000
"""Bytes of a file that an operator sends."""
UPLOAD_SECONDS = 600
_UPLOADS = {
    "/search/image": MAX_BYTES + MAX_BODY,
    "/v1/embeddings": MAX_BYTES * 4 // 3 + MAX_BODY,  # base64 makes four bytes of three
}
_ADMIN_UPLOADS = ("/admin/finetune", "/admin/evaluate")
PUBLIC = ("/search", "/compare", "/explain", "/fields", "/items/", "/images/", "/v1/")
"""How the paths begin that anybody may ask for: `TooBusy` limits them, and other origins may be let in."""


class RawIds:
    """Hands ids to the routes as they were sent, percent-encoded.

    A server decodes the path first, and then an item "a/similar" cannot be told from what is similar to
    the item "a".
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(("/items/", "/images/")):
            scope["path"] = scope["raw_path"].decode("ascii", "replace")
        await self._app(scope, receive, send)


class Measured:
    """Times every answer by method, route and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            # Routes, not paths: a path holds an id, and a metric per id would never end.
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.perf_counter() - started
            self._metrics.requests.labels(scope["method"], route, status).observe(seconds)


class TooBusy:
    """Answers 429 at once where more requests are in work than can be answered soon.

    Uploads have an eighth of the places, and do not take the others: each may hold a large picture.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = {False: most, True: max(1, most // 8)}
        self._in_work = {False: 0, True: 0}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PUBLIC):
            await self._app(scope, receive, send)
            return
        upload = scope["path"] in _UPLOADS
        if self._in_work[upload] >= self._most[upload]:
            kind = "uploads" if upload else "requests"
            detail = f"{self._in_work[upload]} {kind} are in work, which is the limit: try again soon"
            await problem(429, "too_busy", detail)(scope, receive, send)
            return
        self._in_work[upload] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_work[upload] -= 1


class _Refused(Exception):
    """A body went on past its limit, or did not come to its end in time."""


class _LimitedBody:
    """A request's body as it comes, up to a limit and a deadline."""

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self._receive = receive
        self._limit = limit
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._received = 0
        self._complete = False
        self.problem: JSONResponse | None = None

    async def receive(self) -> Message:
        """The next message. Raises _Refused, and says why in `problem`."""
        if self._complete:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._deadline - time.monotonic())
        except TimeoutError:
            detail = f"the body was not complete after {self._seconds} seconds"
            self.problem = problem(408, "too_slow", detail)
            raise _Refused from None
        self._received += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._received > self._limit:
            self.problem = too_large(self._limit)
            raise _Refused
        return message

    async def whole(self) -> Receive:
        """Waits for all of it; what is returned gives it as one message. Raises _Refused."""
        parts = []
        while not self._complete:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                return self._receive
            parts.append(message.get("body", b""))
        body: Message = {"type": "http.request", "body": b"".join(parts), "more_body": False}
        waiting = [body]

        async def replay() -> Message:
            return waiting.pop() if waiting else await self._receive()

        return replay


def too_large(limit: int) -> JSONResponse:
    return problem(413, "too_large", f"the body is larger than the limit of {limit:,} bytes")


class BodyLimit:
    """Answers 413 to a body over its limit, declared or as it comes, and 408 to one that dawdles.

    All but uploads are read to their end before they count as work, so that nobody holds a place by
    sending slowly.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        limit, seconds, upload = _limits(scope["path"], headers.get("content-type", ""))
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > limit:
            await too_large(limit)(scope, receive, send)
            return
        body = _LimitedBody(receive, limit, seconds)
        answering = False

        async def send_unless_refused(message: Message) -> None:
            nonlocal answering
            # Who reads the body may take our error for a broken one, and answer in its own words.
            if answering or body.problem is None:
                answering = True
                await send(message)

        with contextlib.suppress(_Refused):
            await self._app(scope, body.receive if upload else await body.whole(), send_unless_refused)
        if body.problem is not None and not answering:
            await body.problem(scope, receive, send)


def _limits(path: str, content_type: str) -> tuple[int, float, bool]:
    """Bytes and seconds that a body may take, and whether it is read as it comes."""
    if path in _ADMIN_UPLOADS and content_type.lower().startswith("multipart/"):
        return MAX_UPLOAD + MAX_BODY, UPLOAD_SECONDS, True
    return _UPLOADS.get(path, MAX_BODY), BODY_SECONDS, path in _UPLOADS
