"""An album: a folder or a tar in which pictures are found by name, and nothing outside it."""

import os
import stat
import tarfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Protocol

from indexer.items import CatalogueError
from indexer.source import Source

_BLOCK = 512  # a tar is made of these

# What a hostile tar can make the standard library raise: besides its own errors, those of the numbers and
# names that it parses, and of header chains that it follows by recursion.
_TAR_ERRORS = (tarfile.TarError, ValueError, ArithmeticError, LookupError, RecursionError, EOFError)


class NoPicture(Exception):
    """Nothing usable under this name; a sentence that says why."""


class Missing(NoPicture):
    """The name is fine, and nothing is there."""


class Album(Protocol):
    name: str
    broken: str  # why some pictures are not among the entries; "" when the album is whole

    def find(self, name: str) -> Source:
        """The picture of this name, relative to the album; NoPicture or Missing says why not."""
        ...

    def entries(self) -> Iterator[tuple[str, Source | NoPicture]]:
        """Every file that is not hidden, under its relative name with `/`; a folder's are sorted."""
        ...


class FolderAlbum:
    def __init__(self, folder: Path) -> None:
        self.name = folder.name or str(folder)
        self.broken = ""
        self._root = os.path.realpath(folder)
        self._inside = self._root.rstrip(os.sep) + os.sep
        # Most pictures share few folders, and resolving a path costs one system call per part.
        self._resolve = lru_cache(maxsize=1024)(os.path.realpath)

    def find(self, name: str) -> Source:
        parent, base = os.path.split(os.path.join(self._root, name))
        try:
            path = self._checked(os.path.join(self._resolve(parent), base), name)
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                path = self._checked(os.path.realpath(path, strict=True), name)
                status = os.lstat(path)
        except (OSError, ValueError) as error:
            raise Missing(f"no such file in {self.name}") from error
        if not stat.S_ISREG(status.st_mode):
            raise NoPicture("it is not a file")
        return Source(path)

    def _checked(self, path: str, name: str) -> str:
        if not path.startswith(self._inside):
            raise NoPicture(f"its path leaves {self.name}: move the picture into it")
        return path

    def entries(self) -> Iterator[tuple[str, Source | NoPicture]]:
        for name, is_link_to_folder in sorted(self._walk()):
            if is_link_to_folder:
                yield name, NoPicture("it is a link to a folder: links to folders are not followed")
                continue
            try:
                yield name, self.find(name)
            except NoPicture as reason:
                yield name, reason

    def _lose(self, error: OSError) -> None:
        lost = os.path.relpath(os.fsdecode(error.filename), self._root)
        self.broken = f"the folder {lost!r} cannot be read: {error.strerror}"

    def _walk(self) -> Iterator[tuple[str, bool]]:
        """Each file, and each link to a folder, under its relative name."""
        for folder, folders, files in os.walk(self._root, onerror=self._lose):
            folders[:] = [one for one in folders if not one.startswith(".")]
            within = os.path.relpath(folder, self._root)
            for one in files:
                if not one.startswith("."):
                    yield os.path.normpath(os.path.join(within, one)), False
            for one in folders:
                if os.path.islink(os.path.join(folder, one)):
                    yield os.path.normpath(os.path.join(within, one)), True


class TarAlbum:
    """A plain tar, read once for its members' places; their bytes are read later, from the tar itself.

    Of two members with one name the first counts, as of two items with one id."""

    def __init__(self, tar: Path) -> None:
        self.name = tar.name
        self.broken = ""
        self._file = os.path.realpath(tar)
        self._entries: list[tuple[str, Source | NoPicture]] = []
        try:
            # Unbuffered reads of one header each, not of the pictures between them.
            with tarfile.open(self._file, "r:") as archive:
                self._read(archive)
        except _TAR_ERRORS as error:
            raise CatalogueError(
                f"{self.name} is not a tar ({error}): give a plain, whole .tar file"
            ) from error
        self._places = dict(reversed(self._entries))

    def _read(self, archive: tarfile.TarFile) -> None:
        size = os.path.getsize(self._file)
        last = -1
        try:
            while (member := archive.next()) is not None:
                if member.offset <= last:
                    raise tarfile.ReadError("its headers lead backwards")
                last = member.offset
                # It would keep every header of a large tar in memory.
                archive.members.clear()  # type: ignore[attr-defined]
                self._add(member, size)
        except _TAR_ERRORS as error:
            self.broken = f"the tar breaks off after {len(self._entries):,} members: {error}"
            return
        if _is_damaged(self._file, archive.offset):
            self.broken = f"the tar breaks off after {len(self._entries):,} members: a header is damaged"

    def _add(self, member: tarfile.TarInfo, size: int) -> None:
        name = str(PurePosixPath(member.name))
        if member.isdir() or any(part.startswith(".") and part != ".." for part in PurePosixPath(name).parts):
            return
        reason = "it has no name" if name == "." else _why_not(member, name, size)
        place = NoPicture(reason) if reason else Source(self._file, member.offset_data, member.size)
        self._entries.append((name, place))

    def find(self, name: str) -> Source:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise NoPicture(f"its path leaves {self.name}: name it as the tar does")
        place = self._places.get(str(path))
        if place is None:
            raise Missing(f"no such member in {self.name}")
        if isinstance(place, NoPicture):
            raise place
        return place

    def entries(self) -> Iterator[tuple[str, Source | NoPicture]]:
        return iter(self._entries)


def _why_not(member: tarfile.TarInfo, name: str, size: int) -> str:
    """Why this member of a tar is no picture; "" when it may be one."""
    if member.issym() or member.islnk():
        return "it is a link, and links in a tar are not followed"
    if not member.isfile():
        return "it is a device or a pipe, not a file"
    if member.issparse():
        return "it is stored with holes: pack the tar without --sparse"
    if name.startswith("/") or ".." in PurePosixPath(name).parts:
        return "its name leaves the tar: absolute names and .. are refused"
    if member.size < 0 or member.offset_data + member.size > size:
        return "the tar breaks off inside it"
    return ""


def _is_damaged(file: str, end: int) -> bool:
    """Whether something other than a tar's end (a block of zeros, or nothing) stands at byte `end`.

    The standard library ends quietly there, as if the archive were whole."""
    with open(file, "rb") as tar:
        tar.seek(end)
        return any(tar.read(_BLOCK))


def open_album(path: Path) -> Album:
    """A folder as it is, anything else as a tar."""
    if path.is_dir():
        return FolderAlbum(path)
    refuse_compressed(path)
    return TarAlbum(path)


_COMPRESSED = {
    b"\x1f\x8b": "gunzip",
    b"BZh": "bunzip2",
    b"\xfd7zXZ\x00": "unxz",
    b"\x28\xb5\x2f\xfd": "unzstd",
    b"PK\x03\x04": "unzip",
}


def refuse_compressed(file: Path) -> None:
    """A compressed file cannot be read from the middle, as pictures are."""
    with file.open("rb") as opened:
        head = opened.read(8)
    for magic, command in _COMPRESSED.items():
        if head.startswith(magic):
            raise CatalogueError(f"{file.name} is compressed, plain files are read: {command} {file.name}")
