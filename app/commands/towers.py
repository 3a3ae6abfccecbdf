"""`vitrine towers`: the text towers of a home, and which one answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Command, Home, note, printable, settings_of

if TYPE_CHECKING:
    from models.registry import Registry

# What a command needs is imported inside it: torch takes seconds to load, and `vitrine --help` should not.
# ruff: noqa: PLC0415

towers = typer.Typer(help="Lists the text towers, and chooses the one that answers.", rich_markup_mode=None)

Id = Annotated[str, typer.Argument(metavar="ID", help="A registered tower.")]


@towers.command("list", cls=Command)
def list_towers(home: Home = None) -> None:
    """Lists the towers with their spaces and parents; * is active in its space."""
    from models.registry import Registry

    found = Registry(settings_of(home).home).towers()
    if not found:
        note("no tower is registered yet: vitrine index CATALOGUE registers those that ship")
    width = max((len(tower.card.id) for tower in found), default=0)
    for tower in found:
        mark = "*" if tower.active else " "
        parent = (tower.card.parent or {}).get("id")
        origin = f"  from {parent}" if parent else ""
        print(printable(f"{mark} {tower.card.id:<{width}}  space {tower.card.space}{origin}"))


@towers.command(cls=Command)
def activate(tower: Id, home: Home = None) -> None:
    """Makes a tower the one that answers in its space; a running service takes it up by itself."""
    from models.registry import Registry

    print(f"activated {Registry(settings_of(home).home).activate(tower).id}")


@towers.command(cls=Command)
def rollback(home: Home = None) -> None:
    """Goes back to the tower that was active before; again, to the one before that."""
    from models.registry import Registry

    folder = settings_of(home).home
    registry = Registry(folder)
    print(f"activated {registry.rollback(_space(folder, registry)).id}")


@towers.command(cls=Command)
def delete(tower: Id, home: Home = None) -> None:
    """Removes a tower; not an active one, nor one that another builds on."""
    from models.registry import Registry

    Registry(settings_of(home).home).delete(tower)
    print(f"deleted {tower}")


def _space(home: Path, registry: Registry) -> str:
    """The current index's space; without an index, the only one in which a tower is active."""
    from indexer.store import current_version, indexes, read_manifest
    from models.towers import TowerError

    version = current_version(home)
    if version is not None:
        return read_manifest(indexes(home) / version).space
    spaces = sorted(tower.card.space for tower in registry.towers() if tower.active)
    if len(spaces) != 1:
        raise TowerError(
            f"there is no index, and towers are active in {len(spaces)} spaces, so it is not clear in which "
            "one to roll back: activate a tower by its id"
        )
    return spaces[0]
