"""What every request passes before its route: limits, ids as they were sent, measurement."""

from __future__ import annotations

import contextlib
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics
from app.problems import problem
from models.pictures import MAX_BYTES

MAX_BODY = 64 * 1024
_UPLOADS = {"/search/image": MAX_BYTES + MAX_BODY}
_LIMITED = ("/search", "/items/", "/images/")


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
    """Answers 429 at once where more requests are in work than can be answered soon."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._in_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_LIMITED):
            await self._app(scope, receive, send)
            return
        if self._in_work >= self._most:
            detail = f"{self._in_work} requests are in work, the limit is {self._most}: try again soon"
            await problem(429, "too_busy", detail)(scope, receive, send)
            return
        self._in_work += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_work -= 1


class _TooLarge(Exception):
    """A body went on past its limit."""


class BodyLimit:
    """Answers 413 to a body over its limit, by its declared length or, where that is missing, as it comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = _UPLOADS.get(scope["path"], MAX_BODY)
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared) > limit:
            await self._refuse(limit, scope, receive, send)
            return
        received = 0
        answering = False

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _TooLarge
            return message

        async def send_unless_too_large(message: Message) -> None:
            nonlocal answering
            # Who reads the body may take our error for a broken one, and answer in its own words.
            if answering or received <= limit:
                answering = True
                await send(message)

        with contextlib.suppress(_TooLarge):
            await self._app(scope, receive_limited, send_unless_too_large)
        if received > limit and not answering:
            await self._refuse(limit, scope, receive, send)

    async def _refuse(self, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"the body is larger than the limit of {limit:,} bytes"
        await problem(413, "too_large", detail)(scope, receive, send)
