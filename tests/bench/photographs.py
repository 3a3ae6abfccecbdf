"""Shops to measure searching on, above all 875 H&M garments and what was asked for of them."""

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
    return serve(SHARED / "hm.jsonl", SHARED / "hm.tar", "test")


@functools.cache
def drawings() -> Engine:
    """Serves the drawn demo shop."""
    folder = tempfile.TemporaryDirectory()
    _OPENED.append(folder)
    return serve(write_demo(Path(folder.name)), None, None)


def serve(catalogue: Path, images: Path | None, split: str | None) -> Engine:
    """Indexes a catalogue for as long as the process lives, and serves it."""
    folder = tempfile.TemporaryDirectory()
    _OPENED.append(folder)
    home = Path(folder.name)
    build(home, BuildConfig(catalogue, images=images, split=split), lambda done: None)
    engine = Engine(home)
    engine.refresh()
    return engine
