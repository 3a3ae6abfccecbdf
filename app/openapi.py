"""The OpenAPI document: what the framework makes of the routes, so that typed clients can be made of it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.problems import Problem


def operation_id(route: APIRoute) -> str:
    """What a client calls the operation: the route's function, whatever its path becomes."""
    return route.name


def name_problems(app: FastAPI) -> None:
    """Gives the document of `app` the one schema of all problems, which `documented` refers to."""
    of_routes = app.openapi

    def document() -> dict[str, Any]:
        made = of_routes()
        made["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        return made

    app.openapi = document  # type: ignore[method-assign]
