"""Files that an operator names or sends: paths inside VITRINE_DATA, uploads that are kept in the home."""

from __future__ import annotations

import hashlib
import re
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO

from models.openclip_names import parse, path_in, with_path

_LONGEST_NAME = 80
_CHUNK = 1_000_000


class PathOutsideData(ValueError):
    """A path leads out of the operators' folder."""


class FileMissing(ValueError):
    """A path inside of it at which there is not what is needed."""


def folder_or_file(data: Path, named: str) -> Path:
    """What `named`, relative to `data`, leads to. Raises PathOutsideData or FileMissing."""
    root = data.resolve()
    try:
        path = (root / named).resolve()
        if not path.is_relative_to(root):
            raise PathOutsideData(
                f"{_shown(named)} leads out of VITRINE_DATA ({data}): copy the file into it, and name that"
            )
        path.stat()
    except PathOutsideData:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise FileMissing(
            f"there is no {_shown(named)} in VITRINE_DATA ({data}): put it there, or correct the path"
        ) from None
    except (OSError, RuntimeError, ValueError):  # links in a circle, a NUL, too long, not ours to read
        raise FileMissing(
            f"{_shown(named)} cannot be a path in VITRINE_DATA ({data}): name a file that can be read there"
        ) from None
    return path


def file(data: Path, named: str) -> Path:
    """The same, for what must be a file."""
    path = folder_or_file(data, named)
    if not path.is_file():
        raise FileMissing(f"{_shown(named)} in VITRINE_DATA ({data}) is not a file: name one")
    return path


def tower(data: Path, models: Path, named: str) -> str:
    """The name of an image tower, with the path in it, if any, made absolute: it is relative to `data` or to
    `models`, the home's folder of models, and must lie in one of them.

    Raises PathOutsideData, FileMissing, or TowerError for what is no name of a tower.
    """
    name = parse(named)
    path = path_in(name) if name is not None else None
    if name is None or path is None:
        return named
    places = [_inside(root, path) for root in (data, models)]
    for place in places:
        if place is not None and place.exists():
            return str(with_path(name, place))
    where = f"VITRINE_DATA ({data}) and {models}"
    # A relative path could lead out of either folder, an absolute one lies in one at most.
    if places.count(None) > path.is_absolute():
        raise PathOutsideData(f"{_shown(str(path))} leads out of {where}: copy the model into one of them")
    raise FileMissing(f"there is no {_shown(str(path))} in {where}: put it there, or correct the path")


def _inside(root: Path, path: Path) -> Path | None:
    try:
        found = (root.resolve() / path).resolve()
        found.exists()
    except (OSError, RuntimeError, ValueError):  # links in a circle, too long, not ours to read
        return None
    return found if found.is_relative_to(root.resolve()) else None


def _shown(named: str) -> str:
    return repr(named if len(named) <= _LONGEST_NAME else f"{named[:_LONGEST_NAME]}…")


def keep(upload: IO[bytes], name: str, home: Path, check: Callable[[Path], object]) -> Path:
    """Copies an upload to where the jobs find it, once `check` has passed its path without an error.

    The same content under the same name is kept once. Raises what `check` raises.
    """
    name = _plain(name)
    staging = home / "uploads" / f".incoming-{uuid.uuid4().hex}"
    staging.mkdir(parents=True)
    try:
        digest = _copy(upload, staging / name)
        check(staging / name)
        kept = home / "uploads" / digest
        try:
            staging.rename(kept)
        except OSError:  # it is there already, or else something is wrong
            if not (kept / name).is_file():
                raise
        return (kept / name).resolve()
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _plain(name: str) -> str:
    """The last part of a name that may hold anything, in letters that every file system takes."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", re.split(r"[/\\]", name)[-1])
    return plain[-_LONGEST_NAME:].lstrip(".-") or "upload.jsonl"


def _copy(upload: IO[bytes], path: Path) -> str:
    """The hash of name and content, 32 hexadecimal digits."""
    digest = hashlib.sha256(path.name.encode() + b"\n")
    with path.open("wb") as kept:
        while chunk := upload.read(_CHUNK):
            digest.update(chunk)
            kept.write(chunk)
    return digest.hexdigest()[:32]
