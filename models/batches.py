"""Texts of like length share a forward pass: how rows of ids are grouped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def by_length(lengths: Sequence[int], pieces: int) -> Iterator[list[int]]:
    """The rows of each batch, shorter ones first. A batch, padded to its longest row, holds `pieces` at most;
    a row that alone holds more is a batch of its own."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[row] > pieces:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
