"""Who may call what: what is under /admin/ is for whoever holds the key, all else for everybody."""

from __future__ import annotations

import hmac

from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.problems import problem
from app.settings import Settings

BEARER = HTTPBearer(
    scheme_name="AdminKey", description="The key in VITRINE_ADMIN_KEY or its file.", auto_error=False
)
"""Says in the OpenAPI document what `AdminKey` asks for."""


class AdminKey:
    """Answers 403 to admin requests where no key is set, 401 to those without it, before a body is read.

    The page at /admin is none of them: it holds nothing, and asks for the key.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._key = key_of(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None
        if scope["type"] == "http" and _path(scope).startswith("/admin/"):
            refusal = self._refusal(Headers(scope=scope).get("authorization", ""))
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, authorization: str) -> JSONResponse | None:
        if self._key is None:
            detail = "no admin key is set: set VITRINE_ADMIN_KEY or VITRINE_ADMIN_KEY_FILE, and start again"
            return problem(403, "admin_closed", detail)
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(key.strip().encode("latin-1"), self._key):
            return None
        detail = (
            "this needs the header Authorization: Bearer KEY, with the key that is set as VITRINE_ADMIN_KEY"
        )
        refused = problem(401, "unauthorized", detail)
        refused.headers["WWW-Authenticate"] = "Bearer"
        return refused


def _path(scope: Scope) -> str:
    """As the routes see it: a mounted application is given its prefix as a part of the path."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def key_of(settings: Settings) -> bytes | None:
    """The admin key as a header carries it; None where admin is closed."""
    key = "" if settings.admin_key is None else settings.admin_key.get_secret_value().strip()
    return key.encode() or None
