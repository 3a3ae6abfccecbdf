"""What a route asks for, as types."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request

from app.engine import Engine
from app.images import Images
from app.schemas import Strict
from app.watcher import Watcher


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def _images(request: Request) -> Images:
    images: Images = request.app.state.images
    return images


def _watcher(request: Request) -> Watcher:
    watcher: Watcher = request.app.state.watcher
    return watcher


class _Nothing(Strict):
    """A URL without parameters: any is refused, never ignored."""


NoParameters = Annotated[_Nothing, Query()]
EngineDep = Annotated[Engine, Depends(_engine)]
ImagesDep = Annotated[Images, Depends(_images)]
WatcherDep = Annotated[Watcher, Depends(_watcher)]
