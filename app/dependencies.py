"""What a route asks for, as types."""

from __future__ import annotations

import threading
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.exceptions import RequestValidationError

from app.engine import Engine
from app.images import Images
from app.jobs import Jobs
from app.schemas import Strict
from app.settings import Settings
from app.watcher import Watcher
from models.registry import Registry


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def _images(request: Request) -> Images:
    images: Images = request.app.state.images
    return images


def _watcher(request: Request) -> Watcher:
    watcher: Watcher = request.app.state.watcher
    return watcher


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


def _ending(request: Request) -> threading.Event:
    ending: threading.Event = request.app.state.ending
    return ending


def _registry(request: Request) -> Registry:
    return Registry(_settings(request).home)


class _Nothing(Strict):
    """A URL without parameters: any is refused, never ignored."""


async def _once(request: Request) -> None:
    names = [name for name, _ in (await request.form()).multi_items()]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise RequestValidationError(
            [
                {
                    "type": "bad_value",
                    "loc": ("body", name),
                    "msg": "it is there more than once: send it once",
                }
                for name in sorted(repeated)
            ]
        )


NoParameters = Annotated[_Nothing, Query()]
FIELDS_ONCE = Depends(_once)
"""A form that names no field twice: which of the two is meant cannot be told."""
EngineDep = Annotated[Engine, Depends(_engine)]
ImagesDep = Annotated[Images, Depends(_images)]
WatcherDep = Annotated[Watcher, Depends(_watcher)]
SettingsDep = Annotated[Settings, Depends(_settings)]
JobsDep = Annotated[Jobs, Depends(_jobs)]
EndingDep = Annotated[threading.Event, Depends(_ending)]
RegistryDep = Annotated[Registry, Depends(_registry)]
