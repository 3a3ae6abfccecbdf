"""Versions of towers and indexes: which there are, and which one answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Security

from app import admin_schemas as schemas
from app.auth import BEARER
from app.dependencies import EngineDep, NoParameters, RegistryDep, SettingsDep
from app.engine import Engine
from app.problems import IndexNotFound, documented
from indexer import store
from indexer.store import IndexDamaged, IndexVersion, NoIndex, SpaceMismatch
from models.towers import TowerError

router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Security(BEARER)])


@router.get("/towers", summary="The text towers", responses=documented(401, 403, 422))
def towers(registry: RegistryDep, _: NoParameters) -> schemas.TowersResponse:
    found = [schemas.TowerResponse(**asdict(one.card), active=one.active) for one in registry.towers()]
    return schemas.TowersResponse(towers=found)


@router.put(
    "/towers/active",
    summary="Activate a tower",
    responses=documented(401, 403, 404, 408, 413, 422),
)
def activate_tower(
    request: schemas.ActivateTower, registry: RegistryDep, engine: EngineDep, _: NoParameters
) -> schemas.ActiveTower:
    """It is loaded and warmed beside the one before, then takes its place between two requests; by then the
    answer is sent."""
    space = registry.card(request.id).space
    before = registry.active(space)
    registry.activate(request.id)
    changed = before not in (None, request.id)
    serving = _take_up(engine, undo=(lambda: registry.rollback(space)) if changed else None)
    return schemas.ActiveTower(id=request.id, space=space, serving=serving)


@router.post(
    "/towers/rollback",
    summary="Go back to the tower before",
    responses=documented(401, 403, 404, 422, 503),
)
def roll_back(registry: RegistryDep, engine: EngineDep, _: NoParameters) -> schemas.ActiveTower:
    """To the tower that was active before in the space of the index being served."""
    space = engine.served.index.space
    before = registry.active(space)
    tower = registry.rollback(space).id
    serving = _take_up(engine, undo=(lambda: registry.activate(before)) if before is not None else None)
    return schemas.ActiveTower(id=tower, space=space, serving=serving)


@router.delete(
    "/towers/{id}",
    status_code=204,
    summary="Delete a tower",
    responses=documented(401, 403, 404, 409, 422),
)
def delete_tower(
    id: Annotated[str, Path(description="A tower's id.", examples=["shop-de"])],
    registry: RegistryDep,
    _: NoParameters,
) -> None:
    """Not one that is active, nor one that others hold only the differences from."""
    registry.delete(id)


@router.get("/indexes", summary="The index versions", responses=documented(401, 403, 422))
def indexes(settings: SettingsDep, _: NoParameters) -> schemas.IndexesResponse:
    current = store.current_version(settings.home)
    found = []
    for version in reversed(store.versions(settings.home)):
        # One that is damaged, or deleted meanwhile, can neither be shown nor served.
        with contextlib.suppress(IndexDamaged):
            manifest = store.read_manifest(store.indexes(settings.home) / version)
            found.append(schemas.IndexResponse(**asdict(manifest), active=version == current))
    return schemas.IndexesResponse(indexes=found)


@router.put(
    "/indexes/active",
    summary="Activate an index version",
    responses=documented(401, 403, 404, 408, 409, 413, 422),
)
def activate_index(
    request: schemas.ActivateIndex, settings: SettingsDep, engine: EngineDep, _: NoParameters
) -> schemas.ActiveIndex:
    """It is opened beside the one before, then takes its place between two requests; by then the answer is
    sent."""
    there = store.versions(settings.home)
    if request.version not in there:
        raise IndexNotFound(
            f"there is no index version {request.version!r}: there are {', '.join(there) or 'none yet'}"
        )
    before = store.current_version(settings.home)
    # Found to be whole before it is current, and held against deletion until it is.
    index = IndexVersion(store.indexes(settings.home) / request.version)
    store.make_current(settings.home, index.version)
    undo = None if before is None else lambda: store.make_current(settings.home, before)
    serving = _take_up(engine, undo=undo)
    assert serving is not None  # there is an index: this one
    return schemas.ActiveIndex(version=index.version, serving=serving)


def _take_up(engine: Engine, *, undo: Callable[[], object] | None) -> schemas.Serving | None:
    """Serves what is current on disk, and says what that is; None where there is no index yet.

    What cannot be served does not stay current: the next start would find nothing to serve.
    """
    try:
        engine.refresh()
    except NoIndex:
        return None
    except (TowerError, SpaceMismatch, IndexDamaged):
        if undo is not None:
            undo()
        raise
    served = engine.served
    return schemas.Serving(
        index=served.index.version, text_tower=served.encoder.tower.id, space=served.index.space
    )
