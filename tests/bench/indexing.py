"""Indexing pictures: all of a build's embedding, against decoding alone and the tower alone."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from indexer.catalogue import read_catalogue
from indexer.drawn import write_demo
from indexer.embed import BATCH, embed
from models.pictures import MAX_BYTES, open_picture
from models.towers import open_tower

_PICTURES = 320


def measure() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        items = read_catalogue(write_demo(Path(folder), count=_PICTURES)).items
        sources = [source for item in items for source in item.pictures]
        tower = open_tower("bundled", "image")
        started = time.perf_counter()
        pixels = [tower.preprocessing(open_picture(source.read(MAX_BYTES))) for source in sources]
        decoding = time.perf_counter() - started
        started = time.perf_counter()
        for start in range(0, len(pixels), BATCH):
            tower.encode(np.stack(pixels[start : start + BATCH]))
        encoding = time.perf_counter() - started
        started = time.perf_counter()
        count = sum(1 for _ in embed(sources, tower))
        seconds = time.perf_counter() - started
    yield "read, decoded, resized, embedded; all cores", f"{count / seconds:.1f} images/s"
    yield "the share of the tower alone, all cores to each layer", f"{encoding / seconds:.2f} × its speed"
    yield "the share of decoding alone, one core", f"{decoding / seconds:.2f} × its speed"
