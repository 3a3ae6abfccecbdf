"""An index version of made-up items, whose vectors nobody had to embed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer import ann
from indexer.items import Value
from indexer.source import Source
from indexer.store import Staging, builder_lock
from models.bundled import SHIPPED
from models.registry import Registry, register_bundled


def publish_shop(
    home: Path,
    vectors: NDArray[np.float16],
    items: Sequence[int],
    fields: Sequence[dict[str, Value]],
    types: dict[str, str],
    *,
    version: str = "v1",
    queries: NDArray[np.float32] | None = None,
) -> None:
    """Publishes a version in the bundled towers' space; picture n is of item `items[n]`, and the items' ids
    are a0, a1 … An inverted file is tuned on `queries`, or on the first vector."""
    card = register_bundled(Registry(home), SHIPPED)
    with builder_lock(home):
        staging = Staging(home, version)
        staging.write_items([f"a{row}" for row in range(len(fields))], fields, types)
        staging.write_pictures(items, [Source("/none")] * len(items), ["0" * 64] * len(items))
        staging.write_quarantine([])
        asked = vectors[:1].astype(np.float32) if queries is None else queries
        neighbours, description = ann.build(vectors, lambda: asked)
        written = staging.vector_rows(vectors.shape[1])
        for vector in vectors:
            written.add("0" * 64, vector)
        written.finish()
        staging.write_neighbours(neighbours)
        staging.publish(
            created="",
            image_tower="bundled",
            space=card.space,
            dim=vectors.shape[1],
            items=len(fields),
            pictures=len(items),
            quarantined=0,
            catalogue={},
            types=types,
            ann=description,
        )
