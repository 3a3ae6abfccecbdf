"""How a model of open_clip is called: an architecture with weights, a repository of a hub, or a folder."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from models.cards import MAX_ID
from models.towers import TowerError

SCHEME = "open_clip:"
HUB = "hf-hub:"
FOLDER = "local-dir:"
CONFIG = "open_clip_config.json"
"""What makes a folder, or a repository, a model of open_clip."""
FORMS = (
    "open_clip:ARCHITECTURE/PRETRAINED, with a tag or the path of a checkpoint, "
    "hf-hub:ORGANISATION/NAME, or the path of a folder"
)
_REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}")
_LONGEST = 1_000
_SHOWN = 80


@dataclass(frozen=True)
class BuiltIn:
    """An architecture that open_clip knows; `pretrained` is a tag of its weights, or the path of a file."""

    architecture: str
    pretrained: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.architecture}/{self.pretrained}"


@dataclass(frozen=True)
class Repository:
    """A repository of a hub."""

    id: str

    def __str__(self) -> str:
        return f"{SCHEME}{HUB}{self.id}"


@dataclass(frozen=True)
class Folder:
    """A folder on this disk."""

    path: Path

    def __str__(self) -> str:
        return f"{SCHEME}{FOLDER}{self.path}"


Name = BuiltIn | Repository | Folder


def parse(text: str) -> Name | None:
    """The name that `text` spells, paths as they are written; None where it is of no form of them.

    Raises TowerError for one that begins like a name and is none.
    """
    bare = text.removeprefix(SCHEME)
    if len(text) > _LONGEST or not text.isprintable():
        raise TowerError(f"{shown(text)} cannot be the name of a tower: give {FORMS}")
    if bare.startswith(HUB):
        repository = bare.removeprefix(HUB)
        if not _REPOSITORY.fullmatch(repository):
            raise TowerError(f"{shown(text)} names no repository: write {HUB}ORGANISATION/NAME")
        return Repository(repository)
    if bare.startswith(FOLDER):
        if not (path := bare.removeprefix(FOLDER)):
            raise TowerError(f"{shown(text)} names no folder: write {FOLDER}PATH")
        return Folder(Path(path))
    if bare.startswith((".", "/", "~")) or (bare and os.path.isfile(os.path.join(bare, CONFIG))):
        return Folder(Path(bare))
    architecture, _, pretrained = bare.partition("::" if "::" in bare else "/")
    if architecture and pretrained:
        return BuiltIn(architecture, pretrained)
    if bare != text:
        raise TowerError(f"{shown(text)} names no weights: give {FORMS}")
    return None


def path_in(name: Name) -> Path | None:
    """The path that a name holds, or could hold where it is no tag."""
    if isinstance(name, Folder):
        return name.path
    if isinstance(name, BuiltIn) and looks_like_a_path(name.pretrained):
        return Path(name.pretrained)
    return None


def with_path(name: Name, path: Path) -> Name:
    """The same name with another path in it."""
    if isinstance(name, Folder):
        return Folder(path)
    assert isinstance(name, BuiltIn)
    return replace(name, pretrained=str(path))


def looks_like_a_path(pretrained: str) -> bool:
    """Whether it is no tag: those have neither separators nor a suffix, so a path needs one of them."""
    return "/" in pretrained or "." in pretrained or "~" in pretrained


def slug(name: Name) -> str:
    """An id for what is made of the model: lower case, as ids are, 64 characters at most."""
    if isinstance(name, Folder):
        text = name.path.name
    elif isinstance(name, Repository):
        text = name.id
    elif looks_like_a_path(name.pretrained):
        text = f"{name.architecture}-{Path(name.pretrained).stem}"
    else:
        text = f"{name.architecture}-{name.pretrained}"
    plain = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).lstrip("._-")
    return plain[:MAX_ID] or "open-clip"


def shown(text: str) -> str:
    """A name as an error shows it, whatever it holds."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
