"""A shop of photographs to measure searching on: 875 H&M garments and what was asked for of them."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from app.engine import Engine
from indexer.build import BuildConfig, build
from indexer.drawn import write_demo
from tests.conftest import SHARED

_OPENED: list[tempfile.TemporaryDirectory[str]] = []
"""Deleted when the process ends."""


@functools.cache
def photographs() -> Engine | None:
    """Serves the test split of H&M's catalogue; None without the photographs."""
    if not SHARED.is_dir():
        return None
    return _served(SHARED / "hm.jsonl", SHARED / "hm.tar", "test")


@functools.cache
def drawings() -> Engine:
    """Serves the drawn demo shop."""
    folder = tempfile.TemporaryDirectory()
    _OPENED.append(folder)
    return _served(write_demo(Path(folder.name)), None, None)


def _served(catalogue: Path, images: Path | None, split: str | None) -> Engine:
    folder = tempfile.TemporaryDirectory()
    _OPENED.append(folder)
    home = Path(folder.name)
    build(home, BuildConfig(catalogue, images=images, split=split), lambda done: None)
    engine = Engine(home)
    engine.refresh()
    return engine
