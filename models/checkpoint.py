"""The checkpoint of a fine-tuning: how far it is, in a file from which it goes on as if never ended."""

from __future__ import annotations

import hashlib
import io
import os
import time
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import torch

SAVE_EVERY = 20.0
"""Seconds between two checkpoints inside an epoch at least."""
SHARE = 0.05
"""Of the time, at most, goes into checkpoints that take more than a blink."""
BLINK = 1.0
"""Seconds."""
BYTES_PER_SECOND = 400e6
"""How fast the first one is expected to be written; for the others it is known."""


class Checkpoint:
    """The file of one run: a SHA-256, then what torch.save writes."""

    def __init__(self, path: Path, fingerprint: str, size: int) -> None:
        """`fingerprint` is what the run is known by; `size` is how many bytes it will keep, roughly."""
        self._path = path
        self._fingerprint = fingerprint
        self._takes = size / BYTES_PER_SECOND
        self._saved = time.monotonic()

    def due(self, *, epoch_ends: bool) -> bool:
        """Whether it is time for the next one: at each epoch's end and every SAVE_EVERY seconds, unless that
        were more than SHARE allows."""
        since = time.monotonic() - self._saved
        if self._takes > BLINK and since < self._takes / SHARE:
            return False
        return epoch_ends or since > SAVE_EVERY

    def write(self, held: dict[str, Any]) -> None:
        """Replaces the file in one rename, so that there is always a whole one."""
        began = time.monotonic()
        new = self._path.with_name(f".{self._path.name}.new")
        with new.open("wb") as file:
            hashing = _Hashing(file)
            file.write(bytes(hashing.digest.digest_size))
            torch.save(held | {"fingerprint": self._fingerprint}, cast(IO[bytes], hashing))
            file.seek(0)
            file.write(hashing.digest.digest())
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        self._saved = time.monotonic()
        self._takes = self._saved - began

    def read(self, device: torch.device) -> tuple[dict[str, Any] | None, str]:
        """What it holds of this run, its tensors on `device`, or None; and why not, if there is a file."""
        if not self._path.exists():
            return None, ""
        with self._path.open("rb") as file:
            digest, content = file.read(32), file.read()
        if hashlib.sha256(content).digest() != digest:
            return None, "the checkpoint is damaged: training starts anew"
        held: dict[str, Any] = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
        if held["fingerprint"] != self._fingerprint:
            return None, "the checkpoint is of another run (recipe, data or base): training starts anew"
        return held, ""


class _Hashing:
    """Passes on what is written, and hashes it on the way: a checkpoint may be as large as the memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, part: bytes) -> int:
        self.digest.update(part)
        return self._file.write(part)

    def flush(self) -> None:
        self._file.flush()
